"""What the service's logs may hold: neither words nor photos nor names that clients sent."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Collection
from types import TracebackType

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
STUDIO_WORDS = (
    "zh", "config", "theme.css", "manifest.json", "favicon.ico", "robots.txt", "assets", "static", "svelte",
    "gradio_api", "upload", "upload_progress", "queue", "join", "data", "run", "predict", "heartbeat",
    "startup-events", "app_id", "info", "reset", "cancel",
)  # fmt: skip
"""Parts of the studio's own paths; in place of all others the log has OTHER."""
OTHER = "…"


def logged_path(path: str, known: Collection[str]) -> str:
    """The path of a route; of others, which may be anything a client writes, the parts that we know."""
    if path in known:
        return path
    if path.startswith("/v1/"):
        return f"/v1/{OTHER}"
    first, *rest = path[1:].split("/")
    kept = [part if part in STUDIO_WORDS or not part else OTHER for part in [first, *rest][:4]]
    return "/" + "/".join(kept)


def logged_method(method: str) -> str:
    """The method, where it is one of HTTP's."""
    return method if method in METHODS else OTHER


def places(error: BaseException) -> str:
    """Types and places of an exception and of those that led to it, without their messages.

    A message may repeat what was asked, and a log is read by many.
    """
    told = [f"{type(error).__name__}, raised at"]
    told += [
        f"  {frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    inner = getattr(error, "exceptions", ())  # of a group
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    told += [places(one) for one in (*inner, *filter(None, [cause]))]
    return "\n".join(told)


class WithoutMessages(logging.Formatter):
    """Exceptions as `places` has them, for what libraries log."""

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return places(ei[1]) if ei[1] is not None else ""
