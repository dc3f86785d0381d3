"""The judge's eyes: features of EfficientNet-Lite2, which no model here is trained against."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from facevae.features import LITE2, FrozenFeatures, perceptual_distance
from facevae.images import Photos, to_tensor
from facevae.layers import place

BATCH = 64
INPUT_PX = LITE2.size_px
"""Faces are resized to this side first, whatever theirs: figures of 64 px and of 128 px are comparable in
kind, and half of the network's own 260 px costs a quarter of the time."""

Progress = Callable[[int, int], None]


class Seen(NamedTuple):
    """What the judge sees in N faces, on the CPU."""

    pooled: Tensor
    """(N, 1280) float32: what distances between faces and between sets of them are measured in."""
    places: Tensor
    """(N, 7680) float16: activations at stride 16, channels before places. Faces are aligned, so probes
    of attributes find eyes and mouths where they look for them."""


class FeatureExtractor:
    """Features of faces, pooled and by place, and a distance between two of them. Deterministic, fp32.

    Raises MissingExtraError without the extra 'evaluate'.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.net = place(FrozenFeatures(LITE2, whole=True), self.device)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Name, sha256 of the weights and input side: figures compare only where these agree."""
        digest = hashlib.sha256(LITE2.weights().read_bytes()).hexdigest()
        return {"name": LITE2.name, "sha256": digest, "input_px": INPUT_PX}

    def __call__(self, photos: Photos, progress: Progress | None = None) -> Tensor:
        """(N, H, W, 3) uint8 to (N, 1280) float32 on the CPU."""
        return self.look(photos, progress).pooled

    @torch.no_grad()
    def look(self, photos: Photos, progress: Progress | None = None) -> Seen:
        """Both kinds of features of (N, H, W, 3) uint8 faces, in one pass."""
        parts = []
        for start in range(0, len(photos), BATCH):
            pooled, places = self.net.pooled_and_places(self.resized(photos[start : start + BATCH]))
            parts.append((pooled.float().cpu(), places.flatten(1).half().cpu()))
            if progress:
                progress(min(start + BATCH, len(photos)), len(photos))
        return Seen(*map(torch.cat, zip(*parts, strict=True)))

    @torch.no_grad()
    def places(self, photos: Photos) -> Tensor:
        """`look`'s places alone, (N, 7680) float16, without the rest of the network's work."""
        starts = range(0, len(photos), BATCH)
        return torch.cat([
            self.net(self.resized(photos[start : start + BATCH]))[-1].flatten(1).half().cpu()
            for start in starts
        ])  # fmt: skip

    @torch.no_grad()
    def distance(self, photos: Photos, others: Photos) -> Tensor:
        """(N,) perceptual distances between faces of the same index; (N, H, W, 3) uint8 each."""
        slices = [slice(start, start + BATCH) for start in range(0, len(photos), BATCH)]
        parts = [
            perceptual_distance(self.net, self.resized(photos[part]), self.resized(others[part]))
            for part in slices
        ]
        return torch.cat(parts).cpu()

    def resized(self, photos: Photos) -> Tensor:
        """(B, 3, INPUT_PX, INPUT_PX) float in -1..1 on the device."""
        x = to_tensor(photos).to(self.device)
        if x.shape[-1] != INPUT_PX:
            x = F.interpolate(x, (INPUT_PX, INPUT_PX), mode="bicubic", antialias=True).clamp(-1, 1)
        return x.contiguous(memory_format=torch.channels_last)


def identity_cosine(a: Tensor, b: Tensor, centre: Tensor) -> Tensor:
    """(N,) cosines in -1..1 between features (N, F) of the same index, after removing `centre` (F,).

    Identity-like, since the network was trained to tell objects apart and not people: 0 for two strangers
    on average, 1 for the same picture. Report it beside the cosine between a face and its mirror image.
    """
    return F.cosine_similarity(a - centre, b - centre, dim=1)
