"""Faces at twice their size: bicubic interpolation, and a small network that adds the detail it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facevae.errors import DataError
from facevae.features import FrozenFeatures, perceptual_distance, tap_distance
from facevae.images import LEVELS, PIXEL_HIGH, PIXEL_LOW, Photos, to_photos, to_tensor
from facevae.layers import GROUP_CHANNELS, ResidualBlock, Upsample, group_norm
from facevae.losses import Seen, reconstruction_nll
from facevae.model import VAEOutput
from facevae.upscaler_config import UpscalerConfig

UPSCALE_BATCH = 32


class Upscaler(nn.Module):
    """bicubic(x) + residual(x), clamped to the pixel range; starts as bicubic interpolation.

    x: (B, 3, S, S) float in -1..1, S a multiple of 4. Returns (B, 3, 2S, 2S) float32 in -1..1. The network
    works at S/2, where a convolution costs a sixteenth of what it does at 2S; pixel-shuffles bring it back
    up (Shi et al. 2016). Learning the residual alone: Kim et al. 2016 (VDSR), section 3.
    """

    def __init__(self, channels: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.settings = {"channels": channels, "blocks": blocks}
        fine = max(GROUP_CHANNELS, channels // 2 // GROUP_CHANNELS * GROUP_CHANNELS)
        self.stem = nn.Conv2d(12, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.norm = group_norm(channels)
        self.up = Upsample(channels, fine, kernel_px=1)
        self.norm_fine = group_norm(fine)
        self.out = Upsample(fine, 3)
        nn.init.zeros_(self.out.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = self.blocks(self.stem(F.pixel_unshuffle(x, 2)))  # (B, C, S/2, S/2)
        h = self.up(F.silu(self.norm(h)))  # (B, C/2, S, S)
        residual = self.out(F.silu(self.norm_fine(h)))  # (B, 3, 2S, 2S)
        enlarged: Tensor = bicubic(x).float() + residual.float()
        return enlarged.clamp(PIXEL_LOW, PIXEL_HIGH)

    @torch.no_grad()
    def upscale(self, photos: Photos, progress: Callable[[int, int], None] | None = None) -> Photos:
        """(N, H, W, 3) uint8 faces to (N, 2H, 2W, 3) uint8, in batches; H and W multiples of 4.

        progress: called with (faces done, faces in all). Raises DataError for another shape or type.
        """
        if photos.dtype != np.uint8 or photos.ndim != 4 or not photos.size or photos.shape[3] != 3 \
                or photos.shape[1] % 4 or photos.shape[2] % 4:  # fmt: skip
            raise DataError(
                "faces to upscale must be uint8 of shape (N, H, W, 3), H and W multiples of 4, got "
                f"{photos.dtype} {photos.shape}."
            )
        device, parts = next(self.parameters()).device, []
        for start in range(0, len(photos), UPSCALE_BATCH):
            x = to_tensor(photos[start : start + UPSCALE_BATCH]).to(device)
            parts.append(to_photos(self(x)))
            if progress:
                progress(start + len(x), len(photos))
        return np.concatenate(parts)


def bicubic(x: Tensor) -> Tensor:
    """(B, 3, S, S) to (B, 3, 2S, 2S), unclamped: it may overshoot at edges."""
    return F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)


def halved(x: Tensor) -> Tensor:
    """(B, 3, 2S, 2S) to (B, 3, S, S): the mean of each two by two pixels."""
    return F.avg_pool2d(x, 2)


def degraded(x: Tensor, blur_px: float, noise_levels: float, draw: torch.Generator) -> Tensor:
    """Real faces at half their size, as photos from many hands come: (B, 3, 2S, 2S) to (B, 3, S, S), -1..1.

    Each face is shrunk by means of pixels or by an anti-aliased bicubic filter, blurred by a Gaussian of 0 to
    `blur_px` std (three taps, enough up to 1 px) and given noise of 0 to `noise_levels` std. Random by `draw`
    alone (a generator on the CPU). Source: the degradations of Wang et al. 2021 (Real-ESRGAN), the mild ones.
    """

    def uniform(high: float) -> Tensor:
        return (high * torch.rand(len(x), 1, 1, 1, generator=draw)).to(x.device)

    cubic = F.interpolate(x, scale_factor=0.5, mode="bicubic", align_corners=False, antialias=True)
    small = torch.where(uniform(1.0) < 0.5, halved(x), cubic)
    tap = torch.exp(-0.5 / uniform(blur_px).square().clamp(min=1e-4))  # of a neighbour, the centre's being 1
    padded = F.pad(small, (1, 1, 1, 1), mode="replicate")
    rows = ((padded[:, :, :-2] + padded[:, :, 2:]) * tap + padded[:, :, 1:-1]) / (1 + 2 * tap)
    small = ((rows[..., :-2] + rows[..., 2:]) * tap + rows[..., 1:-1]) / (1 + 2 * tap)
    level = (PIXEL_HIGH - PIXEL_LOW) / (LEVELS - 1)
    noise = torch.randn(small.shape, generator=draw).to(x.device)
    return (small + noise * level * uniform(noise_levels)).clamp(PIXEL_LOW, PIXEL_HIGH)


class UpscalerTerms(NamedTuple):
    """Means over the batch, float32 scalars; 0 for terms that are not in use."""

    total_loss: Tensor  # nats per pixel value: what is differentiated
    reconstruction_loss: Tensor  # nats per real face, negative log-likelihood of its pixels at 2S
    consistency_loss: Tensor  # nats per made face, the same of its pixels at S
    perceptual_loss: Tensor  # unitless distance, before its weight
    adversarial_loss: Tensor  # minus the mean logit of the upscaled faces, before its weight
    discriminator_loss: Tensor  # hinge loss of the adversary itself


def upscaler_loss(
    x: Tensor,
    made: Tensor,
    output: VAEOutput,
    config: UpscalerConfig,
    features: FrozenFeatures | None,
    seen: Seen | None = None,
    verdict: Tensor | None = None,
) -> UpscalerTerms:
    """Pixels and looks of real faces, consistency of made ones, and the adversary's verdict on all.

    x: (R, 3, 2S, 2S) real faces; made: (M, 3, S, S) what a model made; output: their upscaling, real ones as
    reconstructions and made ones as samples. seen: what the frozen net saw of them augmented, verdict: the
    adversary's loss on it; None for both until it is switched on. Perceptual and adversarial terms as in
    Ledig et al. 2017 (SRGAN), equation 3; consistency as in Menon et al. 2020 (PULSE), equation 1.
    """
    training, none = config.training(), torch.zeros((), device=x.device)
    reconstruction_loss = reconstruction_nll(x, output.reconstruction, training).mean()
    consistency_loss = perceptual_loss = none
    if len(made):
        consistency_loss = reconstruction_nll(made, halved(output.sampled), training).mean()
    if seen is not None:
        perceptual_loss = tap_distance(seen.real, [tap[: len(x)] for tap in seen.made]).mean()
    elif features is not None:
        perceptual_loss = perceptual_distance(features, x, output.reconstruction).mean()
    verdict = none if verdict is None else verdict
    values = x[0].numel()
    total_loss = (
        reconstruction_loss / values
        + config.consistency_weight * consistency_loss / (values / 4)
        + config.perceptual_weight * perceptual_loss
        + config.adversary_weight * verdict
    )
    return UpscalerTerms(total_loss, reconstruction_loss, consistency_loss, perceptual_loss, verdict, none)
