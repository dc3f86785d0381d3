"""The pages in a real browser, at the width of a desktop and of a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium")
PAGES = ("index.html", "run/run.html", "data/prepared.html")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium, which .ci/run installs")


def browse(page: Path, profile: Path, *options: str) -> str:
    """Open a page in headless Chromium with an empty profile; what it printed."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width_px", [1280, 390])
def test_page_shows_itself(demo: Path, tmp_path: Path, page: str, width_px: int) -> None:
    shot = tmp_path / "shot.png"
    browse(demo / page, tmp_path / "profile", f"--window-size={width_px},1600", f"--screenshot={shot}")
    with Image.open(shot) as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels.shape[0] == 1600
    assert float(pixels.std()) > 5, "the page is blank"


@pytest.mark.parametrize("page", PAGES)
def test_page_loads_nothing_from_elsewhere(demo: Path, tmp_path: Path, page: str) -> None:
    markup = browse(demo / page, tmp_path / "profile", "--dump-dom")
    loaded = re.findall(r"""(?:src|href|url\()\s*=?\s*["']?([^"'\s)>]+)""", markup)
    outside = [address for address in loaded if re.match(r"(?:https?:)?//", address)]
    assert not outside
