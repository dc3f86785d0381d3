"""Ages that have names of their own."""

from __future__ import annotations

NAMED = {
    "半百": 50.0, "花甲": 60.0, "古稀": 70.0, "耄耋": 80.0, "不惑": 40.0, "而立": 30.0, "半岁": 0.5,
    "知命": 50.0, "知天命": 50.0, "耳顺": 60.0, "期颐": 100.0, "弱冠": 20.0, "杖家": 50.0, "杖乡": 60.0,
    "杖国": 70.0, "杖朝": 80.0, "双十": 20.0,
}  # fmt: skip
_COUNTED = {
    "half a century": 50.0, "a quarter century": 25.0, "quarter of a century": 25.0,
    "a quarter of a century": 25.0, "a century": 100.0, "a decade": 10.0, "two score": 40.0,
    "threescore": 60.0, "three score": 60.0, "three score and ten": 70.0, "threescore and ten": 70.0,
    "fourscore": 80.0, "four score": 80.0, "a dozen": 12.0, "half a dozen": 6.0, "two dozen": 24.0,
    "a score": 20.0, "one score": 20.0, "a score and ten": 30.0, "a decade and a half": 15.0,
    "half century": 50.0,
}  # fmt: skip
_BABIES = {
    "a year and a half": 1.5, "a year and half": 1.5, "year and a half": 1.5, "half a year": 0.5,
    "a year old": 1.0, "a month old": 0.08, "a week old": 0.02, "a day old": 0.0, "a few months old": 0.4,
    "a few weeks old": 0.08, "a few days old": 0.01, "a few months": 0.4, "several months old": 0.5,
    "a couple of months old": 0.2, "an hour old": 0.0, "hours old": 0.0, "a year and a bit": 1.2,
}  # fmt: skip
COUNTED = {tuple(words.split()): value for words, value in _COUNTED.items()}
"""Ages only with 'years', 'old' or 'winters' behind them."""
BABIES = {tuple(words.split()): value for words, value in _BABIES.items()}
"""Ages as they stand."""
