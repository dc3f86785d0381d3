"""Who may ask, how often, how much at once and for how long: decided before a request is looked at."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facevae.errors import FaceVAEError
from facevae.server.config import ServerConfig
from facevae.server.keys import FAILURES, Keys, UnauthorizedError
from facevae.server.networks import client_of
from facevae.server.problems import BusyError, problem, problem_of
from facevae.server.proxies import route_of
from facevae.server.rates import RateLimit
from facevae.server.reading import SMALL_BODY, ClientGoneError, Reading

OPEN_PATHS = ("/v1", "/v1/", "/v1/health", "/v1/ready", "/v1/docs", "/v1/openapi.json")
"""What needs no key: probes, and the description of the service."""
_LONG = r"(/[a-z]+)?/gradio_api/(queue/data|heartbeat/\w+|upload_progress"
STREAMS = re.compile(_LONG + ")/?")
"""Of the studio: answers that go on while a page is open. They are bounded in number, not in time."""
CHEAP = re.compile(_LONG + r"|info|app_id|theme\.css|file=.*)/?")
"""Of the studio below gradio_api: what neither computes nor stores, and does not count against the rate."""
UPLOAD = re.compile(r"(/[a-z]+)?/gradio_api/upload/?")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class ForeignPageError(FaceVAEError):
    """A page of another origin asks in the name of a visitor."""


class Guard:
    """ASGI middleware around all of the service, its studio included."""

    def __init__(
        self,
        app: ASGIApp,
        config: ServerConfig,
        photo_paths: Collection[str],
        studio: bool = False,
        retry_after_s: Callable[[], int] = lambda: 1,
    ) -> None:
        """photo_paths: those whose requests carry photos and count in config.photos_at_once. studio: whether
        what is not under /v1 is more than the way there. retry_after_s: seconds until one of the present jobs
        is done."""
        self.app, self.config, self.photo_paths, self.studio = app, config, photo_paths, studio
        self._retry_after_s = retry_after_s
        rate = config.rate_per_minute
        self._keys = Keys(config.api_keys, min(rate or FAILURES, FAILURES)) if config.api_keys else None
        self._rate = RateLimit(rate) if rate else None
        self._reading = Reading(config)
        self._photos = 0
        self._in_hand: Counter[str] = Counter()

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
            await _refusal(error, scope)(scope, receive, send)
        except ClientGoneError:
            return

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, route = Headers(scope=scope), route_of(scope)
        if not self._is_our_host(headers):
            detail = f"this service is not '{headers.get('host', '')[:100]}'. See facevae serve --allow-host."
            refusal = problem(421, detail, scope.get("facevae.request_id", ""))
            await refusal(scope, receive, send)
            return
        if route in OPEN_PATHS or not (_is_api(route) or self.studio):
            await self.app(scope, receive, send)
            return
        client = client_of(scope["client"][0] if scope.get("client") else "")
        self._admit(headers, route, scope["method"], client)
        with self._counted(client):
            await self._in_time(scope, receive, send, client)

    def _admit(self, headers: Headers, route: str, method: str, client: str) -> None:
        """Raises ForeignPageError, UnauthorizedError, BusyError for who may not ask, or not now."""
        api, known = _is_api(route), None
        if not api and method not in SAFE_METHODS and _is_foreign(headers):
            raise ForeignPageError("the studio is for its own pages: this request is from another's")
        if self._keys:
            try:
                known = self._keys.check(headers, client, basic=not api)
            except UnauthorizedError:
                if self._rate:
                    self._rate.count(client)
                raise
        if self._rate and (api or _counts(route, method)):
            self._rate.count(client if known is None else f"key {known}")

    @contextmanager
    def _counted(self, client: str) -> Iterator[None]:
        """Bounds the requests in hand of one client, since a proxy's connections are not bounded."""
        most = self.config.connections_per_client
        if self._in_hand[client] >= most:
            raise BusyError(f"this address has {most} requests in hand, as many as it may. Try again later.")
        self._in_hand[client] += 1
        try:
            yield
        finally:
            self._in_hand[client] -= 1
            if not self._in_hand[client]:
                del self._in_hand[client]

    async def _in_time(self, scope: Scope, receive: Receive, send: Send, client: str) -> None:
        if STREAMS.fullmatch(route_of(scope)):
            await self.app(scope, receive, send)
            return
        started, whole = False, not _has_body(Headers(scope=scope))
        begun, most_s = asyncio.get_running_loop().time(), self.config.timeout_s
        body_s = min(most_s, self.config.body_s)

        async def hearing() -> Message:
            nonlocal whole
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body") and not whole:
                whole = True
                _move(limit, begun + most_s)
            return message

        async def noting(message: Message) -> None:
            nonlocal started
            if not started:  # how long it may take to be read is the connection's matter
                started = True
                _move(limit, None)
            await send(message)

        try:
            async with asyncio.timeout(most_s if whole else body_s) as limit:
                await self._admitted(scope, hearing, noting, client)
        except TimeoutError:
            if not started and whole:
                detail = f"the answer took longer than {most_s:g} s, and was given up"
                later = {"Retry-After": str(self._retry_after_s())}
                await _told(503, detail, scope, later)(scope, receive, send)
            elif not started:
                detail = f"the body was not whole after {body_s:g} s"
                await _told(408, detail, scope, {"Connection": "close"})(scope, receive, send)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send, client: str) -> None:
        route = route_of(scope)
        api, photo = _is_api(route), route in self.photo_paths
        if not api and UPLOAD.fullmatch(route):  # Gradio bounds it, and puts it on the disk
            await self.app(scope, receive, send)
            return
        if photo:
            self._check_photos()
        most = SMALL_BODY if api and not photo else self._reading.largest
        receive = await self._reading.whole(scope, receive, most, client)
        if not photo:
            await self.app(scope, receive, send)
            return
        self._check_photos()  # again: others' may have become whole first
        self._photos += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._photos -= 1

    def _check_photos(self) -> None:
        if self._photos >= self.config.photos_at_once:
            raise BusyError(
                f"{self._photos} requests with photos are in hand, as many as may. Try again later.",
                self._retry_after_s(),
            )

    def _is_our_host(self, headers: Headers) -> bool:
        host = headers.get("host", "")
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        hosts: Sequence[str] = self.config.allowed_hosts
        return not hosts or name.strip("[]").lower() in hosts


