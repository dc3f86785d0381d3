"""Uploads of a browser's visitor: in both languages at once, after a reload, and refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.studio.conftest import Visitor


@pytest.fixture
def photo(astronaut: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "宇航员 1.png"
    Image.fromarray(astronaut).save(path)
    return path


def test_a_visitor_uploads_in_two_tabs_two_languages_and_after_a_reload(
    visitor: Visitor, photo: Path
) -> None:
    visitor.open(tab="Edit")
    other = Visitor(visitor.page.context.new_page(), visitor.url, visitor.screenshots)
    other.open("/zh/?seed=5&lang=zh", tab="编辑")
    for page in (visitor, other):
        page.drop("#fv-edit-photo", photo)
    for page in (visitor, other):
        page.page.wait_for_selector("#fv-edit-originals img")
        page.page.locator("#fv-edit-paste").click()
        page.page.wait_for_selector("#fv-edit-pasted img")
    visitor.open(tab="Edit")
    assert not visitor.page.locator("#fv-edit-originals img").count(), "another page begins afresh"
    visitor.drop("#fv-edit-photo", photo)
    visitor.page.wait_for_selector("#fv-edit-originals img")
    cookies = {cookie["name"]: cookie for cookie in visitor.page.context.cookies()}
    assert cookies["facevae_studio"]["httpOnly"]


def test_a_photo_is_styled_and_two_are_morphed(visitor: Visitor, photo: Path) -> None:
    visitor.open(tab="Style")
    visitor.drop("#fv-style-photo", photo)
    visitor.page.locator("#fv-style-photo").locator("tr.file").first.wait_for()
    visitor.page.locator("#fv-style-do").click()
    visitor.page.wait_for_selector("#fv-style-drawn img")
    visitor.page.get_by_role("tab", name="Morph", exact=True).click()
    visitor.drop("#fv-morph-photos", photo, photo)
    visitor.page.locator("#fv-morph-photos").locator("tr.file").nth(1).wait_for()
    visitor.slide("#fv-morph-frames", 12)
    visitor.page.locator("#fv-morph-do").click()
    visitor.page.wait_for_selector("#fv-morph-film video")


def test_an_upload_that_is_too_large_is_refused_in_words(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open(tab="Edit")
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(11 * 2**20))
    visitor.drop("#fv-edit-photo", large, uploaded=False)
    visitor.page.get_by_text("size").first.wait_for()
