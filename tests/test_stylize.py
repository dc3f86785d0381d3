"""Stylize: statistics that mean what they say, styles that travel in a file, and the command's journeys."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from facevae import CheckpointError, ConfigError, DataError, FaceGenerator
from facevae.cli_stylize import stylize
from facevae.features import FrozenFeatures
from facevae.images import to_tensor
from facevae.looks import apply_look
from facevae.provenance import FILTERED, read_provenance
from facevae.stylize.decoder_style import (
    MOST_NUMBERS,
    DecoderStyle,
    load_style,
    save_style,
    styled,
    trained_names,
)
from facevae.stylize.fit import FitConfig, enlarged, fit_decoder_style, read_artworks
from facevae.stylize.statistics import (
    activations,
    between,
    content_loss,
    pooled_statistics,
    recoloured,
    statistics,
    style_loss,
)
from facevae.stylize.style import find_style
from facevae.stylize.transfer import TransferConfig, keep_colours, transfer_style
from tests.conftest import blob_faces

app = typer.Typer()
app.command("stylize")(stylize)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "stylized.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def features() -> FrozenFeatures:
    return FrozenFeatures()


@pytest.fixture(scope="module")
def art() -> np.ndarray:
    """(96, 96, 3) uint8: yellow and blue stripes with noise."""
    rng = np.random.default_rng(0)
    stripes = (np.arange(96)[:, None] + np.arange(96) * 2) // 6 % 2
    colours = np.array([(20, 40, 160), (240, 200, 40)])[stripes]
    return np.clip(colours + rng.normal(0, 12, colours.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def tiny(steerable: Path) -> FaceGenerator:
    return FaceGenerator.from_pretrained(steerable, device="cpu")


@pytest.fixture(scope="module")
def artworks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of eight artworks, cartoons in the wrong colours, and a file that is none."""
    folder = tmp_path_factory.mktemp("artworks")
    for index, face in enumerate(blob_faces(8, 32, seed=3)):
        Image.fromarray(255 - face[..., ::-1]).save(folder / f"{index}.png")
    (folder / "notes.png").write_text("not an image")
    return folder


@pytest.fixture(scope="module")
def learned(tiny: FaceGenerator, artworks: Path) -> DecoderStyle:
    config = FitConfig(None, 40, batch_size=8, learning_rate=1e-2, content_weight=0.5, pool=16)
    return fit_decoder_style(tiny, read_artworks(artworks, 32), "negative", config)


