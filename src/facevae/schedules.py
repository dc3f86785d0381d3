"""Quantities that change with the number of images seen."""

from __future__ import annotations

import math


def warmup_cosine(seen_images: int, warmup_images: int, total_images: int) -> float:
    """Factor 0..1 on the learning rate: linear warm-up, then half a cosine down to 0 at the end."""
    if seen_images < warmup_images:
        return seen_images / warmup_images
    progress = (seen_images - warmup_images) / max(1, total_images - warmup_images)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def trapezium(seen_images: int, total_images: int, rise: float = 0.01, fall: float = 0.2) -> float:
    """Factor 0..1 on the learning rate: up over the first `rise` of the images, down over the last `fall`."""
    progress = min(1.0, max(0.0, seen_images / max(1, total_images)))
    return min(1.0, progress / rise, (1.0 - progress) / fall)


def linear_warmup(seen_images: int, warmup_images: int) -> float:
    """Factor 0..1 on the KL weight: linear from 0, then 1."""
    return min(1.0, seen_images / warmup_images) if warmup_images else 1.0


def ema_decay(seen_images: int, batch_size: int, half_life_images: int) -> float:
    """Share of the old average kept in one step of `batch_size` images.

    The half-life is at most a twentieth of the images seen, so that early weights are soon forgotten
    (Karras et al. 2022, EDM's training configuration).
    """
    half_life = min(float(half_life_images), 0.05 * seen_images)
    return float(0.5 ** (batch_size / half_life)) if half_life > 0 else 0.0
