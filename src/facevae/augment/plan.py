"""Which faces to make so that a dataset grows or its classes become alike, before any is made."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facevae.attributes import AGE, Value, is_missing
from facevae.augment.config import AugmentConfig
from facevae.errors import ConfigError, did_you_mean
from facevae.metrics.fairness import group_of

AGE_GROUP = "age_group"
ALL = "all"
"""Name of the one class of a plan without classes."""
NEW, VARIATION = "new", "variation"

Row = Mapping[str, Value]


@dataclass(frozen=True)
class Order:
    """One face to make."""

    index: int
    kind: str
    """NEW: has the labels of the training face `source`. VARIATION: is made from it, and has its labels."""
    source: int
    """Position among the training faces."""


@dataclass(frozen=True)
class ClassPlan:
    """What is planned for one class."""

    name: str
    real: int
    new: int
    variations: int
    short: int
    """Faces that cannot be made for it, since every face has all its variations and none may be new."""


@dataclass(frozen=True)
class Plan:
    orders: list[Order]
    classes: list[ClassPlan]


def make_plan(rows: Sequence[Row], config: AugmentConfig) -> Plan:
    """The faces to make for training faces with these rows, class after class; decided by them and `config`.

    Faces without a value that makes the class belong to none. Raises ConfigError for a column that is not
    there or makes no classes.
    """
    _check_columns(rows, config.by)
    members: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        name = class_of(row, config.by)
        if name is not None:
            members.setdefault(name, []).append(position)
    names = sorted(members)
    wanted = _wanted([len(members[name]) for name in names], config)
    random = np.random.default_rng(config.seed)
    orders: list[Order] = []
    classes: list[ClassPlan] = []
    for name, count in zip(names, wanted, strict=True):
        own = members[name]
        variations = min(round(count * (1 - config.share_new)), config.variations * len(own))
        new = count - variations if config.share_new > 0 else 0
        sources = [(NEW, own[pick]) for pick in random.integers(0, len(own), new).tolist()]
        rounds = -(-variations // len(own))
        picks = [own[pick] for _ in range(rounds) for pick in random.permutation(len(own)).tolist()]
        sources += [(VARIATION, source) for source in picks[:variations]]
        orders += [Order(len(orders) + place, *entry) for place, entry in enumerate(sources)]
        classes.append(ClassPlan(name, len(own), new, variations, count - new - variations))
    return Plan(orders, classes)


def class_of(row: Row, by: Sequence[str]) -> str | None:
    """'female, 20-29' of a face; ALL without columns, None when a value is missing."""
    values = [group_of(row, AGE.name) if name == AGE_GROUP else row.get(name) for name in by]
    if any(is_missing(value) for value in values):
        return None
    return ", ".join(map(str, values)) or ALL


def _wanted(real: Sequence[int], config: AugmentConfig) -> list[int]:
    """Faces to make for each class."""
    if config.count is None:
        level = max(real, default=0) if config.target is None else config.target
        return [max(0, level - count) for count in real]
    made = [0] * len(real)
    smallest = [(count, place) for place, count in enumerate(real)]
    heapq.heapify(smallest)
    for _ in range(config.count):
        count, place = smallest[0]
        made[place] += 1
        heapq.heapreplace(smallest, (count + 1, place))
    return made


def _check_columns(rows: Sequence[Row], by: Sequence[str]) -> None:
    words = sorted({name for row in rows for name, value in row.items() if value and isinstance(value, str)})
    fit = [name for name in words if name not in ("key", "split", "file", "sha256", "source")]
    fit += [AGE_GROUP] if any(not is_missing(row.get(AGE.name)) for row in rows) else []
    for name in by:
        if name not in fit:
            known = f"It has: {', '.join(fit)}." if fit else "No face of it has a label."
            remedy = f" For ages, use {AGE_GROUP}." if name == AGE.name else did_you_mean(name, fit)
            raise ConfigError(f"'{name}' makes no classes of this dataset (asked for in by). {known}{remedy}")
