"""Errors as problem details (RFC 9457), and the one place where facevae's errors get their status codes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from facevae.console import printable
from facevae.errors import (
    CheckpointError,
    ConfigError,
    ControlError,
    DataError,
    FaceVAEError,
    MissingExtraError,
)
from facevae.server.uploads import TooLargeError, UnknownFormatError

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20
"""Faults of one request that are named."""


class BusyError(FaceVAEError):
    """There is no room for another request now."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoppingError(FaceVAEError):
    """The service is about to end."""


class NotAcceptableError(FaceVAEError):
    """The client accepts no form that there is of the answer."""


STATUS: tuple[tuple[type[FaceVAEError], int], ...] = (
    (BusyError, 429), (StoppingError, 503), (NotAcceptableError, 406), (TooLargeError, 413),
    (UnknownFormatError, 415), (MissingExtraError, 501), (CheckpointError, 409), (ControlError, 422),
    (ConfigError, 422), (DataError, 422), (FaceVAEError, 500),
)  # fmt: skip
"""The first class that an error is of gives its status. 409: the loaded model cannot do what is asked."""


Printable = Annotated[str, BeforeValidator(printable)]
"""Text that may repeat words of a request, such as half a character that no UTF-8 has."""


class FieldError(BaseModel):
    """One fault of a request."""

    field: Printable = Field(description="Where, such as controls.age.")
    message: Printable


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field("about:blank", description="about:blank: the status says what kind it is.")
    title: str
    status: int
    detail: Printable = Field(description="What, where, what was got and what was expected.")
    request_id: str = Field("", description="As in the answer's X-Request-Id and in the log.")
    errors: list[FieldError] = Field(default=[], description="The faults of a request one by one.")


def problem(
    status: int,
    detail: str,
    request_id: str = "",
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldError] = (),
) -> Response:
    """The answer that tells of a problem."""
    title = HTTPStatus(status).phrase
    body = Problem(title=title, status=status, detail=detail, request_id=request_id, errors=list(errors))
    data = body.model_dump(exclude_defaults=False)
    if not errors:
        del data["errors"]
    text = json.dumps(data, ensure_ascii=False).encode("utf-8")
    return Response(text, status, dict(headers or {}), MEDIA_TYPE)


def problem_of(error: FaceVAEError, request_id: str = "") -> Response:
    """The answer to an error of facevae's tree."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    retry_s = {429: getattr(error, "retry_after_s", 1), 503: 1}.get(status)
    return problem(status, str(error), request_id, {"Retry-After": str(retry_s)} if retry_s else None)


def request_id_of(request: Request) -> str:
    """As the outermost layer gave it."""
    return str(request.scope.get("facevae.request_id", ""))


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of the app an answer with problem details."""

    async def on_facevae(request: Request, error: Exception) -> Response:
        assert isinstance(error, FaceVAEError)
        return problem_of(error, request_id_of(request))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [_fault(one) for one in list(error.errors())[:MOST_ERRORS]]
        detail = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        return problem(422, detail, request_id_of(request), errors=faults)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, error.detail, request_id_of(request), error.headers)

    app.add_exception_handler(FaceVAEError, on_facevae)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def _fault(error: Mapping[str, Any]) -> FieldError:
    """Without the value that was sent: it may be large, or nobody's business in a log."""
    where = [str(part) for part in error["loc"]]
    if where and where[0] in ("body", "query", "path", "header"):
        where = where[1:] or where
    return FieldError(field=".".join(where)[:200] or "body", message=str(error["msg"])[:500])
