"""What of Gradio's application clients reach: the routes that the page needs, each request checked first."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facevae.errors import DataError, FaceVAEError
from facevae.server.problems import problem, problem_of
from facevae.server.reading import replayed
from facevae.server.uploads import TooLargeError, UploadLimits
from facevae.studio.answers import Answers
from facevae.studio.calls import MOST_BODY, checked_call, checked_cancel, read_json, session_name
from facevae.studio.files import SCOPE_KEY, Files, Visitor

ROUTES = re.compile(
    r"/|/(config|theme\.css|manifest\.json|favicon\.ico|robots\.txt)|/(assets|static|svelte)/.*"
    r"|/gradio_api/(upload|upload_progress|queue/join|queue/data|run/predict|heartbeat/\w+|startup-events|app_id"
    r"|info|theme\.css|reset|cancel|file=/.*)"
)
"""What a browser asks the studio for. Gradio's other routes fetch addresses, edit code or tell statistics."""
COOKIE = "facevae_studio"
NO_SESSION = (
    'data: {"msg": "unexpected_error", "message": "404", "success": false, "session_not_found": true}\n\n'
)
MOST_FILES = 32
"""Of one upload."""

Handler = Callable[[Scope, Receive, Send, Visitor], Awaitable[None]]


class Gate:
    """ASGI middleware around Gradio's application.

    A visitor is who has a cookie, which comes with the page or with another client's first request. Uploads,
    offered files and the state of pages are of one visitor alone.
    """

    def __init__(
        self, app: ASGIApp, blocks: gr.Blocks, answers: Answers, files: Files, limits: UploadLimits,
        home: str = "/", framed: bool = False,
    ) -> None:  # fmt: skip
        """home: the path that the cookie is for. framed: other sites may show the studio in a frame."""
        self.app, self.answers, self.files, self.limits = app, answers, files, limits
        self.home, self.framed = home, framed
        self._inputs = {
            number: [isinstance(component, gr.File) for component in function.inputs]
            for number, function in blocks.fns.items()
        }
        self._posts: dict[str, Handler] = {
            "/gradio_api/upload": self._upload, "/gradio_api/run/predict": self._call,
            "/gradio_api/queue/join": self._join, "/gradio_api/cancel": self._cancel,
            "/gradio_api/reset": self._cancel,
        }  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = (scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")) or "/"
        name = scope.get("facevae.request_id", "")
        handler = self._posts.get(route) if scope["method"] == "POST" else self._getter(route)
        if handler is None:
            await PlainTextResponse("there is nothing here", 404)(scope, receive, send)
        elif scope["method"] == "POST" and from_another_origin(Headers(scope=scope)):
            detail = "a page of another origin cannot use the studio. Open the studio itself."
            await problem(403, detail, name)(scope, receive, send)
        else:
            visitor, send = self._visitor(scope, send, scope["method"] == "POST" or route in ("/", "/config"))
            try:
                await handler({**scope, SCOPE_KEY: visitor}, receive, send, visitor)
            except FaceVAEError as error:
                await problem_of(error, name)(scope, receive, send)
            except ClientDisconnect:
                return

    def _getter(self, route: str) -> Handler | None:
        if not ROUTES.fullmatch(route):
            return None
        part = route.removeprefix("/gradio_api/")
        if part.startswith("file="):
            return self._file
        named: dict[str, Handler] = {"queue/data": self._answers, "upload_progress": self._progress}
        return self._alive if part.startswith("heartbeat/") else named.get(part, self._plain)

    def _visitor(self, scope: Scope, send: Send, given: bool) -> tuple[Visitor, Send]:
        """Whose request it is; who has no cookie is somebody new, and where it is `given` gets one."""
        address = scope["client"][0] if scope.get("client") else ""
        key = HTTPConnection(scope).cookies.get(COOKIE, "")
        known = re.fullmatch(r"[\w-]{43}", key, re.ASCII)
        visitor = Visitor(key if known else secrets.token_urlsafe(32), address)
        if known or not given:
            return visitor, send
        secure = "https" in (scope.get("scheme"), Headers(scope=scope).get("x-forwarded-proto", ""))
        # Lax: with Strict a link to the studio would make its reader another visitor. `from_another_origin`
        # keeps other sites from acting for him.
        kind = "SameSite=None; Partitioned" if secure and self.framed else "SameSite=Lax"
        cookie = f"{COOKIE}={visitor.key}; Path={self.home}; HttpOnly; {kind}{'; Secure' if secure else ''}"

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("set-cookie", cookie)
                headers["cache-control"] = "no-store"  # a cache between would make many people one visitor
            await send(message)

        return visitor, with_cookie

    async def _plain(self, scope: Scope, receive: Receive, send: Send, _: Visitor) -> None:
        await self.app(scope, receive, send)

    async def _file(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        if self.files.find(visitor, scope["path"].partition("/gradio_api/file=")[2]):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse("there is nothing here", 404)(scope, receive, send)

    async def _answers(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])
        session = session_name(visitor, asked[-1])
        if not self.answers.known(session):
            # As Gradio says it, which also writes a traceback to the log.
            await Response(NO_SESSION, media_type="text/event-stream")(scope, receive, send)
            return
        query = urlencode({"session_hash": session})
        with self.answers.heard(session):
            await self.app({**scope, "query_string": query.encode()}, receive, send)

    async def _alive(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        before, _, sent = scope["path"].rstrip("/").rpartition("/")
        path = f"{before}/{session_name(visitor, sent)}"
        await self.app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    async def _progress(self, scope: Scope, receive: Receive, send: Send, _: Visitor) -> None:
        """Gradio remembers each upload's progress until somebody asks: here nothing is remembered."""
        done = Response('data: {"msg": "done"}\n\n', media_type="text/event-stream")
        await done(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        body = checked_call(await _read(receive), self._inputs, visitor, self.files)
        await self.app(_as_json(scope, body), replayed(body, receive), send)

    async def _join(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        body = checked_call(await _read(receive), self._inputs, visitor, self.files)
        self.answers.joined(read_json(body)["session_hash"])
        await self.app(_as_json(scope, body), replayed(body, receive), send)

    async def _cancel(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        body = checked_cancel(await _read(receive), visitor)
        await self.app(_as_json(scope, body), replayed(body, receive), send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        """In place of Gradio's, which leaves files behind and names them by their content."""
        try:
            paths = await self._kept(scope, receive, visitor)
            await JSONResponse(paths)(scope, receive, send)
        except FaceVAEError as error:
            # The page shows an upload's answer as it is.
            answer = problem_of(error)
            shown = PlainTextResponse(str(error), answer.status_code)
            if wait := answer.headers.get("retry-after"):
                shown.headers["retry-after"] = wait
            await shown(scope, receive, send)
        except (HTTPException, MultiPartException, KeyError):
            await PlainTextResponse("expected multipart/form-data with 'files'", 400)(scope, receive, send)

    async def _kept(self, scope: Scope, receive: Receive, visitor: Visitor) -> list[str]:
        with self.files.taking(visitor) as take:

            async def counted() -> Message:
                message = await receive()
                take(len(message.get("body", b"")))
                return message

            # Until they are whole, Starlette has files in memory or without a name on the disk: whatever ends
            # the upload, the service included, leaves nothing.
            async with Request(scope, counted).form(max_files=MOST_FILES, max_fields=1) as form:
                files: list[Any] = [one for one in form.getlist("files") if not isinstance(one, str)]
                if not files:
                    raise DataError("no files in the upload: expected multipart/form-data with 'files'")
                if too_large := [one for one in files if (one.size or 0) > self.limits.most_bytes]:
                    raise TooLargeError(
                        f"too large a file: {too_large[0].size:,} bytes, at most {self.limits.most_bytes:,}. "
                        "Send a smaller picture."
                    )
                paths = []
                for one in files:
                    paths.append(await run_in_threadpool(take.keep, one.filename or "", one.file))
                    await one.close()
                return paths


def from_another_origin(headers: Headers) -> bool:
    """Whether a browser says that a page of another origin sends this. Other clients say nothing.

    Sec-Fetch-Site is believed first: behind a proxy the Host header may be another than the browser's.
    Browsers send it to https and to localhost alone.
    """
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    own = {headers.get("host", "").lower(), headers.get("x-forwarded-host", "").lower()} - {""}
    return origin is not None and urlsplit(origin).netloc.lower() not in own


async def _read(receive: Receive) -> bytes:
    """The whole body. Raises TooLargeError and ClientDisconnect."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_BODY:
            raise TooLargeError(f"too large a request: its body may have {MOST_BODY:,} bytes")
    return bytes(body)


def _as_json(scope: Scope, body: bytes) -> Scope:
    dropped = (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding")
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in dropped]
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return {**scope, "headers": [*kept, *own]}
