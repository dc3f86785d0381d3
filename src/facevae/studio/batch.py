"""A labelled batch of new faces as a ZIP: every combination of the categories asked for, in turn."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facevae.attributes import Value
from facevae.augment.making import fitted
from facevae.choosing import choose_faces
from facevae.controls import check_request, draw_controls
from facevae.errors import ConfigError
from facevae.generator import FaceGenerator, Progress
from facevae.images import Photos
from facevae.studio.parameters import TRUNCATION
from facevae.studio.pictures import faces_zip

MOST_FACES = 500
README = """{count} faces, made by the model {model} of facevae. They are of nobody.

faces/ is an ImageFolder: metadata.csv says of each picture what the model was asked for (empty: left to it),
the seed and the model. Labels are what was asked for, not what was read off the picture; augmenting with
them was measured in facevae's docs/augment.md. {left_out} pictures in which no face was found were left out.
Every picture says in its own metadata that it is AI-generated.
"""


@dataclass(frozen=True)
class BatchWish:
    """What is wanted of a batch."""

    count: int
    seed: int
    ranges: Mapping[str, tuple[float, float]]
    """Lowest and highest of a number; one that is not here is left to the model."""
    categories: Mapping[str, Sequence[str]]
    """Values that take turns; an attribute with none is left to the model."""
    truncation: float = TRUNCATION
    check: bool = True
    """Draw faces again in which the detector finds none, and leave out those that stay without."""
    size_px: int | None = None


@dataclass(frozen=True)
class Batch:
    """Faces with what was asked for them."""

    photos: Photos  # (N, S, S, 3)
    controls: list[dict[str, Value]]
    seeds: list[int]
    left_out: int

    def zipped(self, model: str, truncation: float) -> bytes:
        """The ZIP's bytes, the same for the same batch."""
        facts: list[dict[str, Any]] = [
            {"model": model, "job": "augment", "seed": seed, "truncation": truncation, "controls": own}
            for seed, own in zip(self.seeds, self.controls, strict=True)
        ]
        rows = [
            {**{name: _rounded(value) for name, value in own.items()}, "seed": seed, "model": model}
            for seed, own in zip(self.seeds, self.controls, strict=True)
        ]
        readme = README.format(count=len(self.photos), model=model, left_out=self.left_out)
        return faces_zip(self.photos, facts, rows, readme)


def make_batch(generator: FaceGenerator, wish: BatchWish, progress: Progress | None = None) -> Batch:
    """The faces of a wish; face i, its numbers too, is decided by seed + i alone.

    progress: called with (faces done, faces in all). Raises ConfigError for a count outside 1..MOST_FACES and
    ControlError for what the model cannot be asked for.
    """
    if not 1 <= wish.count <= MOST_FACES:
        raise ConfigError(f"a batch has 1 to {MOST_FACES} faces, got {wish.count}")
    check_request(dict(wish.ranges), generator.schema, "the batch")
    names = [name for name, values in wish.categories.items() if values]
    turns = list(itertools.product(*(wish.categories[name] for name in names)))
    controls = [
        {**numbers, **dict(zip(names, turns[index % len(turns)], strict=True))}
        for index, numbers in enumerate(draw_controls(dict(wish.ranges), wish.count, wish.seed))
    ]
    chosen = choose_faces(
        generator, controls, wish.seed, wish.truncation, progress=progress, check=wish.check
    )
    kept = np.flatnonzero(chosen.found).tolist()
    if not kept:
        raise ConfigError("the detector found a face in none of these pictures: ask for something else")
    photos = chosen.samples.photos[kept]
    return Batch(
        fitted(generator, photos, wish.size_px or generator.size_px, progress),
        [controls[index] for index in kept],
        [chosen.samples.seeds[index] for index in kept],
        wish.count - len(kept),
    )


def _rounded(value: Value) -> Value:
    return round(value, 3) if isinstance(value, float) else value
