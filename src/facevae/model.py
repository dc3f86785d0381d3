"""The variational autoencoder: encoder q(z|x) = N(mean, diag std^2), decoder p(x|z)."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facevae.config import ModelConfig
from facevae.distributions import LOGVAR_RANGE, reparameterise
from facevae.layers import ResidualBlock, Upsample, group_norm

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

    z: (B, D) float; attributes: (B, A) or None. Returns (B, 3, H, W) float32 in -1..1.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        widths = config.stage_widths[::-1]
        self.attribute_width = config.schema.width
        self.stem = nn.Linear(config.latent_dim + self.attribute_width, widths[0] * COARSEST_PX**2)
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(config.blocks))) for width in widths
        )
        self.ups = nn.ModuleList(Upsample(coarse, fine, kernel_px=1) for coarse, fine in pairwise(widths))
        self.norm = group_norm(widths[-1])
        self.head = Upsample(widths[-1], 3)

    def forward(self, z: Tensor, attributes: Tensor | None = None) -> Tensor:
        if self.attribute_width:
            known = z.new_zeros(len(z), self.attribute_width) if attributes is None else attributes
            z = torch.cat([z, known], dim=1)  # (B, D + A)
        h = self.stem(z).unflatten(1, (-1, COARSEST_PX, COARSEST_PX))  # (B, C, 4, 4)
        h = h.contiguous(memory_format=torch.channels_last)
        for index, stage in enumerate(self.stages):
            h = stage(h)
            if index < len(self.ups):
                h = self.ups[index](h)
        h = self.head(F.silu(self.norm(h)))  # (B, 3, H, W)
        return torch.tanh(h.float())


class VAEOutput(NamedTuple):
    reconstruction: Tensor  # (B, 3, H, W), -1..1
    mean: Tensor  # (B, D)
    logvar: Tensor  # (B, D)


class FaceVAE(nn.Module):
    """Encoder and decoder together (Kingma and Welling 2014), conditional when the schema is not empty."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(self, x: Tensor, noise: Tensor, attributes: Tensor | None = None) -> VAEOutput:
        """One pass through both halves with the given noise ~ N(0, I), (B, D)."""
        mean, logvar = self.encoder(x, attributes)
        z = reparameterise(mean, logvar, noise)
        return VAEOutput(self.decoder(z, attributes), mean, logvar)
