"""Private training: the step is DP-SGD's, the ledger Opacus', and nothing else tells of single faces."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facevae import ConfigError, ModelConfig, TrainConfig, preset
from facevae.checkpoint import read_json
from facevae.layers import parameter_count, place
from facevae.losses import vae_loss
from facevae.model import FaceVAE
from facevae.train import train
from facevae.train_state import make_optimizer

pytest.importorskip("opacus")
from opacus.accountants import PRVAccountant

from facevae.private import (
    make_ledger,
    per_face_gradients,
    poisson_indices,
    private_step,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha"),
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
]

SMALL = {"width": 16, "latent_dim": 8, "style_width": 8}
MODEL, PLAIN = preset("tiny", {"condition_on": ("age",), "batch_size": 8, **SMALL})
NO_NOISE = replace(PLAIN, dp_noise_multiplier=1e-12, dp_max_grad_norm=1e6)


def drawn(count: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(x, noise, attributes) of `count` faces, the same every time."""
    draw = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(count, 3, 32, 32, generator=draw) - 1
    x = x.contiguous(memory_format=torch.channels_last)
    known = torch.rand(count, MODEL.schema.width, generator=draw)
    return x, torch.randn(count, MODEL.latent_dim, generator=draw), known


def fresh(config: TrainConfig = PLAIN) -> tuple[FaceVAE, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = place(FaceVAE(MODEL), torch.device("cpu"))
    with torch.no_grad():  # convolutions that start at zero would hide a wrong layout of their gradients
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn(parameter.shape)
    optimizer = make_optimizer(model, config)
    for group in optimizer.param_groups:
        group |= {"lr": 1.0, "eps": 1.0}  # a step is as long as its gradient, so that steps can be compared
    return model, optimizer


def moved(model: FaceVAE, before: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([(value - before[name]).flatten() for name, value in model.state_dict().items()])


def weights(model: FaceVAE) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("at_once", [8, 3])
def test_without_noise_and_clipping_a_private_step_is_a_plain_one(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    plain, optimizer = fresh()
    monkeypatch.setattr("facevae.private.MOST_NUMBERS", at_once * parameter_count(plain))
    terms = vae_loss(drawn()[0], plain(*drawn()), PLAIN, 1.0, None)
    terms.total_loss.backward()
    optimizer.step()

    model, optimizer = fresh()
    told, means, length = private_step(per_face_gradients(model), optimizer, drawn(), NO_NOISE, 1.0, None)
    assert told.total_loss.item() == pytest.approx(terms.total_loss.item(), rel=1e-5)
    assert means.shape == (8, MODEL.latent_dim)
    assert length.item() > 0
    for name, value in plain.state_dict().items():
        assert torch.allclose(model.state_dict()[name], value, atol=1e-5), name
    assert all(not hasattr(p, "grad_sample") or p.grad_sample is None for p in model.parameters())


def gradient(config: TrainConfig, faces: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """What plain descent at rate 1 moves by: the step's gradient, (P,)."""
    model, _ = fresh()
    before = weights(model)
    descent = torch.optim.SGD(model.parameters(), lr=1.0)
    private_step(per_face_gradients(model), descent, faces, config, 1.0, None)  # type: ignore[arg-type]
    return moved(model, before)


def test_one_face_moves_the_weights_by_no_more_than_its_clipped_length() -> None:
    config = replace(NO_NOISE, dp_max_grad_norm=0.01)
    all_faces = drawn()
    without = tuple(part[:-1] for part in all_faces)
    changed = gradient(config, all_faces) - gradient(config, without)
    assert changed.norm().item() <= 1.001 * 0.01 / config.batch_size
    unclipped = gradient(NO_NOISE, all_faces) - gradient(NO_NOISE, without)
    assert unclipped.norm().item() > 5 * 0.01 / config.batch_size


def test_noise_has_the_std_that_the_ledger_counts_on_even_when_nobody_was_drawn() -> None:
    config = replace(PLAIN, dp_noise_multiplier=2.0, dp_max_grad_norm=0.5)
    steps = gradient(config, drawn(0))
    assert steps.std().item() == pytest.approx(2.0 * 0.5 / config.batch_size, rel=0.02)
    assert not torch.equal(steps, gradient(config, drawn(0))), "noise that a seed decides can be taken away"


def test_poisson_batches_hold_every_face_as_often_and_differ_each_time() -> None:
    batches = [poisson_indices(50, 1000) for _ in range(400)]
    sizes = np.array([len(batch) for batch in batches])
    assert sizes.mean() == pytest.approx(50, abs=2)
    assert sizes.std() == pytest.approx(np.sqrt(50 * 0.95), rel=0.2)
    counts = np.bincount(np.concatenate(batches), minlength=1000)
    assert counts.min() > 0
    assert counts.max() < 50
    assert not any(np.array_equal(first, second) for first, second in itertools.pairwise(batches))


def test_the_ledger_is_an_upper_bound_between_another_accountant_and_the_published_one() -> None:
    # Abadi et al. 2016, section 3.2: q = .01, sigma = 4, 10,000 steps give epsilon 1.26 at delta 1e-5.
    config = replace(PLAIN, batch_size=600, dp_noise_multiplier=4.0)
    ledger = make_ledger(config, 60_000)
    assert ledger is not None
    tighter = PRVAccountant()
    tighter.history = [(4.0, 0.01, 10_000)]
    assert tighter.get_epsilon(1e-5) < ledger.epsilon(10_000) < 1.26
    assert ledger.epsilon(10_000) < 1.2 * tighter.get_epsilon(1e-5)
    assert ledger.epsilon(0) == 0
    assert ledger.epsilon(20_000) > ledger.epsilon(10_000)
    assert make_ledger(PLAIN, 60_000) is None


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"prior": "gmm"}, "prior"),
        ({"free_bits_nats": 0.1}, "free_bits_nats"),
        ({"precision": "bf16"}, "precision"),
        ({"on_bad_shard": "skip"}, "on_bad_shard"),
        ({"dp_max_grad_norm": 0.0}, "dp_max_grad_norm"),
        ({"dp_delta": 0.0}, "dp_delta"),
        ({"dp_noise_multiplier": 0.0}, "dp_noise_multiplier"),
        ({"adversary_weight": 1.0, "perceptual_weight": 0.5}, "adversary_weight"),
    ],
)
def test_what_would_tell_of_single_faces_is_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        preset("tiny", {"dp_noise_multiplier": 1.0, **settings})


