"""How long jobs take: a first guess for each kind, corrected by what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SHORT_S = 2.0
"""A job that is expected to take longer is a long one."""
MEMORY = 5
"""Jobs of a kind over which the mean of its measured times runs."""
FIRST_GUESS_S: Mapping[str, float] = {
    "pass": 0.012, "photo": 0.1, "crowd": 0.4, "choose": 0.04, "morph": 0.01, "avatar": 0.9, "search": 1.0,
    "quick": 0.2, "look": 2.0, "artwork": 0.1, "studio": 0.2, "films": 10.0,
}  # fmt: skip
"""Seconds on one core for one unit of each kind, until some were measured. The units: a face through the
network, a photo with one face or with many, a try, a frame, a variant of a portrait, a face edited by the
search or without, a megapixel, a step at 256 px, an answer of the studio or a long one."""


@dataclass(frozen=True)
class Cost:
    """What a job is expected to cost."""

    kind: str
    """Jobs of a kind take times in proportion to their units. Its first word is one of FIRST_GUESS_S."""
    units: float = 1.0


class Costs:
    """Seconds for a unit of each kind, as running means."""

    def __init__(self) -> None:
        self._unit_s: dict[str, float] = {}
        self._seen: dict[str, int] = {}

    def seconds(self, cost: Cost) -> float:
        """What a job is expected to take."""
        return self._of_unit(cost.kind) * cost.units

    def learn(self, cost: Cost, seconds: float) -> None:
        """Correct the kind's mean by a job that took so long."""
        seen = self._seen[cost.kind] = min(self._seen.get(cost.kind, 0) + 1, MEMORY)
        before_s = self._of_unit(cost.kind)
        self._unit_s[cost.kind] = before_s + (seconds / max(cost.units, 1e-3) - before_s) / seen

    def _of_unit(self, kind: str) -> float:
        return self._unit_s.get(kind, FIRST_GUESS_S[kind.split()[0]])
