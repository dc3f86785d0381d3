"""Attributes read from latents by straight lines, and the shortest steps that change one reading alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from facevae.attributes import CONTROLS, Attribute, Schema, Value
from facevae.metrics.probes import labels_of

LEAST_LABELLED = 50
"""Labelled faces below which an attribute gets no reading."""
LEAST_PER_CATEGORY = 10
"""Faces of a category, and faces of the others, below which it gets none."""
PENALTY = 0.01
"""The ridge, as a share of each standardised dimension's variance: it settles directions that hardly vary."""
RELATED: Mapping[str, frozenset[str]] = {
    "smile": frozenset({"expression"}), "expression": frozenset({"smile"}),
}  # fmt: skip
"""What goes along when an attribute is changed: a smile that has to leave the expression neutral is none."""


class Reading(NamedTuple):
    """What one row of a reader reads: a number, or the log-odds of one category against the others."""

    name: str
    category: str | None
    typical: float
    """Mean reading of the faces that have the category, of all labelled faces for a number."""


def freed(changed: Collection[str]) -> set[str]:
    """The attributes that go along with changes of these: see RELATED."""
    return {other for name in changed for other in RELATED.get(name, ())} - set(changed)


class LatentReader:
    """values = W z + b: numbers in the attribute's unit, log-odds for categories.

    weights W: (K, D), one row per reading. bias b: (K,). spread: (K, D), W C with C the covariance of the
    latents. A step s changes the readings by W s. Of all steps with a wanted change of some readings, the
    shortest in the latents' own metric, s^T C^-1 s, is C W^T (W C W^T)^-1 (change) with W of those readings
    (Lagrange). Faces differ from each other by such steps; one along W itself leads away from them.
    """

    def __init__(self, weights: Tensor, bias: Tensor, spread: Tensor, readings: Sequence[Reading]) -> None:
        self.weights, self.bias, self.spread, self.readings = weights, bias, spread, tuple(readings)

    @classmethod
    def fit(
        cls,
        latents: Tensor,
        rows: Sequence[Mapping[str, Value]],
        attributes: Sequence[Attribute] = CONTROLS,
    ) -> LatentReader | None:
        """The reader of what the rows label, None where they label nothing well enough.

        latents: (N, D), posterior means; rows: their N faces' attributes, missing ones left out of that
        attribute's fit. Numbers by ridge regression; a category by the same on membership, its score turned
        into log-odds as if both sides were Gaussian with one variance and equally frequent, which is Fisher's
        discriminant (Hastie et al. 2009, section 4.3). Closed form, in float64. Deterministic.
        """
        z = latents.double().cpu()
        fits: list[tuple[Tensor, Tensor]] = []
        readings: list[Reading] = []
        for attribute in attributes:
            labels = torch.from_numpy(labels_of(rows, attribute))  # (N,), NaN where missing
            known = ~labels.isnan()
            y = labels[known]
            if len(y) < LEAST_LABELLED or bool((y == y[0]).all()):
                continue
            if not attribute.categories:
                fits.append(_ridge(z[known], y))
                readings.append(Reading(attribute.name, None, float(y.mean())))
                continue
            for index, category in enumerate(attribute.categories):
                member = y == index
                if LEAST_PER_CATEGORY <= int(member.sum()) <= len(y) - LEAST_PER_CATEGORY:
                    weights, bias, typical = _log_odds(z[known], member)
                    fits.append((weights, bias))
                    readings.append(Reading(attribute.name, category, typical))
        if not fits:
            return None
        weights = torch.stack([one for one, _ in fits])  # (K, D)
        bias = torch.stack([one for _, one in fits])  # (K,)
        spread = weights @ torch.cov(z.T)
        return cls(weights.float(), bias.float(), spread.float(), readings)

    @property
    def latent_dim(self) -> int:
        return self.weights.shape[1]

    @property
    def schema(self) -> Schema:
        """The attributes that can be read and moved, each with the categories that were frequent enough."""
        names = {reading.name for reading in self.readings}
        return Schema(
            tuple(
                attribute if not attribute.categories else _known_part(attribute, self.readings)
                for attribute in CONTROLS
                if attribute.name in names
            )
        )

    def values(self, z: Tensor) -> Tensor:
        """(N, D) latents to (N, K) readings, unbounded."""
        return z @ self.weights.T + self.bias

    def read(self, z: Tensor) -> list[dict[str, Value]]:
        """The attributes of (N, D) latents: numbers within their bounds, the category of the highest odds."""
        values = self.values(z)
        rows: list[dict[str, Value]] = [{} for _ in range(len(z))]
        for attribute in self.schema.attributes:
            columns = self.rows_of(attribute.name)
            numbers, best = values[:, columns[0]].tolist(), values[:, columns].argmax(dim=1).tolist()
            for row, number, index in zip(rows, numbers, best, strict=True):
                category = self.readings[columns[index]].category
                row[attribute.name] = category or min(max(number, attribute.low), attribute.high)
        return rows

    def rows_of(self, name: str) -> list[int]:
        """The rows of W that read this attribute."""
        return [row for row, reading in enumerate(self.readings) if reading.name == name]

    def row_of(self, name: str, category: Value = None) -> int:
        """The row of a number or category. Raises KeyError when there is none."""
        for row, reading in enumerate(self.readings):
            if (reading.name, reading.category) == (name, category):
                return row
        raise KeyError(name if category is None else f"{name} {category}")

    def step(self, change: Tensor, rows: Sequence[int]) -> Tensor:
        """(N, D): the shortest steps that change the readings `rows` by (N, len(rows)), and no other of them.

        What is not in `rows` may change.
        """
        chosen = torch.as_tensor(list(rows), dtype=torch.long)
        spread = self.spread[chosen].double()  # (k, D)
        gram = self.weights[chosen].double() @ spread.T  # (k, k)
        scale = gram.diagonal().clamp(min=1e-12).sqrt()
        # One category against the others is minus the sum of theirs, so the rows may depend on each other.
        inverse = torch.linalg.pinv(gram / scale[:, None] / scale, rtol=1e-6, hermitian=True)
        step: Tensor = (change.double() / scale) @ inverse / scale @ spread
        return step.float()

    def held_with(self, changed: Collection[str]) -> list[int]:
        """The rows that are to stay when these attributes change: all but theirs and what goes along."""
        free = set(changed) | freed(changed)
        return [row for row, reading in enumerate(self.readings) if reading.name not in free]

    def directions(self) -> dict[tuple[str, str | None], Tensor]:
        """(D,) for each number and category: the step that raises its reading by 1 (year, log-odds ...).

        The readings of all other attributes stay, but for those that go along (RELATED). In the metric C^-1
        each is thus orthogonal to C w of every reading that stays.
        """
        found = {}
        for row, reading in enumerate(self.readings):
            rows = [row, *self.held_with([reading.name])]
            change = torch.zeros(1, len(rows))
            change[0, 0] = 1
            found[reading.name, reading.category] = self.step(change, rows)[0]
        return found

    def tensors(self) -> dict[str, Tensor]:
        return {"weights": self.weights, "bias": self.bias, "spread": self.spread}

    def settings(self) -> dict[str, Any]:
        """What `tensors` cannot say, as JSON."""
        return {"readings": [reading._asdict() for reading in self.readings]}

    @classmethod
    def from_saved(cls, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> LatentReader:
        """The reader of these `tensors` and `settings`. KeyError, TypeError or RuntimeError for others."""
        weights, bias, spread = (tensors[name].float() for name in ("weights", "bias", "spread"))
        readings = [Reading(**row) for row in settings["readings"]]
        known = {attribute.name: attribute.categories or (None,) for attribute in CONTROLS}
        if not all(reading.category in known[reading.name] for reading in readings):
            raise RuntimeError("it reads categories that no attribute has")
        if weights.shape != spread.shape or not len(readings) == len(weights) == len(bias):
            raise RuntimeError(f"{len(readings)} readings do not fit weights of shape {tuple(weights.shape)}")
        return cls(weights, bias, spread, readings)


def _ridge(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(D,) weights and scalar bias of the ridge regression of y (N,) on z (N, D), float64."""
    centre, scale = z.mean(dim=0), z.std(dim=0).clamp(min=1e-6)
    x = (z - centre) / scale
    gram = x.T @ x + PENALTY * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(gram, x.T @ (y - y.mean())) / scale
    return weights, y.mean() - centre @ weights


def _log_odds(z: Tensor, member: Tensor) -> tuple[Tensor, Tensor, float]:
    """(D,) weights and bias of the log-odds of membership (N,) bool, and the members' mean log-odds."""
    weights, bias = _ridge(z, member.double())
    score = z @ weights + bias  # (N,)
    inside, outside = score[member], score[~member]
    variance = torch.cat([inside - inside.mean(), outside - outside.mean()]).square().mean()
    slope = (inside.mean() - outside.mean()) / variance.clamp(min=1e-9)
    middle = (inside.mean() + outside.mean()) / 2
    return slope * weights, slope * (bias - middle), float(slope * (inside.mean() - middle))


def _known_part(attribute: Attribute, readings: Sequence[Reading]) -> Attribute:
    known = [reading.category for reading in readings if reading.name == attribute.name]
    categories = tuple(category for category in attribute.categories if category in known)
    return Attribute(attribute.name, categories, attribute.low, attribute.high, attribute.unit)
