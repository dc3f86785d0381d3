"""The engine ray: the local engine's bytes, also when workers are killed in the middle."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from facevae import choosing
from facevae.augment import AugmentConfig, augment
from facevae.choosing import choose_on_ray, choose_people
from facevae.data import ray_engine
from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig
from facevae.errors import ConfigError, MissingExtraError
from facevae.generator import FaceGenerator
from tests.conftest import script
from tests.data.conftest import album, jpeg, portrait, vary

__all__ = ["album", "jpeg", "portrait", "vary"]

# Ray warns itself of its own fields, and leaves pipes to its children for the collector.
pytestmark = [
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*"),
    pytest.mark.filterwarnings(r"ignore::FutureWarning:ray\..*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

job = importlib.import_module("facevae.data.prepare")  # the name itself is the function
CONFIG = PrepareConfig(workers=1, shard_faces=5)


@pytest.fixture(scope="module")
def ray() -> Iterator[object]:
    """Ray with two cores for all tests here: it takes seconds to begin."""
    ray = pytest.importorskip("ray", reason="needs the extra 'ray'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=10**8)
    yield ray
    ray.shutdown()


def bytes_of(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()
    }


def differing(one: Path, other: Path) -> list[str]:
    """Files that are not the same in both folders."""
    first, second = bytes_of(one), bytes_of(other)
    return sorted(name for name in first | second if first.get(name) != second.get(name))


@pytest.mark.usefixtures("ray")
def test_prepare_gives_the_same_bytes_though_its_workers_are_killed(
    album: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "CHUNK", 2)
    photos, killed, counts = album(count=12), [], []

    def kill_them_all_once(done: int, total: int) -> None:
        counts.append(done)
        if 0 < done < total and not killed:
            killed.extend(script("ray_memory").workers())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    here = prepare(photos, tmp_path / "here", CONFIG)
    there = prepare(photos, tmp_path / "there", CONFIG, kill_them_all_once, engine="ray")
    assert killed
    assert counts == [0, 2, 4, 6, 8, 10, 12]  # each part came once
    assert there.faces == here.faces > 0
    assert differing(here.path, there.path) == []


@pytest.mark.usefixtures("ray")
def test_augment_gives_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    config = AugmentConfig(count=4, variations=1, check_faces=False)
    made = [augment(dataset, tmp_path / engine, config, "face64", "cpu", engine=engine).path
            for engine in ("local", "ray")]  # fmt: skip
    assert differing(*made) == []


@pytest.mark.usefixtures("ray")
def test_generate_gives_the_same_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "PEOPLE_AT_ONCE", 2)
    people = [[{}], [{"age": 60.0}], [{}]]
    here = choose_people(FaceGenerator.from_pretrained("face64", "cpu"), people, 7)
    there = choose_on_ray("face64", people, 7, device="cpu")
    assert bool((here.samples.photos == there.samples.photos).all())
    assert bool((here.samples.latents == there.samples.latents).all())
    assert (here.samples.seeds, here.found, here.scores) == (there.samples.seeds, there.found, there.scores)


@pytest.mark.usefixtures("ray")
def test_waves_bound_what_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "WAVE", 2)
    drawn: list[int] = []

    def items() -> Iterator[dict[str, int]]:
        for number in range(4):
            drawn.append(number)
            yield {"number": number}

    seen = []
    for row in ray_engine.on_ray(Double, (), items(), 1):
        seen.append(int(row["double"]))
        assert len(drawn) <= 2 * (1 + (len(seen) - 1) // 2)
    assert sorted(seen) == [0, 2, 4, 6]


class Double:
    def __call__(self, item: dict[str, int]) -> dict[str, int]:
        return {"double": 2 * int(item["number"])}


def test_without_the_extra_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray.data", None)
    (tmp_path / "photos").mkdir()
    with pytest.raises(MissingExtraError, match=r"\.\[ray\]"):
        prepare(tmp_path / "photos", tmp_path / "out", CONFIG, engine="ray")
    with pytest.raises(ConfigError, match="expected one of local, ray"):
        prepare(tmp_path / "photos", tmp_path / "out", CONFIG, engine="spark")
    assert os.listdir(tmp_path) == ["photos"]
