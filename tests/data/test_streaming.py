"""Training from shards that are read as they come by: the order, exact resuming, bad shards."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from facevae.attributes import Schema
from facevae.data import shelf
from facevae.data.dataset import FaceDataset
from facevae.data.order import FaceOrder, batch_indices
from facevae.data.shards import described
from facevae.data.shelf import BadShards
from facevae.data.store import Store
from facevae.errors import DataError
from facevae.train import train
from tests.conftest import blob_faces, labelled, write_dataset

SKIP = BadShards("skip")
SHARDS, FACES = 10, 400


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 training faces in ten shards of 40, and 24 validation faces, with shards listed as prepare does."""
    split = {"train": blob_faces(FACES, 32), "validation": blob_faces(24, 32, seed=1)}
    return listed(write_dataset(tmp_path_factory.mktemp("data") / "many", split, labelled))


def listed(path: Path) -> Path:
    info = json.loads((path / "dataset.json").read_text())
    rows: dict[str, list[dict[str, Any]]] = {}
    for shard in sorted(path.glob("*.tar")):
        split, _, number = shard.stem.partition("-")
        faces = min(40, info["counts"][split] - 40 * int(number))
        rows.setdefault(split, []).append(described(shard, faces))
    (path / "dataset.json").write_text(json.dumps({**info, "shards": rows}))
    return path


@pytest.fixture
def broken(faces: Path, tmp_path: Path) -> Path:
    """A copy of the faces to break."""
    return Path(shutil.copytree(faces, tmp_path / "broken"))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "FIRST_WAIT_S", 0.01)


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=9),
    st.integers(1, 4),
    st.integers(1, 20),
    st.integers(0, 3),
)
def test_every_face_comes_once_per_epoch_from_one_group_of_shards_at_a_time(
    sizes: list[int], group: int, batch: int, seed: int
) -> None:
    order = FaceOrder(sizes, seed, group)
    seen = np.concatenate([order.batch(start, batch) for start in range(0, 3 * order.count + batch, batch)])
    for epoch in (0, 1):
        part = seen[epoch * order.count : (epoch + 1) * order.count]
        assert sorted(part.tolist()) == list(range(order.count))
        shards = np.searchsorted(order.first, part, side="right") - 1
        firsts = [int(np.argmax(shards == shard)) for shard in range(len(sizes))]
        lasts = [order.count - 1 - int(np.argmax(shards[::-1] == shard)) for shard in range(len(sizes))]
        in_use = [
            sum(f <= at <= last for f, last in zip(firsts, lasts, strict=True)) for at in range(len(part))
        ]
        assert max(in_use) <= (len(sizes) if order.whole else group)
    # Whatever position one begins at, the same faces follow.
    for start in (0, 1, order.count - 1, order.count + 2):
        assert order.batch(start, batch).tolist() == seen[start : start + batch].tolist()
        shards = set((np.searchsorted(order.first, order.batch(start, 1), side="right") - 1).tolist())
        assert shards <= set(order.shards_ahead(start))
        assert len(order.shards_ahead(start)) <= max(2 * group, len(sizes) if order.whole else 0)


def test_few_shards_are_shuffled_as_a_whole() -> None:
    order = FaceOrder([40] * 8, 3, 8)
    assert order.batch(100, 64).tolist() == batch_indices(100, 64, 320, 3).tolist()


