"""Training: it learns, resumes exactly, says what goes wrong."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from facevae.config import preset
from facevae.data.dataset import FaceDataset
from facevae.errors import CheckpointError, ConfigError, TrainingError
from facevae.generator import FaceGenerator
from facevae.run import LATENTS_FILE, prior_latents
from facevae.schedules import ema_decay, linear_warmup, trapezium, warmup_cosine
from facevae.train import fit, train
from tests.conftest import blob_faces, labelled, write_dataset

SHORT: dict[str, Any] = {
    "images": 640, "batch_size": 32, "log_images": 64, "checkpoint_images": 64, "checkpoint_minutes": None,
    "kl_warmup_images": 100, "condition_on": ("age", "expression"), "perceptual_weight": 0.5,
    "adversary_weight": 0.3, "adversary_images": 320, "adversary_condition_on": ("age",), "prior": "gmm",
}  # fmt: skip
"""Half of the images before the adversary is switched on, half after."""


def command(dataset: Path, run: Path, *options: str) -> list[str]:
    """The command line of a run with SHORT's settings."""
    sets = [
        part
        for name, value in SHORT.items()
        for part in ("--set", f"{name}={','.join(value) if isinstance(value, tuple) else value}")
    ]
    return [sys.executable, "-m", "facevae", "train", str(dataset), "--out", str(run), "--preset", "tiny",
            "--device", "cpu", *sets, *options]  # fmt: skip


def rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights(run: Path) -> dict[str, dict[str, torch.Tensor]]:
    """All tensors of the newest checkpoint and of the model."""
    newest = sorted((run / "checkpoints").iterdir())[-1]
    files = {path.stem: load_file(path) for path in newest.glob("*.safetensors")}
    return {**files, "finished": load_file(run / "model" / "model.safetensors")}


