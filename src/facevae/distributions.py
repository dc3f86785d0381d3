"""Densities and divergences of the VAE, in nats, one value per image unless said otherwise."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facevae.images import LEVELS, PIXEL_HIGH, PIXEL_LOW, to_unit

LOGVAR_RANGE = (-20.0, 10.0)
"""The encoder's log-variance is held in here, so that exp() neither overflows nor vanishes."""


def reparameterise(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """z = mean + std * noise, differentiable in mean and logvar.

    mean, logvar, noise: (B, D); noise ~ N(0, I), drawn by the caller. Returns (B, D).
    Source: Kingma and Welling 2014, section 2.4.
    """
    return mean + (0.5 * logvar).exp() * noise


def kl_to_standard_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, I)) per latent dimension.

    mean, logvar: (B, D) float32. Returns (B, D) float32, nats, >= 0; sum over D for one image.
    Source: Kingma and Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar)


def gaussian_nll(x: Tensor, reconstruction: Tensor, std: float) -> Tensor:
    """-log N(x; reconstruction, std^2 I), summed over C, H, W. (B, C, H, W) each to (B,) nats."""
    error = (x - reconstruction).square().flatten(1).sum(dim=1)  # (B,)
    return error / (2 * std**2) + x[0].numel() * (math.log(std) + 0.5 * math.log(2 * math.pi))


def laplace_nll(x: Tensor, reconstruction: Tensor, scale: float) -> Tensor:
    """-log Laplace(x; reconstruction, scale), summed over C, H, W. (B, C, H, W) each to (B,) nats."""
    error = (x - reconstruction).abs().flatten(1).sum(dim=1)  # (B,)
    return error / scale + x[0].numel() * math.log(2 * scale)


def bernoulli_nll(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Binary cross-entropy of pixels scaled to 0..1, summed over C, H, W. (B, C, H, W) each to (B,) nats.

    Not the density of a grey level (Loaiza-Ganem and Cunningham 2019), but what tutorials train with.
    """
    target = to_unit(x)
    probability = to_unit(reconstruction).clamp(1e-4, 1 - 1e-4)
    entropy = -(target * probability.log() + (1 - target) * torch.log1p(-probability))
    return entropy.flatten(1).sum(dim=1)  # (B,)


def bits_per_dim(nll_nats: Tensor, dims: int) -> Tensor:
    """Negative log-density of x in -1..1 (nats per image) as bits per pixel value of 256 levels.

    nll_nats: (B,), summed over `dims` = C * H * W. The density is rescaled to the width of one level.
    Source: Theis et al. 2016, section 3.1 (uniform dequantisation's volume, no noise added).
    """
    level_width = (PIXEL_HIGH - PIXEL_LOW) / (LEVELS - 1)
    return (nll_nats / dims - math.log(level_width)) / math.log(2)


def slerp(a: NDArray[np.float32], b: NDArray[np.float32], t: float) -> NDArray[np.float32]:
    """The point at t, 0..1, on the great arc from a to b, lengths interpolated linearly; (D,) each.

    Source: Shoemake 1985. Falls back to the straight line for (nearly) parallel vectors.
    """
    norm_a, norm_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    unit_a, unit_b = a / max(norm_a, 1e-8), b / max(norm_b, 1e-8)
    angle = float(np.arccos(np.clip(unit_a @ unit_b, -1, 1)))
    if angle < 1e-4 or np.pi - angle < 1e-4:
        return np.asarray((1 - t) * a + t * b, dtype=np.float32)
    direction = (np.sin((1 - t) * angle) * unit_a + np.sin(t * angle) * unit_b) / np.sin(angle)
    return np.asarray(((1 - t) * norm_a + t * norm_b) * direction, dtype=np.float32)
