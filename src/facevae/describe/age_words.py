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
    unit: bool = False
    """Years, months or 岁 were said: no size or count."""

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


def _fraction(age: Age, parts: int) -> Age:
    low, high = round((age.low or 0.0) / parts, 2), round((age.high or 0.0) / parts, 2)
    return replace(age, low=low, high=high, unit=True)


def _half_months(age: Age) -> Age:
    """七个半月."""
    return months(replace(age, low=(age.low or 0.0) + 0.5, high=(age.high or 0.0) + 0.5))


def _days(age: Age) -> Age:
    return _fraction(age, 365)


def _years(age: Age) -> Age:
    return replace(age, unit=True)


def _tens(age: Age) -> Age:
    """Two decades old."""
    return replace(age, low=10 * (age.low or 0.0), high=10 * (age.high or 0.0), unit=True)


def _older(age: Age) -> Age:
    return replace(age, low=(age.low or 0.0) + 1, high=(age.low or 0.0) + 9)


def _whole(age: Age) -> Age:
    """Thirty-something: all of the thirties."""
    low = age.low or 0.0
    return replace(age, low=low, high=low + 9)


def months(age: Age) -> Age:
    return _fraction(age, 12)


def _weeks(age: Age) -> Age:
    return _fraction(age, 52)


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
    "early": _EARLY, "very early": _part(0, 1, (13, 13)), "lower": _EARLY,
    "first half of": _part(0, 4, (13, 16)), "early to mid": _part(0, 6, (13, 16)),
    "early mid": _part(0, 6, (13, 16)),
    "mid": _MID, "middle": _MID, "mids": _MID,
    "mid to late": _part(4, 9, (15, 19)), "mid late": _part(4, 9, (15, 19)),
    "late": _LATE, "very late": _part(8, 9, (19, 19)), "latter": _LATE, "upper": _LATE,
}  # fmt: skip


def _table(rows: Mapping[Change, str], chinese: Mapping[Change, str]) -> dict[tuple[str, ...], Change]:
    table = {
        tuple(phrase.split()): change for change, phrases in rows.items() for phrase in phrases.split(", ")
    }
    return table | {tuple(word): change for change, words in chinese.items() for word in words.split()}


BEFORE = _table(
    {
        about: "about, around, roughly, approximately, approx, circa, maybe, perhaps, about age, "
               "around age, somewhere around, some, ca, c, more or less, ~, ≈, in the region of, "
               "give or take, roughly around, or about, at around, at about, say, somewhere near, "
               "in or around",
        _near: "nearly, almost, close to, pushing, approaching, just under, nearing, going on, just shy of, "
               "shy of, not quite, not yet, on the verge of, coming up to, coming up on, verging on, "
               "bordering on, on the brink of, about to turn, soon to be, nigh on, near, getting on for, "
               "closing in on, not far off, a little under, slightly under, just below, on the cusp of, "
               "on the eve of turning, about to be, soon, a bit under",
        _above: "over, above, more than, older than, at least, past, upwards of, not under, "
                "not younger than, no less than, no younger than, not less than, beyond, >, ≥, > =, min, "
                "minimum, not below, no younger then, older then, well over, well past, well above, "
                "at a minimum, aged over, aged at least, greater than, from at least, starting at, "
                "in excess of, no fewer than, way over, age over, age above, on the far side of, "
                "the far side of, over the age of, above the age of, past the age of, older than age",
        _below: "under, below, less than, younger than, at most, up to, not over, not older than, "
                "no more than, no older than, not more than, not above, <, ≤, < =, max, maximum, not past, "
                "younger then, aged under, aged at most, not a day over, well under, well below, "
                "not a day older than, fewer than, no older then, not yet past, age under, age below, "
                "under the age of, below the age of, until, way under, no later than, smaller than",
        _just_over: "just over, a little over, slightly over, barely over, barely, just past, only just, "
                    "a little past, just out of, a bit over, freshly, a little more than",
        _just_turned: "just turned, recently turned, newly, has just turned, just turning",
        _older: "on the wrong side of, the wrong side of, past his, past her",
        same: "aged, age, age of, at the age of, age about, of age, between, from, aged between, "
              "between the ages of, ages, aged from, between ages, turning, turned, exactly, precisely, "
              "anywhere from, anywhere between, somewhere between, age range, at age, age between, "
              "in between, only, just, years of, a ripe old, ripe old age of, the age of, somewhere in",
    },
    {
        about: "大约 大概 约 约莫 大致 差不多 估计 年约 也就 可能 大概在 大约在 约摸 估摸 目测 年龄大约 "
               "年龄大概 差不离 年纪约 看着有 看上去有 大概有 约有 年纪大概 年纪大约",
        _near: "近 将近 接近 年近 快 快到 快要 不到 临近 眼看 奔 快满 即将 逼近 直奔 将满 马上 马上就 "
               "马上要 眼看就 差一点 还不到 年将 将近有",
        _above: "超过 大于 至少 不小于 高于 不低于 年满 满 起码 不少于 多于 已满 超 最少 不下 早过 早已过 "
                "最小 不止 至少有",
        _past: "年过 年逾 已过 已逾 逾 过了 早过了",
        _below: "小于 不超过 未满 不满 最多 低于 不大于 至多 不足 少于 未到 不高于 未过 最大 还不满 还没满 "
                "尚未满",
        _just_over: "刚过 刚刚过 刚出 才过",
        _just_turned: "刚满 刚刚满 才满 刚 刚刚 刚到 刚满了",
        same: "年龄 年龄在 年纪 年纪在 在 芳龄 介于 年龄是 今年 年方 从 年龄约为 年龄为 正值 时年 年 虚岁 "
              "周岁 实岁 才 享年 高寿 现年 已经 已 已有 足足 整整 年庚 贵庚 有 年届 年至 介乎 年龄介于 岁数 "
              "年岁 才刚",
    },
) | {tuple(words.split()): change for words, change in PARTS.items()}  # fmt: skip

