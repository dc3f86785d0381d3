"""The aggregate posterior beside the prior."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from facevae.errors import DataError
from facevae.metrics.posterior import frechet_gap, kl_nats_per_dim, two_sample_accuracy


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_kl_per_dim_is_that_of_torch() -> None:
    mean, logvar = normal(50, 6, seed=0), normal(50, 6, seed=1)
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * logvar).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    assert torch.allclose(kl_nats_per_dim(mean, logvar), kl.mean(dim=0), atol=1e-5)


def test_frechet_gap_is_the_closed_form_of_two_gaussians() -> None:
    z = normal(20_000, 3, seed=0)
    z = (z - z.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(z.T))).T
    assert frechet_gap(z, z) == pytest.approx(0.0, abs=1e-3)
    assert frechet_gap(2 * z + 1, z) == pytest.approx(3 * (1 + (2 - 1) ** 2), rel=1e-3)


def test_equal_distributions_cannot_be_told_apart() -> None:
    accuracy = two_sample_accuracy(normal(2000, 16, seed=0), normal(2500, 16, seed=1), seed=0)
    assert accuracy == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("change", ["place", "spread", "correlation"])
def test_different_distributions_are_told_apart(change: str) -> None:
    a, b = normal(2000, 16, seed=0), normal(2000, 16, seed=1)
    if change == "place":
        b += 1.0
    elif change == "spread":
        b *= 2.0
    else:
        b[:, 8:] = b[:, :8]
    assert two_sample_accuracy(a, b, seed=0) > 0.9


def test_two_sample_test_repeats_for_a_seed() -> None:
    a, b = normal(300, 8, seed=0), normal(300, 8, seed=1) + 0.3
    assert two_sample_accuracy(a, b, seed=3) == two_sample_accuracy(a, b, seed=3)


def test_two_sample_test_refuses_a_handful() -> None:
    with pytest.raises(DataError, match="at least 20"):
        two_sample_accuracy(normal(10, 4, seed=0), normal(100, 4, seed=1), seed=0)
