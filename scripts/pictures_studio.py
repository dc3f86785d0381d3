"""Take the pictures of docs/studio.md again.

python scripts/pictures_studio.py [MODEL]
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.data import astronaut
from studio_session import browser, studio

from facevae.provenance import BESIDE_PHOTO, write_webp

OUT = Path(__file__).parent.parent / "docs" / "images"
DESKTOP, PHONE = (1180, 860), (390, 844)


def shoot(page: Any, name: str) -> None:
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(400)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    facts = {"job": "screenshot of the studio", **BESIDE_PHOTO}
    write_webp(OUT / f"studio-{name}.webp", np.asarray(picture), **facts)


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def slide(page: Any, where: str, value: float, picture: str) -> None:
    before = page.locator(f"{picture} img").first.get_attribute("src")
    page.locator(f"{where} input[type=range]").fill(str(value))
    page.wait_for_function(
        "([where, before]) => document.querySelector(where + ' img').src !== before", arg=[picture, before]
    )


def create(page: Any, url: str) -> None:
    page.goto(f"{url}/?seed=21&count=9&truncation=0.7&age=35&lang=en")
    page.wait_for_selector("#fv-create-faces img")
    shoot(page, "create")
    page.goto(f"{url}/?seed=21&count=9&truncation=0.7&lang=zh")
    page.wait_for_selector("#fv-create-faces img")
    page.get_by_label("描述一张脸").fill("六十多岁、微笑的女性")
    page.get_by_role("button", name="填入").click()
    page.wait_for_selector("#fv-create-understood p")
    page.wait_for_url("**age=**")
    shoot(page, "zh")
    page.goto(f"{url}/?seed=21&lang=en")
    page.wait_for_selector("#fv-create-faces img")


def edit(page: Any, photo: Path) -> None:
    tab(page, "Edit")
    page.locator("#fv-edit-photo input[type=file]").set_input_files(str(photo))
    page.wait_for_selector("#fv-edit-kept meter")
    slide(page, "#fv-edit-age", 70, "#fv-edit-face")
    page.wait_for_timeout(1500)
    shoot(page, "edit")


def mix(page: Any) -> None:
    tab(page, "Mix")
    people = page.locator("#fv-mix-people button")
    for index in (1, 3):
        people.nth(index).click()
        page.wait_for_selector(f"#fv-mix-people button:nth-child({index + 1})[aria-pressed=true]")
    page.locator("#fv-mix-breed").click()
    page.wait_for_selector("#fv-mix-people .fv-mark")
    people.nth(4).click()
    page.wait_for_selector("#fv-mix-face img")
    slide(page, "#fv-mix-gene-smile", 1.5, "#fv-mix-face")
    shoot(page, "mix")


def others(page: Any, photo: Path) -> None:
    tab(page, "Style")
    page.locator("#fv-style-photo input[type=file]").set_input_files(str(photo))
    page.get_by_text("astronaut.png").first.wait_for()
    page.locator("#fv-style-look").get_by_label("watercolour").check()
    page.locator("#fv-style-do").click()
    page.wait_for_selector("#fv-style-drawn figure:nth-child(2) img")
    shoot(page, "style")
    tab(page, "Augment")
    page.locator("#fv-augment-count input[type=range]").fill("24")
    for gender in ("female", "male"):
        page.locator("#fv-augment-gender").get_by_label(gender, exact=True).check()
    page.locator("#fv-augment-do").click()
    page.wait_for_selector("#fv-augment-preview img")
    shoot(page, "augment")
    tab(page, "Model")
    page.wait_for_selector("#fv-model-atlas img")
    shoot(page, "model")


def phone(opened: Any, url: str) -> None:
    page = opened.new_page(
        viewport={"width": PHONE[0], "height": PHONE[1]}, color_scheme="dark", locale="en-GB"
    )
    page.goto(f"{url}/?seed=21&age=62&lang=en")
    page.wait_for_selector("#fv-create-faces img")
    shoot(page, "phone")


def main(model: str = "face64") -> None:
    with tempfile.TemporaryDirectory() as folder, studio(model) as url, browser() as opened:
        photo = Path(folder) / "astronaut.png"
        Image.fromarray(astronaut()).save(photo)
        page = opened.new_page(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, locale="en-GB")
        page.set_default_timeout(180_000)
        create(page, url)
        edit(page, photo)
        mix(page)
        others(page, photo)
        phone(opened, url)


if __name__ == "__main__":
    main(*sys.argv[1:])
