"""Attributes of a face: what is known, within which bounds, and how a model sees it.

Attributes are optional for each face and may be missing; a missing value is masked, never guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from facevae.errors import ConfigError, ControlError, DataError, did_you_mean
from facevae.fields import check_kinds

Value = str | float | None


@dataclass(frozen=True)
class Attribute:
    """One attribute: a category when `categories` is not empty, else a number between `low` and `high`."""

    name: str
    categories: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    unit: str = ""

    @property
    def width(self) -> int:
        """Numbers this attribute takes in the model's input: its one-hot or scaled value, and `known`."""
        return (len(self.categories) or 1) + 1

    def encode(self, value: Value, source: str = "the request") -> list[float]:
        """[one-hot or value scaled to -1..1, 1.0 for known]; all zeros when the value is missing.

        Raises ControlError for a category or number that the attribute cannot have.
        """
        if is_missing(value):
            return [0.0] * self.width
        if self.categories:
            if value not in self.categories:
                raise ControlError(
                    f"{self.name} cannot be {value!r:.100} (in {source}). It is one of: "
                    f"{', '.join(self.categories)}.{did_you_mean(str(value), self.categories)}"
                )
            return [float(value == category) for category in self.categories] + [1.0]
        number = _number(value, self.name, source)
        if not self.low <= number <= self.high:
            raise ControlError(
                f"{self.name} cannot be {number:g} (in {source}). "
                f"It lies between {self.low:g} and {self.high:g} {self.unit}".rstrip()
                + "."
            )
        return [2 * (number - self.low) / (self.high - self.low) - 1, 1.0]


AGE = Attribute("age", low=0.0, high=100.0, unit="years")
GENDER = Attribute("gender", categories=("female", "male"))
EXPRESSION = Attribute(
    "expression", categories=("neutral", "happy", "sad", "angry", "surprised", "disgusted", "fearful")
)
SMILE = Attribute("smile", low=0.0, high=1.0)
YAW = Attribute("yaw", low=-0.5, high=0.5, unit="of the crop's width")

CONTROLS: tuple[Attribute, ...] = (AGE, GENDER, EXPRESSION, SMILE, YAW)
"""Every attribute that a model may be conditioned on. `race` is kept in metadata for audits only."""


@dataclass(frozen=True)
class Schema:
    """The attributes that a model was trained with, in order. Empty: an unconditional model."""

    attributes: tuple[Attribute, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(attribute.name for attribute in self.attributes)

    @property
    def width(self) -> int:
        """A, the length of an encoded row."""
        return sum(attribute.width for attribute in self.attributes)

    def encode(self, row: Mapping[str, Value], source: str = "the request") -> list[float]:
        """One face's attributes as A numbers; attributes that the row lacks are masked with zeros."""
        return [x for attribute in self.attributes for x in attribute.encode(row.get(attribute.name), source)]

    def check(self, controls: Mapping[str, Value], source: str = "the request") -> None:
        """Raise ControlError when a control is unknown to this model or its value impossible."""
        for name, value in controls.items():
            if is_missing(value):
                continue
            if name not in self.names:
                has = f"It has: {', '.join(self.names)}." if self.names else "It has none."
                raise ControlError(
                    f"this model has no control '{name}' (asked for in {source}). {has} "
                    f"Train with a labelled '{name}' column and --condition-on {name} to add it."
                )
        self.encode(controls, source)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(attribute) for attribute in self.attributes]

    @staticmethod
    def from_json(rows: Iterable[Mapping[str, Any]]) -> Schema:
        """The schema that `to_json` has written. Raises ConfigError for anything else."""
        try:
            own = [{**row, "categories": tuple(row.get("categories", ()))} for row in rows]
            attributes = tuple(Attribute(**row) for row in own)
        except (TypeError, AttributeError, ValueError) as error:
            raise ConfigError(f"stored attributes cannot be {rows!r:.200}: {error}") from None
        for one in attributes:
            check_kinds(one)
            if not (one.categories or -math.inf < one.low < one.high < math.inf):
                raise ConfigError(f"the stored attribute '{one.name}' lies between {one.low} and {one.high}.")
        return Schema(attributes)

    @staticmethod
    def from_names(names: Iterable[str]) -> Schema:
        """The schema of the controls with these names; raises ControlError for one that is not a control."""
        known = {attribute.name: attribute for attribute in CONTROLS}
        names = list(names)
        for name in names:
            if name not in known:
                raise ControlError(
                    f"'{name}' is not a control (asked for in condition_on). "
                    f"There are: {', '.join(known)}.{did_you_mean(name, known)}"
                )
        return Schema(tuple(known[name] for name in names))


def is_missing(value: Value) -> bool:
    """True for None, an empty string and NaN: the three ways in which files say 'not known'."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def parse_age(text: Value, source: str = "the metadata") -> tuple[float, float] | None:
    """(lowest, highest) age in years from '31', '3-9', '70+', 'more than 70'; None when missing."""
    if is_missing(text):
        return None
    plain = str(text).strip().lower()
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:-|–|\.\.)\s*(\d+(?:\.\d+)?)", plain):
        low, high = float(match[1]), float(match[2])
    elif match := re.fullmatch(r"(?:(?:more than|over)\s*(\d+)|(\d+)\s*\+)", plain):
        low, high = float(match[1] or match[2]), AGE.high
    elif re.fullmatch(r"\d+(?:\.\d+)?", plain):
        low = high = float(plain)
    else:
        raise DataError(
            f"cannot read the age {text!r} in {source}: expected years, a range such as 3-9, or 70+"
        )
    return min(low, AGE.high), min(high, AGE.high)


def _number(value: Value, name: str, source: str) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ControlError(f"{name} must be a number (in {source}), got {value!r:.100}.") from None
