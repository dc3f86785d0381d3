"""Clients that leave before their answer: what was begun for them is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facevae.server.proxies import route_of


class Disconnect:
    """ASGI middleware; between a layer that has read the body whole and the operations.

    Without it a handler runs on for a client that is gone: nobody listens while the answer is made.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        """paths: of the operations that take time."""
        self.app, self.paths = app, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or route_of(scope) not in self.paths:
            await self.app(scope, receive, send)
            return
        first = await receive()
        if first["type"] == "http.disconnect":
            return
        if first.get("more_body"):
            raise RuntimeError("the body must be read before clients are watched")
        await _Watched(self.app, scope, receive, send).answer(first)


class _Watched:
    """One request, and whether its client is still there."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._scope, self._receive, self._send = app, scope, receive, send
        self._body: Message | None = None
        self._gone = asyncio.Event()
        self._started = False

    async def answer(self, body: Message) -> None:
        self._body = body
        answering = asyncio.ensure_future(self._app(self._scope, self._received, self._sent))
        listening = asyncio.ensure_future(self._left(answering))
        try:
            await answering
        except asyncio.CancelledError:
            if not self._gone.is_set():  # by whoever is outside, such as the limit of time
                answering.cancel()
                raise
        finally:
            listening.cancel()

    async def _left(self, answering: asyncio.Future[None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
        if not self._started:
            answering.cancel()

    async def _received(self) -> Message:
        first, self._body = self._body, None
        if first is not None:
            return first
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _sent(self, message: Message) -> None:
        self._started = True
        await self._send(message)
