"""Work that requests can share a pass of the network for, and that pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facevae.attributes import Value
from facevae.data.detect import Face
from facevae.generator import (
    Controls,
    FaceGenerator,
    Latents,
    Progress,
    Reconstruction,
    Samples,
    reconstructions,
)
from facevae.images import Photos

Row = dict[str, Value]


@dataclass(frozen=True)
class Draw:
    """New faces, each of its own seed."""

    seeds: Sequence[int]
    rows: Sequence[Controls]
    """One face's controls each."""
    truncation: float = 1.0
    guidance: float = 1.0
    upscale: bool = False


@dataclass(frozen=True)
class Decode:
    """Latents that are to be seen."""

    latents: Latents  # (N, D)
    rows: Sequence[Controls]
    upscale: bool = False


@dataclass(frozen=True)
class Encode:
    """Aligned faces that are to be read."""

    photos: Photos  # (N, H, W, 3) uint8


@dataclass(frozen=True)
class Reconstruct:
    """Faces of a photo that are to go through the model and back."""

    found: Sequence[Face]
    photos: Photos  # (N, H, W, 3) uint8, aligned
    upscale: bool = False


@dataclass(frozen=True)
class Reconstructed:
    """What became of them."""

    faces: list[Reconstruction]
    shown: Photos
    """(N, H, W, 3) the reconstructions, or (N, 2H, 2W, 3) enlarged."""


Work = Draw | Decode | Encode | Reconstruct


def faces_of(work: Work) -> int:
    """How many faces it is about."""
    return len(
        work.seeds if isinstance(work, Draw) else work.rows if isinstance(work, Decode) else work.photos
    )


def run_together(
    generator: FaceGenerator, works: Sequence[Work], progress: Progress | None = None
) -> list[Any]:
    """The result of each: Samples of a Draw, (N, H, W, 3) photos of a Decode, (N, D) latents of an Encode,
    Reconstructed of a Reconstruct.

    What is to be read passes the encoder together, then what is to be seen the decoder. A face is the same
    whatever else is in the pass, up to the rounding of float32: less than one grey level. progress: called
    between the steps. Raises what FaceGenerator's methods raise.
    """
    latents = _latents(generator, works)
    seen = [index for index, work in enumerate(works) if not isinstance(work, Encode)]
    photos: dict[int, Photos] = {}
    if seen:
        rows = [row for index in seen for row in _rows(works[index])]
        decoded = generator.decode(np.concatenate([latents[index] for index in seen]), rows, progress)
        photos = dict(zip(seen, _split(decoded, [faces_of(works[index]) for index in seen]), strict=True))
    shown = _enlarged(generator, works, photos, progress)
    return [
        _result(work, latents[index], photos.get(index), shown.get(index)) for index, work in enumerate(works)
    ]


def _result(work: Work, latents: Latents, photos: Photos | None, shown: Photos | None) -> Any:
    if photos is None or shown is None:
        return latents
    if isinstance(work, Reconstruct):
        return Reconstructed(reconstructions(work.found, work.photos, photos, latents), shown)
    return Samples(shown, latents, list(work.seeds)) if isinstance(work, Draw) else shown


def _rows(work: Work) -> Sequence[Controls]:
    return work.rows if isinstance(work, Draw | Decode) else [{}] * faces_of(work)


def _enlarged(
    generator: FaceGenerator, works: Sequence[Work], photos: dict[int, Photos], progress: Progress | None
) -> dict[int, Photos]:
    """The photos of each, through the upscaler where that is asked for."""
    large = [index for index in photos if getattr(works[index], "upscale", False)]
    if not large:
        return photos
    enlarged = generator.upscale(np.concatenate([photos[index] for index in large]), progress)
    return {
        **photos,
        **dict(zip(large, _split(enlarged, [len(photos[index]) for index in large]), strict=True)),
    }


def _latents(generator: FaceGenerator, works: Sequence[Work]) -> list[Latents]:
    """The latents of each work: those that are read together, and those drawn with the same settings."""
    nothing: Latents = np.empty(0, dtype=np.float32)
    latents = [work.latents if isinstance(work, Decode) else nothing for work in works]
    read = [index for index, work in enumerate(works) if isinstance(work, Encode | Reconstruct)]
    if read:
        photos = [work.photos for work in works if isinstance(work, Encode | Reconstruct)]
        parts = _split(generator.encode(np.concatenate(photos)), [len(part) for part in photos])
        for index, part in zip(read, parts, strict=True):
            latents[index] = part
    groups: dict[tuple[float, float], list[int]] = {}
    for index, work in enumerate(works):
        if isinstance(work, Draw):
            groups.setdefault((work.truncation, work.guidance), []).append(index)
    for (truncation, guidance), members in groups.items():
        draws = [work for index in members if isinstance(work := works[index], Draw)]
        seeds = [seed for work in draws for seed in work.seeds]
        rows = [row for work in draws for row in work.rows]
        drawn = generator.draw_latents(seeds, rows, truncation, guidance)
        for index, part in zip(members, _split(drawn, [len(work.seeds) for work in draws]), strict=True):
            latents[index] = part
    return latents


def _split(rows: np.ndarray[Any, Any], counts: Sequence[int]) -> list[Any]:
    return np.split(rows, np.cumsum(counts)[:-1])
