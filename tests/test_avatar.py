"""Avatars: one person, many portraits, each led back to by the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from facevae import ConfigError, ControlError, DataError, FaceGenerator
from facevae.avatar import AvatarConfig
from facevae.avatar.cutout import cutout, laid_on
from facevae.cli_avatar import avatar
from facevae.provenance import EDITED, read_provenance

app = typer.Typer()
app.command("avatar")(avatar)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def test_from_a_photo_to_a_set_of_portraits(steerable: Path, astronaut: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(astronaut).save(tmp_path / "宇航员.png")
    out = tmp_path / "out"
    options = ("--size", 96, "--background", "transparent", "--format", "webp", "--styles", "photo,cartoon")
    asked = ("--ages", "25,60", "--expressions", "happy,sad")
    result = run(
        tmp_path / "宇航员.png", "--out", out, "--model", steerable, "--device", "cpu", *options, *asked
    )
    assert result.exit_code == 0, result.output
    told = manifest(out)
    assert len(told["files"]) == 2 * (1 + 2 * 2)
    assert {"photo-as-is.webp", "cartoon-age25-happy.webp", "photo-age60-sad.webp"} <= {
        row["file"] for row in told["files"]
    }
    assert np.load(out / told["identity"]["latent_file"], allow_pickle=False).shape == (32,)
    latents = np.load(out / told["latents_file"], allow_pickle=False)
    for row in told["files"]:
        assert latents[row["latent_row"]].shape == (32,)
        assert row["resampling"].startswith("32 px, Lanczos to 96 px")
        assert row["mask"] in ("grabcut", "ellipse")
        with Image.open(out / row["file"]) as portrait:
            assert (portrait.size, portrait.mode) == ((96, 96), "RGBA")
            alpha = np.asarray(portrait)[..., 3]
        assert alpha[48, 48] == 255
        assert alpha.min() == 0
        facts = read_provenance(out / row["file"])
        assert facts["digital_source_type"] == EDITED["digital_source_type"]
        assert facts["controls"] == row["controls"]
    with Image.open(out / "contact-sheet.png") as sheet:
        assert sheet.width > 3 * 160
        assert sheet.height > 4 * 160


def test_words_make_the_same_person_again(steerable: Path, tmp_path: Path) -> None:
    for name, background in (("a", "#fde"), ("b", "#fde"), ("cut-out", "transparent")):
        words = ("a smiling man of 60 with a hat", "--seed", 4, "--size", 64, "--styles", "photo,pencil")
        options = ("--ages", "none", "--expressions", "neutral", "--background", background)
        result = run(*words, *options, "--model", steerable, "--device", "cpu", "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
    assert "hat" in " ".join(manifest(tmp_path / "a")["identity"]["not_understood"])
    assert manifest(tmp_path / "a")["identity"]["controls"]["age"] == 60
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["contact-sheet.png", "identity.npy", "latents.npy", "manifest.json", "pencil-as-is.png",
                     "pencil-neutral.png", "photo-as-is.png", "photo-neutral.png"]  # fmt: skip
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    with Image.open(tmp_path / "a" / "photo-as-is.png") as portrait:
        off = np.abs(np.asarray(portrait).astype(int) - (255, 221, 238)).max(axis=2)
    with Image.open(tmp_path / "cut-out" / "photo-as-is.png") as portrait:
        outside = np.asarray(portrait)[..., 3] == 0
    assert outside.any()
    assert off[outside].max() <= 2
    faces = FaceGenerator.from_pretrained(steerable, device="cpu")
    told = manifest(tmp_path / "a")["identity"]
    again = faces.sample(1, told["seed"], told["controls"], told["truncation"])
    assert np.allclose(again.latents[0], np.load(tmp_path / "a" / "identity.npy"), atol=1e-4)


def test_a_person_before_a_wall_is_cut_out_along_the_border() -> None:
    rows, columns = (np.mgrid[0:128, 0:128] + 0.5) / 128
    head = (np.abs(columns - 0.5) <= 0.38) & (rows <= 0.5)  # a tight crop cuts through the hair
    head |= ((columns - 0.5) / 0.38) ** 2 + ((rows - 0.5) / 0.46) ** 2 <= 1
    rng = np.random.default_rng(0)
    picture = np.where(head[..., None], (200, 150, 120), (60, 110, 70)) + rng.normal(0, 6, (128, 128, 3))
    alpha, method = cutout(picture.clip(0, 255).astype(np.uint8))
    assert method == "grabcut"
    assert np.abs(alpha - head).mean() < 0.03
    assert alpha[64, 64] == pytest.approx(1, abs=1e-3)
    assert alpha[0, 0] == pytest.approx(0, abs=1e-3)
    assert ((alpha > 0.05) & (alpha < 0.95)).any()
    flat = laid_on(picture.clip(0, 255).astype(np.uint8), alpha, (1, 2, 3))
    assert flat[0, 0].tolist() == [1, 2, 3]


def test_where_there_is_no_border_an_ellipse_is_cut() -> None:
    alpha, method = cutout(np.full((64, 64, 3), 120, np.uint8))
    assert method == "ellipse"
    assert alpha[32, 32] == pytest.approx(1, abs=1e-3)
    assert alpha[0, 0] < 0.01


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--size", "2000"], ConfigError, "64 to 1024"),
        (["--background", "blue"], ConfigError, "#f2e6d9"),
        (["--format", "gif"], ConfigError, "png or webp"),
        (["--styles", "photo,pencl"], ConfigError, "Did you mean 'pencil'"),
        (["--styles", "oil,oil"], ConfigError, "two styles have one name"),
        (["--ages", "20..40"], ControlError, "cannot be a range"),
        (["--ages", "20,"], ControlError, "a value is missing"),
        (["--expressions", "hapy"], ControlError, "happy"),
    ],
)
def test_wrong_use_is_told_in_words(
    steerable: Path, tmp_path: Path, options: list[str], error: type[Exception], message: str
) -> None:
    result = run("a man of 30", *options, "--model", steerable, "--device", "cpu", "--out", tmp_path / "out")
    assert isinstance(result.exception, error)
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("who", "error", "message"),
    [
        ("absent.jpg", DataError, "no photo 'absent.jpg'"),
        ("qwertz", ConfigError, "'a smiling old man'"),
    ],
)
def test_who_cannot_be_found_is_told(
    steerable: Path, tmp_path: Path, who: str, error: type[Exception], message: str
) -> None:
    result = run(who, "--model", steerable, "--device", "cpu", "--out", tmp_path / "out")
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_colours_are_read_short_and_long() -> None:
    assert AvatarConfig(background="#f80").colour == (255, 136, 0)
    assert AvatarConfig(background="#f2e6d9").colour == (242, 230, 217)
    assert AvatarConfig().colour is None