@pytest.mark.parametrize(
    ("changes", "faces", "processes", "says"),
    [
        ({"batch_size": 200}, 100, 1, "batch_size 200"),
        ({"dp_delta": 0.01}, 100, 1, "dp_delta"),
        ({}, 100, 2, "one process"),
    ],
)
def test_a_ledger_that_would_mean_nothing_is_refused(
    changes: dict[str, Any], faces: int, processes: int, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        make_ledger(replace(PLAIN, dp_noise_multiplier=1.0, **changes), faces, processes)


@pytest.fixture(scope="module")
def private_run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("private") / "run"
    settings = {
        "images": 320, "log_images": 160, "checkpoint_images": 160, "checkpoint_minutes": None,
        "dp_noise_multiplier": 1.0, "dp_delta": 1e-3, **SMALL,
    }  # fmt: skip
    train(dataset, run, "tiny", settings, device="cpu")
    return run


def test_a_private_run_says_what_it_spent_in_config_log_and_card(private_run: Path) -> None:
    config = read_json(private_run / "model" / "config.json")
    measured = config["measured"]
    ledger = make_ledger(TrainConfig.from_json(config["train"]), 100)
    assert ledger is not None
    assert measured["dp_epsilon"] == pytest.approx(ledger.epsilon(10))
    assert measured["dp_delta"] == 1e-3
    card = (private_run / "model" / "README.md").read_text(encoding="utf-8")
    assert f"{measured['dp_epsilon']:.2f}" in card
    assert "differential privacy" in card.lower()
    rows = [json.loads(line) for line in (private_run / "metrics.jsonl").read_text().splitlines()]
    spent = [row["dp_epsilon"] for row in rows if "dp_epsilon" in row]
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(measured["dp_epsilon"])


def test_a_private_model_carries_nothing_fitted_to_its_faces(dataset: Path, private_run: Path) -> None:
    from facevae.refit import fit_prior, fit_reader

    model = private_run / "model"
    assert not (model / "editing.safetensors").exists()
    assert read_json(model / "config.json")["prior"] == "normal"
    with pytest.raises(ConfigError, match="private"):
        fit_prior(model, dataset, private_run.parent / "flow", "flow")
    with pytest.raises(ConfigError, match="private"):
        fit_reader(model, dataset, private_run.parent / "reader")
    assert ModelConfig.from_json(read_json(model / "config.json")["model"]).size_px == 32
