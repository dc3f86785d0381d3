"""What stands before and after a number that is an age, and what each makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import floor


@dataclass(frozen=True)
class Age:
    """Years; None where 'over' or 'under' leaves an end open."""

    low: float | None
    high: float | None
    end: int
    """The place of the token after it."""
    sure: bool = True
    """False: a bare number, which may be something else."""
    decade: bool = False

    @property
    def impossible(self) -> bool:
        return not 0 <= (self.low or 0.0) <= 100 or not 0 <= (self.high or 0.0) <= 100


def about(age: Age) -> Age:
    """A fifteenth to both sides, a year at least: about seven is 6 to 8, about sixty 56 to 64. Babies: half a
    year."""
    low, high = age.low or 0.0, age.high or 0.0
    if low > 100:
        return age
    return replace(age, low=max(low - _margin(low), 0.0), high=min(high + _margin(high), 100.0))


def _margin(years: float) -> float:
    return 0.5 if years < 3 else max(1.0, floor(years / 15 + 0.5))


def _near(age: Age) -> Age:
    return replace(age, low=max((age.low or 0.0) - 3, 0.0))


def _just_over(age: Age) -> Age:
    return replace(age, high=(age.low or 0.0) + 3)


def _just_turned(age: Age) -> Age:
    return replace(age, high=(age.low or 0.0) + 1)


def _above(age: Age) -> Age:
    return replace(age, high=None)


def _below(age: Age) -> Age:
    return replace(age, low=None)


def _past(age: Age) -> Age:
    return replace(age, high=(age.low or 0.0) + 9)


def _odd(age: Age) -> Age:
    """Thirty-something, 三十多; 一岁多 is not two yet."""
    low = age.low or 0.0
    return replace(age, low=low + 1, high=low + 9) if low >= 10 else replace(age, high=low + 1)


def _later_half(age: Age) -> Age:
    return replace(age, low=(age.low or 0.0) + 5, high=(age.low or 0.0) + 9)


def same(age: Age) -> Age:
    return age


def _months(age: Age) -> Age:
    return replace(age, low=round((age.low or 0.0) / 12, 2), high=round((age.high or 0.0) / 12, 2))


def _weeks(age: Age) -> Age:
    return replace(age, low=round((age.low or 0.0) / 52, 2), high=round((age.high or 0.0) / 52, 2))


def _part(first: int, last: int, of_teens: tuple[int, int]) -> Callable[[Age], Age]:
    """Early, mid or late in a decade; anything else stays as it is."""

    def change(age: Age) -> Age:
        if not age.decade:
            return age
        low = age.low or 0.0
        if low == 13:
            return replace(age, low=float(of_teens[0]), high=float(of_teens[1]))
        return replace(age, low=low + first, high=low + last)

    return change


Change = Callable[[Age], Age]
_EARLY, _MID, _LATE = _part(0, 3, (13, 14)), _part(4, 6, (15, 16)), _part(7, 9, (17, 19))
PARTS: dict[str, Change] = {
    "early": _EARLY, "mid": _MID, "middle": _MID, "late": _LATE, "early to mid": _part(0, 6, (13, 16)),
    "mid to late": _part(4, 9, (15, 19)),
}  # fmt: skip


def _table(rows: Mapping[Change, str], chinese: Mapping[Change, str]) -> dict[tuple[str, ...], Change]:
    table = {
        tuple(phrase.split()): change for change, phrases in rows.items() for phrase in phrases.split(", ")
    }
    return table | {tuple(word): change for change, words in chinese.items() for word in words.split()}


BEFORE = _table(
    {
        about: "about, around, roughly, approximately, approx, circa, maybe, perhaps, about age, around age",
        _near: "nearly, almost, close to, pushing, approaching, just under, nearing, going on",
        _above: "over, above, more than, older than, at least, past, upwards of, not under, "
                "not younger than, no less than, no younger than, not less than, beyond",
        _below: "under, below, less than, younger than, at most, up to, not over, not older than, "
                "no more than, no older than, not more than, not above",
        _just_over: "just over, a little over, slightly over, barely over",
        _just_turned: "just turned",
        same: "aged, age, age of, at the age of, age about, of age, between, from, aged between, "
               "between the ages of, ages, aged from, between ages",
    },
    {
        about: "大约 大概 约 约莫 大致 差不多 估计 年约 也就 可能",
        _near: "近 将近 接近 年近 快 快到 快要 不到 临近 眼看",
        _above: "超过 大于 至少 不小于 高于 不低于 年满 满 起码",
        _past: "年过 年逾 年届",
        _below: "小于 不超过 未满 不满 最多 低于 不大于 至多",
        _just_over: "刚过 刚刚过",
        _just_turned: "刚满 刚刚满",
        same: "年龄 年龄在 年纪 年纪在 在 芳龄 介于 年龄是 今年 年方 从 年龄约为",
    },
) | {tuple(words.split()): change for words, change in PARTS.items()}  # fmt: skip

AFTER = _table(
    {
        same: "years old, year old, years of age, year of age, years, year, yrs, yr, yo, y o, yrs old, "
               "yr old, y old, y / o, year olds, of age",
        _months: "months old, month old, months, month, months of age, mo old",
        _weeks: "weeks old, week old, weeks",
        about: "or so, ish, or thereabouts, give or take, odd years old",
        _above: "or older, or over, or more, or above, and above, and over, and older, plus, +, "
                "and up, or up",
        _below: "or younger, or under, or less, or below, and under, and below, and younger",
        _odd: "something, odd, somethings",
    },
    {
        same: "岁 周岁 之间 之年 岁的样子 的样子 年纪 高龄 岁大 许 间 而立 不惑",
        _near: "不到 岁不到",
        _months: "个月 个月大 个多月 月龄",
        about: "左右 上下 来 来岁 前后",
        _above: "以上 开外 及以上 往上 或以上",
        _below: "以下 以内 及以下 之内 或以下",
        _odd: "多 几 余",
        _just_over: "出头 刚过 刚出头 挂零",
        _later_half: "好几",
    },
)  # fmt: skip
