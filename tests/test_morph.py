"""Morphs: the path passes through its stops at constant speed, and every film plays and tells what it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from facevae import CheckpointError, ConfigError, DataError, FaceGenerator, MissingExtraError
from facevae.cli_morph import interpolate
from facevae.generator import Latents
from facevae.morph import LatentPath, morph, read_stops, resampled, step_lengths, write_film
from facevae.prior import NormalPrior
from facevae.provenance import DIGITAL_SOURCE_TYPE, read_provenance
from tests.conftest import blob_faces


@pytest.fixture(scope="module")
def flowing(steerable: Path) -> FaceGenerator:
    """A generator whose prior is a flow."""
    return FaceGenerator.from_pretrained(steerable, device="cpu")


@pytest.fixture(scope="module")
def gaussian(flowing: FaceGenerator) -> FaceGenerator:
    return FaceGenerator(flowing.model, NormalPrior(flowing.latent_dim), "tiny", "cpu")


@pytest.fixture(scope="module")
def stops(flowing: FaceGenerator) -> Latents:
    """(3, 32) latents of cartoons."""
    return flowing.encode(blob_faces(3, 32, seed=5))


def test_path_follows_the_flow_where_there_is_one_and_the_great_arc_elsewhere(
    flowing: FaceGenerator, gaussian: FaceGenerator, stops: Latents
) -> None:
    places = np.array([0.0, 0.5, 1.0, 1.25, 2.0])
    curved, arc = LatentPath(flowing, stops)(places), LatentPath(gaussian, stops)(places)
    for path in (curved, arc):
        assert np.allclose(path[[0, 2, 4]], stops, atol=1e-4)
    assert np.allclose(arc, gaussian.interpolate(stops, 9)[[0, 2, 4, 5, 8]], atol=1e-4)
    assert np.abs(curved[1] - arc[1]).max() > 0.02
    with pytest.raises(DataError, match=r"\(K, 32\)"):
        LatentPath(flowing, stops[:, :31])


def test_steps_between_stops_are_equally_long(flowing: FaceGenerator, stops: Latents) -> None:
    result = morph(flowing, stops, frames=13)
    assert len(result.photos) == len(result.latents) == 13
    assert (result.stops[0], result.stops[2]) == (0, 12)
    lengths = step_lengths(result.photos)
    uniform = step_lengths(flowing.decode(LatentPath(flowing, stops)(np.linspace(0, 2, 13))))
    assert lengths.max() / lengths.min() < 1.35
    assert lengths.std() / lengths.mean() < uniform.std() / uniform.mean()
    assert np.array_equal(result.photos[result.stops], flowing.decode(result.latents[result.stops]))
    assert np.allclose(result.latents[result.stops], stops, atol=1e-4)


def test_loop_returns_to_its_start_without_standing_still(flowing: FaceGenerator, stops: Latents) -> None:
    told: list[tuple[int, int]] = []
    result = morph(flowing, stops, frames=7, loop=True, progress=lambda *counts: told.append(counts))
    assert len(result.photos) == 7
    assert len(result.stops) == 3
    closed = np.concatenate([result.photos, result.photos[:1]])
    assert step_lengths(closed).min() > 0
    assert told == sorted(told)
    assert set(told) == {(0, 3), (1, 3), (2, 3), (3, 3)}


@pytest.mark.parametrize(
    ("count", "frames", "loop"), [(1, 9, False), (3, 2, False), (3, 2, True), (0, 9, True)]
)
def test_impossible_paths_are_refused(
    flowing: FaceGenerator, stops: Latents, count: int, frames: int, loop: bool
) -> None:
    with pytest.raises(ConfigError, match="a path needs two stops"):
        morph(flowing, stops[:count], frames, loop)


def test_equal_stops_make_a_still(flowing: FaceGenerator, stops: Latents) -> None:
    result = morph(flowing, stops[[0, 0]], frames=4)
    assert step_lengths(result.photos).max() < 0.01


def play(path: Path) -> tuple[np.ndarray, str]:
    """The frames of a film of 32 px, and what ffmpeg says of it."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    result = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(result.stdout, np.uint8).reshape(-1, 32, 32, 3), result.stderr.decode()


