"""Who asks, by which name and at which path, where a proxy stands in between.

The outermost layer: behind it a request looks as if its client had come itself, and nothing else that claims
to know where a request came from is left in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from facevae.server.networks import Networks

CLAIMS = re.compile(
    rb"x-forwarded(-.*)?|forwarded|x-real-ip|x-client-ip|x-original-.*|x-rewrite-url|x-gradio-.*"
)
"""Headers that tell where a request came from or went to; some of them Gradio would believe from anybody."""
HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


class Proxied:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, trusted: Sequence[str] = (), root_path: str = "") -> None:
        """trusted: addresses and networks of proxies. root_path: below which all is served, or ''."""
        self.app, self.root_path, self._proxies = app, root_path, Networks(trusted)
        self._forwarded = ProxyHeadersMiddleware(self._plain, list(trusted))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        scope = dict(scope)
        if self.root_path:
            route = route_of(scope, self.root_path)
            scope |= {"root_path": self.root_path, "path": self.root_path + route}
            raw = route_of({"path": scope.get("raw_path", b"").decode("latin-1")}, self.root_path)
            scope["raw_path"] = (self.root_path + raw).encode("latin-1")
        if (scope.get("client") or [""])[0] in self._proxies:
            scope["headers"] = _with_forwarded_host(scope["headers"])
            await self._forwarded(scope, receive, send)  # type: ignore[arg-type]
        else:
            await self._plain(scope, receive, send)

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [(name, value) for name, value in scope["headers"] if not CLAIMS.fullmatch(name)]
        await self.app(scope, receive, send)


def route_of(scope: Scope, root_path: str | None = None) -> str:
    """The path below `root_path`, without it the scope's own; whether or not a proxy has cut it off."""
    root = scope.get("root_path", "") if root_path is None else root_path
    path: str = scope["path"]
    below = root and (path == root or path.startswith(root + "/"))
    return (path[len(root) :] or "/") if below else path


def _with_forwarded_host(headers: Collection[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """With the name that the last proxy was called by as the Host, as which it is then checked."""
    told = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-host"]
    host = ",".join(told).rpartition(",")[2].strip()
    if not HOST.fullmatch(host):
        return list(headers)
    return [*((name, value) for name, value in headers if name != b"host"), (b"host", host.encode("latin-1"))]
