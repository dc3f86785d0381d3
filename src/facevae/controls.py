"""What is asked of new faces: values, ranges of values, or several of them to see side by side."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from facevae.attributes import CONTROLS, Schema, Value
from facevae.errors import ControlError

Wanted = Value | tuple[float, float]
"""A number, a category, or a range (lowest, highest) of numbers."""
Request = Mapping[str, Wanted]
"""What is asked of each face, by control."""

_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"{_NUMBER}\s*(?:\.\.|-|–|~)\s*{_NUMBER}")
_CATEGORIES = {attribute.name for attribute in CONTROLS if attribute.categories}


def parse_number_or_range(text: str, name: str) -> float | tuple[float, float]:
    """60.0 of '60'; (20.0, 40.0) of '20..40' and '20-40'. name: the control, for the message.

    Raises ControlError for anything else, and for a range that runs backwards.
    """
    plain = text.strip()
    if re.fullmatch(_NUMBER, plain):
        return float(plain)
    match = _RANGE.fullmatch(plain)
    if match is None:
        raise ControlError(f"{name} cannot be {text!r}: expected a number, or a range such as 20..40.")
    low, high = float(match[1]), float(match[2])
    if low > high:
        raise ControlError(f"{name} cannot be {text!r}: a range starts low, so write {high:g}..{low:g}.")
    return low if low == high else (low, high)


def parse_several(text: str, name: str) -> list[Wanted]:
    """The values of '20,40..50,60' or 'happy,sad', in that order. Raises ControlError for an empty one."""
    parts = [part.strip() for part in re.split("[,，]", text)]
    if not all(parts):
        raise ControlError(f"{name} cannot be {text!r}: a value is missing. Write them as a,b,c.")
    return list(parts) if name in _CATEGORIES else [parse_number_or_range(part, name) for part in parts]


def draw_controls(request: Request, count: int, seed: int) -> list[dict[str, Value]]:
    """One face's controls each, `count` of them; ranges are drawn uniformly, each control by itself.

    Random by seed + index and the control's name alone, as faces are by seed + index: face i gets the same
    age whatever else is asked for, and whichever call it is part of.
    """
    return [
        {
            name: random.Random(f"{name} {seed + index}").uniform(*wanted)
            if isinstance(wanted, tuple)
            else wanted
            for name, wanted in request.items()
        }
        for index in range(count)
    ]


def check_request(request: Request, schema: Schema, source: str = "the request") -> None:
    """Raise ControlError for a control that the model lacks, a value that it cannot have, or a range of
    categories; the message lists what there is."""
    for attribute in schema.attributes:
        if attribute.categories and isinstance(request.get(attribute.name), tuple):
            raise ControlError(
                f"{attribute.name} cannot be a range (in {source}). "
                f"It is one of: {', '.join(attribute.categories)}."
            )
    for end in (0, 1):
        ends = {
            name: wanted[end] if isinstance(wanted, tuple) else wanted for name, wanted in request.items()
        }
        schema.check(ends, source)


@dataclass(frozen=True)
class Grid:
    """Every combination of values asked for: `rows` by `columns`, one request each."""

    rows: tuple[Request, ...]
    columns: tuple[Request, ...]

    @property
    def cells(self) -> list[Request]:
        """The combinations, row by row."""
        return [{**row, **column} for row, column in itertools.product(self.rows, self.columns)]

    @property
    def row_labels(self) -> list[str]:
        return [_label(row) for row in self.rows]

    @property
    def column_labels(self) -> list[str]:
        return [_label(column) for column in self.columns]


def grid_of(asked: Mapping[str, Sequence[Wanted]]) -> tuple[Grid, Request]:
    """The combinations of the controls with several values, and what all have in common.

    The control asked for last varies along the columns, those before it along the rows, in the order asked.
    With one value each there is one cell.
    """
    common = {name: values[0] for name, values in asked.items() if len(values) == 1}
    several = [(name, values) for name, values in asked.items() if len(values) > 1]
    return Grid(_product(several[:-1]), _product(several[-1:])), common


def _product(several: Iterable[tuple[str, Sequence[Wanted]]]) -> tuple[Request, ...]:
    choices = [[(name, value) for value in values] for name, values in several]
    return tuple(dict(combination) for combination in itertools.product(*choices))


def _label(request: Request) -> str:
    """'age 20, female': categories speak for themselves, numbers need their name."""
    return ", ".join(_label_one(name, wanted) for name, wanted in request.items())


def _label_one(name: str, wanted: Wanted) -> str:
    if isinstance(wanted, tuple):
        return f"{name} {wanted[0]:g}..{wanted[1]:g}"
    return f"{name} {wanted:g}" if isinstance(wanted, float) else str(wanted)