@pytest.mark.parametrize("ending", [".mp4", ".gif", ".webp", ".png"])
def test_every_film_plays_and_tells_that_it_is_generated(tmp_path: Path, ending: str) -> None:
    photos, path = blob_faces(6, 32), tmp_path / f"film{ending}"
    write_film(path, photos, fps=20.0, model="tiny", stops=["seed 1", "她.png"])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if ending == ".mp4":
        frames, told = play(path)
        assert "20 fps" in told
        assert frames.shape == (6, 32, 32, 3)
        assert np.abs(frames[0].astype(float) - photos[0]).mean() < 12
        assert DIGITAL_SOURCE_TYPE.encode() in path.read_bytes()
        return
    with Image.open(path) as image:
        if ending == ".png":
            assert image.size == (6 * 32 + 5 * 2, 32)
        else:
            assert image.n_frames == 6
            assert image.info["loop"] == 0
            image.seek(3)
            assert np.abs(np.asarray(image.convert("RGB")).astype(float) - photos[3]).mean() < 12
            assert image.info["duration"] == 50
        if ending == ".gif":
            told = json.loads(image.info["comment"])
            assert told["digital_source_type"] == DIGITAL_SOURCE_TYPE
            assert told["facevae"]["model"] == "tiny"
    if ending != ".gif":
        facts = read_provenance(path)
        assert (facts["model"], facts["digital_source_type"]) == ("tiny", DIGITAL_SOURCE_TYPE)


def test_other_endings_and_missing_parts_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = blob_faces(2, 32)
    with pytest.raises(ConfigError, match=r"\.mp4, \.gif, \.webp, \.png"):
        write_film(tmp_path / "film.avi", photos)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingExtraError, match=r"\.\[video\]"):
        write_film(tmp_path / "film.mp4", photos)
    assert not list(tmp_path.iterdir())


def test_larger_frames_show_the_same() -> None:
    photos = blob_faces(2, 32)
    large = resampled(photos, 64)
    assert large.shape == (2, 64, 64, 3)
    assert np.abs(large.reshape(2, 32, 2, 32, 2, 3).mean(axis=(2, 4)) - photos).mean() < 6


def test_stops_are_photos_latents_and_seeds(
    flowing: FaceGenerator,
    stops: Latents,
    astronaut: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(astronaut).save("宇航员.png")
    np.save("one.npy", stops[0])
    np.save("two.npy", stops[1:])
    latents, names = read_stops(flowing, ["宇航员.png", "one.npy", "two.npy"])
    assert names == ["宇航员.png", "one.npy", "two.npy, row 0", "two.npy, row 1"]
    assert np.allclose(latents[1:], stops)
    assert np.allclose(latents[0], flowing.reconstruct(astronaut)[0].latent)


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        ("absent.png", "cannot read the photo absent.png"),
        ("wall.png", r"cannot use the photo wall.png: no face found"),
        ("absent.npy", "cannot read the latent absent.npy"),
        ("text.npy", "cannot read the latent text.npy"),
        ("wide.npy", r"float32 \(3, 31\), expected .* \(32,\) or \(N, 32\)"),
        ("nan.npy", "finite"),
    ],
)
def test_unusable_stops_are_told_in_words(
    flowing: FaceGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (80, 60), "grey").save("wall.png")
    Path("text.npy").write_text("not an array")
    np.save("wide.npy", np.zeros((3, 31), np.float32))
    np.save("nan.npy", np.full(32, np.nan, np.float32))
    with pytest.raises(DataError, match=message):
        read_stops(flowing, [stop])


def test_from_a_photo_to_a_seed_and_back(
    steerable: Path, astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(astronaut).save("photo.png")
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(interpolate)
    words = ["photo.png", "3", "--model", str(steerable), "--device", "cpu"]
    film = ["--loop", "--frames", "10", "--size", "96", "--out", "morph.webp"]
    result = CliRunner().invoke(app, [*words, *film], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "10 frames through photo.png, seed 3" in result.output
    facts = read_provenance(Path("morph.webp"))
    assert (facts["stops"], facts["resampled_px"], facts["loop"]) == (["photo.png", "seed 3"], 96, True)
    with Image.open("morph.webp") as image:
        assert (image.n_frames, image.size) == (10, (96, 96))
    result = CliRunner().invoke(app, [*words, "--out", "strip.png"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with Image.open("strip.png") as strip:
        assert strip.size == (9 * 34 - 2, 32)
    for wrong, error in (
        (["--out", "film.avi"], ConfigError),
        (["--out", "a.mp4", "--size", "33"], ConfigError),
        (["--upscale"], CheckpointError),
    ):
        assert isinstance(CliRunner().invoke(app, [*words, *wrong]).exception, error)
