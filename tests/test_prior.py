"""Priors: densities against references, samples, truncation, saving."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from facevae.errors import CheckpointError, ControlError
from facevae.prior import GaussianMixturePrior, NormalPrior, Prior, load_prior


def clusters(count: int = 4000) -> torch.Tensor:
    rng = np.random.default_rng(0)
    centres = np.array([[4.0, 0, 0], [-4.0, 1, 0]])
    z = centres[rng.integers(0, 2, count)] + rng.normal(0, [1, 0.5, 0.2], (count, 3))
    return torch.from_numpy(z).float()


def draw(prior: Prior, count: int, truncation: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    choice = torch.rand(count, generator=generator)
    return prior.sample(torch.randn(count, prior.latent_dim, generator=generator), choice, truncation)


def test_mixture_density_is_that_of_scikit_learn() -> None:
    z = clusters()
    ours = GaussianMixturePrior.fit(z, 2)
    theirs = GaussianMixture(2, reg_covar=1e-3, max_iter=60, tol=1e-2, random_state=0).fit(z.double().numpy())
    expected = torch.from_numpy(theirs.score_samples(z.double().numpy())).float()
    torch.testing.assert_close(ours.log_prob(z), expected, rtol=1e-3, atol=1e-3)


def test_normal_density_is_that_of_torch() -> None:
    z = torch.randn(10, 4)
    expected = torch.distributions.Normal(0, 1).log_prob(z).sum(dim=1)
    torch.testing.assert_close(NormalPrior(4).log_prob(z), expected)


def test_mixture_samples_have_the_moments_of_the_data() -> None:
    z = clusters()
    samples = draw(GaussianMixturePrior.fit(z, 2), 20_000)
    torch.testing.assert_close(samples.mean(dim=0), z.mean(dim=0), atol=0.1, rtol=0)
    torch.testing.assert_close(samples.T.cov(), z.T.cov(), atol=0.25, rtol=0.05)


def test_one_gaussian_has_the_moments_of_the_data() -> None:
    z = clusters()
    prior = GaussianMixturePrior.from_moments(z)
    torch.testing.assert_close(prior.means[0], z.mean(dim=0))
    torch.testing.assert_close(
        prior.factors[0] @ prior.factors[0].T, z.T.cov() + 1e-3 * torch.eye(3), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    "prior", [NormalPrior(3), GaussianMixturePrior.fit(clusters(), 2)], ids=["normal", "gmm"]
)
def test_truncation_makes_samples_more_typical(prior: Prior) -> None:
    likelihoods = [float(prior.log_prob(draw(prior, 2000, t)).mean()) for t in (1.0, 0.7, 0.3)]
    assert likelihoods == sorted(likelihoods)


@pytest.mark.parametrize(
    "prior", [NormalPrior(3), GaussianMixturePrior.fit(clusters(), 2)], ids=["normal", "gmm"]
)
def test_saved_prior_gives_the_same_samples(prior: Prior) -> None:
    again = load_prior(prior.kind, prior.tensors())
    assert torch.equal(draw(again, 50), draw(prior, 50))


def test_too_few_latents_get_fewer_components() -> None:
    assert len(GaussianMixturePrior.fit(torch.randn(20, 4), 8).weights) == 2


@pytest.mark.parametrize("prior", [NormalPrior(3), GaussianMixturePrior.from_moments(clusters())])
def test_priors_without_controls_refuse_them(prior: Prior) -> None:
    assert prior.schema.names == ()
    with pytest.raises(ControlError, match=f"the {prior.kind} prior has no controls"):
        prior.sample(torch.zeros(1, 3), torch.zeros(1), attributes=torch.ones(1, 3))


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no prior of kind 'vine'"):
        load_prior("vine", {})
