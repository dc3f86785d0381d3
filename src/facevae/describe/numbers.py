"""Numbers in digits, in English words and in Chinese characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol


class _Token(Protocol):
    @property
    def text(self) -> str: ...


Tokens = Sequence[_Token]
Read = tuple[float, int]
"""A number and the place of the token after it."""

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_ONES = {word: float(value) for value, word in enumerate(_UNITS.split())}
_FULL_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10.0 * value for value, word in enumerate(_FULL_TENS.split(), 2)}
_TENS["fourty"] = 40.0
_ONES |= {ten + one: _TENS[ten] + _ONES[one] for ten in _FULL_TENS.split() for one in _UNITS.split()[1:10]}
DECADES = {word[:-1] + "ies": value for word, value in _TENS.items()} | {"teens": 13.0}
DECADES |= {f"{word}something": value for word, value in _TENS.items()}
NUMBER_WORDS = frozenset((*_ONES, *_TENS, *DECADES)) - {"fourty", "fourties"}
DASHES = frozenset("-‐‑‒–—―~〜")
_DIGITS = {character: float(value) for value, character in enumerate("零一二三四五六七八九")}
_DIGITS |= {"〇": 0.0, "两": 2.0}


def is_digits(word: str) -> bool:
    """7, 0.5 or .5."""
    return bool(re.fullmatch(r"\d*\.?\d+", word))


def is_numeric(word: str) -> bool:
    """Digits, or a word that is part of a number: what may stand on both sides of a range's dash."""
    return is_digits(word) or word in _ONES or word in _TENS or word in DECADES


def text_at(tokens: Tokens, place: int) -> str:
    return tokens[place].text if 0 <= place < len(tokens) else ""


def read_number(tokens: Tokens, place: int) -> Read | None:
    """The number that begins at `place`, in whichever writing; None when none does."""
    word = text_at(tokens, place)
    if is_digits(word):
        return _and_a_half(tokens, float(word), place + 1)
    if word in _ONES or word in _TENS or (word in ("a", "one") and text_at(tokens, place + 1) == "hundred"):
        return _and_a_half(tokens, *_english(tokens, place))
    return _chinese(tokens, place)


def english_word(word: str) -> float | None:
    """The value of a single word such as 'thirty'."""
    return _ONES.get(word, _TENS.get(word))


def digit(tokens: Tokens, place: int) -> float | None:
    """The value of the Chinese digit at `place`."""
    return _DIGITS.get(text_at(tokens, place))


def _and_a_half(tokens: Tokens, value: float, place: int) -> Read:
    if [text_at(tokens, place + step) for step in range(3)] == ["and", "a", "half"]:
        return value + 0.5, place + 3
    if [text_at(tokens, place + step) for step in range(3)] == ["1", "/", "2"]:
        return value + 0.5, place + 3
    if text_at(tokens, place) == "½":
        return value + 0.5, place + 1
    return value, place


def _english(tokens: Tokens, place: int) -> Read:
    word = text_at(tokens, place)
    if text_at(tokens, place + 1) == "hundred" and word not in _TENS:
        value, after = 100 * _ONES.get(word, 1.0), place + 2
        rest = after + (text_at(tokens, after) == "and")
        if text_at(tokens, rest) in _ONES or text_at(tokens, rest) in _TENS:
            more, after = _english(tokens, rest)
            value += more
        return value, after
    if word in _TENS:
        unit = place + 1 + (text_at(tokens, place + 1) == "-")
        if 1 <= _ONES.get(text_at(tokens, unit), 0) <= 9:
            return _TENS[word] + _ONES[text_at(tokens, unit)], unit + 1
        return _TENS[word], place + 1
    return _ONES[word], place + 1


def _chinese(tokens: Tokens, place: int) -> Read | None:
    """Up to 999: 二十五, 一百零三, 十. Stops before the second digit of 七八, which is two numbers."""
    start, value = place, 0.0
    for unit, size in (("百", 100), ("十", 10)):
        leading = digit(tokens, place)
        if leading is not None and text_at(tokens, place + 1) == unit:
            value, place = value + size * leading, place + 2
        elif text_at(tokens, place) == unit and (unit == "十" or place == start):
            value, place = value + size, place + 1
        if place > start and text_at(tokens, place) in ("零", "〇"):
            place += 1
    if value >= 10 and text_at(tokens, place) == "有" and digit(tokens, place + 1):
        place += 1  # 三十有二
    leading = digit(tokens, place)
    if leading is not None:
        value, place = value + leading, place + 1
    return (value, place) if place > start else None
