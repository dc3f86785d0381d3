"""What a word can mean in a description, and the years that the words for stages of life stand for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Years = tuple[float, float]

NOUN, ADJECTIVE, TRADE = range(3)
"""How strong a word's gender is: 'woman' wins over 'male', and 'female' over the man in 'fireman'."""

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
PRESCHOOLER = Stage((3, 6), (2, 7))
CHILD = Stage((3, 12), (0, 17))
BOY = Stage((3, 14), (0, 19))
GIRL = Stage((3, 14), (0, 29))  # grown women are called girls too
PUPIL = Stage((6, 12), (5, 14))
TWEEN = Stage((9, 12), (8, 14))
MINOR = Stage((3, 17), (0, 17))
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
BIG_CHILD = Stage((18, 28), (12, 40))  # 大男孩: grown, and boyish
PRIME = Stage((30, 45), (25, 55))
MATURE = Stage((35, 50), (28, 60))
PRINCE = Stage((14, 28), (3, 75), asks=False)
ADULT = Stage((18, 65), (16, 100))
GROWN = Stage((18, 100), (14, 100), asks=False)
MIDDLE_AGED = Stage((40, 60), (33, 67))
AUNT = Stage((40, 60), (18, 75))
LATER_LIFE = Stage((50, 75), (40, 90))
OLDER = Stage((55, 75), (45, 100))
GRANDPARENT = Stage((60, 85), (38, 100))
OLD = Stage((65, 85), (48, 100))
VERY_OLD = Stage((75, 95), (65, 100))
GREAT_GRANDPARENT = Stage((75, 95), (60, 100))
RETIRED = Stage((62, 80), (50, 100))

OF_AGE = Stage((18, OLDEST), (18, 100))
NOT_A_CHILD = Stage((20, OLDEST), (18, 100))
OPPOSITES = {
    YOUNG: Stage((40, OLDEST), (31, 100)),
    OLD: Stage((18, 60), (0, 60)),
    OLDER: Stage((18, 55), (0, 55)),
    ADULT: Stage((0, 17), (0, 17)),
    MINOR: OF_AGE,
}
"""What 'not' makes of a stage. Not being middle-aged is two stretches of life, which no request can name."""

STRONGER = {OLD: VERY_OLD, YOUNG: VERY_YOUNG}


def opposite(stage: Stage) -> Stage | None:
    return OPPOSITES.get(stage, NOT_A_CHILD if stage.typical[1] <= 19 else None)


def years(low: float, high: float, slack: float = 1.0) -> Stage:
    """A word as good as a number: 'octogenarian'. `slack`: years beside it that it does not contradict."""
    return Stage((low, high), (max(0.0, low - slack), min(100.0, high + slack)))


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
    """Names a person: after 'with' it is somebody else, and its age is stronger than an adjective's."""
    plural: bool = False
    """After a number it is a count of faces."""
    rank: int = NOUN
    """Of a gender: how strong it is against another."""
    school: bool = False
    """An age only of those who learn there: 'high school girl', not 'high school teacher'."""
    possessive: bool = False
    """Before a noun it speaks of somebody else: 'his' in 'his wife'."""
    quality: bool = False
    """Names a smile or an expression that a number may follow: 'smile 0.3'."""
    level: float = 0.0
    """Of a degree: the smile that it asks for."""
    before: bool = True
    after: bool = False
    """Of a degree: whether it may stand before and after what it changes."""
    loose: bool = False
    """Of a degree: an adjective that means something else where there is nothing to change: 'a big man'."""
    swallows: bool = False
    """Of a lead: its unknown words may stand among known ones: 'wearing an old hat'."""
    others: bool = False
    """Of a lead: what follows is said of somebody else: 'like a child'."""
    whole: bool = False
    """Of such a lead: up to 的 even where it names nobody: 比实际年轻的."""
    kin: bool = False
    """Of such a lead: only behind a person, 'son of a king'."""
    closes: bool = False
    """Ends what such a lead began in Chinese: 的, 一样."""
    known: bool = True
    """Of what has no control: False where the word is in no table."""
    thing: bool = False
    """An adjective before it is the thing's: 'an old camera', 'happy birthday'."""
    trait: bool = False
    """An adjective without a control, after which a person may follow: '40 bearded men'."""
    measure: bool = False
    """A number after it is its own: 'size 42'."""


BARELY, SLIGHT, FAIRLY, STRONG = 0.25, 0.4, 0.8, 0.95
SMILE = 0.7
"""A smile of no degree."""

FILLER, GLUE, NOT, OR, AND, BREAK, ALIEN = (
    Sense(kind) for kind in (Kind.FILLER, Kind.GLUE, Kind.NOT, Kind.OR, Kind.AND, Kind.BREAK, Kind.ALIEN)
)
UNKNOWN = Sense(Kind.ALIEN, known=False)
THING, TRAIT = Sense(Kind.ALIEN, thing=True), Sense(Kind.ALIEN, trait=True)
PROFESSION = Sense(Kind.ALIEN, noun=True)
MEASURE = Sense(Kind.ALIEN, measure=True)
PICTURE = Sense(Kind.FILLER, thing=True)
OF = Sense(Kind.GLUE, closes=True)


def claim(
    expression: str | None = None,
    smile: float | None = None,
    gender: str | None = None,
    stage: Stage | None = None,
    possessive: bool = False,
    quality: bool = False,
) -> Sense:
    """An adjective, a verb or a pronoun."""
    return Sense(
        Kind.CLAIM, gender=gender, stage=stage, expression=expression, smile=smile, rank=ADJECTIVE,
        possessive=possessive, quality=quality,
    )  # fmt: skip


def school(stage: Stage) -> Sense:
    return Sense(Kind.CLAIM, stage=stage, rank=ADJECTIVE, school=True)


def woman(stage: Stage | None = None, plural: bool = False, rank: int = NOUN) -> Sense:
    return Sense(Kind.CLAIM, gender="female", stage=stage, noun=True, plural=plural, rank=rank)


def man(stage: Stage | None = None, plural: bool = False, rank: int = NOUN) -> Sense:
    return Sense(Kind.CLAIM, gender="male", stage=stage, noun=True, plural=plural, rank=rank)


def somebody(stage: Stage, plural: bool = False) -> Sense:
    return Sense(Kind.CLAIM, stage=stage, noun=True, plural=plural)


def degree(level: float, before: bool = True, after: bool = False, loose: bool = False) -> Sense:
    return Sense(Kind.DEGREE, level=level, before=before, after=after, loose=loose)


def lead(swallows: bool = False, others: bool = False, whole: bool = False, kin: bool = False) -> Sense:
    return Sense(Kind.LEAD, swallows=swallows, others=others or kin, whole=whole, kin=kin)
