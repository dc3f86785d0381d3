"""A studio of its own and a browser that looks at it, for the scripts that take pictures and times.

python scripts/studio_session.py [MODEL [DEVICE]]        # default face64 cpu

By itself it says how much memory the studio takes at its start, after each tab, and for each further visitor.
"""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import httpx

PATIENCE_S = 180
VISITORS = 20
"""Who each let a photo of 1,024 px be edited and drawn, and leave."""


@contextlib.contextmanager
def studio(model: str = "face64", device: str = "cpu") -> Iterator[str]:
    """The address of a studio in another process."""
    with _process(model, device) as (url, _):
        yield url


@contextlib.contextmanager
def _process(model: str, device: str) -> Iterator[tuple[str, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "facevae", "serve", "--port", str(port), "--model", model]
    process = subprocess.Popen([*command, "--device", device, "--no-log"])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(2 * PATIENCE_S):
            if process.poll() is not None:
                raise SystemExit("the studio did not start")
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/theme.css", timeout=5):
                break
            time.sleep(0.5)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


class Visitor:
    """A client that calls the studio's functions as its page does."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self.page = secrets.token_hex(6)
        config = self.client.get("/config").json()
        self.components = {one["id"]: one for one in config["components"]}
        self.functions = config["dependencies"]

    def upload(self, data: bytes) -> dict[str, Any]:
        """A photo as the value of a place for photos."""
        answer = self.client.post("/gradio_api/upload", files={"files": ("photo.png", data)})
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    def does(self, elem_id: str, event: str, index: int | None = None, **values: Any) -> None:
        """What happens when this component has this event; values: of inputs, by the end of their elem_id."""
        function = next(
            one for one in self.functions
            if any(self._id(target) == elem_id and name == event for target, name in one["targets"])
        )  # fmt: skip
        data = [values.get(self._id(one).rpartition("-")[2], self._value(one)) for one in function["inputs"]]
        body = {"data": data, "fn_index": function["id"], "session_hash": self.page}
        event_data = {"event_data": {"index": index}}
        joined = self.client.post("/gradio_api/queue/join", json={**body, **event_data})
        if joined.status_code != 200:
            raise SystemExit(f"{elem_id}: {joined.text}")
        with self.client.stream("GET", f"/gradio_api/queue/data?session_hash={self.page}") as stream:
            for line in stream.iter_lines():
                told = json.loads(line.removeprefix("data: ")) if line else {}
                if told.get("msg") == "process_completed":
                    if not told["success"]:
                        raise SystemExit(f"{elem_id}: {told['output']}")
                    return

    def _id(self, component: int | None) -> str:
        return str(component is not None and self.components[component]["props"].get("elem_id"))

    def _value(self, component: int) -> Any:
        one = self.components[component]
        return None if one["type"] in ("state", "file") else one["props"].get("value")


def memory(url: str, pid: int) -> None:
    """Print resident memory of the process and its own processes, in MB."""
    import psutil
    from PIL import Image
    from skimage.data import astronaut

    def told(name: str) -> float:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        size = sum(one.memory_info().rss for one in processes) / 2**20
        print(f"{name}: {size:.0f} MB", flush=True)
        return size

    buffer = io.BytesIO()
    Image.fromarray(astronaut()).resize((1024, 1024)).save(buffer, "PNG")
    photo, one = buffer.getvalue(), Visitor(url)
    told("at its start")
    one.does("fv-create-die", "click")
    one.does("fv-create-count", "input", count=64)
    one.does("fv-create-zip", "click")
    told("after Create")
    one.does("fv-edit-photo", "upload", photo=one.upload(photo))
    one.does("fv-edit-paste", "click")
    told("after Edit")
    one.does("fv-mix-anew", "click")
    for person in (0, 1):
        one.does("fv-mix-people", "click", person)
    one.does("fv-mix-breed", "click")
    told("after Mix")
    one.does("fv-morph-do", "click", seeds="1, 2, 3")
    told("after Morph")
    for look in ("pencil", "artwork"):
        one.does("fv-style-do", "click", photo=one.upload(photo), look=look, art=one.upload(photo), effort=20)
        told(f"after Style, {look}")
    one.does("fv-augment-do", "click")
    told("after Augment")
    before = told("after Model")
    for _ in range(VISITORS):
        other = Visitor(url)
        other.does("fv-edit-photo", "upload", photo=other.upload(photo))
        other.does("fv-style-do", "click", photo=other.upload(photo))
    after = told(f"after {VISITORS} more visitors, an edited and a styled photo each")
    print(f"for each of them: {(after - before) / VISITORS:.1f} MB")


def main(model: str = "face64", device: str = "cpu") -> None:
    with _process(model, device) as (url, pid):
        memory(url, pid)


if __name__ == "__main__":
    main(*sys.argv[1:])