def _move(limit: asyncio.Timeout, when: float | None) -> None:
    if not limit.expired():  # one that has expired cannot be moved, and a cancelled app may still send
        limit.reschedule(when)


def _is_api(route: str) -> bool:
    return route == "/v1" or route.startswith("/v1/")


def _counts(route: str, method: str) -> bool:
    """Whether a request to the studio computes or stores something."""
    return method not in SAFE_METHODS or ("/gradio_api/" in route and not CHEAP.fullmatch(route))


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _is_foreign(headers: Headers) -> bool:
    """Whether a page of another origin made a browser send this; what is no browser sends neither header."""
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _refusal(error: FaceVAEError, scope: Scope) -> Response:
    if isinstance(error, UnauthorizedError):
        way = "Bearer" if _is_api(route_of(scope)) else 'Basic realm="facevae", charset="UTF-8"'
        return _told(401, str(error), scope, {"WWW-Authenticate": way})
    if isinstance(error, ForeignPageError):
        return _told(403, str(error), scope)
    plain = problem_of(error, scope.get("facevae.request_id", ""))
    if _is_api(route_of(scope)):
        return plain
    again = plain.headers.get("retry-after")
    return _told(plain.status_code, str(error), scope, {"Retry-After": again} if again else {})


def _told(status: int, detail: str, scope: Scope, headers: dict[str, str] | None = None) -> Response:
    """For the studio's page under the names by which Gradio shows it to people."""
    if _is_api(route_of(scope)):
        return problem(status, detail, scope.get("facevae.request_id", ""), headers)
    return JSONResponse({"error": detail, "detail": detail}, status, headers)
