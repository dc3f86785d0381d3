"""The options of `facevae augment`: one frozen object, described field by field, cheap to import."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from facevae.errors import ConfigError
from facevae.fields import check_kinds


@dataclass(frozen=True)
class AugmentConfig:
    """How many faces are made, of which classes, and how. Every field is part of the result's identity.

    One of `target`, `count` and `balance` says how many.
    """

    by: tuple[str, ...] = ()
    """Columns whose values make the classes, such as ('gender', 'age_group'): age_group is the decade of
    the age, the other columns are words. Empty: all faces are one class."""
    target: int | None = None
    """Every class is filled up to so many training faces. One that has more keeps them."""
    count: int | None = None
    """So many faces are made in all, each for the class that is smallest at that point."""
    balance: bool = False
    """Every class is filled up to the largest."""
    variations: int = 2
    """At most so many variations of each real face. 0: new faces alone."""
    share_new: float = 0.5
    """Share of the made faces that are new, 0 to 1, more when all variations are used up. 0: variations
    alone, which is all that a model without the classes' controls can do."""
    step: float = 0.5
    """How far a variation lies from its face, 0 to 1: 0 is the reconstruction, 1 another face."""
    truncation: float = 1.0
    """Of new faces: 0 < t <= 1, smaller is less diverse and more typical."""
    guidance: float | None = None
    """Of new faces: above 1 their labels show more clearly and they vary less. None: the model's own."""
    check_faces: bool = True
    """A made picture in which the detector finds no face is made again, and after `tries` left out."""
    tries: int = 4
    """Pictures made for one face at most, 1 or more."""
    shard_faces: int = 2000
    """Faces per tar shard, at least 1."""
    name: str | None = None
    """The dataset's name; None takes the old one and '-augmented'."""
    seed: int = 0
    """Decides whose labels new faces take, which faces are varied, and every noise."""

    def __post_init__(self) -> None:
        check_kinds(self)
        if sum((self.target is not None, self.count is not None, self.balance)) != 1:
            raise ConfigError(
                "augment needs to know how many faces to make: give one of target (faces per class), "
                "count (faces in all) and balance."
            )
        if self.balance and not self.by:
            raise ConfigError("balance needs classes: give by, such as gender,age_group.")
        for name, least in (("target", 1), ("count", 1), ("variations", 0), ("tries", 1), ("shard_faces", 1)):
            value = getattr(self, name)
            self._check(name, value is None or value >= least, f"{least} or more")
        for name in ("share_new", "step"):
            self._check(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        self._check("truncation", 0 < self.truncation <= 1, "more than 0 and at most 1")
        self._check("seed", 0 <= self.seed < 2**62, "0 or more, and less than 2^62")
        if self.variations == 0 and self.share_new == 0:
            raise ConfigError("variations=0 and share_new=0 leave nothing to make: raise one of them.")

    def identity(self) -> dict[str, Any]:
        """The fields as JSON values."""
        row: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return row

    def _check(self, name: str, fine: bool, expected: str) -> None:
        if not fine:
            raise ConfigError(f"{name} cannot be {getattr(self, name)!r}: expected {expected}")
