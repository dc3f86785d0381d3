"""Descriptions that are too long, malformed or misleading: refused or read quickly, no number made an age."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
from target import Finding, Target

PATH = "/v1/describe"
MOST_SECONDS = 10.0
"""An answer may hold one face; reading the words is a few milliseconds of it."""
HARD = [
    "a" * 100_000,
    "(" * 100_000,
    "[({" * 600,
    "very " * 400,
    "not " * 500,
    "and a man with his old " * 80,
    "像男人一样的" * 330,
    "七八" * 1000,
    "1 " * 1000,
    "😀" * 2000,
    "a hundred and " * 140,
    "\u202e\u200b\ufeff" * 600,
    "smile 0.5 " * 200,
    "\ud800",
]
NO_AGES = [
    "smile 0, a man",
    "smile=1, a woman",
    "微笑 0，男人",
    "a man, smile .5",
    "a -5 year old man",
    "a 1990s man",
]


def attack(target: Target) -> Iterator[Finding]:
    """Yields what was neither refused nor answered in time, and numbers that became ages."""
    with target.client() as client:
        slow = [(text, said) for text in HARD if (said := _fault(client, text))]
        yield Finding("words too long, malformed or repeated", len(HARD), len(slow), _detail(slow))
        aged = [(text, said) for text in NO_AGES if (said := _age_of(client, text))]
        yield Finding("a number of something else in words", len(NO_AGES), len(aged), _detail(aged))


def _post(client: httpx.Client, text: str) -> httpx.Response:
    body = json.dumps({"text": text})  # ASCII: half a surrogate pair is sent as it stands
    return client.post(PATH, content=body, headers={"Content-Type": "application/json"})


def _fault(client: httpx.Client, text: str) -> str:
    start = time.monotonic()
    status = _post(client, text).status_code
    seconds = time.monotonic() - start
    return f"{status} after {seconds:.1f} s" if status >= 500 or seconds > MOST_SECONDS else ""


def _age_of(client: httpx.Client, text: str) -> str:
    answer = client.post(PATH, json={"text": text})
    if answer.status_code != 200:
        return str(answer.status_code)
    age = answer.json()["description"]["request"].get("age")
    return "" if age is None else f"age {age}"


def _detail(faults: list[tuple[str, str]]) -> str:
    return f"{faults[0][0][:40]!r}: {faults[0][1]}" if faults else ""
