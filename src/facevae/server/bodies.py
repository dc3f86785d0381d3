"""Requests with photos: JSON with base64, or a form with files. All in memory: nothing is written to disk."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

M = TypeVar("M", bound=BaseModel)

FORM = "multipart/form-data"
OPTIONS = "options"
MOST_OPTIONS = 64 * 2**10
"""Bytes of a form's options."""


class MemoryParser(MultiPartParser):
    """Starlette's parser of forms, which otherwise puts files of more than 1 MiB on the disk."""

    spool_max_size = 2**62


async def read_body(request: Request, model: type[M], files: Collection[str] = ("photo",)) -> M:
    """The request as `model`. files: fields that a form carries as files.

    Raises RequestValidationError for a body that `model` refuses, HTTPException (400, 415) for one that
    cannot be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        data = await _of_form(request, files)
    elif kind == "application/json":
        data = _of_json(await request.body())
    else:
        raise HTTPException(
            415,
            f"the body must be application/json or {FORM} (in the header Content-Type), got '{kind[:100]}'",
        )
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False, include_url=False)) from None


async def _of_form(request: Request, files: Collection[str]) -> dict[str, Any]:
    parser = MemoryParser(
        request.headers, request.stream(), max_files=len(files), max_fields=2, max_part_size=MOST_OPTIONS
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"the form cannot be read: {error.message}") from None
    try:
        return _fields(form, files)
    finally:
        await form.close()


def _fields(form: FormData, files: Collection[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    found: dict[str, bytes] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile) and name in files and name not in found:
            found[name] = value.file.read()
        elif isinstance(value, str) and name == OPTIONS and not data:
            data = _of_json(value.encode())
        else:
            raise _invalid(
                f"there cannot be a field '{name[:100]}' here. A form has the files {', '.join(files)} "
                f"(curl: -F {next(iter(files))}=@me.jpg) and one field '{OPTIONS}' with JSON, each once."
            )
    for name in files:
        if name in data:
            raise _invalid(f"'{name}' is a file of the form, and cannot be in its {OPTIONS} too.")
    return {**data, **found}


def _of_json(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = str(error)[:100] if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise _invalid(f"not JSON: {reason}") from None
    if not isinstance(data, dict):
        raise _invalid("expected a JSON object")
    return data


def _invalid(message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "body", "loc": ("body",), "msg": message}])
