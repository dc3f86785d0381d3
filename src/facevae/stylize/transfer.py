"""A picture in the manner of another: optimised until a frozen network sees the style's statistics in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from facevae.errors import ConfigError
from facevae.features import FrozenFeatures
from facevae.images import PIXEL_HIGH, PIXEL_LOW, Photos, to_photos, to_tensor
from facevae.looks import check_strength
from facevae.stylize.sizes import lanczos
from facevae.stylize.statistics import (
    Statistics,
    activations,
    between,
    content_loss,
    recoloured,
    statistics,
    style_loss,
)

Progress = Callable[[int, int], None]

SIDES_PX = (64, 512)
"""Least and most that the longer side may be worked at."""
PYRAMID_LEVELS = 5
JITTER_PX = 16
"""A picture is seen shifted by up to so much, another way at each step, so that nothing settles on the
network's own grid of strides."""


@dataclass(frozen=True)
class TransferConfig:
    """How a picture is optimised."""

    side_px: int = 256
    """Longer side of the picture that is made, 64 to 512. Time and memory grow with its square."""
    steps: int = 150
    """Steps of Adam; the first half at half the side, where a brush reaches twice as far."""
    learning_rate: float = 0.03
    """Per level of the picture's pyramid, in units of the pixel range -1..1."""
    content_weight: float = 1.0
    """Weight of what the picture shows against how it is painted. More keeps the likeness, less paints."""
    smooth_weight: float = 0.08
    """Weight of the mean difference between neighbours, against speckle."""
    seed: int = 0
    """Decides the shifts."""

    def __post_init__(self) -> None:
        low, high = SIDES_PX
        if not low <= self.side_px <= high:
            raise ConfigError(f"side_px cannot be {self.side_px}: expected {low} to {high}.")
        if self.steps < 1:
            raise ConfigError(f"steps cannot be {self.steps}: expected 1 or more.")


def transfer_style(
    photo: Photos,
    art: Photos,
    features: FrozenFeatures,
    strength: float = 1.0,
    config: TransferConfig | None = None,
    progress: Progress | None = None,
) -> Photos:
    """What `photo` (H, W, 3) shows, as `art` (H', W', 3) is painted: uint8, its longer side `side_px`.

    Minimises the distance of the statistics of its activations to the art's, and of the deeper activations
    themselves to the photo's. strength: 0..1; the statistics asked for lie so far between the photo's own and
    the art's, so 0 gives the photo back, resized. Deterministic for a seed on one machine. progress: called
    with (steps done, steps in all). Raises ConfigError for another strength.
    Sources: Gatys et al. 2016; Li et al. 2017; Kolkin et al. 2019 (a pyramid is optimised, not pixels).
    """
    check_strength(strength)
    config = config or TransferConfig()
    content = to_tensor(fitted(photo, config.side_px)[None])  # (1, 3, H, W)
    if strength == 0:
        return _photo(content)
    style = to_tensor(fitted(art, config.side_px)[None])
    device = next(features.parameters()).device
    content, style = content.to(device), style.to(device)
    draw = torch.Generator().manual_seed(config.seed)
    x, done = content, 0
    for side_share, steps in ((2, config.steps // 2), (1, config.steps - config.steps // 2)):
        seen = (_shrunk(content), _shrunk(style)) if side_share == 2 else (content, style)
        with torch.no_grad():
            own, painted = (statistics(activations(features, one)) for one in seen)
        wanted = between(own, painted, strength)
        x = recoloured(_resized(x, seen[0]), wanted[0])
        report = partial(_report, progress, done, config.steps)
        x = _optimised(x, seen[0], wanted, features, config, steps, draw, report)
        done += steps
    return _photo(recoloured(x, wanted[0]))


def fitted(photo: Photos, side_px: int) -> Photos:
    """The photo (H, W, 3) with its longer side at `side_px`, the shorter a multiple of 4, 32 px or more."""
    height, width = photo.shape[:2]
    scale = side_px / max(height, width)
    width, height = (max(32, round(side * scale / 4) * 4) for side in (width, height))
    return lanczos(photo, width, height)


def keep_colours(drawn: Photos, original: Photos) -> Photos:
    """The brightness of `drawn` with the hues of `original` (both (H, W, 3), resized to the first).

    Source: Gatys et al. 2017, section 5.1 (luminance-only transfer).
    """
    size = (drawn.shape[1], drawn.shape[0])
    hues = Image.fromarray(original).resize(size, Image.Resampling.LANCZOS).convert("YCbCr").split()[1:]
    brightness = Image.fromarray(drawn).convert("YCbCr").getchannel(0)
    return np.asarray(Image.merge("YCbCr", (brightness, *hues)).convert("RGB"))


def _optimised(
    start: Tensor,
    content: Tensor,
    wanted: list[Statistics],
    features: FrozenFeatures,
    config: TransferConfig,
    steps: int,
    draw: torch.Generator,
    report: Callable[[int], None],
) -> Tensor:
    """(1, 3, H, W) after `steps` steps from `start`."""
    pyramid = [level.requires_grad_() for level in _pyramid(start)]
    optimizer = torch.optim.Adam(pyramid, config.learning_rate, (0.9, 0.99))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, 2 * (1 - step / steps))
        x = _collapsed(pyramid)
        shift = tuple(torch.randint(-JITTER_PX, JITTER_PX + 1, (2,), generator=draw).tolist())
        got = activations(features, torch.roll(x, shift, (2, 3)))
        with torch.no_grad():
            there = activations(features, torch.roll(content, shift, (2, 3)))
        outside = (x - x.clamp(PIXEL_LOW, PIXEL_HIGH)).square().mean()
        loss = style_loss(statistics(got), wanted) + config.content_weight * content_loss(got, there)
        loss = loss + config.smooth_weight * _roughness(x) + outside
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report(step + 1)
    return _collapsed(pyramid).detach().clamp(PIXEL_LOW, PIXEL_HIGH)


def _report(progress: Progress | None, before: int, total: int, step: int) -> None:
    if progress:
        progress(before + step, total)


def _photo(x: Tensor) -> Photos:
    """(1, 3, H, W) to (H, W, 3) uint8."""
    photo: Photos = to_photos(x)[0]
    return photo


def _pyramid(x: Tensor) -> list[Tensor]:
    """Laplacian pyramid of (1, 3, H, W), finest first (Burt and Adelson 1983)."""
    levels = []
    for _ in range(PYRAMID_LEVELS - 1):
        small = _shrunk(x)
        levels.append((x - _resized(small, x)).detach().clone())
        x = small
    return [*levels, x.detach().clone()]


def _collapsed(levels: list[Tensor]) -> Tensor:
    x = levels[-1]
    for level in reversed(levels[:-1]):
        x = level + _resized(x, level)
    return x


def _shrunk(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, ceil_mode=True)


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def _roughness(x: Tensor) -> Tensor:
    return (x[..., 1:] - x[..., :-1]).abs().mean() + (x[..., 1:, :] - x[..., :-1, :]).abs().mean()
