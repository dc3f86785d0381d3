"""How often a client may ask."""

from __future__ import annotations

import math
import time
from collections import OrderedDict

from facevae.server.problems import BusyError

MOST_CLIENTS = 10_000
"""Clients that are remembered."""


class RateLimit:
    """A bucket of tokens for each client: full at first, refilled evenly. Source: RFC 2697, one rate."""

    def __init__(self, per_minute: int, what: str = "requests") -> None:
        """what: is counted, for the message."""
        self.per_minute, self.what = per_minute, what
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, client: str) -> None:
        """Take a token. Raises BusyError, with the time to wait, when there is none."""
        self._take(client, 1)

    def check(self, client: str) -> None:
        """Raise as `count` would, and take nothing."""
        self._take(client, 0)

    def _take(self, client: str, price: int) -> None:
        now = time.monotonic()
        tokens, then = self._buckets.pop(client, (float(self.per_minute), now))
        tokens = min(self.per_minute, tokens + (now - then) * self.per_minute / 60)
        enough = tokens >= 1
        self._buckets[client] = (tokens - price * enough, now)
        while len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if not enough:
            wait_s = math.ceil((1 - tokens) * 60 / self.per_minute)
            raise BusyError(f"more than {self.per_minute} {self.what} in a minute. Try again later.", wait_s)
