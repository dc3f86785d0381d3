"""Attributes read from columns of numbers by straight lines, and how such lines are fitted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

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


class LinearReader:
    """values = W f + b: numbers in the attribute's unit, log-odds for categories.

    weights W: (K, F), one row per reading. bias b: (K,). What the columns f are is for the readers to say.
    """

    def __init__(self, weights: Tensor, bias: Tensor, readings: Sequence[Reading]) -> None:
        self.weights, self.bias, self.readings = weights, bias, tuple(readings)

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

    def values(self, columns: Tensor) -> Tensor:
        """(N, F) to (N, K) readings, unbounded."""
        return columns @ self.weights.to(columns).T + self.bias.to(columns)

    def rows_of(self, name: str) -> list[int]:
        """The rows of W that read this attribute."""
        return [row for row, reading in enumerate(self.readings) if reading.name == name]

    def row_of(self, name: str, category: Value = None) -> int:
        """The row of a number or category. Raises KeyError when there is none."""
        for row, reading in enumerate(self.readings):
            if (reading.name, reading.category) == (name, category):
                return row
        raise KeyError(name if category is None else f"{name} {category}")

    def held_with(self, changed: Collection[str]) -> list[int]:
        """The rows that are to stay when these attributes change: all but theirs and what goes along."""
        free = set(changed) | freed(changed)
        return [row for row, reading in enumerate(self.readings) if reading.name not in free]


def fit_readings(
    columns: Tensor,
    rows: Sequence[Mapping[str, Value]],
    attributes: Sequence[Attribute] = CONTROLS,
    penalty: float = PENALTY,
) -> tuple[Tensor, Tensor, list[Reading]] | None:
    """W (K, F) and b (K,), float64, of what the rows label, and what each row reads; None for nothing.

    columns: (N, F); rows: their N faces' attributes, missing ones left out of that attribute's fit. Numbers
    by ridge regression; a category by the same on membership, its score turned into log-odds as if both sides
    were Gaussian with one variance and equally frequent, which is Fisher's discriminant (Hastie et al. 2009,
    section 4.3). penalty: see PENALTY. Closed form, in float64. Deterministic.
    """
    fits: list[tuple[Tensor, Tensor, Reading]] = []
    for attribute in attributes:
        labels = torch.from_numpy(labels_of(rows, attribute))  # (N,), NaN where missing
        known = ~labels.isnan()
        y = labels[known]
        if len(y) >= LEAST_LABELLED and not bool((y == y[0]).all()):
            fits += _fit_attribute(columns.cpu()[known].double(), y, attribute, penalty)
    if not fits:
        return None
    weights, biases, readings = zip(*fits, strict=True)
    return torch.stack(weights), torch.stack(biases), list(readings)


def _fit_attribute(
    f: Tensor, y: Tensor, attribute: Attribute, penalty: float
) -> list[tuple[Tensor, Tensor, Reading]]:
    """(F,) weights, bias and Reading of a number, or of each category that is frequent enough."""
    if not attribute.categories:
        weights, bias = _ridge(f, y[:, None], penalty)
        return [(weights[0], bias[0], Reading(attribute.name, None, float(y.mean())))]
    found = [(category, y == index) for index, category in enumerate(attribute.categories)]
    most = len(y) - LEAST_PER_CATEGORY
    members = {name: member for name, member in found if LEAST_PER_CATEGORY <= int(member.sum()) <= most}
    if not members:
        return []
    weights, biases = _ridge(f, torch.stack(list(members.values()), dim=1).double(), penalty)  # (M, F)
    fits = []
    for (category, member), row, bias in zip(members.items(), weights, biases, strict=True):
        slope, middle, typical = _log_odds(f @ row + bias, member)
        fits.append((slope * row, slope * (bias - middle), Reading(attribute.name, category, typical)))
    return fits


def _ridge(f: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """(T, F) weights and (T,) biases of the ridge regression of y (N, T) on f (N, F), float64."""
    centre, scale = f.mean(dim=0), f.std(dim=0).clamp(min=1e-6)
    x = (f - centre) / scale
    gram = x.T @ x
    gram.diagonal().add_(penalty * len(x))
    weights = torch.linalg.solve(gram, x.T @ (y - y.mean(dim=0))).T / scale  # (T, F)
    return weights, y.mean(dim=0) - weights @ centre


def _log_odds(score: Tensor, member: Tensor) -> tuple[Tensor, Tensor, float]:
    """Slope and middle of a score (N,): log-odds of membership (N,) bool are slope (score - middle). And the
    members' mean log-odds."""
    inside, outside = score[member], score[~member]
    variance = torch.cat([inside - inside.mean(), outside - outside.mean()]).square().mean()
    slope = (inside.mean() - outside.mean()) / variance.clamp(min=1e-9)
    middle = (inside.mean() + outside.mean()) / 2
    return slope, middle, float(slope * (inside.mean() - middle))


def _known_part(attribute: Attribute, readings: Sequence[Reading]) -> Attribute:
    known = [reading.category for reading in readings if reading.name == attribute.name]
    categories = tuple(category for category in attribute.categories if category in known)
    return Attribute(attribute.name, categories, attribute.low, attribute.high, attribute.unit)
