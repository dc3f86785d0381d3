"""Gradio's page in its language, kept to its own origin."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facevae.studio.wording import LANGUAGES

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
"""Gradio's page has scripts within itself and builds functions of text; all else is of this origin."""
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)
ELSEWHERE = re.compile(rb'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*?/>')


class OwnOrigin:
    """ASGI middleware around Gradio's application for one language."""

    def __init__(self, app: ASGIApp, language: str) -> None:
        self.app, self.language = app, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if away := self._other_language(scope, route):
            await RedirectResponse(away)(scope, receive, send)
        else:
            await self.app(scope, receive, _Page(send, self.language).send if route == "/" else send)

    def _other_language(self, scope: Scope, route: str) -> str | None:
        """Where ?lang=, or on the first page the browser's own languages, lead to; None: stay."""
        first = next(iter(LANGUAGES))
        bare = route.strip("/")
        if self.language == first and bare in LANGUAGES and bare != first:
            return f"{scope.get('root_path', '')}/{bare}/"
        if route != "/" or scope["method"] != "GET":
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        asked = dict(query).get("lang")
        if asked is None and self.language == first:
            asked = preferred(Headers(scope=scope).get("accept-language", ""))
        if asked not in LANGUAGES or asked == self.language:
            return None
        kept = urlencode([(name, value) for name, value in query if name != "lang"] + [("lang", asked)])
        home = scope.get("root_path", "") if self.language == first else scope.get("root_path", "")[:-3]
        return f"{home}/?{kept}" if asked == first else f"{home}/{asked}/?{kept}"


class _Page:
    """Collects the page, so that it can be told its language and kept to this origin."""

    def __init__(self, send: Send, language: str) -> None:
        self._send, self._language = send, language
        self._start: MutableMapping[str, Any] = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        if not self._body:  # of a HEAD request
            await self._send({**self._start, "headers": [*self._start["headers"], *HEADERS]})
            await self._send(message)
            return
        body = localised(self._body, self._language)
        kept = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        length = (b"content-length", str(len(body)).encode())
        await self._send({**self._start, "headers": [*kept, length, *HEADERS]})
        await self._send({"type": "http.response.body", "body": body})


def localised(page: bytes, language: str) -> bytes:
    """Gradio's page in this language, without its metadata about other hosts.

    Gradio's own few words follow the browser's language, which is told to be the page's.
    """
    page = ELSEWHERE.sub(b"", page)
    code = {"zh": "zh-CN"}.get(language, language)
    page = re.sub(rb'<html\s+lang="[^"]*"', f'<html lang="{code}"'.encode(), page, count=1)
    script = f"<script>Object.defineProperty(navigator, 'language', {{ get: () => '{code}' }});</script>"
    return page.replace(b"<head>", b"<head>" + script.encode(), 1)


def preferred(accepted: str) -> str | None:
    """The language of LANGUAGES that an Accept-Language header likes best; None for none of them."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), place, tag.split("-")[0].lower()))
        except ValueError:
            continue
    return next((code for _, _, code in sorted(ranked) if code in LANGUAGES), None)
