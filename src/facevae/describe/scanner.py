"""The senses of a text's words: ages, known words and phrases, numbers that count, unknown words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from facevae.describe.age_words import Age
from facevae.describe.ages import read_age
from facevae.describe.chinese import CHINESE
from facevae.describe.english import ENGLISH
from facevae.describe.numbers import read_number, text_at
from facevae.describe.senses import ALIEN, BREAK, FILLER, Kind, Sense
from facevae.describe.tokens import Token, is_han

LEXICON = ENGLISH | CHINESE
_LONGEST = max(map(len, LEXICON))
_COUNTERS = frozenset("个位名张幅副只")
_ADJECTIVES = 4


@dataclass(frozen=True)
class Piece:
    """A word or phrase of the text with its sense; `age` where it is one."""

    sense: Sense
    start: int
    end: int
    """Places in the text, in characters."""
    age: Age | None = None


def scan(tokens: Sequence[Token]) -> list[Piece]:
    """The senses of the tokens: ages first, then the longest known phrase, then single unknown words."""
    pieces, place = [], 0
    while place < len(tokens):
        piece, after = _piece(tokens, place)
        pieces.append(replace(piece, start=tokens[place].start, end=tokens[after - 1].end))
        place = after
    return pieces


def _piece(tokens: Sequence[Token], place: int) -> tuple[Piece, int]:
    age, known = read_age(tokens, place), _known(tokens, place)
    if age and age.sure and not (known and known[1] > age.end) and not _counts(tokens, age):
        return _aged(age), age.end
    if known:
        sense, after = known
        return _smile_of(tokens, sense, after) if sense.smile else (Piece(sense, 0, 0), after)
    if age and not _is_bare_age(tokens, place, age):
        one = age.low == age.high == 1
        return Piece(FILLER if one else ALIEN, 0, 0), _after_count(tokens, age.end)
    if age:
        return _aged(age), age.end
    token = tokens[place]
    is_break = token.kind == "mark" and not _pictorial(token.text)
    return Piece(BREAK if is_break else ALIEN, 0, 0), place + 1


def _aged(age: Age) -> Piece:
    return Piece(ALIEN if age.impossible else Sense(Kind.CLAIM), 0, 0, None if age.impossible else age)


def _known(tokens: Sequence[Token], place: int) -> tuple[Sense, int] | None:
    for length in range(min(_LONGEST, len(tokens) - place), 0, -1):
        sense = LEXICON.get(tuple(token.text for token in tokens[place : place + length]))
        if sense:
            return sense, place + length
    sense = LEXICON.get((tokens[place].text.removesuffix("'s"),)) if place < len(tokens) else None
    return (sense, place + 1) if sense else None


def _counts(tokens: Sequence[Token], age: Age) -> bool:
    """Whether a number counts faces: 'two men', 'two smiling old men'."""
    if read_number(tokens, age.end - 1) is None:
        return False
    place = age.end
    for _ in range(_ADJECTIVES):
        known = _known(tokens, place)
        if not known or known[0].plural or known[0].noun or known[0].kind not in (Kind.CLAIM, Kind.DEGREE):
            return bool(known and known[0].plural)
        place = known[1]
    return False


def _is_bare_age(tokens: Sequence[Token], place: int, age: Age) -> bool:
    """Whether a number with nothing around it is an age: 'man, 60' but not '60 cats', 三 or 0.8."""
    following = text_at(tokens, age.end)
    if is_han(tokens[place].text):
        alone = not following or tokens[age.end].kind == "mark"
        return alone and age.end - place > 1 and not age.impossible
    if "." in tokens[place].text or _counts(tokens, age):
        return False
    if following in _COUNTERS or following == "%":
        return False
    known = _known(tokens, age.end)
    if known and known[0].noun and age.low == 1:
        return False
    return not following or tokens[age.end].kind == "mark" or bool(known and known[0] != ALIEN)


def _after_count(tokens: Sequence[Token], place: int) -> int:
    return place + (text_at(tokens, place) in (*_COUNTERS, "%"))


def _smile_of(tokens: Sequence[Token], sense: Sense, after: int) -> tuple[Piece, int]:
    """A smile with its number: 'smile 0.3', 'smile: 30%'."""
    place = after + (text_at(tokens, after) in ("of", ":", "=", "at", "为"))
    number = read_number(tokens, place)
    if not number or tokens[place].kind != "number":
        return Piece(sense, 0, 0), after
    value, end = number
    if text_at(tokens, end) == "%":
        value, end = value / 100, end + 1
    elif "." not in tokens[place].text:
        return Piece(sense, 0, 0), after
    if not 0 <= value <= 1:
        return Piece(sense, 0, 0), after
    return Piece(replace(sense, smile=value), 0, 0), end


def _pictorial(mark: str) -> bool:
    """An emoji or another sign that is more than punctuation."""
    return mark >= "\u2190" and not unicodedata.category(mark[0]).startswith(("P", "M", "C"))
