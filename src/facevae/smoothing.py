"""Taking off what an adversary lets pile up at the finest frequency, as far as it is too much."""

from __future__ import annotations

from dataclasses import replace

from facevae.generator import FaceGenerator
from facevae.images import Photos, to_photos, to_tensor
from facevae.layers import smoothed
from facevae.metrics.sharpness import sharpness

MATCHED_FACES = 512
MOST_SMOOTHING = 0.25
"""At which a pattern that alternates from pixel to pixel is gone."""
HALVINGS = 10


def match_sharpness(generator: FaceGenerator, faces: Photos, seed: int = 0) -> float:
    """Give the generator's model the smoothing at which its samples are as sharp as `faces`; returns it.

    faces: (N, H, W, 3) uint8, real ones. 0 where the samples are not sharper without any. Sharpness is
    the mean of `metrics.sharpness`, of MATCHED_FACES samples with seeds from `seed` on, and falls with the
    smoothing, which is found by halving the interval. Source: ours (docs/recipe.md).
    """
    set_smoothing(generator, 0.0)
    made = to_tensor(generator.sample(MATCHED_FACES, seed).photos)  # (M, 3, H, W)
    wanted = float(sharpness(faces).mean())

    def too_sharp(share: float) -> bool:
        return float(sharpness(to_photos(smoothed(made, share))).mean()) > wanted

    low, high = 0.0, MOST_SMOOTHING
    if not too_sharp(low):
        return 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_sharp(middle) else (low, middle)
    share = round(high, 4)
    set_smoothing(generator, share)
    return share


def set_smoothing(generator: FaceGenerator, share: float) -> None:
    """Let the generator's decoder smooth by `share` from here on."""
    model = generator.model
    model.config = replace(model.config, smoothing=share)
    model.decoder.smoothing = share