def test_statistics_are_mean_and_covariance_over_all_places() -> None:
    layer = torch.randn(3, 5, 4, 6, generator=torch.Generator().manual_seed(0))
    (got,) = statistics([layer])
    flat = layer.transpose(0, 1).reshape(5, -1).numpy()
    np.testing.assert_allclose(got.mean.numpy(), flat.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(got.covariance.numpy(), np.cov(flat, bias=True), atol=1e-6)


def test_statistics_of_parts_pool_to_those_of_all(features: FrozenFeatures) -> None:
    x = to_tensor(blob_faces(5, 32))
    for a, b in zip(
        pooled_statistics(features, x, batch_size=2), statistics(activations(features, x)), strict=True
    ):
        torch.testing.assert_close(a.mean, b.mean, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(a.covariance, b.covariance, atol=1e-3, rtol=1e-3)


def test_losses_are_zero_for_equal_pictures_alone(features: FrozenFeatures) -> None:
    one, other = (activations(features, to_tensor(blob_faces(2, 64, seed=seed))) for seed in (0, 1))
    a, b = statistics(one), statistics(other)
    assert float(style_loss(a, a)) == float(content_loss(one, one)) == 0
    assert float(style_loss(a, b)) > 0
    assert float(content_loss(one, other)) > 0
    for end, strength in ((a, 0.0), (b, 1.0)):
        assert float(style_loss(between(a, b, strength), end)) < 1e-6


def test_recolouring_reaches_the_wanted_colours(art: np.ndarray, astronaut: np.ndarray) -> None:
    wanted = statistics([to_tensor(art[None].copy())])[0]
    moved = statistics([recoloured(to_tensor(astronaut[None].copy()), wanted)])[0]
    torch.testing.assert_close(moved.mean, wanted.mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(moved.covariance, wanted.covariance, atol=1e-3, rtol=0)


def test_transfer_approaches_the_artwork_as_far_as_asked(
    features: FrozenFeatures, art: np.ndarray, astronaut: np.ndarray
) -> None:
    photo, config, steps = astronaut[20:180, 150:310], TransferConfig(side_px=64, steps=24), []
    pictures = [
        transfer_style(
            photo, art, features, strength, config, lambda done, total: steps.append((done, total))
        )
        for strength in (0.0, 0.5, 1.0)
    ]
    assert pictures[0].shape == (64, 64, 3)
    assert steps == [(step, 24) for step in range(1, 25)] * 2  # nothing is to be done for strength 0
    stats = [statistics(activations(features, to_tensor(one[None].copy()))) for one in pictures]
    small = np.array(Image.fromarray(art).resize((64, 64), Image.Resampling.LANCZOS))
    wanted = statistics(activations(features, to_tensor(small[None])))
    distances = [float(style_loss(one, wanted)) for one in stats]
    assert distances == sorted(distances, reverse=True)
    assert distances[2] < 0.5 * distances[0]
    again = transfer_style(photo, art, features, 1.0, config)
    assert np.array_equal(again, pictures[2])


def test_kept_colours_are_the_photos(astronaut: np.ndarray) -> None:
    drawn = 255 - astronaut
    kept = keep_colours(drawn, astronaut)
    hues, own, brightness = (
        np.asarray(Image.fromarray(p).convert("YCbCr"), int) for p in (kept, astronaut, drawn)
    )
    inside = (kept > 5).all(axis=2) & (kept < 250).all(axis=2)  # elsewhere the colour was clipped
    assert np.abs(hues - own)[inside][:, 1:].max() <= 4
    assert np.abs(hues - brightness)[inside][:, 0].max() <= 4


def test_a_decoder_learns_a_style_and_keeps_the_rest(
    tiny: FaceGenerator, learned: DecoderStyle, artworks: Path, features: FrozenFeatures
) -> None:
    samples = tiny.sample(12, seed=50)
    wanted = pooled_statistics(features, enlarged(to_tensor(read_artworks(artworks, 32).pictures)))
    distances = []
    for strength in (0.0, 0.5, 1.0):
        drawn = styled(tiny, learned, strength).decode(samples.latents)
        distances.append(float(style_loss(pooled_statistics(features, enlarged(to_tensor(drawn))), wanted)))
        if strength == 0:
            assert np.array_equal(drawn, samples.photos)
    assert distances[2] < distances[1] < distances[0]
    again = styled(tiny, learned)
    assert again.name == f"{tiny.name}+negative"
    assert np.array_equal(again.encode(samples.photos), tiny.encode(samples.photos))
    assert np.array_equal(tiny.decode(samples.latents), samples.photos)  # the model itself stays as it was


def test_a_style_travels_in_a_small_file_and_fits_its_model_alone(
    learned: DecoderStyle, tiny: FaceGenerator, trained: Path, tmp_path: Path
) -> None:
    path = tmp_path / "negative.safetensors"
    save_style(path, learned)
    again = load_style(path)
    assert (again.name, again.base, again.base_sha256) == ("negative", tiny.name, learned.base_sha256)
    assert again.settings["steps"] == 40
    assert again.settings["artworks"] == 8
    for name, value in learned.differences.items():
        assert torch.equal(value, again.differences[name]), name
    with pytest.raises(CheckpointError, match=rf"is of the model '{tiny.name}'.*--train-style"):
        styled(FaceGenerator.from_pretrained(trained, device="cpu"), again)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_style(path)
    model = FaceGenerator.from_pretrained(device="cpu").model.decoder
    sizes = {name: value.numel() for name, value in model.named_parameters()}
    assert 0.1 * MOST_NUMBERS < sum(sizes[name] for name in trained_names(model)) <= MOST_NUMBERS
    assert any(name.startswith(("head", "detail")) for name in trained_names(model))


def test_artworks_are_read_whole_or_by_their_face(
    artworks: Path, astronaut: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(astronaut).save(tmp_path / "a.jpg")
    Image.new("RGB", (80, 50), "teal").save(tmp_path / "b.png")
    found = read_artworks(tmp_path, 64)
    assert (found.pictures.shape, found.faces) == ((2, 64, 64, 3), 1)
    assert [Path(file).name for file, _ in read_artworks(artworks, 32).rejects] == ["notes.png"]
    for wrong in (tmp_path / "empty", tmp_path / "a.jpg"):
        with pytest.raises(DataError):
            read_artworks(wrong, 64)


def test_photos_in_a_look_one_bad_photo_stops_no_other(astronaut: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(astronaut).save(tmp_path / "宇航员.png")
    Image.fromarray(astronaut[::4, ::4]).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("not an image")
    photos = [tmp_path / name for name in ("text.png", "宇航员.png", "absent.png", "small.png")]
    result = run(*photos, "--style", "watercolor", "--out", tmp_path / "out")
    assert result.exit_code == 1, result.output
    rows = lines(tmp_path / "out")
    assert ["error" in row for row in rows] == [True, False, True, False]
    assert rows[1]["style"] == "watercolour"
    assert rows[3]["size"] == "128 x 128 px, Lanczos to 256 x 256 px"
    with (
        Image.open(tmp_path / "out" / "宇航员.png") as drawn,
        Image.open(tmp_path / "out" / "宇航员-pair.png") as pair,
    ):
        assert drawn.size == (512, 512)
        assert pair.size == (1026, 512)
        by_face = apply_look(astronaut, "watercolour", face_px=rows[1]["face_px"])  # type: ignore[arg-type]
        assert np.array_equal(np.asarray(drawn), by_face)
    assert 100 < rows[1]["face_px"] < 120  # type: ignore[operator]
    facts = read_provenance(tmp_path / "out" / "宇航员.png")
    assert (facts["job"], facts["digital_source_type"]) == ("stylize", FILTERED["digital_source_type"])


def test_a_photo_after_an_artwork_and_its_face_alone(
    astronaut: np.ndarray, art: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(astronaut[:, :384]).save(tmp_path / "a.png")
    Image.fromarray(art).save(tmp_path / "stripes.png")
    words = [tmp_path / "a.png", "--style", tmp_path / "stripes.png", "--side", 64, "--steps", 4]
    assert run(*words, "--out", tmp_path / "whole").exit_code == 0
    (row,) = lines(tmp_path / "whole")
    assert (row["kind"], row["style"], row["width"], row["height"]) == ("artwork", "stripes", 48, 64)
    assert run(*words, "--faces", "largest", "--keep-colours", "--out", tmp_path / "face").exit_code == 0
    (row,) = lines(tmp_path / "face")
    assert row["keeps_colours"] is True
    left, top, right, bottom = row["box_px"]  # type: ignore[misc]
    assert 150 < left < right < 300
    assert 50 < top < bottom < 220


def test_a_style_is_trained_then_draws_photos_and_new_faces(
    steerable: Path, artworks: Path, astronaut: np.ndarray, tmp_path: Path
) -> None:
    file, model = tmp_path / "mine.safetensors", ("--model", steerable, "--device", "cpu")
    result = run("--train-style", artworks, "--out", file, "--steps", 3, *model)
    assert result.exit_code == 0, result.output
    assert file.stat().st_size < 2e6
    Image.fromarray(astronaut).save(tmp_path / "a.png")
    result = run(tmp_path / "a.png", "--style", file, "--out", tmp_path / "photo", *model)
    assert result.exit_code == 0, result.output
    (row,) = lines(tmp_path / "photo")
    assert (row["kind"], row["style"], row["model"]) == ("decoder", "mine", "steerable+mine")
    assert row["size"] == "32 px, Lanczos to 256 px"
    for name in ("one", "two"):
        words = ("--count", 3, "--seed", 5, "--style", file, "--out", tmp_path / name, *model)
        assert run(*words).exit_code == 0
    assert [row["seed"] for row in lines(tmp_path / "one")] == [5, 6, 7]
    for picture in sorted((tmp_path / "one").glob("*.png")):
        assert picture.read_bytes() == (tmp_path / "two" / picture.name).read_bytes(), picture.name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.png"], "--style is missing"),
        (["--style", "oil"], "exactly one of the two"),
        (["a.png", "--count", "2", "--style", "oil"], "exactly one of the two"),
        (["a.png", "--style", "cartoom"], "Did you mean 'cartoon'"),
        (["a.png", "--style", "oil", "--strength", "2"], "strength cannot be 2"),
        (["a.png", "--style", "oil", "--faces", "some"], "expected whole, largest, all"),
        (["a.png", "--style", "oil", "--side", "8"], "expected 64 to 512"),
        (["--train-style", ".", "--out", "style.bin"], "ends in .safetensors"),
    ],
)
def test_wrong_use_is_told_in_words(words: list[str], message: str) -> None:
    result = run(*words)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


def test_what_is_no_style_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(DataError, match="not an image"):
        find_style(tmp_path / "text.png")
    with pytest.raises(CheckpointError, match="--train-style"):
        find_style(tmp_path / "absent.safetensors")
