"""One studio in a process of its own, and a browser that looks at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

CHROMIUM = shutil.which("chromium")
SERVE = """
import os, sys, torch, uvicorn
seen = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def note(event, args):
    if event in ("open", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        os.write(seen, f"{event} {args[1] if event == 'socket.connect' else args[0]!r}\\n".encode())
sys.addaudithook(note)
from fastapi import FastAPI
from facevae.generator import FaceGenerator
from facevae.studio import mount_studio
torch.set_num_threads(1)
app = mount_studio(FastAPI(), FaceGenerator.from_pretrained("face64", "cpu"))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1)
"""
PATIENCE_MS = 120_000
"""A busy machine is no failure."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The studio's server and the browser have the other core, and two threads that wait for one burn it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class Running:
    """A studio in a process of its own."""

    url: str
    files: Path
    """Where its temporary files lie."""
    opened: Path
    """Each file that it opened and each address that it connected to or looked up, a line each."""


@pytest.fixture(scope="session")
def studio_url(running: Running) -> str:
    """The address of a studio with the shipped model."""
    return running.url


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """At the end its temporary files must be gone, and it must not have asked for any other machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary = tmp_path_factory.mktemp("studio")
    log = (temporary / "log.txt").open("w")
    files = temporary / "files"
    files.mkdir()
    opened = temporary / "opened.txt"
    command = [sys.executable, "-W", "ignore", "-c", SERVE, str(port)]
    own = {**os.environ, "TMPDIR": str(files), "OPENED": str(opened)}
    process = subprocess.Popen(command, stdout=log, stderr=log, env=own)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield Running(url, files, opened)
    finally:
        process.terminate()
        process.wait(30)
        log.close()
    assert not list(files.glob("*facevae-studio-*")), "uploads were left behind"
    asked = {line for line in opened.read_text().splitlines() if line.startswith("socket.")}
    assert not [line for line in asked if "127.0.0.1" not in line], "another machine was asked for"
    assert "Traceback" not in (temporary / "log.txt").read_text(), (temporary / "log.txt").read_text()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Closed after its module: Playwright keeps an event loop running in this thread meanwhile."""
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium, which .ci/run installs")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages are kept: the folder FACEVAE_SCREENSHOTS, or pytest's."""
    given = os.environ.get("FACEVAE_SCREENSHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Visitor:
    """A page of the studio, and what it asked for."""

    def __init__(self, page: Any, url: str, screenshots: Path) -> None:
        self.page, self.url, self.screenshots = page, url, screenshots
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        page.set_default_timeout(PATIENCE_MS)

    def open(self, address: str = "/?seed=5&lang=en", tab: str | None = None) -> None:
        """Open the studio and wait for its first face; then a tab by its name."""
        self.page.goto(self.url + address, wait_until="domcontentloaded")
        self.page.wait_for_selector("#fv-create-faces img")
        if tab:
            self.page.get_by_role("tab", name=tab, exact=True).click()

    def source(self, where: str) -> str:
        """The first picture there, as the data: URI that it is."""
        source: str = self.page.locator(f"{where} img").first.get_attribute("src") or ""
        return source

    def changed(self, where: str, before: str) -> str:
        """Wait until the first picture there is another."""
        self.page.wait_for_function(
            "([where, before]) => { const now = document.querySelector(where + ' img');"
            " return now && now.src !== before; }",
            arg=[where, before],
        )
        return self.source(where)

    def slide(self, where: str, value: float) -> None:
        self.page.locator(f"{where} input[type=range]").fill(str(value))

    def drop(self, where: str, *files: Path, uploaded: bool = True) -> None:
        """Drop files; again while the page was not ready to hear of them, and so uploads nothing.

        uploaded: False where the page itself is to refuse them.
        """
        picker = self.page.locator(f"{where} input[type=file]")
        for _ in range(5):
            before = len(self.requests)
            picker.set_input_files([str(file) for file in files])
            for _ in range(50):
                if not uploaded or any("/gradio_api/upload" in one for one in self.requests[before:]):
                    return
                self.page.wait_for_timeout(100)
        raise AssertionError(f"the page uploads nothing that is dropped on {where}")

    def shoot(self, name: str) -> None:
        self.page.wait_for_timeout(250)
        self.page.screenshot(path=self.screenshots / f"{name}.png", full_page=True)


@pytest.fixture
def visitor(chromium: Any, studio_url: str, screenshots: Path, request: Any) -> Iterator[Visitor]:
    """At the width of a desktop, or that of the test's parameter. Nobody may be asked but the studio."""
    width = getattr(request, "param", 1280)
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        accept_downloads=True,
        locale="en-GB",
        reduced_motion="reduce",
    )
    visitor = Visitor(context.new_page(), studio_url, screenshots)
    yield visitor
    context.close()
    elsewhere = [one for one in visitor.requests if not one.startswith((studio_url, "data:", "blob:"))]
    assert visitor.requests
    assert not elsewhere
    assert not [text for text in visitor.complaints if "Content Security Policy" in text]


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server stopped"
        try:
            with urllib.request.urlopen(f"{url}/theme.css", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server did not answer")
