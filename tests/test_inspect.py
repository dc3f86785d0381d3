"""Every picture that a command makes says what it is, and `facevae inspect` reads it back."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner

from facevae import DataError, __version__
from facevae.cli import app
from facevae.cli_inspect import inspect as inspect_command
from facevae.inspection import SILENT, inspect
from facevae.provenance import (
    BESIDE_PHOTO,
    DIGITAL_SOURCE_TYPE,
    EDITED,
    FILTERED,
    IPTC_TERMS,
    SOURCE,
    jpeg_bytes,
    png_bytes,
    read_provenance,
    webp_bytes,
)

GENERATED = {SOURCE: DIGITAL_SOURCE_TYPE}


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def told(*files: object, code: int = 0) -> str:
    """What `facevae inspect` prints."""
    inspector = typer.Typer()
    inspector.command()(inspect_command)
    result = CliRunner().invoke(inspector, [str(file) for file in files])
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture
def photo(astronaut: np.ndarray, tmp_path: Path) -> Path:
    Image.fromarray(astronaut).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


MADE: list[tuple[list[str], dict[str, dict[str, str]]]] = [
    (["generate", "--count", "1", "--seed", "3", "--age", "60"],
     {"00000.png": GENERATED, "grid.png": GENERATED}),
    (["describe", "a smiling old man", "--count", "1", "--seed", "3"], {"00000.png": GENERATED}),
    (["reconstruct", "PHOTO"], {"photo.png": BESIDE_PHOTO}),
    (["edit", "PHOTO", "--age", "+20", "--paste"],
     {"photo.png": BESIDE_PHOTO, "photo-edited.png": EDITED, "photo-pasted.png": EDITED}),
    (["avatar", "PHOTO", "--size", "64", "--styles", "photo,pencil", "--ages", "none", "--expressions",
      "none"], {"photo-as-is.png": EDITED, "pencil-as-is.png": EDITED, "contact-sheet.png": EDITED}),
    (["avatar", "a smiling old man", "--size", "64", "--styles", "photo", "--ages", "none", "--expressions",
      "none", "--seed", "3"], {"photo-as-is.png": GENERATED, "contact-sheet.png": GENERATED}),
    (["stylize", "PHOTO", "--style", "pencil"], {"photo.png": FILTERED, "photo-pair.png": FILTERED}),
    (["stylize", "--count", "1", "--seed", "3", "--style", "oil"],
     {"00000.png": GENERATED, "00000-pair.png": GENERATED, "grid.png": GENERATED}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "files"), MADE, ids=lambda value: value[0] if isinstance(value, list) else ""
)
def test_pictures_of_each_command_tell_how_they_were_made(
    steerable: Path, photo: Path, tmp_path: Path, command: list[str], files: dict[str, dict[str, str]]
) -> None:
    words = [str(photo) if part == "PHOTO" else part for part in command]
    out = tmp_path / "out"
    run(*words, "--model", steerable, "--device", "cpu", "--out", out)
    for name, source in files.items():
        found = inspect(out / name)
        assert (name, found["digital_source_type"]) == (name, source[SOURCE])
        assert found["by_facevae"]
        assert found["facevae_version"] == __version__
        if source != FILTERED:
            assert found["facts"]["model"] == "steerable"
        if "--seed" in command and name != "contact-sheet.png":
            assert isinstance(found["facts"]["seed"], int)
    assert not [path for path in out.glob("*.png") if not inspect(path)["by_facevae"]]


@pytest.mark.parametrize("kind", ["png", "gif", "webp", "mp4"])
def test_films_tell_how_they_were_made(steerable: Path, photo: Path, tmp_path: Path, kind: str) -> None:
    if kind == "mp4":
        pytest.importorskip("imageio_ffmpeg")
    stop, source = (photo, EDITED) if kind in ("webp", "mp4") else (7, GENERATED)
    path = tmp_path / f"morph.{kind}"
    run("interpolate", stop, 8, "--frames", 4, "--model", steerable, "--device", "cpu", "--out", path)
    found = inspect(path)
    assert found["digital_source_type"] == source[SOURCE]
    assert (found["facts"]["model"], found["facevae_version"]) == ("steerable", __version__)
    assert found["facts"]["stops"][1] == "seed 8"


def test_a_shard_of_augmented_data_is_counted(steerable: Path, dataset: Path, tmp_path: Path) -> None:
    settings = ["--by", "gender", "--count", "20", "--no-check"]
    run("augment", dataset, tmp_path / "more", *settings, "--model", steerable, "--device", "cpu")
    counts: dict[str, int] = {}
    for shard in (tmp_path / "more").glob("train-*.tar"):
        for source, count in inspect(shard)["digital_source_types"].items():
            counts[source] = counts.get(source, 0) + count
    assert counts["nothing"] == 100
    assert counts[DIGITAL_SOURCE_TYPE] + counts[EDITED[SOURCE]] == 20
    assert inspect(tmp_path / "more" / "made.png")["digital_source_type"] == EDITED[SOURCE]


def test_sheets_of_a_run_show_real_faces_and_say_so(steerable: Path) -> None:
    for path in (steerable / "sheets").glob("*.png"):
        assert inspect(path)["digital_source_type"] == BESIDE_PHOTO[SOURCE]


WRITERS = {"png": png_bytes, "webp": webp_bytes, "jpg": jpeg_bytes}
FACTS = {"model": "face64", "seed": 7, "controls": {"age": 60, "expression": "happy"}, "note": "< & \u5b87 >"}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("source", [{}, EDITED, BESIDE_PHOTO, FILTERED])
def test_what_is_written_is_read_back(kind: str, source: dict[str, str]) -> None:
    data = WRITERS[kind](np.zeros((8, 8, 3), np.uint8), **FACTS, **source)
    found = read_provenance(io.BytesIO(data))
    assert found == {**FACTS, "facevae_version": __version__, **(source or GENERATED)}


def test_pictures_of_others_are_read_for_what_they_say(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "silent.jpg")
    found = inspect(tmp_path / "silent.jpg")
    assert (found["digital_source_type"], found["by_facevae"], found["facts"]) == (None, False, {})
    assert SILENT in told(tmp_path / "silent.jpg")

    info = PngInfo()
    term = IPTC_TERMS + "digitalCapture"
    info.add_itxt("XML:com.adobe.xmp", f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{term}"/>')
    Image.new("RGB", (8, 8)).save(tmp_path / "camera.png", pnginfo=info)
    found = inspect(tmp_path / "camera.png")
    assert (found["digital_source_type"], found["by_facevae"]) == (term, False)


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "mp4", "txt", "tar"])
def test_a_damaged_file_is_an_error_and_stops_no_other(tmp_path: Path, kind: str) -> None:
    whole, bad = tmp_path / "face.png", tmp_path / f"bad.{kind}"
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    whole.write_bytes(png_bytes(photo, **FACTS))
    contents = {
        "png": png_bytes(photo, **FACTS)[:-400], "jpg": jpeg_bytes(photo, **FACTS)[:-400],
        "gif": b"GIF89a\x01", "mp4": b"\0\0\0\x10ftypisom\0\0\0\0\x7f\0\0\0moov", "tar": b"none",
    }  # fmt: skip
    bad.write_bytes(contents.get(kind, b"no picture"))
    with pytest.raises(DataError):
        inspect(bad)
    text = told(bad, tmp_path / "absent.png", whole, code=1)
    assert text.count("ERROR") == 2
    assert "seed: 7" in text
    assert "expression happy" in text


def test_json_has_a_line_for_each_file(tmp_path: Path) -> None:
    for index in range(2):
        (tmp_path / f"{index}.png").write_bytes(png_bytes(np.zeros((8, 8, 3), np.uint8), seed=index))
    lines = told("--json", tmp_path / "0.png", tmp_path / "1.png").splitlines()
    assert [json.loads(line)["facts"]["seed"] for line in lines] == [0, 1]


def test_a_model_is_inspected_file_by_file(steerable: Path, tmp_path: Path) -> None:
    text = told("face64")
    assert "FairFace" in text
    assert text.count(".safetensors: whole") == 4
    model = Path(shutil.copytree(steerable / "model", tmp_path / "model"))
    assert inspect(model)["sound"]
    (model / "prior.safetensors").unlink()
    data = bytearray((model / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (model / "model.safetensors").write_bytes(data)
    files = inspect(model)["files"]
    assert files == {
        "model.safetensors": "not what config.json names", "prior.safetensors": "absent",
        "editing.safetensors": "whole",
    }  # fmt: skip
    assert "prior.safetensors: absent" in told(model, code=1)


def test_a_shard_without_pictures_has_none(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    assert inspect(tmp_path / "empty.tar")["pictures"] == 0
