"""Who may ask, how often, how much at once and for how long: decided before a request is looked at."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facevae.errors import FaceVAEError
from facevae.server.config import ServerConfig
from facevae.server.problems import BusyError, problem, problem_of
from facevae.server.uploads import TooLargeError

OPEN_PATHS = ("/v1", "/v1/", "/v1/health", "/v1/ready", "/v1/docs", "/v1/openapi.json")
"""What needs no key: probes, and the description of the service."""
SMALL_BODY = 2**20
"""Bytes of requests that carry no photo; 64 latents of 512 numbers fit in."""
FORM_BYTES = 16 * 2**10
"""Room for the parts of a form beside its files."""
MOST_CLIENTS = 10_000
"""Clients that the rate limit remembers."""


class ClientGoneError(Exception):
    """The client left before its request was whole."""


class Guard:
    """ASGI middleware around everything under /v1, and the check of the Host header around all."""

    def __init__(self, app: ASGIApp, config: ServerConfig, photo_paths: Collection[str]) -> None:
        """photo_paths: those whose requests carry photos and count in config.photos_at_once."""
        self.app, self.config, self.photo_paths = app, config, photo_paths
        self._keys = [_digest(key.encode()) for key in config.api_keys]
        self._rate = RateLimit(config.rate_per_minute) if config.rate_per_minute else None
        self._photos = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan" or self._is_our_host(Headers(scope=scope)):
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        try:
            await self._guarded(scope, receive, send)
        except FaceVAEError as error:
            await problem_of(error, scope.get("facevae.request_id", ""))(scope, receive, send)
        except ClientGoneError:
            return

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        name = scope.get("facevae.request_id", "")
        if not self._is_our_host(headers):
            detail = f"this service is not '{headers.get('host', '')[:100]}'. See facevae serve --allow-host."
            await problem(421, detail, name)(scope, receive, send)
            return
        if not path.startswith("/v1/") or path in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        client = scope["client"][0] if scope.get("client") else ""
        if self._keys:
            known = self._known(headers)
            if known is None:
                detail = "an API key is needed, as X-API-Key: KEY or Authorization: Bearer KEY"
                refusal = problem(401, detail, name, {"WWW-Authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
            client = f"key {known}"
        if self._rate:
            self._rate.count(client)
        await self._in_time(scope, receive, send)

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(self.config.timeout_s):
                await self._admitted(scope, receive, noting)
        except TimeoutError:
            if not started:
                detail = f"the answer took longer than {self.config.timeout_s:g} s, and was given up"
                name = scope.get("facevae.request_id", "")
                await problem(503, detail, name, {"Retry-After": "5"})(scope, receive, send)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in self.photo_paths:
            await self.app(scope, await _read(scope, receive, SMALL_BODY), send)
            return
        if self._photos >= self.config.photos_at_once:
            raise BusyError(
                f"{self._photos} requests with photos are in hand, as many as may. Try again later."
            )
        self._photos += 1
        try:
            most = math.ceil(self.config.uploads.most_bytes * 4 / 3) + FORM_BYTES + SMALL_BODY
            await self.app(scope, await _read(scope, receive, most), send)
        finally:
            self._photos -= 1

    def _known(self, headers: Headers) -> int | None:
        """Which key was sent; None for none. Takes as long whichever it is, and whatever was sent."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        sent = headers.get("x-api-key") or (token if kind.lower() == "bearer" else "")
        digest, known = _digest(sent.strip().encode("latin-1", "replace")), None
        for index, key in enumerate(self._keys):
            if hmac.compare_digest(key, digest):
                known = index
        return known

    def _is_our_host(self, headers: Headers) -> bool:
        host = headers.get("host", "")
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        hosts: Sequence[str] = self.config.allowed_hosts
        return not hosts or name.strip("[]").lower() in hosts


class RateLimit:
    """A bucket of tokens for each client: full at first, refilled evenly. Source: RFC 2697, one rate."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, client: str) -> None:
        """Take a token. Raises BusyError, with the time to wait, when there is none."""
        now = time.monotonic()
        tokens, then = self._buckets.pop(client, (float(self.per_minute), now))
        tokens = min(self.per_minute, tokens + (now - then) * self.per_minute / 60)
        enough = tokens >= 1
        self._buckets[client] = (tokens - enough, now)
        while len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if not enough:
            wait_s = math.ceil((1 - tokens) * 60 / self.per_minute)
            raise BusyError(f"more than {self.per_minute} requests in a minute. Try again later.", wait_s)


async def _read(scope: Scope, receive: Receive, most: int) -> Receive:
    """The whole body, at most `most` bytes, as what the app receives. Raises TooLargeError for more."""
    fault = TooLargeError(f"too large a request: its body may have {most:,} bytes")
    length = Headers(scope=scope).get("content-length", "")
    if length.isdecimal() and (len(length) > 15 or int(length) > most):
        raise fault
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise fault
        more = message.get("more_body", False)
    body: Message | None = {"type": "http.request", "body": b"".join(parts), "more_body": False}
    parts.clear()

    async def replay() -> Message:
        nonlocal body
        first, body = body, None
        return first if first is not None else await receive()

    return replay


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
