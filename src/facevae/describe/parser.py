"""Pieces of a text to claims about the face, and to the phrases that are not understood.

Unknown words are gathered with what belongs to them; then, from left to right, degrees and negations find the
claim that they change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from facevae.describe.age_words import Age
from facevae.describe.gather import gather
from facevae.describe.scanner import Piece
from facevae.describe.senses import FAIRLY, SLIGHT, SMILE, STRONG, STRONGER, Kind, Sense

_ADJECTIVES = 6
"""Words between an adjective and its noun."""


@dataclass(frozen=True)
class Claim:
    """What a phrase says about the face, degree and negation included."""

    sense: Sense
    start: int
    end: int
    age: Age | None = None
    negated: bool = False
    attached: bool = False
    """A person follows whom it describes: 'young' in 'an old flame, a young woman', and not 'old'."""


@dataclass(frozen=True)
class Reading:
    claims: list[Claim]
    unknown: list[tuple[int, int]]
    """Where phrases that are not understood begin and end."""
    without_control: list[tuple[int, int]]
    """Those of them whose words are known, and no control can do them."""


def read(pieces: Sequence[Piece]) -> Reading:
    """Claims and unknown phrases, in the order of the text."""
    reader = _Reader(gather(pieces))
    while reader.place < len(reader.pieces):
        reader.step()
    return Reading(reader.claims, sorted(reader.unknown), reader.without_control)


class _Reader:
    """Walks over the pieces; negation and degrees wait for their claim."""

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces
        self.place = 0
        self.claims: list[Claim] = []
        self.unknown: list[tuple[int, int]] = []
        self.without_control: list[tuple[int, int]] = []
        self.degrees: list[Piece] = []
        self.negations: list[Piece] = []
        self.last: Claim | None = None
        """The claim that a degree after it, or 'or' with a negation before it, still reaches."""

    def step(self) -> None:
        piece = self.pieces[self.place]
        self.place += 1
        handle: dict[Kind, Callable[[Piece], None]] = {
            Kind.CLAIM: self._claim, Kind.NOT: self.negations.append, Kind.DEGREE: self.degrees.append,
            Kind.OR: self._or, Kind.AND: self._end, Kind.BREAK: self._end, Kind.ALIEN: self._alien,
        }  # fmt: skip
        if piece.sense.kind in handle:
            handle[piece.sense.kind](piece)
        if self.place == len(self.pieces):
            self._end(piece)

    def _claim(self, piece: Piece) -> None:
        if self.last and self.degrees and self.degrees[0].sense.after and _graded(self.last.sense):
            first = self.degrees[0]
            if not first.sense.before or not _graded(piece.sense):
                self._strengthen_last()
        taken = [one for one in self.degrees if _changes(one.sense, piece.sense)]
        self._leave(one for one in self.degrees if one not in taken)
        before = [one for one in (*self.negations, *taken) if one.sense.kind is not Kind.OR]
        start = min([piece.start, *(one.start for one in before)])
        negated = len(self.negations) % 2 == 1
        sense = piece.sense if negated else _with_degrees(piece.sense, taken)
        self.last = Claim(sense, start, piece.end, piece.age, negated, self._is_attached())
        self.claims.append(self.last)
        self.degrees, self.negations = [], []

    def _is_attached(self) -> bool:
        for piece in self.pieces[self.place : self.place + _ADJECTIVES]:
            if piece.sense.noun or piece.sense.kind is Kind.FILLER:
                return True
            if piece.sense.kind not in (Kind.CLAIM, Kind.DEGREE, Kind.GLUE):
                return False
        return False

    def _strengthen_last(self) -> None:
        """Degrees that follow their claim: 'smiling broadly', 笑得很灿烂."""
        assert self.last is not None
        sense = _with_degrees(self.last.sense, self.degrees)
        self.last = replace(self.last, sense=sense, end=max(one.end for one in self.degrees))
        self.claims[-1] = self.last
        self.degrees = []

    def _or(self, piece: Piece) -> None:
        carried = self.last is not None and self.last.negated
        self._end(piece)
        if carried:
            self.negations = [piece]

    def _end(self, piece: Piece) -> None:
        follows = any(one.sense.after for one in self.degrees)
        if self.last and follows and _graded(self.last.sense):
            self._strengthen_last()
        self._leave(self.degrees)
        idle = [one for one in self.negations if one.sense.kind is Kind.NOT]
        if idle and piece.sense.kind is not Kind.ALIEN:
            self.unknown.append((idle[0].start, idle[-1].end))
        self.degrees, self.negations, self.last = [], [], None

    def _alien(self, piece: Piece) -> None:
        self._end(piece)
        self.unknown.append((piece.start, piece.end))
        if piece.sense.known:
            self.without_control.append((piece.start, piece.end))

    def _leave(self, degrees: Iterable[Piece]) -> None:
        """Degrees with nothing to change: 'a pretty woman' is not understood, 'a very man' is a slip."""
        for one in degrees:
            if one.sense.loose:
                self.unknown.append((one.start, one.end))
                self.without_control.append((one.start, one.end))


def _graded(sense: Sense) -> bool:
    return sense.smile is not None or sense.expression == "happy"


def _changes(degree: Sense, sense: Sense) -> bool:
    """Whether a degree belongs to the claim after it: 'a very sad man', but not 'a big old man'."""
    if not degree.before:
        return False
    if _graded(sense):
        return True
    if sense.expression:
        return not degree.loose or degree.level == FAIRLY
    return sense.stage is not None and sense.stage in STRONGER and not degree.loose


def _with_degrees(sense: Sense, degrees: Sequence[Piece]) -> Sense:
    """The weakest of weakening degrees, else the strongest: 'very slightly' is slight."""
    levels = [one.sense.level for one in degrees]
    if not levels:
        return sense
    level = min(levels) if min(levels) <= SLIGHT else max(levels)
    if sense.stage in STRONGER and level == STRONG:
        return replace(sense, stage=STRONGER[sense.stage])
    if not _graded(sense) or sense.smile == 0 or level == SMILE:
        return sense
    return replace(sense, smile=level)
