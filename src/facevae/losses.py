"""Terms of the training loss. Each is minimised and is reported in nats per image."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facevae.config import TrainConfig
from facevae.distributions import bernoulli_nll, gaussian_nll, kl_to_standard_normal, laplace_nll
from facevae.features import FrozenFeatures, perceptual_distance
from facevae.model import VAEOutput


class LossTerms(NamedTuple):
    """Means over the batch, float32 scalars."""

    total_loss: Tensor  # nats per pixel value: what is differentiated
    reconstruction_loss: Tensor  # nats per image, negative log-likelihood of the pixels
    perceptual_loss: Tensor  # unitless distance, before its weight
    kl_loss: Tensor  # nats per image, before beta and free bits


def reconstruction_nll(x: Tensor, reconstruction: Tensor, config: TrainConfig) -> Tensor:
    """Negative log-likelihood of the pixels under `config.reconstruction`; (B,) nats."""
    if config.reconstruction == "mse":
        return gaussian_nll(x, reconstruction, config.pixel_scale)
    if config.reconstruction == "l1":
        return laplace_nll(x, reconstruction, config.pixel_scale)
    return bernoulli_nll(x, reconstruction)


def free_bits(kl_per_dim: Tensor, floor_nats: float) -> Tensor:
    """Sum over D of max(floor, mean KL of the dimension); (B, D) to a scalar, nats.

    Source: Kingma et al. 2016 (inverse autoregressive flow), equation 15, one group per dimension.
    """
    return kl_per_dim.mean(dim=0).clamp(min=floor_nats).sum()


def vae_loss(
    x: Tensor, output: VAEOutput, config: TrainConfig, kl_weight: float, features: FrozenFeatures | None
) -> LossTerms:
    """-ELBO with a perceptual term, divided by the number of pixel values so that rates suit every size.

    x: (B, 3, H, W) in -1..1; kl_weight: beta times its warm-up factor; features: None without
    perceptual term. Source: Kingma and Welling 2014, equation 7; the perceptual term is added to the
    likelihood's (Larsen et al. 2016 do so with a learned net).
    """
    dims = x[0].numel()
    reconstruction_loss = reconstruction_nll(x, output.reconstruction, config).mean()
    kl_per_dim = kl_to_standard_normal(output.mean, output.logvar)  # (B, D)
    perceptual_loss = torch.zeros((), device=x.device)
    if features is not None:
        perceptual_loss = perceptual_distance(features, x, output.reconstruction).mean()
    total_loss = (
        reconstruction_loss / dims
        + config.perceptual_weight * perceptual_loss
        + kl_weight * free_bits(kl_per_dim, config.free_bits_nats) / dims
    )
    return LossTerms(total_loss, reconstruction_loss, perceptual_loss, kl_per_dim.sum(dim=1).mean())
