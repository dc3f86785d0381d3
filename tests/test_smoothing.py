"""The smoothing that takes off what samples have too much of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facevae import FaceGenerator
from facevae.checkpoint import load_model, save_model
from facevae.config import ModelConfig
from facevae.errors import ConfigError
from facevae.images import to_photos, to_tensor
from facevae.layers import smoothed
from facevae.metrics.sharpness import relative_sharpness
from facevae.smoothing import match_sharpness, set_smoothing


def test_each_pixel_gives_a_share_to_its_neighbours_and_edges_count_themselves() -> None:
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 0, 0] = 1.0
    row = torch.tensor([0.9, 0.1, 0.0])  # 1 - 2 * .1, and .1 again of the pixel repeated beyond the edge
    assert torch.allclose(smoothed(x, 0.1)[0, 0], row[:, None] * row)


def test_slow_patterns_stay_and_the_finest_is_damped() -> None:
    flat = torch.full((1, 3, 8, 8), 0.3)
    assert torch.allclose(smoothed(flat, 0.2), flat)
    stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 3, 8, 8)
    inner = smoothed(stripes, 0.05)[..., 1:-1] / stripes[..., 1:-1]
    assert torch.allclose(inner, torch.full_like(inner, 1 - 4 * 0.05))


def test_samples_become_as_sharp_as_the_faces(trained: Path) -> None:
    generator = FaceGenerator.from_pretrained(trained, device="cpu")
    plain = generator.sample(512, 3).photos
    softer = to_photos(smoothed(to_tensor(plain), 0.08))
    share = match_sharpness(generator, softer, seed=3)
    assert share == pytest.approx(0.08, abs=0.005)
    assert relative_sharpness(generator.sample(512, 3).photos, softer) == pytest.approx(1, abs=0.02)


def test_samples_softer_than_the_faces_are_left_as_they_are(trained: Path) -> None:
    generator = FaceGenerator.from_pretrained(trained, device="cpu")
    plain = generator.sample(512, 0).photos
    noisy = plain + np.random.default_rng(0).integers(0, 40, plain.shape).astype(np.uint8)
    set_smoothing(generator, 0.1)
    assert match_sharpness(generator, noisy) == 0
    assert (generator.sample(8, 0).photos == plain[:8]).all()


def test_it_is_kept_with_the_model(trained: Path, tmp_path: Path) -> None:
    generator = FaceGenerator.from_pretrained(trained, device="cpu")
    set_smoothing(generator, 0.07)
    save_model(tmp_path / "model", generator.model, generator.prior, "", {})
    model, _, _ = load_model(tmp_path / "model")
    assert model.config.smoothing == model.decoder.smoothing == 0.07
    with pytest.raises(ConfigError, match=r"smoothing.*0 to 0\.25"):
        ModelConfig(smoothing=0.3)
