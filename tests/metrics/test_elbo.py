"""Likelihood bounds on a linear Gaussian model, whose likelihood is known in closed form."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from facevae.config import ModelConfig
from facevae.metrics.elbo import best_std, elbo_terms, estimate_elbo, importance_weighted_nll
from facevae.model import FaceVAE

B, D, STD = 5, 2, 0.5
PIXELS = (3, 2, 2)
P = math.prod(PIXELS)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Orthogonal columns make the true posterior's covariance diagonal, as a VAE's is.
WEIGHTS = torch.linalg.qr(normal(P, D, seed=0))[0] * torch.tensor([1.5, 0.7], dtype=torch.float64)
X = (normal(B, D, seed=1) @ WEIGHTS.T + STD * normal(B, P, seed=2)).unflatten(1, PIXELS)
EXACT_NLL = -MultivariateNormal(
    torch.zeros(P, dtype=torch.float64), WEIGHTS @ WEIGHTS.T + STD**2 * torch.eye(P, dtype=torch.float64)
).log_prob(X.flatten(1))


def linear_model(mean_error: float = 0.0, logvar_error: float = 0.0) -> Any:
    """x ~ N(W z, std^2 I), with the true posterior as encoder but for these errors."""
    precision = WEIGHTS.square().sum(dim=0) / STD**2 + 1  # (D,)

    def encoder(x: Tensor, _: None) -> tuple[Tensor, Tensor]:
        mean = x.flatten(1) @ WEIGHTS / STD**2 / precision  # (B, D)
        return mean + mean_error, (-precision.log() + logvar_error).expand_as(mean)

    def decoder(z: Tensor, _: None) -> Tensor:
        return (z @ WEIGHTS.T).unflatten(1, PIXELS)

    return SimpleNamespace(encoder=encoder, decoder=decoder)


@pytest.mark.parametrize("draws", [1, 7, 200])
def test_importance_weighting_is_exact_with_the_true_posterior(draws: int) -> None:
    nll = importance_weighted_nll(linear_model(), X, None, normal(draws, B, D, seed=3), STD)
    assert torch.allclose(nll, EXACT_NLL, atol=1e-9)


def test_many_samples_reach_the_likelihood_that_the_elbo_bounds() -> None:
    model, noise = linear_model(0.2, 0.5), normal(4000, B, D, seed=4)
    bound = elbo_terms(model, X, None, noise, STD).negative_elbo_nats
    assert (bound > EXACT_NLL + 0.05).all()
    assert torch.allclose(importance_weighted_nll(model, X, None, noise, STD), EXACT_NLL, atol=0.03)


def test_more_samples_tighten_the_bound() -> None:
    model, noise = linear_model(0.2, 0.5), normal(1200, B, D, seed=5)
    by_count = [
        torch.stack([importance_weighted_nll(model, X, None, part, STD) for part in noise.split(k)]).mean()
        for k in (1, 4, 40)
    ]
    assert by_count[0] > by_count[1] > by_count[2] > EXACT_NLL.mean()


def test_one_sample_equals_the_elbo_in_expectation() -> None:
    model, noise = linear_model(0.2, 0.5), normal(8000, B, D, seed=6)
    one_each = importance_weighted_nll(
        model, X.repeat(8000, 1, 1, 1), None, noise.reshape(1, -1, D), STD
    ).reshape(8000, B)
    assert torch.allclose(
        one_each.mean(dim=0), elbo_terms(model, X, None, noise, STD).negative_elbo_nats, atol=0.05
    )


def test_elbo_terms_match_the_closed_form() -> None:
    terms = elbo_terms(linear_model(0.1, 0.3), X, None, normal(20_000, B, D, seed=7), STD)
    mean, logvar = linear_model(0.1, 0.3).encoder(X, None)
    posterior = torch.distributions.Normal(mean, (0.5 * logvar).exp())
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)
    spread = (logvar.exp() * WEIGHTS.square().sum(dim=0)).sum(dim=1)  # E |W (z - mean)|^2
    error = (X.flatten(1) - mean @ WEIGHTS.T).square().sum(dim=1) + spread
    reconstruction = error / (2 * STD**2) + P * math.log(STD * math.sqrt(2 * math.pi))
    assert torch.allclose(terms.kl_nats, kl)
    assert torch.allclose(terms.reconstruction_nats, reconstruction, atol=0.05)
    assert torch.equal(terms.negative_elbo_nats, terms.reconstruction_nats + terms.kl_nats)


def test_conditional_models_decode_each_face_with_its_own_attributes() -> None:
    def encoder(x: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(x), D), torch.zeros(len(x), D)

    def decoder(_: Tensor, attributes: Tensor) -> Tensor:
        return attributes[:, :, None, None].expand(-1, 3, 2, 2)

    attributes = torch.linspace(-1, 1, 3 * B).reshape(B, 3)
    x = attributes[:, :, None, None].expand(-1, 3, 2, 2)
    model: Any = SimpleNamespace(encoder=encoder, decoder=decoder)
    terms = elbo_terms(model, x, attributes, torch.zeros(30, B, D), STD)
    assert torch.allclose(
        terms.reconstruction_nats, torch.full((B,), P * math.log(STD * math.sqrt(2 * math.pi)))
    )


def test_bounds_hold_on_a_real_network_without_gradients() -> None:
    model = FaceVAE(ModelConfig(size_px=32, latent_dim=4, width=16)).eval()
    x, noise = torch.zeros(2, 3, 32, 32), torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
    bound = elbo_terms(model, x, None, noise, 0.1).negative_elbo_nats
    weighted = importance_weighted_nll(model, x, None, noise, 0.1)
    assert bound.shape == weighted.shape == (2,)
    assert not bound.requires_grad
    assert bound.isfinite().all()


def test_best_std_is_the_likeliest() -> None:
    noise = 0.3 * normal(50, 3, 8, 8, seed=8)
    std = best_std(noise, torch.zeros_like(noise))
    assert std == pytest.approx(0.3, rel=0.02)

    def nll(s: float) -> float:
        return float(noise.square().mean() / (2 * s**2) + math.log(s))

    assert nll(std) < min(nll(0.98 * std), nll(1.02 * std))


def test_the_estimate_over_many_faces_is_within_its_standard_error_of_the_closed_form() -> None:
    count = 4000
    x = (normal(count, D, seed=9) @ WEIGHTS.T + STD * normal(count, P, seed=10)).unflatten(1, PIXELS)
    model = linear_model()  # its encoder is the true posterior, so the bound is tight
    exact = MultivariateNormal(
        torch.zeros(P, dtype=torch.float64), WEIGHTS @ WEIGHTS.T + STD**2 * torch.eye(P, dtype=torch.float64)
    )
    estimate = estimate_elbo(model, lambda: [(part, None) for part in x.split(500)], seed=0)
    assert estimate.pixel_std == pytest.approx(STD, rel=0.02)
    assert 0 < estimate.standard_error_nats < 0.1
    assert estimate.negative_elbo_nats == pytest.approx(
        -float(exact.log_prob(x.flatten(1)).mean()), abs=3 * estimate.standard_error_nats
    )
    assert estimate.negative_elbo_nats == pytest.approx(estimate.reconstruction_nats + estimate.kl_nats)
