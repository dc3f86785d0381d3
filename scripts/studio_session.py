"""A studio of its own and a browser that looks at it, for the scripts that take pictures and times."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import sync_playwright

PATIENCE_S = 180


@contextlib.contextmanager
def studio(model: str = "face64", device: str = "cpu") -> Iterator[str]:
    """The address of a studio in another process."""
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
        yield url
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    with sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()
