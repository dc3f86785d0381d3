"""Metrics against torchmetrics and closed forms."""

from __future__ import annotations

import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from facevae.metrics.latent import active_units
from facevae.metrics.reconstruction import psnr_db, ssim

X = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = (X + 0.2 * torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))).clamp(-1, 1)


def test_psnr_is_that_of_torchmetrics() -> None:
    expected = [
        float(peak_signal_noise_ratio((y + 1) / 2, (x + 1) / 2, data_range=1.0))
        for x, y in zip(X, Y, strict=True)
    ]
    assert psnr_db(X, Y).tolist() == pytest.approx(expected, abs=1e-3)


def test_ssim_is_that_of_torchmetrics() -> None:
    expected = structural_similarity_index_measure(
        (Y + 1) / 2, (X + 1) / 2, data_range=1.0, gaussian_kernel=True, sigma=1.5, reduction="none"
    )
    assert ssim(X, Y).tolist() == pytest.approx(expected.tolist(), abs=2e-3)


def test_equal_images_reach_the_best_values() -> None:
    assert psnr_db(X, X).tolist() == pytest.approx([100.0] * 4)
    assert ssim(X, X).tolist() == pytest.approx([1.0] * 4)


def test_active_units_counts_the_dimensions_that_move() -> None:
    mean = torch.zeros(1000, 5)
    mean[:, 1] = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    mean[:, 3] = 0.05 * torch.randn(1000, generator=torch.Generator().manual_seed(1))
    assert active_units(mean) == 1
