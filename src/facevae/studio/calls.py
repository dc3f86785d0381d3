"""What the page may send to the studio's functions: plain values, and uploads of the same visitor.

Gradio looks for file objects in every value and opens or fetches what they name. So what a client sends is
not passed on: another body is made of it, with nothing in it that is not known here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from facevae.errors import DataError
from facevae.studio.files import Files, Visitor

MOST_BODY = 2**18
"""Bytes of a request for a function: a text of 2,000 characters and some numbers."""
MOST_ITEMS = 64
"""Values in a list, and files at one input."""
LARGEST = 2**53
"""Numbers beyond are not whole in the page's JavaScript."""


def checked_call(body: bytes, inputs: Mapping[int, Sequence[bool]], visitor: Visitor, files: Files) -> bytes:
    """The body for Gradio's run/predict and queue/join, made of what this visitor sent.

    inputs: of each function by its number, which of its inputs are for files. Raises DataError for anything
    that the page does not send.
    """
    sent = read_json(body)
    function, data = sent.get("fn_index"), sent.get("data")
    if type(function) is not int or function not in inputs:
        raise DataError("'fn_index' is the number of none of the studio's functions. Reload the page.")
    kinds = inputs[function]
    if not isinstance(data, list) or len(data) != len(kinds):
        raise DataError(
            f"'data' must be a list of {len(kinds)} values for function {function}. Reload the page."
        )
    values = []
    for place, (value, for_files) in enumerate(zip(data, kinds, strict=True)):
        where = f"input {place + 1} of function {function}"
        values.append(_uploads(value, where, visitor, files) if for_files else _plain(value, where))
    event, trigger = sent.get("event_data"), sent.get("trigger_id")
    index = event.get("index") if isinstance(event, dict) else None
    return json.dumps({
        "data": values, "fn_index": function, "session_hash": session_name(visitor, sent.get("session_hash")),
        "trigger_id": trigger if type(trigger) is int else None,
        "event_data": {"index": index} if type(index) is int else None,
    }).encode()  # fmt: skip


def checked_cancel(body: bytes, visitor: Visitor) -> bytes:
    """The body for Gradio's cancel and reset. Raises DataError."""
    sent = read_json(body)
    function, event = sent.get("fn_index"), sent.get("event_id")
    if not isinstance(event, str) or not event.isalnum() or len(event) > 64:
        raise DataError("'event_id' must be the one that the queue has given")
    return json.dumps({
        "session_hash": session_name(visitor, sent.get("session_hash", "none")), "event_id": event,
        "fn_index": function if type(function) is int else -1,
    }).encode()  # fmt: skip


def session_name(visitor: Visitor, sent: object) -> str:
    """What Gradio knows a page of this visitor by: nobody without his cookie can name it.

    It begins with `visitor_name`. sent: the number that the page has given itself. Raises DataError.
    """
    if not isinstance(sent, str) or not 1 <= len(sent) <= 64:
        raise DataError("'session_hash' must be a text of 1 to 64 characters: the page's own number")
    return visitor_name(visitor) + _digest(visitor.key, sent)


def visitor_name(visitor: Visitor) -> str:
    """Tells visitors apart without telling their secrets."""
    return _digest(visitor.key)


def read_json(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises DataError for anything else."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise DataError("expected a JSON object")
    return sent


def _uploads(value: Any, where: str, visitor: Visitor, files: Files) -> Any:
    """The same files as Gradio writes them, of which only the path was looked at."""
    if isinstance(value, list) and len(value) <= MOST_ITEMS:
        return [_upload(one, where, visitor, files) for one in value]
    return None if value is None else _upload(value, where, visitor, files)


def _upload(value: Any, where: str, visitor: Visitor, files: Files) -> dict[str, Any]:
    path = files.find(visitor, value.get("path")) if isinstance(value, dict) else None
    if path is None:
        raise DataError(
            f"{where} must be a file that you uploaded, at most {files.limits.keep_s / 60:g} minutes ago. "
            "Drop the photo again."
        )
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def _plain(value: Any, where: str) -> Any:
    """A number, a text, yes or no, nothing, or a list of these."""
    if (
        isinstance(value, list)
        and len(value) <= MOST_ITEMS
        and not any(isinstance(one, list) for one in value)
    ):
        return [_plain(one, where) for one in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float) and -LARGEST <= value <= LARGEST:
        return value
    kind = {dict: "an object", list: "a list of lists or of too many", float: "a number out of all bounds",
            int: "a number out of all bounds"}[type(value)]  # fmt: skip
    raise DataError(f"{where} must be a number, a text or a short list of them, got {kind}.")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
