"""What a word can mean in a description, and the years that the words for stages of life stand for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Years = tuple[float, float]

OLDEST = 85.0
"""'Over 60' is drawn up to this age; above it there are hardly any faces to learn from."""


@dataclass(frozen=True)
class Stage:
    """A stage of life."""

    typical: Years
    """Drawn when the word alone is said."""
    possible: Years
    """Ages that do not contradict the word."""
    asks: bool = True
    """False: alone it asks for no age, as 'man', but it bounds 'under 30' and contradicts 'of seven'."""


NEWBORN = Stage((0, 1), (0, 1))
BABY = Stage((0, 2), (0, 3))
TODDLER = Stage((1, 3), (0, 5))
SMALL_CHILD = Stage((1, 5), (0, 7))
PRESCHOOLER = Stage((3, 5), (2, 7))
CHILD = Stage((3, 12), (0, 17))
BOY = Stage((3, 14), (0, 19))
GIRL = Stage((3, 14), (0, 29))  # grown women are called girls too
PUPIL = Stage((6, 12), (5, 14))
MIDDLE_SCHOOL = Stage((12, 15), (11, 17))
HIGH_SCHOOL = Stage((15, 18), (14, 20))
SECONDARY_SCHOOL = Stage((12, 18), (11, 20))
TEEN = Stage((13, 19), (10, 20))
YOUTH = Stage((13, 18), (10, 22))
LAD = Stage((14, 25), (5, 35))
STUDENT = Stage((18, 23), (16, 35))
YOUNG = Stage((18, 30), (0, 45))
VERY_YOUNG = Stage((16, 22), (0, 30))
YOUNG_WIFE = Stage((22, 35), (18, 45))
ADULT = Stage((18, 65), (16, 100))
GROWN = Stage((18, 100), (14, 100), asks=False)
MIDDLE_AGED = Stage((40, 60), (33, 67))
AUNT = Stage((40, 60), (18, 75))
LATER_LIFE = Stage((50, 75), (40, 90))
OLDER = Stage((55, 75), (45, 100))
GRANDPARENT = Stage((60, 85), (38, 100))
OLD = Stage((65, 85), (48, 100))
VERY_OLD = Stage((75, 95), (65, 100))

NOT_A_CHILD = Stage((20, OLDEST), (18, 100))
OPPOSITES = {
    YOUNG: Stage((40, OLDEST), (31, 100)),
    OLD: Stage((18, 60), (0, 60)),
    OLDER: Stage((18, 55), (0, 55)),
    ADULT: Stage((0, 17), (0, 17)),
}
"""What 'not' makes of a stage. Not being middle-aged is two stretches of life, which no request can name."""

STRONGER = {OLD: VERY_OLD, YOUNG: VERY_YOUNG}


def opposite(stage: Stage) -> Stage | None:
    return NOT_A_CHILD if stage.typical[1] <= 19 else OPPOSITES.get(stage)


class Kind(Enum):
    CLAIM = "says something about the face"
    FILLER = "says nothing about the face: 'photo of'"
    GLUE = "filler that holds together what is not understood: 'the', 'of'"
    NOT = "negates the next claim"
    DEGREE = "makes the next or the last claim stronger or weaker"
    OR = "carries a negation on"
    AND = "ends what 'with' began, and a negation"
    BREAK = "ends a clause"
    LEAD = "belongs to the unknown words that follow: 'with glasses'"
    ALIEN = "has no control: 'glasses'"


@dataclass(frozen=True)
class Sense:
    """A word's or phrase's meaning. A claim has one or more of gender, stage, expression and smile."""

    kind: Kind
    gender: str | None = None
    stage: Stage | None = None
    expression: str | None = None
    smile: float | None = None
    noun: bool = False
    """Names a person: after 'with' it is somebody else."""
    plural: bool = False
    """After a number it is a count of faces."""
    level: float = 0.0
    """Of a degree: the smile that it asks for."""
    before: bool = True
    after: bool = False
    """Of a degree: whether it may stand before and after what it changes."""
    loose: bool = False
    """Of a degree: an adjective that means something else where there is nothing to change: 'a big man'."""
    swallows: bool = False
    """Of a lead: its unknown words may stand among known ones: 'wearing an old hat'."""


BARELY, SLIGHT, FAIRLY, STRONG = 0.25, 0.4, 0.8, 0.95
SMILE = 0.7
"""A smile of no degree."""

FILLER, GLUE, NOT, OR, AND, BREAK, ALIEN = (
    Sense(kind) for kind in (Kind.FILLER, Kind.GLUE, Kind.NOT, Kind.OR, Kind.AND, Kind.BREAK, Kind.ALIEN)
)


def claim(
    expression: str | None = None,
    smile: float | None = None,
    gender: str | None = None,
    stage: Stage | None = None,
    noun: bool = False,
    plural: bool = False,
) -> Sense:
    return Sense(
        Kind.CLAIM, gender=gender, stage=stage, expression=expression, smile=smile, noun=noun, plural=plural
    )


def woman(stage: Stage | None = None, plural: bool = False) -> Sense:
    return claim(gender="female", stage=stage, noun=True, plural=plural)


def man(stage: Stage | None = None, plural: bool = False) -> Sense:
    return claim(gender="male", stage=stage, noun=True, plural=plural)


def somebody(stage: Stage, plural: bool = False) -> Sense:
    return claim(stage=stage, noun=True, plural=plural)


def degree(level: float, before: bool = True, after: bool = False, loose: bool = False) -> Sense:
    return Sense(Kind.DEGREE, level=level, before=before, after=after, loose=loose)


def lead(swallows: bool) -> Sense:
    return Sense(Kind.LEAD, swallows=swallows)
