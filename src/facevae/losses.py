"""Terms of the training loss. Each is minimised; LossTerms says the unit of each."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facevae.config import TrainConfig
from facevae.discriminator import DiscriminatorHeads, adversarial_loss, augment_differentiably
from facevae.distributions import bernoulli_nll, gaussian_nll, kl_to_standard_normal, laplace_nll
from facevae.features import FrozenFeatures, perceptual_distance, tap_distance
from facevae.layers import mean_over_processes
from facevae.model import VAEOutput


class LossTerms(NamedTuple):
    """Means over the batch, float32 scalars; 0 for terms that are not in use."""

    total_loss: Tensor  # nats per pixel value: what is differentiated
    reconstruction_loss: Tensor  # nats per image, negative log-likelihood of the pixels
    perceptual_loss: Tensor  # unitless distance, before its weight
    kl_loss: Tensor  # nats per image, before beta and free bits
    adversarial_loss: Tensor  # minus the mean logit of the made faces, before its weight
    discriminator_loss: Tensor  # hinge loss of the adversary itself: 2 when it cannot tell, 0 when it has won


def reconstruction_nll(x: Tensor, reconstruction: Tensor, config: TrainConfig) -> Tensor:
    """Negative log-likelihood of the pixels under `config.reconstruction`; (B,) nats."""
    if config.reconstruction == "mse":
        return gaussian_nll(x, reconstruction, config.pixel_scale)
    if config.reconstruction == "l1":
        return laplace_nll(x, reconstruction, config.pixel_scale)
    return bernoulli_nll(x, reconstruction)


def free_bits(kl_per_dim: Tensor, floor_nats: float, batch_mean: Tensor | None = None) -> Tensor:
    """Sum over D of max(floor, mean KL of the dimension); (B, D) to a scalar, nats.

    With a floor, the mean is over the batch of all processes. batch_mean: (D,) that of the whole batch, where
    these B are a part of it: it decides which dimensions are above the floor, so that the parts' values,
    weighted by their shares, add up to the batch's. Source: Kingma et al. 2016 (inverse autoregressive
    flow), equation 15, one group per dimension.
    """
    mean = kl_per_dim.mean(dim=0)  # (D,)
    if not floor_nats:
        return mean.sum()
    mean = mean_over_processes(mean)
    above = (mean if batch_mean is None else batch_mean) > floor_nats  # (D,)
    return torch.where(above, mean, floor_nats).sum()


def vae_loss(
    x: Tensor,
    output: VAEOutput,
    config: TrainConfig,
    kl_weight: float,
    features: FrozenFeatures | None,
    batch_kl: Tensor | None = None,
) -> LossTerms:
    """-ELBO with a perceptual term, divided by the number of pixel values so that rates suit every size.

    x: (B, 3, H, W) in -1..1; kl_weight: beta times its warm-up factor; features: None without
    perceptual term; batch_kl: (D,) mean KL of the batch that these faces are a part of, for its free bits
    (see `free_bits`). Source: Kingma and Welling 2014, equation 7; the perceptual term is added to the
    likelihood's (Larsen et al. 2016 do so with a learned net).
    """
    perceptual_loss = torch.zeros((), device=x.device)
    if features is not None:
        perceptual_loss = perceptual_distance(features, x, output.reconstruction).mean()
    return _terms(x, output, config, kl_weight, perceptual_loss, batch_kl)


class Seen(NamedTuple):
    """What the frozen network sees in one step: a list of (N, C_l, H_l, W_l) activations each."""

    real: list[Tensor]  # of the B real faces, no gradient
    made: list[Tensor]  # of B reconstructions and S samples


def see(x: Tensor, output: VAEOutput, features: FrozenFeatures, jitter: tuple[Tensor, Tensor]) -> Seen:
    """Real faces, reconstructions and samples, augmented, through the frozen network once.

    A face and its reconstruction are augmented alike, so that the perceptual term may compare them too:
    one pass serves both terms. jitter: (B, 5) for these pairs and (S, 5) for the samples, of `draw_jitter`.
    """
    pairs, alone = jitter
    with torch.no_grad():
        real = features(augment_differentiably(x, pairs))
    made = augment_differentiably(output.reconstruction, pairs)
    if len(output.sampled):
        sampled = augment_differentiably(output.sampled, alone)
        made = torch.cat([made, sampled])  # (B + S, 3, H, W)
    return Seen(real, features(made.contiguous(memory_format=torch.channels_last)))


def adversarial_vae_loss(
    x: Tensor,
    output: VAEOutput,
    seen: Seen,
    config: TrainConfig,
    kl_weight: float,
    heads: DiscriminatorHeads,
    told: Tensor | None = None,
    batch_kl: Tensor | None = None,
) -> LossTerms:
    """`vae_loss` plus the adversary's term on reconstructions and samples, alike in weight per face.

    The perceptual distance is that of the augmented pairs. told: (B + S, A) attributes for the heads.
    """
    count = len(x)
    perceptual_loss = tap_distance(seen.real, [tap[:count] for tap in seen.made]).mean()
    terms = _terms(x, output, config, kl_weight, perceptual_loss, batch_kl)
    verdict = adversarial_loss(heads(seen.made, told))
    total_loss = terms.total_loss + config.adversary_weight * verdict
    return terms._replace(total_loss=total_loss, adversarial_loss=verdict)


def _terms(
    x: Tensor,
    output: VAEOutput,
    config: TrainConfig,
    kl_weight: float,
    perceptual_loss: Tensor,
    batch_kl: Tensor | None,
) -> LossTerms:
    dims = x[0].numel()
    reconstruction_loss = reconstruction_nll(x, output.reconstruction, config).mean()
    kl_per_dim = kl_to_standard_normal(output.mean, output.logvar)  # (B, D)
    total_loss = (
        reconstruction_loss / dims
        + config.perceptual_weight * perceptual_loss
        + kl_weight * free_bits(kl_per_dim, config.free_bits_nats, batch_kl) / dims
    )
    none = torch.zeros((), device=x.device)
    return LossTerms(
        total_loss, reconstruction_loss, perceptual_loss, kl_per_dim.sum(dim=1).mean(), none, none
    )