AFTER = _table(
    {
        _years: "years old, year old, year old's, years old's, years of age, year of age, years, year, yrs, "
                "yr, yo, y o, yrs old, yr old, y old, y / o, year olds, of age, y . o ., y . o, "
                "years young, year young, yrs of age, summers, winters, springs, summers old, winters old, "
                "springs old, y, yos, years aged, yeas old, yaers old, years ol, yearold, jahre",
        _tens: "decades, decades old, decade old",
        _days: "days old, day old, days of age",
        months: "months old, month old, months, month, months of age, mo old, mos, mo, month olds",
        _weeks: "weeks old, week old, weeks, weeks of age",
        about: "or so, ish, or thereabouts, give or take, more or less, or around there, approximately, "
               "roughly, years or so",
        _above: "or older, or over, or more, or above, and above, and over, and older, plus, +, and up, "
                "or up, or beyond, and beyond, and more, minimum, at least, at minimum, or higher, upwards, "
                "upward, onwards, and onwards",
        _below: "or younger, or under, or less, or below, and under, and below, and younger, at most, "
                "maximum, max, tops, at the most, at the oldest, or lower",
        _whole: "something, somethings, some, somethingish",
        _odd: "odd",
    },
    {
        _years: "岁 周岁 之年 年纪 高龄 岁大 岁高龄 岁的年纪 岁年纪 虚岁 周岁大 岁整 嵗 歳 岁龄 岁之年 芳龄 "
                "岁生日 大寿 寿辰 华诞 岁大寿",
        same: "之间 岁的样子 的样子 许 间 而立 不惑 知天命 知命 耳顺 花甲 古稀 之内的 范围内",
        _days: "天大 天的婴儿",
        _near: "不到 岁不到",
        _half_months: "个半月大 个半月",
        months: "个月 个月大 个多月 月龄",
        about: "左右 上下 来 来岁 前后 郎当 啷当 郎当岁 啷当岁 光景 模样 上下的 来往 岁光景 岁上下",
        _above: "以上 开外 及以上 往上 或以上 以后 起 +",
        _below: "以下 以内 及以下 之内 或以下 之前 以前",
        _odd: "多 几 余 有余 有几 好多",
        _just_over: "出头 刚过 刚出头 挂零 冒头 露头 刚出点头 出点头",
        _later_half: "好几",
    },
)  # fmt: skip
