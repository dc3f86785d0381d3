"""The bodies of requests: JSON, or a form with files. All in memory: nothing is written to disk."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from facevae.server.formats import JSON

M = TypeVar("M", bound=BaseModel)

FORM = "multipart/form-data"
OPTIONS = "options"
MOST_OPTIONS = 64 * 2**10
"""Bytes of a form's options."""


class MemoryParser(MultiPartParser):
    """Starlette's parser of forms, which otherwise puts files of more than 1 MiB on the disk."""

    spool_max_size = 2**62


async def read_body(request: Request, model: type[M], files: Collection[str] = ()) -> M:
    """The request as `model`. files: fields that a form carries as files; () for a route that takes no form.

    Raises RequestValidationError for a body that `model` refuses, HTTPException (400, 415) for one that
    cannot be read.
    """
    if _content_type(request, (JSON, FORM) if files else (JSON,)) == FORM:
        data = await _of_form(request, files)
    else:
        data = _of_json(await request.body())
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False, include_url=False)) from None


def _content_type(request: Request, taken: Collection[str]) -> str:
    """The media type of the body, one of `taken`. Raises HTTPException (415) for others, and for one that is
    not UTF-8 or is compressed."""
    given = request.headers.get("content-type", "")
    name, parameters = parse_options_header(given)
    kind, charset = name.decode("latin-1").lower(), parameters.get(b"charset", b"utf-8").lower()
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if kind not in taken or charset != b"utf-8" or coding != "identity":
        packed = "" if coding == "identity" else f", compressed ({coding[:40]})"
        raise HTTPException(
            415,
            f"the body must be {' or '.join(taken)} (in the header Content-Type), in UTF-8 and not "
            f"compressed; got {given[:100] or 'none'}{packed}",
            {"Accept": ", ".join(taken)},
        )
    return kind


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


_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _of_json(body: bytes) -> dict[str, Any]:
    """A JSON object as RFC 7493 (I-JSON) has it. Raises RequestValidationError for all else."""
    try:
        data = json.loads(
            body.decode("utf-8-sig"), parse_constant=_no_number, object_pairs_hook=_without_repetition
        )
        if _SURROGATE.search(body):
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise _invalid("not JSON: an unpaired surrogate, such as \\ud83d, is half a character") from None
    except UnicodeDecodeError:
        raise _invalid("not JSON: it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _invalid(f"not JSON: {str(error)[:100]}") from None
    except RecursionError:
        raise _invalid("not JSON that is taken: too many objects or lists within each other") from None
    except ValueError:
        raise _invalid("not JSON that is taken: a number of thousands of digits") from None
    if not isinstance(data, dict):
        raise _invalid("expected a JSON object")
    return data


def _no_number(word: str) -> float:
    raise json.JSONDecodeError(f"{word} is no number of JSON", "", 0)


def _without_repetition(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, unless a name stands twice: which of the two was meant would be a guess."""
    found = dict(members)
    if len(found) != len(members):
        raise _invalid("a field stands twice in one object")
    return found


def _invalid(message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "body", "loc": ("body",), "msg": message}])
