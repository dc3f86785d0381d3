"""How far the aggregate posterior, which the decoder is trained on, lies from the prior that is sampled."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from facevae.distributions import kl_to_standard_normal
from facevae.errors import DataError, require
from facevae.metrics.frechet import frechet_distance

LEAST_PER_SIDE = 20
"""Fewer latents per side leave nothing to learn from after halving."""


def kl_nats_per_dim(mean: Tensor, logvar: Tensor) -> Tensor:
    """Mean KL(q(z|x) || N(0, I)) of each latent dimension over faces.

    mean, logvar: (N, D) float. Returns (D,) float, nats per image, >= 0; its sum is the rate, and a
    dimension near 0 is ignored by the decoder. Source: Kingma and Welling 2014, appendix B.
    """
    return kl_to_standard_normal(mean, logvar).mean(dim=0)  # (D,)


def frechet_gap(posterior_z: Tensor, prior_z: Tensor) -> float:
    """Fréchet distance between Gaussians fitted to draws of the aggregate posterior and of the prior.

    posterior_z, prior_z: (N, D) and (M, D) float, N and M well above D, since few draws enlarge it. Returns
    a number >= 0 in squared units of the latent, 0 for equal means and covariances. Deterministic.
    Source: Dowson and Landau 1982.
    """
    return frechet_distance(posterior_z, prior_z)


def two_sample_accuracy(a: Tensor, b: Tensor, seed: int) -> float:
    """How well a small network tells draws of `a` from draws of `b` that it was not trained on.

    a, b: (N, D) and (M, D) float; the larger is cut to the smaller's length. Half of them train, the other
    half of n is scored: .5 is indistinguishable, give or take .5 / sqrt(n); 1 is fully distinct. Squares of
    the latents are inputs too, so that a difference of spread is seen as readily as one of place.
    Deterministic for a seed. Raises DataError for fewer than 20 rows on a side and MissingExtraError
    without the extra 'evaluate'. Source: Lopez-Paz and Oquab 2017 (C2ST), section 3.
    """
    neural = require("sklearn.neural_network", "evaluate", "the classifier two-sample test")
    threads = require("threadpoolctl", "evaluate", "the classifier two-sample test")
    count = min(len(a), len(b))
    if count < LEAST_PER_SIDE:
        raise DataError(
            f"the two-sample test got {len(a)} and {len(b)} latents and needs at least {LEAST_PER_SIDE} of "
            "each. Give it more faces."
        )
    rng = np.random.default_rng(seed)
    sides = [side.detach().float().cpu().numpy()[rng.permutation(len(side))[:count]] for side in (a, b)]
    half = count // 2
    train, test = (np.concatenate([side[part] for side in sides]) for part in (np.s_[:half], np.s_[half:]))
    train, test = (np.concatenate([z, z**2], axis=1) for z in (train, test))  # (., 2 D)
    centre, spread = train.mean(axis=0), train.std(axis=0) + 1e-6
    classifier = neural.MLPClassifier(
        (64,), alpha=1e-2, early_stopping=True, max_iter=1000, random_state=seed
    )
    # Small batches: beside other work, one thread takes half the time of two that wait for each other.
    with threads.threadpool_limits(1):
        classifier.fit((train - centre) / spread, np.repeat([0, 1], half))
        return float(classifier.score((test - centre) / spread, np.repeat([0, 1], count - half)))
