"""Generations of faces: who came of whom, who is chosen, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from facevae.generator import Latents
from facevae.images import Photos
from facevae.studio.history import History

MOST_PEOPLE = 24
"""Of one generation."""
MOST_BYTES = 24 * 2**20
"""Latents and faces of all generations of one visitor: about 80 full generations of 64 px."""


class Generation(NamedTuple):
    """Some people."""

    latents: Latents  # (N, D)
    photos: Photos  # (N, H, W, 3)
    of: int | None
    """The generation whose members are the parents; None for the first."""
    parents: tuple[int, ...]
    """Their places in it."""
    origin: dict[str, Any]
    """How they were made, for the metadata."""


@dataclass(frozen=True)
class Place:
    """Where one is: what undo goes back to."""

    at: int = 0
    chosen: tuple[int, ...] = ()
    """The people who would be parents, in the order in which they were chosen."""
    genes: tuple[float, ...] = ()
    """Standard deviations by which the last chosen is moved."""


@dataclass
class Lineage:
    """Generations are only added: going back and breeding again begins another branch."""

    generations: list[Generation] = field(default_factory=list)
    place: History[Place] = field(default_factory=lambda: History(Place()))

    @property
    def here(self) -> Place:
        return self.place.present

    @property
    def now(self) -> Generation:
        return self.generations[self.here.at]

    @property
    def focus(self) -> int | None:
        """The person whose genes are moved: the last chosen."""
        return self.here.chosen[-1] if self.here.chosen else None

    @property
    def full(self) -> bool:
        """Whether there is no room for another generation."""
        return sum(one.latents.nbytes + one.photos.nbytes for one in self.generations) >= MOST_BYTES

    def add(self, generation: Generation) -> None:
        """Another generation, and go there."""
        self.generations.append(generation)
        self.place.change(Place(len(self.generations) - 1), f"add {len(self.generations)}")

    def pick(self, person: int, genes: int) -> None:
        """Choose a person as a parent, or no longer; genes: how many sliders there are."""
        chosen = self.here.chosen
        left = tuple(one for one in chosen if one != person)
        chosen = left if person in chosen else (*chosen, person)
        self.place.change(replace(self.here, chosen=chosen, genes=(0.0,) * genes), f"pick {person}")

    def go(self, generation: int) -> None:
        """Back, or forth, to a generation."""
        if 0 <= generation < len(self.generations):
            self.place.change(Place(generation), f"go {generation}")

    def join(self, latents: Latents, photos: Photos, origin: dict[str, Any]) -> None:
        """More people in this generation: it becomes another one, so that undo can take them away."""
        now = self.now
        people = np.concatenate([now.latents, latents])[-MOST_PEOPLE:]
        shown = np.concatenate([now.photos, photos])[-MOST_PEOPLE:]
        facts = {**now.origin, "joined": [*now.origin.get("joined", []), origin]}
        self.generations.append(Generation(people, shown, now.of, now.parents, facts))
        self.place.change(
            Place(len(self.generations) - 1, (len(people) - 1,)), f"add {len(self.generations)}"
        )

    def path(self) -> list[int]:
        """Generations from the first to this one."""
        path, at = [self.here.at], self.now.of
        while at is not None and at not in path:
            path.append(at)
            at = self.generations[at].of
        return path[::-1]
