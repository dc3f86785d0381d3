"""The senses of a text's words: ages, known words and phrases, numbers that count, unknown words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from facevae.describe.age_words import PARTS, Age
from facevae.describe.ages import read_age, suffix_end
from facevae.describe.lexicon import find
from facevae.describe.numbers import is_digits, read_number, text_at
from facevae.describe.quantities import belonging_end, is_unit, quantity_end
from facevae.describe.senses import ADJECTIVE, ALIEN, BREAK, FILLER, UNKNOWN, Kind, Sense
from facevae.describe.tokens import Token, is_han

_COUNTERS = frozenset("个位名张幅副只")
_ADJECTIVES = 4
_POSSESSIVES = frozenset(("his", "her", "their", "my", "your", "our"))
_OF_AN_ERA = frozenset(("from", "of", "since", "during", "born", "circa"))
_IS = frozenset(
    (":", "=", "of", "at", "is", "为", "是", "level", "intensity", "strength", "度", "程度", "value")
)
_NONE, _FULL = (
    frozenset(("none", "off", "false", "no", "zero", "无", "否")),
    frozenset(("full", "max", "maximum")),
)
_FRAGILE = frozenset("老童乐怕怒少笑哭惊慌凶喜悲哀愁泪恼嫌吓怯嗨孩")
"""Characters that mean something else inside an unknown word: 童 in 童工."""
_ENDS = frozenset("笑哭怒")
"""Of these the ones that keep their meaning at the end of an unknown word: 傻笑."""
_BEFORE_TIME = frozenset(("for", "in", "after", "within", "every", "last", "next", "since"))
_AFTER_TIME = frozenset(
    (
        "of",
        "ago",
        "later",
        "experience",
        "before",
        "after",
        "hence",
        "together",
        "sober",
        "older",
        "younger",
        "apart",
    )
)
_ELDERLY_DECADE = 70
_PARENTS = frozenset((
    "father", "mother", "mom", "mum", "dad", "parent", "parents", "mommy", "daddy", "mama", "papa",
    "grandmother", "grandfather", "grandma", "grandpa", "owner", "head", "leader",
))  # fmt: skip
_MOST_CHILDREN = 12


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
    pieces: list[Piece] = []
    place = 0
    while place < len(tokens):
        piece, after = _piece(tokens, place, pieces[-1] if pieces else None)
        pieces.append(replace(piece, start=tokens[place].start, end=tokens[after - 1].end))
        place = after
    return pieces


def _piece(tokens: Sequence[Token], place: int, before: Piece | None) -> tuple[Piece, int]:
    end = quantity_end(tokens, place)
    if end > place:
        return _bare(ALIEN), suffix_end(tokens, end + is_unit(tokens, end))
    age, known = read_age(tokens, place), find(tokens, place)
    if age and (_is_era(tokens, place, age, before) if age.decade else _is_time(tokens, place, age)):
        return _bare(ALIEN), age.end
    longer = known is not None and age is not None and known[1] >= age.end
    if age and age.sure and not longer and not _counts(tokens, age) and not _is_quantity(tokens, age):
        return _aged(age, tokens[place : age.end]), age.end
    if known:
        return _known(tokens, place, known, before)
    if age and not _is_bare_age(tokens, place, age, before):
        one = age.low == age.high == 1
        return _bare(FILLER if one else ALIEN), _after_count(tokens, age.end)
    if age:
        # 'Looks 12 going on 30' is 12.
        age = replace(age, sure=age.sure or text_at(tokens, age.end) == "going")
        return _aged(age, tokens[place : age.end]), age.end
    token = tokens[place]
    is_break = token.kind == "mark" and not _pictorial(token.text)
    return _bare(BREAK if is_break else UNKNOWN), place + 1


def _bare(sense: Sense) -> Piece:
    return Piece(sense, 0, 0)


def _aged(age: Age, tokens: Sequence[Token]) -> Piece:
    """An age of the face; 'from her teens' says whose."""
    if age.impossible:
        return _bare(ALIEN)
    words = {token.text for token in tokens}
    gender = "female" if "her" in words else "male" if "his" in words else None
    return Piece(Sense(Kind.CLAIM, gender=gender, rank=ADJECTIVE), 0, 0, age)


def _known(
    tokens: Sequence[Token], place: int, known: tuple[Sense, int], before: Piece | None
) -> tuple[Piece, int]:
    sense, after = known
    if sense.measure:
        return _bare(sense), belonging_end(tokens, after)
    if after == place + 1 and _means_something_else(tokens, place, before):
        return _bare(UNKNOWN), after
    if sense.smile is not None or sense.expression:
        return _with_number(tokens, sense, after)
    return _bare(sense), after


def _means_something_else(tokens: Sequence[Token], place: int, before: Piece | None) -> bool:
    """A letter or a character that is part of something unknown: 'size M', 'f stop', 童工."""
    token = tokens[place]
    close = before is not None and before.end == token.start
    after_unknown = before is not None and not before.sense.known
    if token.text in ("m", "f"):
        return after_unknown or _is_unknown(tokens, place + 1)
    if token.text == "aged":
        return after_unknown
    if token.text not in _FRAGILE:
        return False
    tight = place + 1 < len(tokens) and tokens[place + 1].start == token.end
    if tight and tokens[place + 1].kind == "han" and _is_unknown(tokens, place + 1):
        return True
    return close and after_unknown and token.text not in _ENDS


def _is_unknown(tokens: Sequence[Token], place: int) -> bool:
    if place >= len(tokens) or tokens[place].kind not in ("word", "han"):
        return False
    return find(tokens, place) is None and read_age(tokens, place) is None


def _counts(tokens: Sequence[Token], age: Age) -> bool:
    """Whether a number counts faces: 'two men', 'two smiling old men'."""
    if age.unit or read_number(tokens, age.end - 1) is None:
        return False
    place = age.end
    for _ in range(_ADJECTIVES):
        known = find(tokens, place)
        if not known or known[0].plural or known[0].noun or known[0].kind not in (Kind.CLAIM, Kind.DEGREE):
            return bool(known and known[0].plural)
        place = known[1]
    return False


def _is_quantity(tokens: Sequence[Token], age: Age) -> bool:
    """Whether 'about five' or 'over 20' counts or measures something: 'about 5 feet', 'over 20 tattoos'."""
    if age.unit or age.decade:
        return False
    tall = [text_at(tokens, age.end), text_at(tokens, age.end + 1)] == ["'", "tall"]
    if tall or text_at(tokens, age.end) in (*_COUNTERS, "%") or _is_unit_of(tokens, age):
        return True
    known = find(tokens, age.end)
    if known:
        sense = known[0]
        return sense.kind is Kind.ALIEN and not sense.trait and not (sense.noun and not sense.plural)
    word = text_at(tokens, age.end)
    return _is_unknown(tokens, age.end) and len(word) > 3 and word.endswith("s")


def _is_unit_of(tokens: Sequence[Token], age: Age) -> bool:
    """A unit behind a number; 28M is a man, 1.8m a length."""
    if text_at(tokens, age.end) != "m":
        return is_unit(tokens, age.end)
    number = tokens[age.end - 1].text
    return "." in number or not is_digits(number) or not 13 <= float(number) <= 100


def _is_time(tokens: Sequence[Token], place: int, age: Age) -> bool:
    """Years that are no age: 'for 30 years', '20 years ago', 'a hundred years of solitude'."""
    words = {token.text for token in tokens[place : age.end]}
    if "岁" in words and text_at(tokens, place - 1) in ("轻", "老"):
        return True  # 年轻十岁
    if not {"years", "year", "months", "weeks", "days"} & words or words & {"old", "age", "aged", "岁"}:
        return False
    return text_at(tokens, place - 1) in _BEFORE_TIME or text_at(tokens, age.end) in _AFTER_TIME


def _is_era(tokens: Sequence[Token], place: int, age: Age, before: Piece | None) -> bool:
    """Whether a decade is of history: 'the 80s', 'a 90s teenager', '70s style'; 'in his 90s' is an age."""
    previous, earlier = text_at(tokens, place - 1), text_at(tokens, place - 2)
    if previous in _POSSESSIVES or text_at(tokens, age.end - 1) == "代":
        return False
    if previous == "the":
        return text_at(tokens, place) not in PARTS or earlier in _OF_AN_ERA
    if text_at(tokens, place) in PARTS:
        return False
    if previous in ("'", *_OF_AN_ERA):
        return True
    if before is not None and before.sense.kind is Kind.CLAIM and before.end + 1 >= tokens[place].start:
        return False
    known = find(tokens, age.end)
    if not known:
        return _is_unknown(tokens, age.end)
    sense, low = known[0], age.low or 0.0
    a_thing = sense.thing or (sense.kind is Kind.ALIEN and not sense.trait and not sense.noun)
    if a_thing or (sense.stage and not sense.stage.possible[0] <= low <= sense.stage.possible[1]):
        return True
    return low >= _ELDERLY_DECADE and sense.noun


def _is_bare_age(tokens: Sequence[Token], place: int, age: Age, before: Piece | None) -> bool:
    """Whether a number with nothing around it is an age: 'man, 60' but not '60 cats', 三 or 0.8."""
    following, known = text_at(tokens, age.end), find(tokens, age.end)
    if is_han(tokens[place].text):
        alone = not following or tokens[age.end].kind == "mark" or following == "的"
        return alone and age.end - place > 1 and not age.impossible
    if "." in tokens[place].text or _counts(tokens, age):
        return False
    if following in (*_COUNTERS, "%") or _is_unit_of(tokens, age) or _counts_children(tokens, place, age):
        return False
    if text_at(tokens, place - 1) == "of" and (thing := find(tokens, place - 2)) and thing[0].thing:
        return thing[0].kind is not Kind.ALIEN  # 'summer of 69', but 'photo of 30'
    if before is not None and not _lets_age_follow(before):
        return bool(known and known[0].kind is Kind.CLAIM)
    if known and known[0].noun and age.low == 1:
        return False
    if following == "going" and text_at(tokens, age.end + 1) == "on":
        return True
    if not following or tokens[age.end].kind == "mark":
        return True
    return known is not None and _may_follow_age(known[0])


def _counts_children(tokens: Sequence[Token], place: int, age: Age) -> bool:
    """'Mother of two' has two children."""
    of_whom = [text_at(tokens, place - 2), text_at(tokens, place - 1)]
    return of_whom[0] in _PARENTS and of_whom[1] == "of" and (age.high or 0.0) <= _MOST_CHILDREN


def _lets_age_follow(before: Piece) -> bool:
    """'Smile 5' and 'Boeing 747' keep their number."""
    return before.sense.known and not before.sense.quality


def _may_follow_age(sense: Sense) -> bool:
    return sense.kind is not Kind.ALIEN or sense.trait or (sense.noun and not sense.plural)


def _after_count(tokens: Sequence[Token], place: int) -> int:
    return place + (text_at(tokens, place) in (*_COUNTERS, "%") or is_unit(tokens, place))


def _with_number(tokens: Sequence[Token], sense: Sense, after: int) -> tuple[Piece, int]:
    """A smile or an expression with its number: 'smile 0.3', 'smile=1', 'smile: 30%', 'anger 0'."""
    place = after
    if text_at(tokens, place) == text_at(tokens, place + 1) == ":":
        return _bare(sense), after  # a weight: 'smiling::1'
    while place - after < 2 and text_at(tokens, place) in _IS:
        place += 1
    word = text_at(tokens, place)
    if place > after and sense.quality and word in (*_NONE, *_FULL):
        return _bare(replace(sense, smile=0.0 if word in _NONE else 1.0)), place + 1
    number = read_number(tokens, place) if sense.quality or is_digits(word) else None
    if not number:
        return _bare(sense), after
    value, end = number
    percent = text_at(tokens, end) == "%"
    value, end = (value / 100, end + 1) if percent else (value, end)
    whole = not percent and "." not in word
    if not 0 <= value <= 1 or (whole and not sense.quality) or suffix_end(tokens, end) > end:
        return _bare(sense), place if sense.quality else after
    if sense.expression and value == 0:
        return _bare(ALIEN), end
    if sense.expression and sense.expression != "happy":
        return _bare(sense), after
    return _bare(replace(sense, smile=value)), end


def _pictorial(mark: str) -> bool:
    """An emoji or another sign that is more than punctuation."""
    return mark >= "\u2190" and not unicodedata.category(mark[0]).startswith(("P", "M", "C"))
