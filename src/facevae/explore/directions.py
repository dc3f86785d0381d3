"""Directions of the latent space, and what of a face each of them moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facevae.attributes import AGE, EXPRESSION, GENDER, SMILE, YAW
from facevae.evaluation.real import RealFaces, StageProgress, silent
from facevae.generator import FaceGenerator, Latents
from facevae.images import Photos
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.posterior import kl_nats_per_dim
from facevae.metrics.probes import CategoryProbe, Probe

LEAST_SHARE = 0.02
"""Share of real faces below which an expression is not read: its probe hardly ever says it."""
NAMED = 0.1
"""An effect is named when it is at least so much of the spread of real faces, per standard deviation."""
SURE = 2.0
"""And at least so many of its own standard errors."""
WORDS = {
    AGE.name: ("older", "younger", "years", 1.0),
    SMILE.name: ("more smile", "less smile", "% of a full smile", 100.0),
    YAW.name: ("turned right", "turned left", "% of the width", 100.0),
}
"""How numbers are told: more of it, less of it, unit, and what the probe's reading is multiplied with."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """A number read off a picture of a face."""

    name: str
    more: str
    less: str
    unit: str
    scale: float
    """What a reading is multiplied with to be in `unit`."""
    spread: float
    """Standard deviation of the reading over real faces, before scaling."""
    read: Callable[[Photos, Tensor], Numbers]
    """(N, H, W, 3) uint8 and their places (N, P) to (N,) float64."""


@dataclass(frozen=True)
class Effect:
    """What one standard deviation along a direction changes in one reading, mean over faces."""

    reading: Reading
    per_std: float
    error: float
    """Its standard error over the faces that were moved."""

    @property
    def strength(self) -> float:
        """The change in standard deviations of real faces, >= 0."""
        return abs(self.per_std) / self.reading.spread if self.reading.spread > 0 else 0.0

    @property
    def named(self) -> bool:
        return self.strength >= NAMED and abs(self.per_std) >= SURE * self.error

    def text(self) -> str:
        """'older (+6.1 years)'."""
        word = self.reading.more if self.per_std > 0 else self.reading.less
        return f"{word} ({self.per_std * self.reading.scale:+.3g} {self.reading.unit}".rstrip() + ")"


@dataclass(frozen=True)
class Direction:
    """One way to go from any latent."""

    kind: str
    """'principal': of the aggregate posterior's covariance. 'dimension': an axis of the latent."""
    index: int
    """Rank of a principal direction from 0; number of a dimension."""
    vector: NDArray[np.float32]  # (D,), one standard deviation of the aggregate posterior long
    share: float
    """Share of the aggregate posterior's variance along it."""
    kl_nats: float | None
    """KL of a dimension, nats per face."""


def aggregate_posterior(mean: Tensor, logvar: Tensor) -> tuple[Numbers, Numbers]:
    """Mean (D,) and covariance (D, D) of q(z) = E q(z|x), from the posteriors' moments (N, D)."""
    z = mean.double().numpy()
    spread = np.cov(z, rowvar=False) + np.diag(logvar.double().exp().mean(dim=0).numpy())
    return z.mean(axis=0), spread


def principal_directions(covariance: Numbers, count: int) -> list[Direction]:
    """The `count` directions of largest variance, largest first, each with its largest entry positive."""
    variances, vectors = np.linalg.eigh(covariance)
    found = []
    for rank, place in enumerate(np.argsort(-variances, kind="stable")[:count].tolist()):
        vector = vectors[:, place]
        vector = vector * np.sign(vector[np.abs(vector).argmax()]) * math.sqrt(max(variances[place], 0.0))
        share = float(variances[place] / variances.sum())
        found.append(Direction("principal", rank, vector.astype(np.float32), share, None))
    return found


