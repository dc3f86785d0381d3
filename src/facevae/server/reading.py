"""Bodies on their way in: each of a bounded size, and all together of bounded memory."""

from __future__ import annotations

import math
from collections import Counter

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from facevae.server.config import ServerConfig
from facevae.server.problems import BusyError
from facevae.server.uploads import TooLargeError

SMALL_BODY = 2**20
"""Bytes of requests that carry no photo; 64 latents of 512 numbers fit in."""
FORM_BYTES = 16 * 2**10
"""Room for the parts of a form beside its files."""


class ClientGoneError(Exception):
    """The client left before its request was whole."""


class Reading:
    """Reads bodies, and counts what it has of those that are not whole."""

    def __init__(self, config: ServerConfig) -> None:
        self.largest = math.ceil(config.uploads.most_bytes * 4 / 3) + FORM_BYTES + SMALL_BODY
        """Bytes of the largest body with photos in base64."""
        self.most = max(4, config.photos_at_once) * self.largest
        """Bytes of all bodies that are not whole; one client's may have a quarter."""
        self._held: Counter[str] = Counter()
        self._held_by_all = 0

    async def whole(self, scope: Scope, receive: Receive, most: int, client: str) -> Receive:
        """The body, at most `most` bytes, as what the app receives.

        Raises TooLargeError for more, BusyError when too much is being read, ClientGoneError.
        """
        fault = TooLargeError(f"too large a request: its body may have {most:,} bytes")
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and (len(length) > 15 or int(length) > most):
            raise fault
        parts: list[bytes] = []
        size, more = 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self._hold(client, len(parts[-1]))
                if size > most:
                    raise fault
                more = message.get("more_body", False)
        finally:
            self._release(client, size)
        return replayed(b"".join(parts), receive)

    def _hold(self, client: str, count: int) -> None:
        self._held[client] += count
        self._held_by_all += count
        if self._held[client] > self.most // 4 or self._held_by_all > self.most:
            raise BusyError("too many uploads are on their way. Try again later.")

    def _release(self, client: str, count: int) -> None:
        self._held[client] -= count
        self._held_by_all -= count
        if self._held[client] <= 0:
            del self._held[client]


def replayed(body: bytes, receive: Receive) -> Receive:
    """What gives this body and then whatever else `receive` has to say."""
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return parts.pop() if parts else await receive()

    return replay
