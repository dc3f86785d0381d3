"""Every tab in a real browser, at the width of a desktop and of a phone."""

from __future__ import annotations

import base64
import csv
import io
import re
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from facevae.provenance import DIGITAL_SOURCE_TYPE, read_provenance
from tests.studio.conftest import CHROMIUM, Visitor

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium, which .ci/run installs")

TABS = ("Create", "Edit", "Mix", "Morph", "Style", "Augment", "Model")


def asked(visitor: Visitor) -> dict[str, str]:
    """What the page's address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(visitor.page.url).query).items()}


@pytest.fixture
def astronaut_file(astronaut: np.ndarray, tmp_path: Path) -> Path:
    Image.fromarray(astronaut).save(tmp_path / "astronaut.png")
    return tmp_path / "astronaut.png"


def test_a_slider_changes_the_face_and_undo_brings_it_back(visitor: Visitor) -> None:
    visitor.open()
    first = visitor.source("#fv-create-faces")
    visitor.slide("#fv-create-age", 75)
    old = visitor.changed("#fv-create-faces", first)
    visitor.page.wait_for_url(re.compile("age=75"))
    assert asked(visitor)["seed"] == "5", "the lock keeps the person"
    visitor.page.locator("#fv-create-gender").get_by_label("male", exact=True).check()
    visitor.changed("#fv-create-faces", old)
    visitor.page.wait_for_url(re.compile("gender=male"))
    visitor.shoot("create-1280")
    visitor.page.locator("#fv-create-undo").click()
    visitor.page.wait_for_url(lambda url: "gender" not in url)
    assert visitor.source("#fv-create-faces") == old


def test_without_the_lock_a_slider_brings_other_people(visitor: Visitor) -> None:
    visitor.open("/?seed=5&count=9&lang=en")
    visitor.page.get_by_label("Lock identity").uncheck()
    visitor.slide("#fv-create-smile", 0.9)
    visitor.page.wait_for_url(re.compile("smile=0.9"))
    assert asked(visitor)["seed"] != "5"
    assert visitor.page.locator("#fv-create-faces img").count() == 9
    visitor.shoot("create-nine-1280")


def test_a_description_in_chinese_fills_the_controls(visitor: Visitor) -> None:
    visitor.open("/?seed=5&lang=zh")
    assert urlsplit(visitor.page.url).path == "/zh/"
    before = visitor.source("#fv-create-faces")
    visitor.page.get_by_label("描述一张脸").fill("七十岁、微笑的奶奶，戴眼镜")
    visitor.page.get_by_role("button", name="填入").click()
    visitor.changed("#fv-create-faces", before)
    visitor.page.wait_for_url(re.compile("gender=female"))
    assert asked(visitor)["age"] == "70"
    told = visitor.page.locator("#fv-create-understood").inner_text()
    assert "听懂了" in told
    assert "眼镜" in told
    assert visitor.page.locator("#fv-create-age input[type=range]").input_value() == "70"
    visitor.shoot("create-zh-1280")


def test_a_link_makes_the_same_face_again_and_the_face_says_what_it_is(
    visitor: Visitor, tmp_path: Path
) -> None:
    visitor.open("/?seed=7&age=60&gender=male&truncation=0.6&lang=en")
    face, link = visitor.source("#fv-create-faces"), visitor.page.url
    visitor.page.goto("about:blank")
    visitor.open(link.removeprefix(visitor.url) + "&lang=en")
    assert visitor.source("#fv-create-faces") == face
    assert visitor.page.locator("#fv-create-age input[type=range]").input_value() == "60"
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name="Download face64-7.png").click()
    download.value.save_as(tmp_path / "face.png")
    facts = read_provenance(tmp_path / "face.png")
    assert facts["digital_source_type"] == DIGITAL_SOURCE_TYPE
    assert (facts["model"], facts["seed"]) == ("face64", 7)
    assert facts["controls"] == {"age": 60.0, "gender": "male"}


def test_a_link_that_cannot_be_is_told_and_a_face_shown(visitor: Visitor) -> None:
    visitor.open("/?seed=7&age=seven&lang=en")
    visitor.page.get_by_text("age cannot be 'seven'").wait_for()
    assert "age" not in asked(visitor)


def test_a_photo_is_aged_and_pasted_back(visitor: Visitor, astronaut_file: Path, tmp_path: Path) -> None:
    visitor.open(tab="Edit")
    visitor.drop("#fv-edit-photo", astronaut_file)
    visitor.page.wait_for_selector("#fv-edit-originals img")
    visitor.page.wait_for_selector("#fv-edit-kept meter")
    age = visitor.page.locator("#fv-edit-age input[type=range]")
    assert 15 < float(age.input_value()) < 60, "the sliders begin at what is read off the face"
    before = visitor.source("#fv-edit-face")
    kept = visitor.page.locator("#fv-edit-kept output")
    assert float(kept.inner_text()) > 0.99
    visitor.slide("#fv-edit-age", 70)
    visitor.changed("#fv-edit-face", before)
    visitor.page.wait_for_function(
        "Number(document.querySelector('#fv-edit-kept output').textContent) < 0.99"
    )
    visitor.page.locator("#fv-edit-paste").click()
    visitor.page.wait_for_selector("#fv-edit-pasted img")
    visitor.shoot("edit-1280")
    with visitor.page.expect_download() as download:
        visitor.page.locator("#fv-edit-file a").first.click()
    download.value.save_as(tmp_path / "pasted.png")
    with Image.open(tmp_path / "pasted.png") as pasted:
        assert pasted.size == (512, 512)
    assert read_provenance(tmp_path / "pasted.png")["job"] == "edit"
    visitor.page.locator("#fv-edit-undo").click()
    visitor.page.wait_for_function(
        "before => document.querySelector('#fv-edit-face img').src === before", arg=before
    )


def test_what_is_no_photo_of_a_face_is_told_in_words(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open(tab="Edit")
    (tmp_path / "wrong.png").write_text("this is a text")
    visitor.drop("#fv-edit-photo", tmp_path / "wrong.png")
    visitor.page.get_by_text("This file cannot be used as a photo").wait_for()
    visitor.shoot("edit-wrong-file-1280")
    Image.new("RGB", (200, 200), "teal").save(tmp_path / "plain.png")
    visitor.open(tab="Edit")
    visitor.drop("#fv-edit-photo", tmp_path / "plain.png")
    visitor.page.get_by_text("No face was found in this photo of 200 x 200 px").wait_for()


def test_two_people_are_bred_and_the_lineage_leads_back(visitor: Visitor) -> None:
    visitor.open(tab="Mix")
    people = visitor.page.locator("#fv-mix-people button")
    people.nth(1).click()
    visitor.page.wait_for_selector("#fv-mix-people button:nth-child(2)[aria-pressed=true]")
    visitor.page.keyboard.press("Tab")  # the keyboard is still among the faces
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_selector("#fv-mix-people button:nth-child(5)[aria-pressed=true]")
    visitor.page.locator("#fv-mix-breed").click()
    visitor.page.wait_for_selector("#fv-mix-people .fv-mark")
    assert people.count() == 8
    people.nth(4).click()
    visitor.page.wait_for_selector("#fv-mix-face img")
    before = visitor.source("#fv-mix-face")
    visitor.slide("#fv-mix-gene-age", 2)
    visitor.changed("#fv-mix-face", before)
    visitor.shoot("mix-1280")
    visitor.page.locator("#fv-mix-undo").click()
    visitor.page.wait_for_function(
        "before => document.querySelector('#fv-mix-face img').src === before", arg=before
    )
    visitor.page.locator("#fv-mix-lineage button").first.click()
    visitor.page.wait_for_function("!document.querySelector('#fv-mix-people .fv-mark')")


def test_a_morph_of_two_faces_plays(visitor: Visitor) -> None:
    visitor.open(tab="Morph")
    visitor.page.get_by_label("Seeds").fill("3, 8")
    visitor.slide("#fv-morph-frames", 12)
    visitor.page.locator("#fv-morph-do").click()
    visitor.page.wait_for_selector("#fv-morph-film video")
    visitor.page.wait_for_function("document.querySelector('#fv-morph-film video').duration > 0.4")
    assert visitor.page.locator("#fv-morph-film .fv-stops img").count() == 2
    visitor.shoot("morph-1280")


def test_the_face_of_create_is_drawn_in_pencil(visitor: Visitor) -> None:
    visitor.open(tab="Style")
    visitor.page.locator("#fv-style-do").click()
    visitor.page.wait_for_selector("#fv-style-drawn figure:nth-child(2) img")
    visitor.shoot("style-1280")


def test_an_augment_batch_has_pictures_and_labels(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open(tab="Augment")
    visitor.slide("#fv-augment-count", 4)
    visitor.slide("#fv-augment-age-from", 50)
    visitor.page.get_by_role("button", name="More").locator("visible=true").click()
    visitor.page.locator("#fv-augment-seed").get_by_role("textbox").fill("30")
    for gender in ("female", "male"):
        visitor.page.locator("#fv-augment-gender").get_by_label(gender, exact=True).check()
    visitor.page.locator("#fv-augment-do").click()
    with visitor.page.expect_download() as download:
        visitor.page.locator("#fv-augment-file a").first.click()
    download.value.save_as(tmp_path / "batch.zip")
    with zipfile.ZipFile(tmp_path / "batch.zip") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("faces/metadata.csv").decode())))
        assert {f"faces/{row['file_name']}" for row in rows} < set(archive.namelist())
    assert [row["gender"] for row in rows] == ["female", "male"] * 2
    assert [int(row["seed"]) for row in rows] == [30, 31, 32, 33]
    assert all(50 <= float(row["age"]) <= 100 for row in rows)
    visitor.shoot("augment-1280")


def test_an_augment_batch_needs_nothing_unfolded(visitor: Visitor) -> None:
    visitor.open(tab="Augment")
    visitor.slide("#fv-augment-count", 2)
    visitor.page.locator("#fv-augment-do").click()
    visitor.page.wait_for_selector("#fv-augment-preview img")


def test_the_model_shows_its_card_and_named_directions(visitor: Visitor) -> None:
    visitor.open(tab="Model")
    visitor.page.wait_for_selector("#fv-model-atlas img")
    assert "FairFace" in visitor.page.locator("#fv-model-card").inner_text()
    assert "dB" in visitor.page.locator("#fv-model-figures").inner_text()
    visitor.shoot("model-1280")


@pytest.mark.parametrize("visitor", [390], indirect=True)
def test_every_tab_fits_a_phone(visitor: Visitor) -> None:
    visitor.open()
    for tab in TABS:
        visitor.page.get_by_role("tab", name=tab, exact=True).click()
        if tab == "Mix":
            visitor.page.wait_for_selector("#fv-mix-people button")
        if tab == "Model":
            visitor.page.wait_for_selector("#fv-model-atlas img")
        visitor.shoot(f"{tab.lower()}-390")
        wide = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{tab} is {wide} px wide"


def test_the_keyboard_reaches_and_moves_a_slider_in_the_dark(visitor: Visitor) -> None:
    visitor.open()
    visitor.page.get_by_role("button", name="Light / dark").press("Enter")
    visitor.page.get_by_label("Describe a face").focus()
    for _ in range(12):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.matches('#fv-create-age input[type=range]')"):
            break
    else:
        raise AssertionError("Tab does not reach the slider")
    assert visitor.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.wait_for_url(re.compile("age=36"))
    visitor.shoot("create-dark-1280")


def test_pictures_in_the_page_are_png_with_provenance(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open("/?seed=11&count=2&lang=en")
    for index in range(2):
        source = visitor.page.locator("#fv-create-faces img").nth(index).get_attribute("src") or ""
        (tmp_path / "face.png").write_bytes(base64.b64decode(source.removeprefix("data:image/png;base64,")))
        assert read_provenance(tmp_path / "face.png")["seed"] == 11 + index
