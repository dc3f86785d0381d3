"""Who shows which API key, and how often one may be guessed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence

from starlette.datastructures import Headers

from facevae.errors import FaceVAEError
from facevae.server.rates import MOST_CLIENTS, RateLimit

FAILURES = 30
"""Wrong keys that one client may send in a minute, with a burst of as many."""


class UnauthorizedError(FaceVAEError):
    """No API key was sent, or a wrong one."""


class Keys:
    """The keys of a service."""

    def __init__(self, keys: Sequence[str], failures_per_minute: int = FAILURES) -> None:
        self._digests = [_digest(key.encode()) for key in keys]
        self._failures = RateLimit(failures_per_minute, "wrong API keys")
        self._proven: OrderedDict[tuple[str, int], None] = OrderedDict()

    def check(self, headers: Headers, client: str, basic: bool) -> int:
        """Which key was sent. basic: as a browser sends it counts too.

        A client that guessed too often is refused before its key decides, and so is everybody behind its
        address, but for the keys that were used from there before: nobody is locked out of what he has by
        his neighbours. Raises UnauthorizedError, BusyError.
        """
        sent = _sent(headers, basic)
        if not sent:
            raise UnauthorizedError(
                "an API key is needed"
                + (", as the password" if basic else ", as X-API-Key: KEY or Authorization: Bearer KEY")
            )
        known = self._index(sent)
        if known is None or (client, known) not in self._proven:
            self._failures.check(client)
        if known is None:
            self._failures.count(client)
            raise UnauthorizedError("this API key is not one of this service's")
        self._proven[client, known] = None
        self._proven.move_to_end((client, known))
        while len(self._proven) > MOST_CLIENTS:
            self._proven.popitem(last=False)
        return known

    def _index(self, sent: bytes) -> int | None:
        """Takes as long whichever it is, and whatever was sent."""
        digest, known = _digest(sent), None
        for index, key in enumerate(self._digests):
            if hmac.compare_digest(key, digest):
                known = index
        return known


def _sent(headers: Headers, basic: bool) -> bytes:
    kind, _, token = headers.get("authorization", "").partition(" ")
    if own := headers.get("x-api-key", "").strip():
        return own.encode("latin-1", "replace")
    if kind.lower() == "bearer":
        return token.strip().encode("latin-1", "replace")
    if kind.lower() == "basic" and basic:
        try:
            return base64.b64decode(token.strip(), validate=True).partition(b":")[2].strip()
        except (binascii.Error, ValueError):
            return b"?"  # neither none nor any key
    return b""


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
