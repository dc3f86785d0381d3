"""Pixels and tensors. The only place that knows the pixel range.

A photo is uint8, 0..255, RGB; a tensor image x is float32, -1..1, (B, 3, H, W).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PIXEL_LOW, PIXEL_HIGH = -1.0, 1.0
LEVELS = 256

Photos = NDArray[np.uint8]


def to_tensor(photos: Photos | Tensor) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 in -1..1, channels last in memory."""
    pixels = torch.as_tensor(photos)
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)  # (B, 3, H, W)


def to_photos(x: Tensor) -> Photos:
    """(B, 3, H, W) float, clamped to -1..1, to (B, H, W, 3) uint8, rounded to the nearest level."""
    levels = (x.detach().float().clamp(PIXEL_LOW, PIXEL_HIGH) + 1.0).mul_(127.5).round_()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()  # (B, H, W, 3)


def to_unit(x: Tensor) -> Tensor:
    """-1..1 to 0..1, any shape: what a Bernoulli likelihood and quality metrics are defined on."""
    return (x + 1.0) * 0.5


def tile(photos: Photos, columns: int, gap_px: int = 2) -> Photos:
    """(B, H, W, 3) uint8 as one (H', W', 3) uint8 sheet, filled row by row on white."""
    count, height, width, _ = photos.shape
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    sheet = np.full(
        (rows * (height + gap_px) - gap_px, columns * (width + gap_px) - gap_px, 3), 255, dtype=np.uint8
    )
    for index, photo in enumerate(photos):
        top, left = (index // columns) * (height + gap_px), (index % columns) * (width + gap_px)
        sheet[top : top + height, left : left + width] = photo
    return sheet
