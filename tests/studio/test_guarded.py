"""The studio behind keys, a rate and a path of its own, as a visitor's browser sees it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.studio.conftest import CHROMIUM, PATIENCE_MS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium, which .ci/run installs")
KEY = "a-key-of-twenty-signs"


def test_a_browser_shows_its_key_and_is_told_when_it_asks_too_often(chromium: Any) -> None:
    options = ["--port", "0", "--device", "cpu", "--rate", "12", "--root-path", "/faces", "--no-log"]
    process = subprocess.Popen(
        [sys.executable, "-m", "facevae", "serve", *options],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "FACEVAE_API_KEYS": KEY},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert address
        context = chromium.new_context(http_credentials={"username": "me", "password": KEY}, locale="en-GB")
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        statuses: list[int] = []
        page.on("response", lambda answer: statuses.append(answer.status))
        page.goto(f"{address[0]}/faces/?seed=5&lang=en", wait_until="domcontentloaded")
        page.wait_for_selector("#fv-create-faces img")
        assert set(statuses) <= {200, 401, 307}
        for age in range(20, 60):
            page.locator("#fv-create-age input[type=range]").fill(str(age))
            page.wait_for_timeout(100)
            if 429 in statuses:
                break
        told = page.wait_for_selector("#fv-refusal")
        assert "12 requests in a minute" in told.inner_text()
        page.goto(f"{address[0]}/faces/zh/?seed=5&lang=zh", wait_until="domcontentloaded")
        assert page.url.startswith(f"{address[0]}/faces/zh/")
        context.close()
        stranger = chromium.new_context()
        answer = stranger.request.get(f"{address[0]}/faces/")
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
        stranger.close()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
