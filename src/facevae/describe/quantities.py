"""Numbers that are no ages: sizes, dates, times of day, what belongs to another word."""

from __future__ import annotations

from collections.abc import Sequence

from facevae.describe.numbers import DASHES, DECADES, Tokens, is_digits, read_number, text_at
from facevae.describe.tokens import Token

UNITS = frozenset((
    "ft", "feet", "foot", "inch", "inches", "cm", "mm", "km", "m", "kg", "kgs", "g", "lb", "lbs", "pound",
    "pounds", "stone", "oz", "mile", "miles", "meter", "meters", "metre", "metres", "k", "px", "pixel",
    "pixels", "mp", "dpi", "fps", "gb", "mb", "tb", "hour", "hours", "hr", "hrs", "minute", "minutes", "min",
    "mins", "second", "seconds", "sec", "am", "pm", "clock", "o'clock", "percent", "dollars", "dollar", "usd",
    "euro", "euros", "bucks", "cents", "yuan", "times", "degrees", "degree", "day", "days", "st", "nd", "rd",
    "th", "x", "mpx", "c", "f1", "kilo", "kilos", "kilograms", "centimeters", "centimetres", "kmh", "mph",
    "hp", "cc", "米", "公斤", "斤", "千克", "厘米", "公分", "毫米", "公里", "千米", "元", "块", "分钟", "秒",
    "小时", "钟头", "次", "度", "分", "楼", "层", "号", "码", "级", "届", "页", "章", "集", "期", "季", "倍",
    "天", "日", "点", "路", "只", "条", "匹", "头", "辆", "座", "台", "件", "本", "支", "枝", "朵", "颗",
    "粒", "双", "对", "套", "杯", "瓶", "碗", "寸", "英寸", "尺", "英尺", "平", "步", "人", "口", "世纪",
    "年代", "万", "千", "亿", "后", "群", "帧", "像素", "家", "所", "门", "种", "代目",
))  # fmt: skip
"""What a number before it counts or measures; none is an age."""

_APERTURES = frozenset(["1", "1.2", "1.4", "1.8", "2", "2.8", "4", "5.6", "8", "11", "16"])
_CENTURIES = frozenset(("seventeen", "eighteen", "nineteen"))
_MINUS = frozenset("-−–")
_CURRENCY = frozenset("#$€£¥№@")
_JOINS = frozenset("/:x×*.")
_OF = frozenset(
    ("of", ":", "=", "is", "#", "no", "number", "为", "是", "约", "about", "over", "in", "the", "-")
)
_MOST_OF = 3


def quantity_end(tokens: Sequence[Token], place: int) -> int:
    """Where the number that begins here and is no age ends; `place` itself when there is none.

    f/1.8, f1.8, ::2, #5, -5, 007, 24/7, 16:9, 512x512, 6'2" and 5ft 6.
    """
    word, ahead = text_at(tokens, place), text_at(tokens, place + 1)
    if word == "f" and ahead == "/" and text_at(tokens, place + 2) in _APERTURES:
        return place + 3
    if word == "f" and "." in ahead and is_digits(ahead) and tokens[place].end == tokens[place + 1].start:
        return place + 2
    if word == ahead == ":" and is_digits(text_at(tokens, place + 2)):
        return place + 3
    if word in _CENTURIES and (end := _year_in_words(tokens, place)) > place:
        return end
    if word in _CURRENCY and is_digits(ahead):
        return place + 2
    if word in _MINUS and is_digits(ahead) and _is_minus(tokens, place):
        return place + 2
    if word == "负" and (number := read_number(tokens, place + 1)):
        return number[1]
    if not is_digits(word):
        return place
    end = _chain(tokens, place)
    if end > place + 1 or (word.startswith("0") and len(word) > 1 and "." not in word):
        return end
    return _feet_and_inches(tokens, place)


def belonging_end(tokens: Sequence[Token], place: int) -> int:
    """Where the number of the word before ends, as in 'size 42', 'family of four', 身高180; else `place`."""
    start = place
    while place - start < _MOST_OF and text_at(tokens, place) in _OF:
        place += 1
    number = read_number(tokens, place)
    if number is None:
        return start
    place = number[1]
    if text_at(tokens, place) in DASHES and (second := read_number(tokens, place + 1)):
        place = second[1]
    return place + (text_at(tokens, place) in UNITS or text_at(tokens, place) in ("s", "年", "%"))


def is_unit(tokens: Tokens, place: int) -> bool:
    """Whether a number before this place is a size, a time or a count of things."""
    word = text_at(tokens, place)
    two = word + text_at(tokens, place + 1)
    return word in UNITS or two in (
        "年代",
        "世纪",
        "英寸",
        "英尺",
        "厘米",
        "公分",
        "公斤",
        "小时",
        "分钟",
        "像素",
    )


def _year_in_words(tokens: Tokens, place: int) -> int:
    """'Nineteen eighty-four', 'the nineteen-fifties'."""
    after = place + 1 + (text_at(tokens, place + 1) in DASHES)
    if text_at(tokens, after) in DECADES:
        return after + 1
    number = read_number(tokens, after) if not is_digits(text_at(tokens, after)) else None
    return number[1] if number and 10 <= number[0] < 100 else place


def _is_minus(tokens: Sequence[Token], place: int) -> bool:
    """A minus sign stands close to its number and apart from what is before it."""
    close = tokens[place].end == tokens[place + 1].start
    if place == 0:
        return close
    before = tokens[place - 1]
    apart = before.end < tokens[place].start or before.text in "(=:,"
    return close and apart and not is_digits(before.text)


def _chain(tokens: Sequence[Token], place: int) -> int:
    """The end of numbers that a mark without spaces ties together: 24/7, 12/05/1990, 7:30, 512x512, 1.2.3."""
    while (
        place + 2 < len(tokens)
        and tokens[place + 1].text in _JOINS
        and is_digits(tokens[place + 2].text)
        and tokens[place].end == tokens[place + 1].start
        and tokens[place + 1].end == tokens[place + 2].start
    ):
        place += 2
    return place + 1


def _feet_and_inches(tokens: Sequence[Token], place: int) -> int:
    """6'2", 5ft 6, 5 foot 11: the second number belongs to the first; `place` where it is none of these."""
    unit = text_at(tokens, place + 1)
    if unit not in ("'", "′", "ft", "feet", "foot", "米"):
        return place
    if unit == "'" and not (is_digits(text_at(tokens, place + 2))):
        return place
    end = place + 2
    if is_digits(text_at(tokens, end)):
        end += 1
        end += text_at(tokens, end) in ('"', "″", "inch", "inches", "'")
    return end
