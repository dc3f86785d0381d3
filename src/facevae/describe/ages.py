"""Ages in words: one, a range, a decade, 'about', 'over' and 'nearly', in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from facevae.describe.age_names import BABIES, COUNTED, NAMED
from facevae.describe.age_words import AFTER, BEFORE, PARTS, Age, Change, about, months, same
from facevae.describe.numbers import DASHES, DECADES, Tokens, digit, english_word, read_number, text_at

_LONGEST = max(map(len, (*BEFORE, *AFTER)))
_RANGE = {*DASHES, "..", "to", "till", "through", "or", "到", "至", "或", "、"}
_BETWEEN = {"and", "和", "与"}
_UNITED = frozenset(("years", "year", "old", "winters", "summers", "yrs", "springs"))
_SKIPPED = {"the", "age", "of", "ages", "in", "at", "是", ":", "his", "her", "their"}


def read_age(tokens: Tokens, place: int) -> Age | None:
    """The longest age that begins at `place`; None when none does."""
    changes, start, skipping = [], place, True
    while skipping and place - start < 12:
        found = _longest(BEFORE, tokens, place)
        if found:
            change, place = found
            changes.append(change)
        elif changes and text_at(tokens, place) in _SKIPPED:
            place += 1
        else:
            skipping = False
    part = next((change for change in changes if change in PARTS.values()), same)
    age = _range(tokens, place, part, bool(changes))
    if not age or (part is not same and not age.decade):
        return None
    age = _suffixes(tokens, age)
    for change in reversed(changes):
        age = age if change is part else change(age)
    return replace(age, sure=age.sure or bool(changes))


def _range(tokens: Tokens, place: int, part: Change, announced: bool) -> Age | None:
    """A core, or two with 'to' between them; `part` is early, mid or late in the first."""
    first = _core(tokens, place)
    if not first:
        return None
    first = part(first)
    after = first.end + (text_at(tokens, first.end) in ("岁", "years", "多"))
    joint = text_at(tokens, after)
    bracketed = joint == "," and text_at(tokens, place - 1) in ("[", "(")
    if joint not in _RANGE and not bracketed and not (announced and joint in _BETWEEN):
        return first
    found = _longest(BEFORE, tokens, after + 1)
    change, place = found if found and found[0] in (*PARTS.values(), same) else (same, after + 1)
    place += text_at(tokens, place) in ("his", "her", "their", "the")
    second = _core(tokens, place)
    if not second:
        return first
    second = change(second)
    low, high = sorted((first, second), key=lambda core: core.low or 0.0)
    sure, unit = first.sure or second.sure or announced, first.unit or second.unit
    high_end = max(low.high or 0.0, high.high or 0.0)
    return Age(low.low, high_end, second.end, sure or after > first.end, second.decade, unit)


def _core(tokens: Tokens, place: int) -> Age | None:
    """A number, a decade or two neighbouring Chinese digits."""
    word = text_at(tokens, place)
    if word in DECADES:
        return Age(DECADES[word], 19.0 if word == "teens" else DECADES[word] + 9, place + 1, decade=True)
    counted = _counted(tokens, place)
    if counted:
        return counted
    for length in (3, 2):
        named = NAMED.get("".join(text_at(tokens, place + step) for step in range(length)))
        if named is not None and text_at(tokens, place + length - 1):
            return Age(named, named, place + length, unit=True)
    if word.endswith("ish") and (rounded := english_word(word[:-3])) is not None:
        return about(Age(rounded, rounded, place + 1))
    pair = _neighbours(tokens, place)
    if pair:
        return pair
    number = read_number(tokens, place)
    if number is None:
        return None
    value, end = number
    if text_at(tokens, end) == "旬":
        return Age(10 * value, 10 * value, end + 1, unit=True)
    if text_at(tokens, end) == "代" and value >= 10:
        return Age(value, value + 9, end + 1, decade=True)
    if text_at(tokens, end) == "s" or (text_at(tokens, end) == "'" and text_at(tokens, end + 1) == "s"):
        return Age(value, value + 9, end + 1 + (text_at(tokens, end) == "'"), decade=True)
    return Age(value, value, end, sure=False)


def _counted(tokens: Tokens, place: int) -> Age | None:
    """Half a century, two score years."""
    for length in range(5, 0, -1):
        words, end = tuple(text_at(tokens, place + step) for step in range(length)), place + length
        if words in BABIES:
            end += text_at(tokens, end) == "old"
            return Age(BABIES[words], BABIES[words], end, unit=True)
        value = COUNTED.get(words)
        if value is None:
            continue
        years = text_at(tokens, end)
        if years in _UNITED:
            end += 1 + (years != "old" and text_at(tokens, end + 1) == "old")
            return Age(value, value, end, unit=True)
    return None


def _neighbours(tokens: Tokens, place: int) -> Age | None:
    """七八: 7 to 8; 十七八: 17 to 18; 二三十 and 二、三十: 20 to 39."""
    comma = text_at(tokens, place + 1) == "、" and text_at(tokens, place + 3) == "十"
    first, second = digit(tokens, place), digit(tokens, place + 1 + comma)
    if first and second and second > first:
        if text_at(tokens, place + 2 + comma) == "十":
            return Age(10 * first, 10 * second + 9, place + 3 + comma)
        return Age(first, second, place + 2)
    chinese = first or text_at(tokens, place) in ("十", "百")
    number = read_number(tokens, place) if chinese else None
    if number and number[0] % 10 and (last := digit(tokens, number[1])) and last > number[0] % 10:
        return Age(number[0], number[0] - number[0] % 10 + last, number[1] + 1)
    if text_at(tokens, place) == "几" and text_at(tokens, place + 1) == "岁":
        return Age(3.0, 9.0, place + 2)
    return None


def _suffixes(tokens: Tokens, age: Age) -> Age:
    """Units and what else may follow: 岁左右, years old or so, 岁半."""
    for _ in range(4):
        if text_at(tokens, age.end) == "半" and text_at(tokens, age.end - 1) == "岁":
            half = age.end + 1
            age = replace(age, low=(age.low or 0.0) + 0.5, high=(age.high or 0.0) + 0.5, end=half)
        age = _and_months(tokens, age)
        found = _longest(AFTER, tokens, age.end)
        if not found:
            break
        change, end = found
        age = replace(change(age), end=end, sure=True)
    return age


def _and_months(tokens: Tokens, age: Age) -> Age:
    """一岁零三个月, one year and three months."""
    if not age.unit or text_at(tokens, age.end) not in ("零", "又", "and"):
        return age
    number = read_number(tokens, age.end + 1)
    found = _longest(AFTER, tokens, number[1]) if number else None
    if not number or not found or found[0] is not months:
        return age
    more = round(number[0] / 12, 2)
    return replace(age, low=(age.low or 0.0) + more, high=(age.high or 0.0) + more, end=found[1])


def suffix_end(tokens: Tokens, place: int) -> int:
    """Past the 'years old' of a number that is no age, such as -5."""
    while found := _longest(AFTER, tokens, place):
        place = found[1]
    return place


def _longest(
    table: Mapping[tuple[str, ...], Change], tokens: Tokens, place: int
) -> tuple[Change, int] | None:
    for length in range(min(_LONGEST, len(tokens) - place), 0, -1):
        change = table.get(tuple(token.text for token in tokens[place : place + length]))
        if change:
            return change, place + length
    return None
