"""A text as words, numbers, Chinese characters and marks, each with its place in the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from facevae.describe.numbers import DASHES, is_numeric
from facevae.describe.traditional import SIMPLER

_HAN = "\u3400-\u4dbf\u4e00-\u9fff〇"
_PATTERN = re.compile(
    rf"(?P<number>\d{{1,9}}(?:\.\d{{1,9}})?|(?<![\d.])\.\d{{1,9}})|(?P<han>[{_HAN}])"
    rf"|(?P<word>[^\W\d_{_HAN}]+(?:'[^\W\d_{_HAN}]+)*)|(?P<mark>\.\.+|\S)"
)


@dataclass(frozen=True)
class Token:
    text: str
    """Lower case, full width and traditional characters folded."""
    start: int
    end: int
    kind: str
    """number, han, word or mark."""


def tokenize(text: str) -> list[Token]:
    """The tokens of a text, in order. A hyphen inside a word is none: 'middle-aged' is two words."""
    found = [
        Token(match[0], match.start(), match.end(), str(match.lastgroup))
        for match in _PATTERN.finditer("".join(map(_fold, text)))
    ]
    return [token for place, token in enumerate(found) if not _joins(found, place)]


def is_han(character: str) -> bool:
    return bool(re.match(f"[{_HAN}]", character))


def _fold(character: str) -> str:
    """One character for one, so that places stay those of the text."""
    plain = unicodedata.normalize("NFKC", character).lower()
    plain = plain if len(plain) == 1 else character
    return "'" if plain in "’‘`" else SIMPLER.get(plain, plain)


def _joins(tokens: Sequence[Token], place: int) -> bool:
    """Whether this mark is a hyphen inside a word rather than a dash or a range such as 20-30."""
    if tokens[place].text not in DASHES or not 0 < place < len(tokens) - 1:
        return False
    left, right = tokens[place - 1], tokens[place + 1]
    tight = left.end == tokens[place].start and right.start == tokens[place].end
    ranged = (is_numeric(left.text) or left.text == "s") and is_numeric(right.text)
    return tight and not ranged and "han" not in (left.kind, right.kind)
