"""Ways to edit, a mechanism with its settings, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from facevae.generator import Controls

Mechanism = Literal["search", "direction", "flow", "cvae"]


@dataclass(frozen=True)
class Way:
    """A mechanism with its settings."""

    mechanism: Mechanism
    strength: float = 1.0
    """How many times the asked change of a number's reading is made. Readings are regressions, and so shrink
    to the mean: 1 is more than what separates faces of the two values on average."""
    guidance: float = 1.0
    """Of the flow, on the way back from noise; the way there is without."""
    start: float = 0.0
    """Of the flow: the time, 0 to less than 1, to which the way there goes. More keeps more of the face."""
    difference: bool = True
    """Of the flow: add to z what the new attributes make of its noise less what its own make of it, so that
    what guidance and rounding change by themselves stays out. False: take what the new ones make of it."""
    corrected: Literal["no", "others", "all"] = "all"
    """Of the flow: the shortest step on top that brings the readings of what was not asked for back to where
    they were ('others'), and of what was to where it should be ('all')."""


class Request(NamedTuple):
    """What is asked of N faces: of all the same attributes, from and to the same categories."""

    own: Sequence[Controls]
    asked: Sequence[Controls]
    names: set[str]
    """The attributes that change."""

    def part(self, rows: slice) -> Request:
        return Request(self.own[rows], self.asked[rows], self.names)