def test_an_epoch_reads_every_shard_once(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: Counter[str] = Counter()
    read = Store.read

    def counted(store: Store, name: str) -> bytes:
        reads[name] += 1
        return read(store, name)

    data = FaceDataset(faces, "train", 32, shuffle_shards=2)
    monkeypatch.setattr(Store, "read", counted)
    make = data.batches(0, 20, slice(None))
    for seen in range(0, FACES - 2 * 40, 20):  # the last group is read while the first of the next epoch is
        make(seen)
    assert set(reads.values()) == {1}
    assert len(reads) >= SHARDS - 2


def test_streamed_batches_are_those_of_the_cache(faces: Path) -> None:
    schema = Schema.from_names(["age", "gender"])
    streamed = FaceDataset(faces, "train", 32, schema, shuffle_shards=2)
    cached = FaceDataset(faces, "train", 32, schema, cache_gb=1, shuffle_shards=2)
    assert streamed.cache is None
    assert cached.cache is not None
    assert bool((cached.cache.numpy() == blob_faces(FACES, 32)).all())
    one, other = (data.batches(5, 48, slice(1, None, 2)) for data in (streamed, cached))
    for seen in (0, 96, 777, 24):
        first, second = one(seen), other(seen)
        assert first.indices.tolist() == second.indices.tolist()
        assert first.attributes is not None
        assert second.attributes is not None
        assert torch.equal(first.photos, second.photos)
        assert torch.equal(first.attributes, second.attributes)
    assert streamed.rows() == cached.rows() == [labelled(index) for index in range(FACES)]


SETTINGS: dict[str, Any] = {
    "images": 192, "batch_size": 32, "log_images": 96, "checkpoint_images": 96, "checkpoint_minutes": None,
    "keep_checkpoints": 9, "shuffle_shards": 2,
}  # fmt: skip


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def figures(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def streamed(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that streamed."""
    run = tmp_path_factory.mktemp("runs") / "streamed"
    train(faces, run, "tiny", {**SETTINGS, "cache_gb": 0.0}, device="cpu")
    return run


def test_streaming_and_memory_give_the_same_weights(faces: Path, streamed: Path, tmp_path: Path) -> None:
    train(faces, tmp_path / "cached", "tiny", SETTINGS, device="cpu")
    expected = weights(streamed)
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path / "cached").items())


def test_a_run_resumed_in_the_middle_of_a_shard_ends_with_the_same_weights(
    faces: Path, streamed: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(streamed, tmp_path / "run"))
    checkpoints = sorted((run / "checkpoints").iterdir())
    for later in checkpoints[1:]:
        shutil.rmtree(later)
    shutil.rmtree(run / "model")
    assert 96 % 40  # in a shard, and in a group of two
    train(faces, run, "tiny", {**SETTINGS, "cache_gb": 0.0}, device="cpu")
    expected = weights(streamed)
    assert all(torch.equal(value, expected[name]) for name, value in weights(run).items())


def cut(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])


def flip_a_bit(shard: Path) -> None:
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 1
    shard.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "reason"), [(cut, "bytes, .* expected"), (flip_a_bit, "checksum"), (Path.unlink, "No such file")]
)
def test_a_bad_shard_stops_or_others_stand_in_and_it_is_counted(
    faces: Path, broken: Path, harm: Any, reason: str
) -> None:
    harm(broken / "train-00003.tar")
    everything = np.arange(FACES)
    with pytest.raises(DataError, match=f"train-00003.tar.*{reason}.*tried 2x.*on_bad_shard=skip"):
        FaceDataset(broken, "train", 32, bad=BadShards("stop", retries=1)).batch(everything)
    data = FaceDataset(broken, "train", 32, bad=SKIP, shuffle_shards=2)
    found, whole = data.batch(everything).photos, FaceDataset(faces, "train", 32).batch(everything).photos
    assert torch.equal(found[:120], whole[:120])
    assert torch.equal(found[120:160], whole[160:200])
    assert torch.equal(found[160:], whole[160:])
    assert data.rows()[120:160] == data.rows()[160:200]
    assert data.troubles() == {"shards_passed_over": 1, "faces_passed_over": 40, "shard_retries": 0}


def test_a_shard_that_comes_back_is_retried_and_nothing_is_lost(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = broken / "train-00005.tar"
    away.rename(broken / "away")
    read, tries = Store.read, Counter[str]()

    def back_at_the_third_try(store: Store, name: str) -> bytes:
        tries[name] += 1
        if tries[name] == 3 and name == away.name:
            (broken / "away").rename(away)
        return read(store, name)

    monkeypatch.setattr(Store, "read", back_at_the_third_try)
    data = FaceDataset(broken, "train", 32, bad=BadShards("stop", retries=3))
    assert bool((data.read(range(FACES)) == blob_faces(FACES, 32)).all())
    assert data.troubles() == {"shards_passed_over": 0, "faces_passed_over": 0, "shard_retries": 2}


def test_without_a_single_good_shard_it_stops_in_any_case(broken: Path) -> None:
    for shard in broken.glob("train-*.tar"):
        cut(shard)
    with pytest.raises(DataError, match="not one shard"):
        FaceDataset(broken, "train", 32, bad=SKIP).read([0])


def test_a_file_that_vanishes_while_training_is_told_in_log_and_page(
    broken: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = FaceOrder([40] * SHARDS, 0, 2).shards_ahead(SETTINGS["images"] - 1)[0]
    gone, halved = (broken / f"train-{number:05d}.tar" for number in (last, (last + 5) % SHARDS))
    cut(halved)
    read = Store.read

    def vanishing(store: Store, name: str) -> bytes:
        if name.startswith("train"):
            gone.unlink(missing_ok=True)  # training has begun; this one is needed in the last steps
        return read(store, name)

    monkeypatch.setattr(Store, "read", vanishing)
    settings = {**SETTINGS, "cache_gb": 0.0, "on_bad_shard": "skip", "shard_retries": 1}
    train(broken, tmp_path / "run", "tiny", settings, device="cpu")
    told = capfd.readouterr().err
    assert f"{gone.name} is passed over" in told
    assert f"{halved.name} is passed over" in told
    counts = [row for row in figures(tmp_path / "run") if "shards_passed_over" in row][-1]
    assert (counts["shards_passed_over"], counts["faces_passed_over"]) in ((1, 40), (2, 80))
    assert counts["shard_retries"] == counts["shards_passed_over"]
    page = (tmp_path / "run" / "run.html").read_text(encoding="utf-8")
    assert "shards passed over" in page
    with pytest.raises(DataError, match="run the same command again"):
        train(broken, tmp_path / "stops", "tiny", {**settings, "on_bad_shard": "stop"}, device="cpu")
