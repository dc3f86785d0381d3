"""A GAN for comparison: the VAE's decoder as generator, the same adversary, no encoder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from facevae.config import ModelConfig
from facevae.discriminator import (
    FeatureDiscriminator,
    adversarial_loss,
    augment_differentiably,
    discriminator_hinge_loss,
    draw_jitter,
)
from facevae.ema import EMA
from facevae.engine import has_bf16
from facevae.features import FrozenFeatures
from facevae.images import Photos, to_photos, to_tensor
from facevae.layers import place
from facevae.model import Decoder
from facevae.schedules import ema_decay

BATCH = 64
GENERATOR_RATE, ADVERSARY_RATE = 2e-4, 5e-4
EMA_IMAGES = 10_000


@dataclass
class GAN:
    """Generator, its average, adversary, and what was seen."""

    generator: Decoder
    adversary: FeatureDiscriminator
    seen_images: int = 0
    train_seconds: float = 0.0
    loss_history: list[tuple[int, float]] = field(default_factory=list)
    """(images seen, discriminator loss): near 0 the adversary has won, near 2 it cannot tell."""


def train_gan(photos: Photos, config: ModelConfig, minutes: float, seed: int) -> GAN:
    """Train for `minutes` on (N, H, W, 3) uint8 faces; the generator returned holds averaged weights.

    Hinge loss, Adam (0, .99), both sides every step, half of the faces mirrored. Random by `seed` alone up to
    the number of steps that the machine manages.
    """
    torch.manual_seed(seed)
    device = torch.device("cpu")
    generator = place(Decoder(config), device)
    adversary = place(FeatureDiscriminator(FrozenFeatures()), device)
    gan, average = GAN(generator, adversary), EMA(generator)
    makers = [_adam(generator, GENERATOR_RATE), _adam(adversary.heads, ADVERSARY_RATE)]
    draw, order = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    started = time.perf_counter()
    while gan.train_seconds < 60 * minutes:
        real = _batch(photos, order)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16("cpu")):
            loss = _step(gan, real, draw, config.latent_dim, makers)
        gan.seen_images += BATCH
        average.update(generator, ema_decay(gan.seen_images, BATCH, EMA_IMAGES))
        gan.train_seconds = time.perf_counter() - started
        if gan.seen_images % (BATCH * 10) == 0:
            gan.loss_history.append((gan.seen_images, float(loss)))
    generator.load_state_dict(average.weights)
    return gan


@torch.no_grad()
def sample_gan(gan: GAN, count: int, latent_dim: int, seed: int) -> Photos:
    """(count, H, W, 3) uint8 faces from z ~ N(0, I)."""
    draw = torch.Generator().manual_seed(seed)
    parts = [
        to_photos(gan.generator(torch.randn(min(BATCH, count - start), latent_dim, generator=draw)))
        for start in range(0, count, BATCH)
    ]
    return np.concatenate(parts)


def _step(
    gan: GAN, real: Tensor, draw: torch.Generator, latent_dim: int, makers: list[torch.optim.Adam]
) -> Tensor:
    """One step of the adversary, then one of the generator; returns the adversary's loss."""
    for_generator, for_adversary = makers
    with torch.no_grad():
        fake = gan.generator(torch.randn(BATCH, latent_dim, generator=draw))
    loss = discriminator_hinge_loss(
        gan.adversary(augment_differentiably(real, draw_jitter(BATCH, draw))),
        gan.adversary(augment_differentiably(fake, draw_jitter(BATCH, draw))),
    )
    for_adversary.zero_grad()
    torch.autograd.backward(loss)
    for_adversary.step()
    made = gan.generator(torch.randn(BATCH, latent_dim, generator=draw))
    adversarial = adversarial_loss(gan.adversary(augment_differentiably(made, draw_jitter(BATCH, draw))))
    for_generator.zero_grad()
    torch.autograd.backward(adversarial)
    for_generator.step()
    return loss.detach()


def _batch(photos: Photos, order: np.random.Generator) -> Tensor:
    chosen = photos[order.integers(len(photos), size=BATCH)]
    mirrored = order.random(BATCH) < 0.5
    chosen[mirrored] = chosen[mirrored, :, ::-1]
    return to_tensor(chosen).contiguous(memory_format=torch.channels_last)


def _adam(module: nn.Module, rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr=rate, betas=(0.0, 0.99))
