"""Journeys through the command line, on real input, in processes of their own where exit codes matter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from typer.testing import CliRunner

from facevae.cli import app

from .conftest import run_short_demo


def facevae(*words: str | Path, code: int = 0) -> str:
    """Run the command line; what it printed on both streams."""
    result = subprocess.run(
        [sys.executable, "-m", "facevae", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout + result.stderr


def photos_of(astronaut: np.ndarray, folder: Path, count: int = 12) -> Path:
    """A folder of `count` photos: crops of one real portrait at different places, sizes and brightness."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for index in range(count):
        left, top, side = rng.integers(60, 120), rng.integers(0, 30), rng.integers(260, 320)
        crop = Image.fromarray(astronaut[top : top + side, left : left + side])
        crop = ImageEnhance.Brightness(crop).enhance(rng.uniform(0.6, 1.2))
        crop.rotate(rng.uniform(-6, 6), resample=Image.Resampling.BICUBIC).save(folder / f"photo {index}.jpg")
    return folder


def test_from_photos_to_new_faces(
    astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path / "cache"))
    photos = photos_of(astronaut, tmp_path / "照片")
    (photos / "notes.jpg").write_text("not an image")
    # One person many times over: the filter of near duplicates would keep one face.
    shown = facevae("prepare", photos, tmp_path / "data", "--size", "32", "--set", "near_duplicate_bits=none",
                    "--set", "validation_fraction=0.3", "--set", "max_outside=1")  # fmt: skip
    assert "13 photos" in shown
    assert (tmp_path / "data" / "prepared.html").is_file()
    assert "notes.jpg" in (tmp_path / "data" / "rejects.csv").read_text(encoding="utf-8")
    run = tmp_path / "run"
    options = [
        "--preset",
        "tiny",
        "--images",
        "320",
        "--set",
        "log_images=64",
        "--set",
        "prior=gmm",
        "--device",
        "cpu",
    ]
    shown = facevae("train", tmp_path / "data", "--out", run, *options)
    assert "images/s" in shown or "/s" in shown
    assert (run / "run.html").is_file()
    facevae("generate", "--model", run, "--count", "5", "--seed", "1", "--out", tmp_path / "faces")
    assert len(list((tmp_path / "faces").glob("0*.png"))) == 5
    shown = facevae("reconstruct", photos / "photo 3.jpg", "--model", run, "--out", tmp_path / "again")
    assert "PSNR" in shown


def test_training_on_a_plain_folder_prepares_it_first(
    astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path / "cache"))
    from facevae.run import prepared

    photos = photos_of(astronaut, tmp_path / "photos", 3)
    first = prepared(photos)
    assert first.parent == tmp_path / "cache"
    assert prepared(photos) == first
    Image.fromarray(astronaut).save(photos / "one more.png")
    assert prepared(photos) != first


