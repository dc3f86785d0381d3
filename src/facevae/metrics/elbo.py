"""Bounds on the likelihood of faces, under one Gaussian for all pixels: p(x|z) = N(decoder(z), std^2 I).

`std` is on the scale of x, -1..1. Divide by the number of pixel values through
`distributions.bits_per_dim` to compare sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from facevae.distributions import bits_per_dim, gaussian_nll, kl_to_standard_normal, reparameterise
from facevae.model import FaceVAE

DECODED_AT_ONCE = 64
"""Latents decoded together: bounds memory whatever the number of draws."""


class ElboTerms(NamedTuple):
    """(B,) float each, nats per image; the first is the sum of the others."""

    negative_elbo_nats: Tensor
    reconstruction_nats: Tensor  # -E_q log p(x|z)
    kl_nats: Tensor  # KL(q(z|x) || N(0, I))


@torch.no_grad()
def elbo_terms(model: FaceVAE, x: Tensor, attributes: Tensor | None, noise: Tensor, std: float) -> ElboTerms:
    """The negative evidence lower bound, an upper bound of -log p(x) in expectation, and its two terms.

    x: (B, C, H, W) float in -1..1; attributes: (B, A) or None; noise: (S, B, D) ~ N(0, I), drawn by the
    caller; std > 0 on the scale of x. -log p(x|z) is averaged over the S draws of q(z|x), which is larger
    than at the posterior's mean; the KL divergence is exact. Deterministic given `noise`.
    Source: Kingma and Welling 2014, equation 7.
    """
    mean, logvar = model.encoder(x, attributes)  # (B, D) each
    z = reparameterise(mean, logvar, noise)  # (S, B, D)
    reconstruction_nats = _nll(model, x, attributes, z, std).mean(dim=0)  # (B,)
    kl_nats = kl_to_standard_normal(mean, logvar).sum(dim=1)  # (B,)
    return ElboTerms(reconstruction_nats + kl_nats, reconstruction_nats, kl_nats)


class Elbo(NamedTuple):
    """The negative evidence lower bound over a set of faces: means, and how sure the first is."""

    negative_elbo_nats: float  # per image
    standard_error_nats: float  # of that mean: over the faces and the one draw of each
    reconstruction_nats: float
    kl_nats: float
    bits_per_dim: float
    pixel_std: float  # of the observation, on the scale -1..1


Batches = Callable[[], Iterable[tuple[Tensor, Tensor | None]]]
"""Starts over the faces: (x (B, C, H, W), attributes (B, A) or None)."""


@torch.no_grad()
def estimate_elbo(model: FaceVAE, batches: Batches, seed: int) -> Elbo:
    """The ELBO by one posterior draw of each face, against the prior N(0, I).

    The observation is a Gaussian around the decoder's output whose one std is the likeliest for other such
    draws of these faces (sigma-VAE), whatever the model was trained with, so that models compare.
    Deterministic for a seed. Sources: Kingma and Welling 2014, equation 7; Rybkin et al. 2021.
    """
    draw = torch.Generator().manual_seed(seed)
    errors, counts, latent_dim = [], [], 0
    for x, attributes in batches():
        mean, logvar = model.encoder(x, attributes)
        z = reparameterise(mean, logvar, torch.randn(mean.shape, generator=draw).to(mean.device))
        errors.append(best_std(x, model.decoder(z, attributes)) ** 2)
        counts.append(len(x))
        latent_dim = mean.shape[1]
    std = (sum(n * error for n, error in zip(counts, errors, strict=True)) / sum(counts)) ** 0.5
    parts, dims = [], 1
    for x, attributes in batches():
        dims = x[0].numel()
        noise = torch.randn(1, len(x), latent_dim, generator=draw).to(x.device)
        parts.append(torch.stack(elbo_terms(model, x, attributes, noise, std), dim=1).cpu())
    terms = torch.cat(parts).double()  # (N, 3)
    elbo, reconstruction, kl = terms.mean(dim=0).tolist()
    error = float(terms[:, 0].std() / len(terms) ** 0.5)
    bits = float(bits_per_dim(torch.tensor([elbo], dtype=torch.float64), dims))
    return Elbo(elbo, error, reconstruction, kl, bits, std)


@torch.no_grad()
def importance_weighted_nll(
    model: FaceVAE, x: Tensor, attributes: Tensor | None, noise: Tensor, std: float
) -> Tensor:
    """-log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), with prior p(z) = N(0, I); (B,) nats per image.

    Arguments as for `elbo_terms`, with noise (K, B, D). In expectation an upper bound of -log p(x) that
    falls with K: the negative ELBO for K = 1, -log p(x) in the limit. At a finite K it is a bound, not the
    likelihood, so K belongs beside the figure. Deterministic given `noise`.
    Source: Burda et al. 2016, equation 8.
    """
    mean, logvar = model.encoder(x, attributes)  # (B, D) each
    z = reparameterise(mean, logvar, noise)  # (K, B, D)
    # The factors (2 pi)^(-D/2) of prior and posterior cancel.
    log_ratio = 0.5 * (noise.square() - z.square() + logvar).sum(dim=2)  # (K, B)
    log_weights = log_ratio - _nll(model, x, attributes, z, std)  # (K, B)
    nll_nats: Tensor = math.log(len(noise)) - log_weights.logsumexp(dim=0)  # (B,)
    return nll_nats


def best_std(x: Tensor, reconstruction: Tensor) -> float:
    """The std of all pixels under which the reconstructions are likeliest: root mean squared error.

    x, reconstruction: equal shapes, float on the scale -1..1; decode draws of q(z|x) rather than its mean
    to have the optimum of the ELBO. Returns a number >= 0, and 0 only for equal images, for which no
    Gaussian is likeliest. Source: Rybkin et al. 2021 (sigma-VAE), the analytic optimum of a shared variance.
    """
    return float((x - reconstruction).double().square().mean().sqrt())


def _nll(model: FaceVAE, x: Tensor, attributes: Tensor | None, z: Tensor, std: float) -> Tensor:
    """-log p(x|z) of every draw; z (S, B, D) to (S, B) nats."""
    draws, batch, _ = z.shape
    flat = z.reshape(draws * batch, -1)  # (S * B, D)
    owners = torch.arange(batch, device=z.device).repeat(draws)  # (S * B,)
    parts = []
    for start in range(0, len(flat), DECODED_AT_ONCE):
        owner = owners[start : start + DECODED_AT_ONCE]
        known = None if attributes is None else attributes[owner]
        reconstruction = model.decoder(flat[start : start + DECODED_AT_ONCE], known)
        parts.append(gaussian_nll(x[owner], reconstruction, std))
    return torch.cat(parts).reshape(draws, batch)  # (S, B)