def active_dimensions(covariance: Numbers, mean: Tensor, logvar: Tensor, count: int) -> list[Direction]:
    """The `count` dimensions that tell most of the faces (the largest KL), largest first."""
    kl = kl_nats_per_dim(mean, logvar)
    variances = np.diag(covariance)
    found = []
    for index in kl.argsort(descending=True, stable=True)[:count].tolist():
        vector = np.zeros(len(variances), dtype=np.float32)
        vector[index] = math.sqrt(variances[index])
        share = float(variances[index] / variances.sum())
        found.append(Direction("dimension", index, vector, share, float(kl[index])))
    return found


def face_readings(probes: Mapping[str, Probe], real: RealFaces) -> list[Reading]:
    """What can be read: the attributes that have a probe, and the picture's brightness."""
    spread = float(_brightness(real.validation, Tensor()).std())
    readings = [Reading("brightness", "brighter", "darker", "% of white", 100.0, spread, _brightness)]
    for name, probe in probes.items():
        if not isinstance(probe, CategoryProbe):
            more, less, unit, scale = WORDS.get(name, (f"more {name}", f"less {name}", "", 1.0))
            spread = float(probe.predict(real.validation_places).std())
            readings.append(Reading(name, more, less, unit, scale, spread, _number_reader(probe)))
            continue
        shown = [GENDER.categories[0]] if name == GENDER.name else list(probe.attribute.categories)
        for category in shown:
            read = _category_reader(probe, category)
            share = float(read(real.validation, real.validation_places).mean())
            if probe.attribute.categories.index(category) in probe.known and share >= LEAST_SHARE:
                label = category if name in (GENDER.name, EXPRESSION.name) else f"{name} {category}"
                more, less = f"more often {label}", f"less often {label}"
                spread = math.sqrt(share * (1 - share))
                readings.append(Reading(label, more, less, "% of faces", 100.0, spread, read))
    return readings


def measure_effects(
    generator: FaceGenerator,
    directions: Sequence[Direction],
    readings: Sequence[Reading],
    base: Latents,
    extractor: FeatureExtractor,
    progress: StageProgress = silent,
) -> list[list[Effect]]:
    """For each direction its effects, strongest first: half of what is read one standard deviation ahead of
    each base face, less what is read one behind; base: (N, D). Deterministic."""
    table = []
    for done, direction in enumerate(directions):
        ends = [generator.decode(base + side * direction.vector) for side in (1, -1)]
        features = [extractor.places(photos) for photos in ends]
        effects = []
        for reading in readings:
            ahead, behind = (reading.read(p, f) for p, f in zip(ends, features, strict=True))
            change = (ahead - behind) / 2  # (N,)
            error = float(change.std(ddof=1)) / math.sqrt(len(change))
            effects.append(Effect(reading, float(change.mean()), error))
        table.append(sorted(effects, key=lambda effect: -effect.strength))
        progress("what directions move", done + 1, len(directions))
    return table


def name_of(effects: Sequence[Effect]) -> str:
    """What a direction does first of all, in words."""
    named = [effect for effect in effects if effect.named]
    return named[0].text() if named else "nothing that is read here"


def leakage_of(effects: Sequence[Effect]) -> float | None:
    """The second strongest named effect beside the strongest, 0..1; None without a named one."""
    named = [effect.strength for effect in effects if effect.named]
    return (named[1] / named[0] if len(named) > 1 else 0.0) if named else None


def _brightness(photos: Photos, features: Tensor) -> Numbers:
    del features
    means: Numbers = photos.mean(axis=(1, 2, 3), dtype=np.float64) / 255
    return means


def _number_reader(probe: Probe) -> Callable[[Photos, Tensor], Numbers]:
    def read(photos: Photos, features: Tensor) -> Numbers:
        del photos
        return np.asarray(probe.predict(features), dtype=np.float64)

    return read


def _category_reader(probe: CategoryProbe, category: str) -> Callable[[Photos, Tensor], Numbers]:
    index = probe.attribute.categories.index(category)

    def read(photos: Photos, features: Tensor) -> Numbers:
        del photos
        shown: Numbers = (probe.predict(features) == index).astype(np.float64)
        return shown

    return read
