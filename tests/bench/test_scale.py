"""What photos need: counted as autograd counts, and linear in the photos."""

from __future__ import annotations

import pytest

from facevae.bench.scale import Rates, Step, count_step, needs
from facevae.config import preset
from facevae.layers import parameter_count
from facevae.model import FaceVAE


def test_a_step_counts_the_parameters_and_what_is_kept_for_the_backward_pass() -> None:
    model_config, config = preset("tiny")
    step = count_step(model_config, config)
    assert step.parameters == parameter_count(FaceVAE(model_config))
    wider = count_step(*preset("tiny", {"size_px": 64}))
    assert 3 < wider.activation_mb / step.activation_mb < 5  # four times the places
    # Two thirds of a step are its backward pass; the first layer needs no gradient of the pixels.
    assert 2.5 < step.gflop / _forward_gflop() < 3


def _forward_gflop() -> float:
    from facevae.bench.speed import forward_gflop

    return forward_gflop(FaceVAE(preset("tiny")[0]))


def test_needs_follow_from_the_rates() -> None:
    model_config, config = preset("large")
    step = Step(parameters=1_000_000, gflop=100.0, activation_mb=500.0)
    rates = Rates(
        photo_kb=100, face_kb=5, kept=0.5, prepare_per_core=50, device_tflops=100, devices=8, cores=20
    )
    few, many = (needs(photos, model_config, config, step, rates) for photos in (1_000_000, 1_000_000_000))
    assert few["photos_gb"] == 100
    assert few["shards_gb"] == pytest.approx(500_000 * 20e3 / 1e9)  # 256 px: four times the area of 128
    assert few["prepare_hours"] == pytest.approx(1_000_000 / 50 / 20 / 3600)
    assert few["images_seen"] == config.images == 50_000_000
    assert many["images_seen"] == 500_000_000  # each face once
    assert few["images_per_s"] == 8_000
    assert few["train_hours"] == pytest.approx(50_000_000 / 8_000 / 3600)
    assert few["read_mb_per_s"] == pytest.approx(8_000 * 20 / 1e3)
    assert few["states_gb"] == pytest.approx(0.024)
    assert few["activations_gb"] == pytest.approx(512 / 8 * 0.5)
    assert few["checkpoint_gb"] == pytest.approx(0.016)
    assert many["photos_gb"] == 1000 * few["photos_gb"]
