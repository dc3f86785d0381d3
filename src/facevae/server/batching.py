"""Work that requests can share a pass of the network for, and that pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facevae.attributes import Value
from facevae.generator import Controls, FaceGenerator, Latents, Samples
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


Work = Draw | Decode | Encode


def faces_of(work: Work) -> int:
    """How many faces it is about."""
    return len(
        work.seeds if isinstance(work, Draw) else work.rows if isinstance(work, Decode) else work.photos
    )


def go_together(one: Work, other: Work) -> bool:
    """Whether one pass of the network can serve both: drawing and decoding end in the same decoder."""
    return isinstance(one, Encode) == isinstance(other, Encode)


def run_together(generator: FaceGenerator, works: Sequence[Work]) -> list[Any]:
    """The result of each: Samples of a Draw, (N, H, W, 3) photos of a Decode, (N, D) latents of an Encode.

    All of them must `go_together`. A face is the same whatever else is in the pass, up to the rounding of
    float32: less than one grey level. Raises what FaceGenerator's methods raise.
    """
    counts = [faces_of(work) for work in works]
    if isinstance(works[0], Encode):
        photos = np.concatenate([work.photos for work in works if isinstance(work, Encode)])
        return _split(generator.encode(photos), counts)
    seen = [work for work in works if not isinstance(work, Encode)]
    latents = _latents(generator, seen)
    rows = [row for work in seen for row in work.rows]
    faces = _split(generator.decode(np.concatenate(latents), rows), counts)
    large = [index for index, work in enumerate(seen) if work.upscale]
    if large:
        enlarged = generator.upscale(np.concatenate([faces[index] for index in large]))
        for index, part in zip(large, _split(enlarged, [counts[index] for index in large]), strict=True):
            faces[index] = part
    return [
        Samples(photos, z, list(work.seeds)) if isinstance(work, Draw) else photos
        for work, photos, z in zip(seen, faces, latents, strict=True)
    ]


def _latents(generator: FaceGenerator, works: Sequence[Draw | Decode]) -> list[Latents]:
    """The latents of each work; those that are drawn with the same settings together."""
    nothing: Latents = np.empty(0, dtype=np.float32)
    latents = [work.latents if isinstance(work, Decode) else nothing for work in works]
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
