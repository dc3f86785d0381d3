"""Whether a model serves everybody: figures per group of people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facevae.attributes import AGE, Value, is_missing
from facevae.errors import DataError

OLDEST_GROUP_YEARS = 60
"""Ages from here on are one group: photo sets hold few older faces."""


class GroupRow(NamedTuple):
    attribute: str
    group: str
    count: int  # type: ignore[assignment]  # tuple.count is never called
    """Faces of the group."""
    value: float
    """Mean of the figure over them, in the figure's own unit."""


def group_of(row: Mapping[str, Value], attribute: str) -> str | None:
    """The group that a face belongs to: its category, or its age as '0-9', '10-19', ..., '60+'.

    None when the row lacks the attribute, and for numbers other than ages, which make no groups.
    """
    value = row.get(attribute)
    if is_missing(value):
        return None
    if attribute == AGE.name:
        decade = int(float(value) // 10 * 10)  # type: ignore[arg-type]
        return f"{OLDEST_GROUP_YEARS}+" if decade >= OLDEST_GROUP_YEARS else f"{decade}-{decade + 9}"
    return value if isinstance(value, str) else None


def by_group(
    values: Tensor | NDArray[np.floating] | Sequence[float],
    rows: Sequence[Mapping[str, Value]],
    attribute: str,
    least: int = 20,
) -> list[GroupRow]:
    """Means of a figure over the faces of each group, in the order of the groups' names.

    values: (N,) one number per face, in any unit; rows: the N faces' metadata. Groups of fewer than `least`
    faces are left out, for their means say little. Raises DataError when the lengths differ.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (len(rows),):
        raise DataError(
            f"by_group got values of shape {numbers.shape} for {len(rows)} faces: expected one number each."
        )
    groups = [group_of(row, attribute) for row in rows]
    table = []
    for group in sorted({group for group in groups if group is not None}):
        members = numbers[[other == group for other in groups]]
        if len(members) >= least:
            table.append(GroupRow(attribute, group, len(members), float(members.mean())))
    return table


def worst_to_best(rows: Sequence[GroupRow], better: Literal["higher", "lower"]) -> float:
    """How the group served worst fares beside the one served best: 0..1, 1 when all are served alike.

    better: whether a higher or a lower figure is the better one. Worst / best where higher is better, and
    best / worst for errors. NaN for fewer than two groups, which cannot be compared. Raises DataError for
    a negative figure, of which no ratio can be taken.
    """
    values = [row.value for row in rows]
    if len(values) < 2:
        return math.nan
    if min(values) < 0:
        raise DataError(
            f"worst_to_best got {min(values):g} for {rows[0].attribute}: ratios need figures of 0 or more."
        )
    best, worst = (max(values), min(values)) if better == "higher" else (min(values), max(values))
    if best == worst:
        return 1.0
    return worst / best if better == "higher" else best / worst
