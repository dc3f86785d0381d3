"""Connections before they are requests: how many of whom, how long they may idle, and a reserve.

uvicorn has no such limits. Hypercorn and granian bound heads, but neither the connections of one client nor
whole bodies, so that a change of server would save little: uvicorn's protocol class is extended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from facevae.server.config import ServerConfig
from facevae.server.networks import Networks, client_of
from facevae.server.problems import problem
from facevae.server.proxies import route_of

PROBES = ("/v1/health", "/v1/ready")
RESERVE = 32
"""Connections beyond those that may be, on which probes alone are answered."""
WRITE_GRACE_S, LEAST_RATE = 10.0, 64 * 1024
"""An answer that is not read at so many bytes a second after so long is given up."""
MOST_UNSENT = 256 * 2**20
"""Bytes of answers that wait for their clients; beyond, the largest is given up."""
_SLOW = b"the request's head was not whole in time"
LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%b"
) % (len(_SLOW), _SLOW)


class Connections:
    """Those of one server."""

    def __init__(self, config: ServerConfig, most: int) -> None:
        """most: connections that there may be, beside the reserve."""
        self.config, self.most = config, most
        self._proxies = Networks(config.trusted_proxies)
        self._ordinary: dict[Connection, None] = {}
        self._reserve: dict[Connection, None] = {}
        self._of: Counter[str] = Counter()

    def add(self, connection: Connection) -> int | None:
        """Give the connection a place. None: an ordinary one; else the status of all but probes.

        The connection that has waited longest makes room where there is none.
        """
        client, proxied = connection.peer, connection.address in self._proxies
        many = not proxied and self._of[client] >= self.config.connections_per_client
        if not many and (len(self._ordinary) < self.most or _let_go(self._ordinary)):
            self._ordinary[connection] = None
            self._of[client] += 1
            return None
        if len(self._reserve) >= RESERVE and not _let_go(self._reserve):
            connection.abort()
        self._reserve[connection] = None
        return 429 if many else 503

    def remove(self, connection: Connection) -> None:
        """It is over; once is enough, and twice does no harm."""
        self._reserve.pop(connection, None)
        if connection in self._ordinary:
            del self._ordinary[connection]
            self._of[connection.peer] -= 1
            if not self._of[connection.peer]:
                del self._of[connection.peer]

    def bound_unsent(self) -> None:
        """Give up the largest unread answers while all together are too many bytes."""
        unsent = {one: one.unsent for one in self._ordinary}
        while sum(unsent.values()) > MOST_UNSENT:
            largest = max(unsent, key=lambda one: unsent[one])
            del unsent[largest]
            largest.abort()


def _let_go(group: dict[Connection, None]) -> bool:
    """End the connection of the group that has waited longest without a request; whether there was one."""
    waiting = [one for one in group if one.waiting_since is not None and not one.unsent]
    if waiting:
        min(waiting, key=lambda one: one.waiting_since or 0.0).abort()
    return bool(waiting)


class Connection(H11Protocol):
    """uvicorn's, with a place and with limits of time."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self.registry = connections
        self.address = self.peer = ""
        """Where it comes from, and the client of which that is one (`client_of`)."""
        self.waiting_since: float | None = None
        """Since when no request is in hand, in the loop's time; None while one is."""
        self._head: asyncio.TimerHandle | None = None
        self._write: asyncio.TimerHandle | None = None
        self._spoke = False

    @property
    def unsent(self) -> int:
        """Bytes of answers that the client has not taken."""
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """End it at once, whatever is unsent."""
        self.registry.remove(self)
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.peer = client_of(self.address)
        self._look()
        status = self.registry.add(self)
        if status is not None:
            self.app = Probes(self.app, status, self.registry.config)

    def data_received(self, data: bytes) -> None:
        self._spoke = True
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        self._spoke = False
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.remove(self)
        for timer in (self._head, self._write):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._limit_unread()
        self.registry.bound_unsent()

    def resume_writing(self) -> None:
        if self._write is not None and not self.transport.is_closing():
            self._write.cancel()
        super().resume_writing()

    def _limit_unread(self) -> None:
        """From now on the time runs in which what is unsent must be read."""
        if self._write is not None:
            self._write.cancel()
        self._write = self.loop.call_later(WRITE_GRACE_S + self.unsent / LEAST_RATE, self.abort)

    def _look(self) -> None:
        """While no request is in hand, the time runs in which the next one's head must be whole.

        It runs as well while what is left of a refused request's body is read over.
        """
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy and self._head is not None:
            self._head.cancel()
            self._head = self.waiting_since = None
        elif not busy and self._head is None:
            self.waiting_since = self.loop.time()
            self._head = self.loop.call_later(self.registry.config.head_s, self._end)

    def _end(self) -> None:
        if self._spoke and not self.transport.is_closing():
            self.transport.write(LATE)
        self.transport.close()
        self._limit_unread()  # a transport that is closed waits for its client all the same


class Probes:
    """ASGI app of connections beyond their number: probes are answered, all else is refused."""

    def __init__(self, app: ASGIApp, status: int, config: ServerConfig) -> None:
        self.app, self.status, self.config = app, status, config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
            await send(message)

        if route_of(scope, self.config.root_path) in PROBES:
            await self.app(scope, receive, closing)
            return
        detail = (
            f"this address has {self.config.connections_per_client} connections already, as many as it may. "
            "Are these many clients behind one proxy? Name it with --trust-proxy."
            if self.status == 429
            else "the service has as many connections as it may. Try again later."
        )
        with contextlib.suppress(OSError):
            await problem(self.status, detail, headers={"Retry-After": "5"})(scope, receive, closing)
