"""The variational autoencoder: encoder q(z|x) = N(mean, diag std^2), decoder p(x|z)."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facevae.config import ModelConfig
from facevae.distributions import LOGVAR_RANGE, reparameterise
from facevae.layers import ResidualBlock, Upsample, group_norm, smoothed

COARSEST_PX = 4


class Encoder(nn.Module):
    """Face to the parameters of its posterior.

    x: (B, 3, H, W) float in -1..1; attributes: (B, A) as `Schema.encode` gives them, or None.
    Returns mean, logvar: (B, D) float32 each.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        widths = config.stage_widths
        self.stem = nn.Conv2d(12, widths[0], 3, padding=1)
        self.embed = nn.Linear(config.schema.width, widths[0], bias=False) if config.schema.width else None
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(config.blocks))) for width in widths
        )
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.norm = group_norm(widths[-1])
        self.head = nn.Linear(widths[-1] * COARSEST_PX**2, 2 * config.latent_dim)

    def forward(self, x: Tensor, attributes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = self.stem(F.pixel_unshuffle(x, 2))  # (B, C, H/2, W/2)
        if self.embed is not None and attributes is not None:
            h = h + self.embed(attributes)[:, :, None, None]
        for index, stage in enumerate(self.stages):
            h = stage(h)
            if index < len(self.downs):
                h = self.downs[index](h)
        h = F.silu(self.norm(h)).flatten(1)  # (B, C * 16)
        mean, logvar = self.head(h).float().chunk(2, dim=1)  # (B, D) each
        return mean, logvar.clamp(*LOGVAR_RANGE)


class Decoder(nn.Module):
    """Latent to face.

    z: (B, D) float; attributes: (B, A) or None. Returns (B, 3, H, W) float32 in -1..1. With `style_width`, z
    is also mapped to a style that scales and shifts every block (Karras et al. 2019, section 2).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        widths = config.stage_widths[::-1]
        self.attribute_width = config.schema.width
        self.stem = nn.Linear(config.latent_dim + self.attribute_width, widths[0] * COARSEST_PX**2)
        style = config.style_width
        self.mapping = (
            nn.Sequential(
                nn.Linear(config.latent_dim + self.attribute_width, style), nn.SiLU(),
                nn.Linear(style, style), nn.SiLU(),
            )
            if style
            else None
        )  # fmt: skip
        counts = [config.blocks] * (len(widths) - 1) + [config.blocks + config.fine_blocks]
        self.stages = nn.ModuleList(
            nn.ModuleList(ResidualBlock(width, style) for _ in range(count))
            for width, count in zip(widths, counts, strict=True)
        )
        self.ups = nn.ModuleList(Upsample(coarse, fine, kernel_px=1) for coarse, fine in pairwise(widths))
        self.norm = group_norm(widths[-1])
        self.head = Upsample(widths[-1], 3)
        self.detail = _Detail(widths[-1], config.detail_width, style) if config.detail_width else None
        self.smoothing = config.smoothing

    def forward(self, z: Tensor, attributes: Tensor | None = None) -> Tensor:
        if self.attribute_width:
            known = z.new_zeros(len(z), self.attribute_width) if attributes is None else attributes
            z = torch.cat([z, known], dim=1)  # (B, D + A)
        style = self.mapping(z) if self.mapping is not None else None  # (B, style_width)
        h = self.stem(z).unflatten(1, (-1, COARSEST_PX, COARSEST_PX))  # (B, C, 4, 4)
        h = h.contiguous(memory_format=torch.channels_last)
        for index, stage in enumerate(self.stages):
            for block in stage:  # type: ignore[attr-defined]
                h = block(h, style)
            if index < len(self.ups):
                h = self.ups[index](h)
        face = self.head(F.silu(self.norm(h)))  # (B, 3, H, W)
        if self.detail is not None:
            face = face + self.detail(h, style)
        face = torch.tanh(face.float())
        return smoothed(face, self.smoothing) if self.smoothing else face


class _Detail(nn.Module):
    """What the last pixel-shuffle cannot draw: a residual block at full size; adds nothing at first.

    h: (B, C, H/2, W/2); style: (B, style_width) or None. Returns (B, 3, H, W).
    """

    def __init__(self, channels: int, width: int, style: int) -> None:
        super().__init__()
        self.up = Upsample(channels, width, kernel_px=1)
        self.block = ResidualBlock(width, style)
        self.norm = group_norm(width)
        self.out = nn.Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, h: Tensor, style: Tensor | None) -> Tensor:
        h = self.block(self.up(h), style)  # (B, width, H, W)
        out: Tensor = self.out(F.silu(self.norm(h)))
        return out


class VAEOutput(NamedTuple):
    reconstruction: Tensor  # (B, 3, H, W), -1..1
    mean: Tensor  # (B, D)
    logvar: Tensor  # (B, D)
    sampled: Tensor  # (S, 3, H, W), -1..1: decoded from the samples that were handed in


class FaceVAE(nn.Module):
    """Encoder and decoder together (Kingma and Welling 2014), conditional when the schema is not empty."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(
        self, x: Tensor, noise: Tensor, attributes: Tensor | None = None, samples: Tensor | None = None
    ) -> VAEOutput:
        """One pass through both halves with the given noise ~ N(0, I), (B, D).

        samples: (S, D) latents of a prior, S <= B, decoded beside the faces' own with the attributes of the
        first S faces; None for none.
        """
        mean, logvar = self.encoder(x, attributes)
        z = reparameterise(mean, logvar, noise)  # (B, D)
        if samples is not None:
            z = torch.cat([z, samples])  # (B + S, D)
            if attributes is not None:
                attributes = torch.cat([attributes, attributes[: len(samples)]])  # (B + S, A)
        faces = self.decoder(z, attributes)
        return VAEOutput(faces[: len(x)], mean, logvar, faces[len(x) :])
