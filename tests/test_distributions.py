"""Densities against torch.distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Laplace, Normal, kl_divergence

from facevae.distributions import (
    bernoulli_nll,
    bits_per_dim,
    gaussian_nll,
    kl_to_standard_normal,
    laplace_nll,
    reparameterise,
)
from facevae.images import to_unit

X = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 1.9 - 0.95


def test_kl_is_that_of_torch() -> None:
    mean, logvar = torch.randn(5, 7), torch.randn(5, 7)
    expected = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_to_standard_normal(mean, logvar), expected)


@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (gaussian_nll(X, Y, 0.3), -Normal(Y, 0.3).log_prob(X)),
        (laplace_nll(X, Y, 0.2), -Laplace(Y, 0.2).log_prob(X)),
        (bernoulli_nll(X, Y), -Bernoulli(to_unit(Y), validate_args=False).log_prob(to_unit(X))),
    ],
    ids=["gaussian", "laplace", "bernoulli"],
)
def test_likelihoods_are_those_of_torch(ours: torch.Tensor, reference: torch.Tensor) -> None:
    torch.testing.assert_close(ours, reference.flatten(1).sum(dim=1), rtol=1e-4, atol=1e-2)


def test_reparameterised_samples_have_the_posterior_moments_and_pass_gradients() -> None:
    mean = torch.tensor([[1.0, -2.0]]).expand(200_000, -1).clone().requires_grad_()
    logvar = torch.tensor([[0.0, -1.0]]).expand(200_000, -1)
    z = reparameterise(mean, logvar, torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(z.mean(dim=0), torch.tensor([1.0, -2.0]), atol=0.01, rtol=0)
    torch.testing.assert_close(z.var(dim=0), torch.tensor([1.0, math.exp(-1)]), atol=0.01, rtol=0)
    z.sum().backward()
    assert mean.grad is not None
    assert bool((mean.grad == 1).all())


def test_uniform_density_over_the_pixel_range_costs_eight_bits_a_value() -> None:
    dims = 192
    nll = torch.tensor([dims * math.log(2.0)])  # uniform on -1..1 has density 1/2
    assert float(bits_per_dim(nll, dims)) == pytest.approx(8.0, abs=0.01)
