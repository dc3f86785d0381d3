"""What decides the faces of the tab Create, and the link that says it."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from facevae.attributes import Schema, Value
from facevae.errors import ConfigError
from facevae.generator import FaceGenerator, Samples

MOST_FACES = 64
MOST_SEED = 2**31 - 1
TRUNCATION = 0.8
"""Of new faces in the studio: more typical than 1, and still diverse."""
GUIDANCE = (0.0, 6.0)


@dataclass(frozen=True)
class Parameters:
    """The faces themselves are not kept: these values make them again."""

    seed: int
    count: int = 1
    truncation: float = TRUNCATION
    guidance: float | None = None
    controls: Mapping[str, Value] = field(default_factory=dict)
    """Only what is asked for."""

    def query(self, model: str) -> str:
        """'?seed=5&count=1...': what `from_query` reads."""
        plain: dict[str, Any] = {"model": model, "seed": self.seed, "count": self.count,
                                 "truncation": f"{self.truncation:g}"}  # fmt: skip
        if self.guidance is not None:
            plain["guidance"] = f"{self.guidance:g}"
        plain |= {name: f"{v:g}" if isinstance(v, float | int) else v for name, v in self.controls.items()}
        return "?" + urlencode(plain)

    def facts(self, model: str, index: int = 0) -> dict[str, Any]:
        """What the picture of face `index` says of itself."""
        facts: dict[str, Any] = {"model": model, "seed": self.seed + index, "truncation": self.truncation,
                                 "controls": dict(self.controls)}  # fmt: skip
        return facts if self.guidance is None else {**facts, "guidance": self.guidance}

    def samples(self, generator: FaceGenerator) -> Samples:
        """The faces themselves. Raises ControlError for a control that the model lacks."""
        return generator.sample(self.count, self.seed, self.controls, self.truncation, self.guidance)

    @staticmethod
    def from_query(query: Mapping[str, str], schema: Schema, guidance: float | None) -> Parameters | None:
        """The parameters of a link, None when it has no seed. What the link lacks is as for new faces.

        guidance: the model's own, None for one without. Raises ConfigError or ControlError for values that
        cannot be; names that the studio does not know are passed over.
        """
        if "seed" not in query:
            return None
        controls: dict[str, Value] = {}
        for attribute in schema.attributes:
            if text := query.get(attribute.name):
                controls[attribute.name] = text if attribute.categories else _number(query, attribute.name)
        schema.check(controls, "the link")
        asked = _number(query, "guidance", guidance, GUIDANCE) if guidance is not None else None
        truncation = _number(query, "truncation", TRUNCATION, (0.05, 1))
        count = int(_number(query, "count", 1, (1, MOST_FACES)))
        return Parameters(int(_number(query, "seed", 0, (0, MOST_SEED))), count, truncation, asked, controls)


def fresh_seed() -> int:
    """One of a million: short enough to be told to somebody."""
    return secrets.randbelow(1_000_000)


def _number(
    query: Mapping[str, str],
    name: str,
    default: float = 0.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> float:
    text = query.get(name)
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = math.nan
    if not bounds[0] <= number <= bounds[1] or math.isinf(number):
        expected = "a number" if math.isinf(bounds[0]) else f"a number from {bounds[0]:g} to {bounds[1]:g}"
        raise ConfigError(f"{name} cannot be {str(text)[:40]!r} (in the link): expected {expected}.")
    return number