def test_generate_with_shipped_weights_repeats_itself(tmp_path: Path) -> None:
    for name in ("a", "b"):
        facevae("generate", "--count", "6", "--seed", "4", "--truncation", "0.8", "--out", tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    with Image.open(tmp_path / "a" / "00000.png") as face:
        assert face.size == (64, 64)


def test_reconstruct_reports_each_photo_and_fails_if_one_did(astronaut: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(astronaut).save(tmp_path / "宇航员.png")
    Image.new("RGB", (100, 100), "grey").save(tmp_path / "wall.png")
    out = tmp_path / "out"
    shown = facevae("reconstruct", tmp_path / "宇航员.png", tmp_path / "wall.png", "--out", out, code=1)
    assert "no face found" in " ".join(shown.split())
    rows = [json.loads(line) for line in (out / "reconstructions.jsonl").read_text("utf-8").splitlines()]
    assert rows[0]["psnr_db"] > 15
    assert "error" in rows[1]
    assert np.load(out / "宇航员.npy", allow_pickle=False).shape == (256,)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["generate", "--age", "soon"], 2, "a number, or a range such as 20..40"),
        (["generate", "--gender", "male,"], 2, "a value is missing"),
        (["generate", "--best-of", "0"], 2, "best-of"),
        (["generate", "--truncation", "3"], 2, "at most 1"),
        (["stylize", "a.png"], 2, "--style is missing"),
        (["stylize", "a.png", "--style", "cartoom"], 2, "Did you mean 'cartoon'"),
        (["avatar", "absent.jpg"], 1, "there is no photo 'absent.jpg'"),
        (["avatar", "a man", "--size", "2000"], 2, "64 to 1024"),
        (["describe", "a pirate"], 2, "nothing was understood"),
        (["generate", "--model", "face46"], 1, "Did you mean 'face64'"),
        (["generate", "--device", "tpu"], 2, "no device 'tpu'"),
        (["train", "nowhere", "--out", "run"], 1, "nothing at nowhere"),
        (["train", ".", "--out", "run", "--preset", "smal"], 2, "Did you mean 'small'"),
        (["train", ".", "--out", "run", "--set", "betta=1"], 2, "Did you mean 'beta'"),
        (["prepare", "nowhere", "out"], 1, "nowhere"),
        (["prepare", ".", "out", "--set", "max_yow=1"], 2, "Did you mean 'max_yaw'"),
        (["reconstruct"], 2, "Missing argument"),
        (["evaluate", "face64", "--data", "x", "--out", "y", "--samples", "1"], 2, "2 or more"),
        (["evaluate", "face46", "--data", "x", "--out", "y"], 1, "Did you mean 'face64'"),
        (["bench", "quality", "--data", "x", "--out", "y", "--methods", "pcaa"], 2, "Did you mean 'pca'"),
        (["bench", "recipe", "x", "--out", "y", "--rows", "ful"], 2, "Did you mean 'full'"),
        (["reconstruct", "a.jpg", "--faces", "some"], 2, "largest or all"),
        (["generate", "--guidance", "-1"], 2, "0 or more"),
        (["prior", "face64", ".", "--out", "x", "--kind", "flo"], 2, "normal, gmm, flow"),
        (["prior", "face64", ".", "--out", "x", "--condition-on", "hat"], 2, "'hat' is not a control"),
        (["train-upscaler", "nowhere", "--out", "run"], 1, "nothing at nowhere"),
        (["train-upscaler", ".", "--out", "run", "--set", "chanels=1"], 2, "Did you mean 'channels'"),
        (["dance"], 2, "No such command"),
    ],
)
def test_wrong_use_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in " ".join(facevae(*words, code=code).replace("│", " ").split())


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["prepare"],
        ["train"],
        ["evaluate"],
        ["generate"],
        ["reconstruct"],
        ["describe"],
        ["edit"],
        ["interpolate"],
        ["avatar"],
        ["stylize"],
        ["augment"],
        ["explore"],
        ["prior"],
        ["train-upscaler"],
        ["demo"],
        ["bench", "train"],
        ["bench", "quality"],
        ["bench", "recipe"],
        ["bench", "edit"],
        ["bench", "augment"],
    ],
)
def test_every_command_explains_itself(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert len(result.output) > 200


def test_demo_writes_a_page_with_everything(demo: Path) -> None:
    page = (demo / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 4
    for name in (
        "faces/grid.png",
        "morph.png",
        "run/run.html",
        "data/prepared.html",
        "reconstructed/astronaut.png",
    ):
        assert (demo / name).is_file(), name


def test_demo_can_be_run_again_in_place(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_short_demo(demo, monkeypatch)


def test_bench_prints_its_figures() -> None:
    assert "images_per_s" in facevae("bench", "train", "--steps", "1")
    assert "one_ms" in facevae("bench", "generate", "--count", "8")
    assert "photos" in facevae("bench", "prepare", "--photos", "24")
