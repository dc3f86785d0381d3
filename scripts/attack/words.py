"""Descriptions that are too long or malformed: refused, or read quickly."""

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


def attack(target: Target) -> Iterator[Finding]:
    """Yields what was neither refused nor answered in time."""
    with target.client() as client:
        slow = [(text, said) for text in HARD if (said := _fault(client, text))]
        yield Finding("words too long, malformed or repeated", len(HARD), len(slow), _detail(slow))


def _post(client: httpx.Client, text: str) -> httpx.Response:
    body = json.dumps({"text": text})  # ASCII: half a surrogate pair is sent as it stands
    return client.post(PATH, content=body, headers={"Content-Type": "application/json"})


def _fault(client: httpx.Client, text: str) -> str:
    start = time.monotonic()
    status = _post(client, text).status_code
    seconds = time.monotonic() - start
    return f"{status} after {seconds:.1f} s" if status >= 500 or seconds > MOST_SECONDS else ""


def _detail(faults: list[tuple[str, str]]) -> str:
    return f"{faults[0][0][:40]!r}: {faults[0][1]}" if faults else ""
