"""Around all but `proxies`: a request's id, its line in the log, its count, the headers browsers heed."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Collection, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facevae.server.logs import logged_method, logged_path, places
from facevae.server.metrics import Metrics, operation_of
from facevae.server.problems import problem
from facevae.server.proxies import route_of

ACCESS = logging.getLogger("facevae.access")
ERRORS = logging.getLogger("facevae.server")

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
STUDIO_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
"""Gradio needs scripts and styles within its page; nothing from another machine all the same."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Observe:
    """ASGI middleware; nothing that goes wrong inside gets past it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, known: Mapping[str, Collection[str]]) -> None:
        """known: the methods of the paths that are counted each by itself. HEAD is answered there as GET."""
        self.app, self.metrics, self.known = app, metrics, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        scope["facevae.request_id"] = exchange.request_id
        if exchange.method == "HEAD" and "GET" in self.known.get(exchange.path, ()):
            scope = {**scope, "method": "GET"}
        self.metrics.in_hand.inc()
        try:
            await self.app(scope, receive, exchange.send)
        except Exception as error:
            ERRORS.error("request %s failed: %s", exchange.request_id, places(error))
            if exchange.status == 0:
                detail = "The service failed; its log has the request's id."
                await problem(500, detail, exchange.request_id)(scope, receive, exchange.send)
        finally:
            self.metrics.in_hand.dec()
            # 499, as nginx has it: the client left without an answer.
            status, seconds = exchange.status or 499, time.monotonic() - exchange.started
            self.metrics.on_answer(operation_of(exchange.path, self.known), status, seconds)
            if ACCESS.isEnabledFor(logging.INFO):
                ACCESS.info(json.dumps(exchange.line(status, seconds, self.known)))


class _Exchange:
    """One request and what became of it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        self.started = time.monotonic()
        self.method, self.path = str(scope["method"]), route_of(scope)
        self.client = scope["client"][0] if scope.get("client") else ""
        self.status, self.bytes_out = 0, 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(message)
        elif message["type"] == "http.response.body":
            if self.method == "HEAD":
                message = {**message, "body": b""}
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)

    def _add_headers(self, message: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(scope=message)
        api = self.path.startswith("/v1")
        headers["X-Request-Id"] = self.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY" if api else "SAMEORIGIN"
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "geolocation=(), microphone=()"
        headers.setdefault("Content-Security-Policy", API_POLICY if api else STUDIO_POLICY)
        if api:
            headers.setdefault("Cache-Control", "no-store")

    def line(self, status: int, seconds: float, known: Collection[str]) -> dict[str, Any]:
        """Neither the query nor a body nor a key, nor a path but the service's own: logs are read by many."""
        return {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": self.request_id, "client": self.client,
            "method": logged_method(self.method), "path": logged_path(self.path, known),
            "status": status, "ms": round(1000 * seconds, 1), "bytes": self.bytes_out,
        }  # fmt: skip