def assert_identical(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys() >= {"model", "ema", "optimizer", "finished"}
    for group, tensors in first.items():
        assert tensors.keys() == second[group].keys()
        for name, value in tensors.items():
            assert torch.equal(value, second[group][name]), f"{group} {name} differs"


@pytest.fixture(scope="module")
def undisturbed(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    subprocess.run(command(dataset, run), check=True, capture_output=True)
    return run


def test_training_lowers_the_loss_and_leaves_its_results(trained: Path) -> None:
    losses = [row["total_loss"] for row in rows(trained) if "total_loss" in row]
    assert losses[-1] < 0.8 * losses[0]
    for name in ("config.json", "run.html", "model/config.json", "model/model.safetensors",
                 "model/prior.safetensors", "model/README.md"):  # fmt: skip
        assert (trained / name).is_file(), name
    assert len(list((trained / "sheets").glob("*.png"))) == 2
    assert list((trained / "tensorboard").iterdir())
    assert "Validation PSNR" in (trained / "run.html").read_text(encoding="utf-8")


def test_reconstructions_beat_the_mean_face(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(dataset, run, "tiny", {"images": 6_000, "beta": 0.5}, device="cpu")
    faces = FaceDataset(dataset, "validation", 32, cache_gb=1).cache
    assert faces is not None
    unit = faces.double() / 255
    mean_face_psnr = float((-10 * (unit - unit.mean(dim=0)).square().mean(dim=(1, 2, 3)).log10()).mean())
    measured = json.loads((run / "model" / "config.json").read_text())["measured"]
    assert measured["psnr_db"] > mean_face_psnr + 2
    assert measured["active_units"] >= 3


@pytest.mark.parametrize("seed", [1])
def test_resume_after_sigkill_gives_identical_weights(
    dataset: Path, undisturbed: Path, tmp_path: Path, seed: int
) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(command(dataset, run), stderr=subprocess.DEVNULL)
    moment = random.Random(seed)
    wanted = moment.randint(1, 8)
    while process.poll() is None and len(list((run / "sheets").glob("*.png"))) < wanted:
        time.sleep(0.01)
    time.sleep(moment.random() * 0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "model").exists(), "killed too late to show anything"
    subprocess.run(command(dataset, run), check=True, capture_output=True)
    assert_identical(run, undisturbed)
    logged = [row["seen_images"] for row in rows(run) if "total_loss" in row]
    assert logged == sorted(set(logged)), "rows logged twice or out of order"


def test_the_adversary_freezes_the_encoder_and_moves_the_decoder(undisturbed: Path) -> None:
    newest = sorted((undisturbed / "checkpoints").iterdir())[-2:]
    before, after = (load_file(folder / "model.safetensors") for folder in newest)
    moved = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {"decoder"}
    logged = [row for row in rows(undisturbed) if "total_loss" in row]
    on = [row["discriminator_loss"] > 0 for row in logged]
    assert on == [row["seen_images"] > SHORT["adversary_images"] for row in logged]
    assert (undisturbed / LATENTS_FILE).is_file()


def test_the_bank_is_drawn_as_sampling_draws_with_a_half_of_every_other_request_open(
    dataset: Path, steerable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = FaceGenerator.from_pretrained(steerable, device="cpu")
    monkeypatch.setattr("facevae.run.fit_prior", lambda *_, **__: generator.prior)
    monkeypatch.setattr("facevae.run.BANK_LATENTS", 2000)
    _, config = preset("tiny", {**SHORT, "adversary_condition_on": ("age", "gender")})
    bank = prior_latents(generator.model, FaceDataset(dataset, "train", 32), config, tmp_path)
    assert bank["latents"].shape == (2000, generator.latent_dim)
    ages, genders = bank["asked"][:, 1], bank["asked"][:, 4]  # 1 where known
    assert ages[::2].all()
    assert genders[::2].all()
    for known in (ages[1::2], genders[1::2]):
        assert float(known.mean()) == pytest.approx(0.5, abs=0.05)
    assert float((ages * genders)[1::2].mean()) == pytest.approx(0.25, abs=0.05)
    again = prior_latents(generator.model, FaceDataset(dataset, "train", 32), config, tmp_path)
    assert torch.equal(again["latents"], bank["latents"])


def test_start_from_takes_over_what_fits_and_refuses_what_does_not(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    start = {
        "start_from": str(trained), "images": 32, "learning_rate": 1e-9,
        "condition_on": ("age", "gender", "expression"),
    }  # fmt: skip
    train(dataset, tmp_path / "run", "tiny", {**start, "style_width": 0}, device="cpu")
    old, new = weights(trained)["finished"], weights(tmp_path / "run")["finished"]
    assert new.keys() < old.keys()
    for name, value in new.items():
        torch.testing.assert_close(value, old[name], atol=1e-4, rtol=0)
    with pytest.raises(ConfigError, match="weights find their place"):
        train(dataset, tmp_path / "other", "tiny", {**start, "width": 48, "latent_dim": 8}, device="cpu")


def test_finished_run_is_left_as_it_is(dataset: Path, undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*") if path.is_file()}
    subprocess.run(command(dataset, undisturbed), check=True, capture_output=True)
    assert before == {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*") if path.is_file()}


def test_streaming_gives_the_weights_of_the_cache(dataset: Path, tmp_path: Path) -> None:
    runs = []
    for cache_gb in (0.0, 1.0):
        run = tmp_path / str(cache_gb)
        train(dataset, run, "tiny", {**SHORT, "images": 128, "cache_gb": cache_gb}, device="cpu")
        runs.append(run)
    assert_identical(*runs)


def test_other_settings_for_the_same_run_are_refused_by_name(dataset: Path, undisturbed: Path) -> None:
    with pytest.raises(ConfigError, match=r"beta was 3\.0, is 5\.0"):
        train(dataset, undisturbed, "tiny", {**SHORT, "beta": 5.0}, device="cpu")


def test_folder_that_is_no_run_is_not_written_to(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(CheckpointError, match="not empty"):
        train(dataset, tmp_path, "tiny", SHORT, device="cpu")


def test_non_finite_loss_names_step_term_and_last_checkpoint(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import facevae.losses

    real, calls = facevae.losses.reconstruction_nll, []

    def sometimes_nan(x: torch.Tensor, y: torch.Tensor, config: Any) -> torch.Tensor:
        calls.append(1)
        return real(x, y, config) * (float("nan") if len(calls) == 4 else 1.0)

    monkeypatch.setattr(facevae.losses, "reconstruction_nll", sometimes_nan)
    model_config, config = preset("tiny", SHORT)
    splits = [FaceDataset(dataset, split, 32, model_config.schema) for split in ("train", "validation")]
    with pytest.raises(TrainingError, match=r"reconstruction_loss.*step 4.*000000000064.*learning_rate"):
        fit(splits[0], splits[1], tmp_path / "run", model_config, config, device="cpu")


def test_collapse_is_reported_while_it_happens(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**SHORT, "beta": 1000.0, "images": 3200, "learning_rate": 5e-3, "log_images": 320,
                "checkpoint_images": None}  # fmt: skip
    train(dataset, tmp_path / "run", "tiny", settings, device="cpu")
    shown = capsys.readouterr().err
    assert "the latent is collapsing" in shown
    assert "smaller --set beta" in shown


def test_minutes_decide_the_number_of_images(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    started = time.monotonic()
    train(dataset, run, "tiny", {**SHORT, "minutes": 0.1, "checkpoint_images": None}, device="cpu")
    assert time.monotonic() - started < 60
    state = json.loads((sorted((run / "checkpoints").iterdir())[-1] / "state.json").read_text())
    assert state["seen_images"] == state["total_images"] >= 40 * SHORT["batch_size"]


def test_faces_prepared_smaller_than_the_model_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="train with --size 32, or prepare with --size 64"):
        train(dataset, tmp_path / "run", "tiny", {**SHORT, "size_px": 64}, device="cpu")


def test_batch_that_does_not_divide_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from facevae.train import make_accelerator

    _, config = preset("tiny", {"batch_size": 33})
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 2)
    with pytest.raises(ConfigError, match="does not divide by the 2 processes"):
        make_accelerator(config, "cpu")


def test_learning_rate_warms_up_and_ends_at_zero() -> None:
    rates = [warmup_cosine(seen, 100, 1000) for seen in range(0, 1001, 50)]
    assert rates[0] == 0
    assert rates[2] == 1
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(0)
    assert linear_warmup(50, 100) == 0.5
    assert [trapezium(seen, 1000) for seen in (0, 5, 10, 800, 900, 1000)] == pytest.approx(
        [0, 0.5, 1, 1, 0.5, 0]
    )
    assert linear_warmup(0, 0) == 1


def test_average_forgets_half_within_its_half_life() -> None:
    assert ema_decay(10**9, 64, 6400) ** 100 == pytest.approx(0.5)
    assert ema_decay(640, 64, 6400) < ema_decay(6400, 64, 6400)


def test_conditional_run_stores_its_controls(trained: Path) -> None:
    config = json.loads((trained / "model" / "config.json").read_text())
    assert [row["name"] for row in config["model"]["attributes"]] == ["age", "gender", "expression"]


def test_unlabelled_faces_train_a_conditional_model(tmp_path: Path) -> None:
    faces = {"train": blob_faces(40, 32), "validation": blob_faces(4, 32, 1)}
    path = write_dataset(tmp_path / "d", faces, lambda i: labelled(i) if i % 2 else {})
    train(path, tmp_path / "run", "tiny", {**SHORT, "images": 64}, device="cpu")
    assert (tmp_path / "run" / "model" / "config.json").is_file()
