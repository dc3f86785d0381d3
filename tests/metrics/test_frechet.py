"""Fréchet distance against closed forms and torchmetrics."""

from __future__ import annotations

import pytest
import torch
from torchmetrics.image.fid import _compute_fid

from facevae.errors import DataError
from facevae.metrics.frechet import frechet_distance, frechet_from_moments, moments


def features(count: int, width: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=torch.Generator().manual_seed(99)) / width**0.5
    return scale * torch.randn(count, width, generator=rng) @ mixing + shift


def test_moments_are_the_mean_and_the_unbiased_covariance() -> None:
    x = features(50, 7, 0, shift=100.0)
    mean, covariance = moments(x)
    assert mean.dtype == covariance.dtype == torch.float64
    torch.testing.assert_close(mean, x.double().mean(dim=0))
    torch.testing.assert_close(covariance, torch.cov(x.double().T))


@pytest.mark.parametrize(("shift", "std"), [(0.0, 1.0), (2.0, 1.0), (0.0, 3.0), (0.5, 0.2)])
def test_gaussians_with_known_moments_give_the_closed_form(shift: float, std: float) -> None:
    width = 6
    eye = torch.eye(width, dtype=torch.float64)
    a = torch.zeros(width, dtype=torch.float64), eye
    b = torch.full((width,), shift, dtype=torch.float64), std**2 * eye
    assert frechet_from_moments(a, b) == pytest.approx(width * (shift**2 + (std - 1) ** 2), abs=1e-9)


def test_covariances_that_do_not_commute_give_the_closed_form() -> None:
    # tr (C_a^1/2 C_b C_a^1/2)^1/2 of 2 x 2 matrices is sqrt(tr(C_a C_b) + 2 sqrt(det(C_a C_b))).
    a = torch.tensor([[2.0, 0.9], [0.9, 1.0]], dtype=torch.float64)
    b = torch.tensor([[1.0, -0.5], [-0.5, 3.0]], dtype=torch.float64)
    overlap = ((a @ b).trace() + 2 * (a @ b).det().sqrt()).sqrt()
    mean = torch.zeros(2, dtype=torch.float64)
    expected = float(a.trace() + b.trace() - 2 * overlap)
    assert expected > 0.5
    assert frechet_from_moments((mean, a), (mean, b)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("count", [20, 500], ids=["fewer vectors than features", "more"])
def test_equal_sets_give_zero_and_the_distance_is_symmetric(count: int) -> None:
    a, b = features(count, 64, 0), features(count, 64, 1, scale=1.3, shift=0.2)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-4)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-5)
    assert frechet_distance(a, b) > 1.0


@pytest.mark.parametrize("count", [40, 1000], ids=["fewer vectors than features", "more"])
def test_distance_is_that_of_torchmetrics(count: int) -> None:
    a, b = features(count, 96, 2), features(count, 96, 3, scale=0.8, shift=0.1)
    expected = float(_compute_fid(*moments(a), *moments(b)))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)


def test_distance_refuses_a_single_vector() -> None:
    with pytest.raises(DataError, match="got 1 feature vectors"):
        frechet_distance(torch.zeros(1, 4), torch.zeros(5, 4))
