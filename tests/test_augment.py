"""A dataset made larger: the right faces for each class, labels and provenance, real faces as they were."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("cv2", reason="needs the extra 'photos'")

from facevae import FaceGenerator
from facevae.attributes import Schema
from facevae.augment import AugmentConfig, augment, vary
from facevae.augment import job as job_module
from facevae.augment.making import open_picture
from facevae.augment.plan import NEW, VARIATION, make_plan
from facevae.cli import app
from facevae.data.dataset import FaceDataset, read_rows
from facevae.data.shelf import read_shard
from facevae.errors import ConfigError, ControlError, DataError
from facevae.provenance import DIGITAL_SOURCE_TYPE, EDITED, read_provenance
from facevae.train import train
from tests.conftest import blob_faces, labelled, write_dataset
from tests.test_cli import facevae, photos_of

BY = ("gender", "age_group")
ROWS = [{"gender": "female", "age": 25.0}] * 8 + [{"gender": "male", "age": 25.0}] * 3 + [{"gender": "male"}]
PLAIN = AugmentConfig(by=BY, target=14, check_faces=False)


def members(shard: Path) -> dict[str, bytes]:
    with tarfile.open(shard) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def snapshot(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def larger(dataset: Path, steerable: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("larger") / "out"
    augment(dataset, out, PLAIN, steerable, "cpu")
    return out


@pytest.mark.parametrize(
    ("how", "new", "variations"),
    [
        ({"target": 10, "share_new": 1.0}, [2, 7], [0, 0]),
        ({"target": 10, "share_new": 0.0}, [0, 0], [2, 6]),
        ({"target": 10, "variations": 1}, [1, 4], [1, 3]),
        ({"balance": True}, [0, 3], [0, 2]),
        ({"count": 5, "share_new": 1.0}, [0, 5], [0, 0]),
        ({"count": 7, "share_new": 1.0}, [1, 6], [0, 0]),
        ({"target": 1}, [0, 0], [0, 0]),
    ],
)
def test_each_class_gets_what_it_lacks(how: dict[str, Any], new: list[int], variations: list[int]) -> None:
    config = AugmentConfig(by=("gender", "age_group"), **how)
    plan = make_plan(ROWS, config)
    assert [row.name for row in plan.classes] == ["female, 20-29", "male, 20-29"]
    assert [row.new for row in plan.classes] == new
    assert [row.variations for row in plan.classes] == variations
    assert [order.index for order in plan.orders] == list(range(sum(new) + sum(variations)))
    assert plan == make_plan(ROWS, config)
    assert Counter(order.kind for order in plan.orders)[NEW] == sum(new)


def test_orders_are_of_their_class_and_variations_spread_evenly() -> None:
    config = AugmentConfig(by=("gender",), target=12, variations=3, share_new=0.0)
    plan = make_plan(ROWS[:11], config)
    varied = Counter(order.source for order in plan.orders if order.kind == VARIATION)
    assert {varied[source] for source in (8, 9, 10)} == {3}
    assert set(varied) - {8, 9, 10} <= set(range(8))
    assert make_plan(ROWS, AugmentConfig(count=4)).classes[0].real == len(ROWS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "give one of target"), ({"target": 5, "count": 5}, "give one of target"),
        ({"balance": True}, "needs classes"), ({"count": 0}, "1 or more"),
        ({"count": 5, "step": 1.5}, "0 to 1"), ({"count": 5, "truncation": 0.0}, "at most 1"),
        ({"count": 5, "variations": 0, "share_new": 0.0}, "nothing to make"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AugmentConfig(**fields)


@pytest.mark.parametrize(("name", "message"), [("age", "use age_group"), ("gendre", "Did you mean 'gender'")])
def test_a_column_that_makes_no_classes_names_those_that_do(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_plan(ROWS, AugmentConfig(by=(name,), count=3))


def test_every_class_reaches_its_target_and_says_what_was_made(larger: Path) -> None:
    rows = read_rows(larger, "train")
    classes = Counter((row["gender"], int(row["age"] // 10)) for row in rows)
    assert set(classes.values()) == {14}
    assert Counter(row["kind"] for row in rows) == {"real": 100, "new": 20, "variation": 20}
    info = json.loads((larger / "dataset.json").read_text())
    assert info["counts"] == {"train": 140, "validation": 24}
    assert info["made"]["kinds"] == {"new": 20, "real": 100, "variation": 20}
    assert "new ones show nobody" in info["note"]
    assert info["licence"] == "CC0"
    with Image.open(larger / "made.png") as sheet:
        assert sheet.width > 12 * 32
    assert "blobs-augmented" in (larger / "prepared.html").read_text(encoding="utf-8")


def test_real_faces_stay_as_they_were_and_validation_is_never_touched(larger: Path, dataset: Path) -> None:
    for shard in dataset.glob("validation-*.tar"):
        assert (larger / shard.name).read_bytes() == shard.read_bytes()
    old = {key: value for shard in dataset.glob("train-*.tar") for key, value in members(shard).items()}
    new = {key: value for shard in larger.glob("train-*.tar") for key, value in members(shard).items()}
    for name, content in old.items():
        if name.endswith(".json"):
            assert json.loads(content).items() <= json.loads(new[name]).items()
        else:
            assert new[name] == content


def test_made_faces_carry_labels_and_provenance(larger: Path, steerable: Path, tmp_path: Path) -> None:
    generator = FaceGenerator.from_pretrained(steerable, "cpu")
    made = {"new": 0, "variation": 0}
    pictures = {key: value for shard in larger.glob("train-*.tar") for key, value in members(shard).items()}
    real = {key.removesuffix(".json"): json.loads(value) for key, value in pictures.items() if ".json" in key}
    for key, row in real.items():
        if row["kind"] == "real":
            assert row["made_by"] is row["seed"] is row["source_key"] is None
            continue
        made[row["kind"]] += 1
        (tmp_path / "face.png").write_bytes(pictures[f"{key}.png"])
        facts = read_provenance(tmp_path / "face.png")
        source = {"new": DIGITAL_SOURCE_TYPE, "variation": EDITED["digital_source_type"]}[row["kind"]]
        assert facts["digital_source_type"] == source
        assert (facts["model"], facts["seed"], facts["kind"]) == (row["made_by"], row["seed"], row["kind"])
        for name, value in facts["controls"].items():
            assert row[name] == value
        if row["kind"] == "variation":
            source = real[row["source_key"]]
            assert (row["age"], row["expression"]) == (source["age"], source["expression"])
        elif made["new"] == 1:
            again = generator.sample(1, row["seed"], facts["controls"]).photos[0].astype(int)
            assert np.abs(again - open_picture(pictures[f"{key}.png"], 32)).max() <= 1
    assert made == {"new": 20, "variation": 20}


def test_the_table_holds_every_face(larger: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(larger / "metadata.parquet").to_pylist()
    assert Counter(row["split"] for row in table) == {"train": 140, "validation": 24}
    assert len({(row["split"], row["key"]) for row in table}) == 164
    assert {row["made_by"] for row in table} == {None, "steerable"}


def test_it_is_read_back_and_trained_on(larger: Path, tmp_path: Path) -> None:
    faces = FaceDataset(larger, "train", 32, Schema.from_names(["age", "gender"]))
    assert faces.read(range(len(faces))).shape == (140, 32, 32, 3)
    settings = {"images": 64, "log_images": 32, "checkpoint_images": 64, "checkpoint_minutes": None,
                "prior": "normal", "condition_on": ("gender",)}  # fmt: skip
    model = train(larger, tmp_path / "run", "tiny", settings, device="cpu")
    assert (Path(model) / "model.safetensors").is_file()


def test_stopped_and_run_again_it_ends_with_the_same_bytes(
    larger: Path, dataset: Path, steerable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "CHUNK", 16)
    whole, out = tmp_path / "whole", tmp_path / "out"
    augment(dataset, whole, PLAIN, steerable, "cpu")

    def stop(done: int, _total: int) -> None:
        if done >= 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment(dataset, out, PLAIN, steerable, "cpu", stop)
    assert not (out / "dataset.json").exists()
    (out / ".work" / "parts" / "000002.bin").write_bytes(b"what a killed run left")
    with pytest.raises(DataError, match=r"other options \(target 14 there, 15 asked for\)"):
        augment(dataset, out, replace(PLAIN, target=15), steerable, "cpu")
    assert augment(dataset, out, PLAIN, steerable, "cpu").resumed_faces == 32
    assert snapshot(out) == snapshot(whole)
    before = snapshot(larger)
    assert augment(dataset, larger, PLAIN, steerable, "cpu").unchanged
    assert snapshot(larger) == before


def test_what_cannot_be_augmented_is_refused(
    larger: Path, dataset: Path, steerable: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="made faces already"):
        augment(larger, tmp_path / "out", PLAIN, steerable, "cpu")
    with pytest.raises(DataError, match="name another folder"):
        augment(dataset, dataset, PLAIN, steerable, "cpu")
    assert not (tmp_path / "out").exists()


def test_pictures_without_a_face_are_made_again_and_then_left_out(
    dataset: Path, steerable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facevae.data.detect import Face

    answers = iter([True, False, True, False, False])

    class Detector:
        def detect(self, _photo: np.ndarray, **_options: bool) -> list[Face]:
            points = np.full((5, 2), 16, np.float32) + np.arange(10, dtype=np.float32).reshape(5, 2)
            return [Face((2, 2, 30, 30), points, 0.9)] if next(answers) else []

    monkeypatch.setattr("facevae.data.detect.FaceDetector", Detector)
    config = AugmentConfig(count=3, share_new=1.0, tries=3)
    result = augment(dataset, tmp_path / "out", config, steerable, "cpu")
    assert (result.kinds["new"], result.rejects) == (2, 3)
    lines = (tmp_path / "out" / "rejects.csv").read_text().splitlines()
    assert [line.split(",", 1)[1] for line in lines[1:]] == [
        f'"no face found: in try {attempt}, seed {seed}"' for attempt, seed in ((1, 1), (2, 4), (3, 7))
    ]
    made = [row for row in read_rows(tmp_path / "out", "train") if row["kind"] == "new"]
    assert all(len(row["landmarks"]) == 10 and row["score"] == 0.9 for row in made)


def test_classes_beyond_the_model_get_variations_alone(steerable: Path, tmp_path: Path) -> None:
    faces = {"train": blob_faces(12, 32), "validation": blob_faces(4, 32, seed=1)}
    data = write_dataset(tmp_path / "data", faces, lambda i: {**labelled(i), "race": "ab"[i % 4 == 0]})
    config = AugmentConfig(by=("race",), balance=True, check_faces=False)
    with pytest.raises(ControlError, match="no control for the classes of 'race'"):
        augment(data, tmp_path / "out", config, steerable, "cpu")
    assert not (tmp_path / "out").exists()
    result = augment(data, tmp_path / "out", replace(config, share_new=0.0), steerable, "cpu")
    assert result.kinds == {"real": 12, "variation": 6}
    assert Counter(row["race"] for row in read_rows(tmp_path / "out", "train")) == {"a": 9, "b": 9}


@pytest.mark.parametrize("kind", ["steerable", "trained"])
def test_a_variation_lies_as_far_away_as_its_step(
    kind: str, dataset: Path, request: pytest.FixtureRequest
) -> None:
    generator = FaceGenerator.from_pretrained(request.getfixturevalue(kind), "cpu")
    rows = [labelled(index) for index in range(8)]
    controls = [{name: row[name] for name in generator.schema.names} for row in rows]
    latents = generator.encode(FaceDataset(dataset, "train", 32).read(range(8)), controls)
    moved = [
        np.linalg.norm(vary(generator, latents, range(8), step, controls) - latents, axis=1).mean()
        for step in (0.0, 0.2, 0.4, 0.8)
    ]
    assert moved[0] < 0.05 * moved[2]
    assert moved == sorted(moved)
    one = vary(generator, latents[3:4], [3], 0.4, controls[3:4])
    np.testing.assert_allclose(one[0], vary(generator, latents, range(8), 0.4, controls)[3], atol=1e-4)


def test_from_photos_to_a_larger_dataset(
    astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real command on a real photo, with the shipped model."""
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path / "cache"))
    photos, loose = photos_of(astronaut, tmp_path / "photos"), ["near_duplicate_bits=none", "max_outside=1"]
    settings = [word for setting in (*loose, "validation_fraction=0.3") for word in ("--set", setting)]
    facevae("prepare", photos, tmp_path / "data", "--size", "64", *settings)
    result = CliRunner().invoke(
        app, ["augment", str(tmp_path / "data"), str(tmp_path / "more"), "--count", "8", "--device", "cpu"]
    )
    assert result.exit_code == 0, result.output
    rows = read_rows(tmp_path / "more", "train")
    assert (
        Counter(row["kind"] for row in rows)["new"] == Counter(row["kind"] for row in rows)["variation"] == 4
    )
    assert all(row["score"] > 0.5 for row in rows if row["kind"] != "real")
    faces, _ = read_shard(tmp_path / "more" / "train-00000.tar")
    start, length = next(place for key, place in faces.items() if key.startswith("variation"))
    picture = (tmp_path / "more" / "train-00000.tar").read_bytes()[start : start + length]
    assert Image.open(io.BytesIO(picture)).size == (64, 64)
