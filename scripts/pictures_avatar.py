"""Draw the pictures of docs/avatar.md again, from the astronaut and from words.

python scripts/pictures_avatar.py WORK [--model NAME_OR_DIR]
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from skimage.data import astronaut

from facevae import FaceGenerator
from facevae.avatar import AvatarConfig, make_avatars
from facevae.provenance import BESIDE_PHOTO, EDITED, write_webp

OUT = Path(__file__).parent.parent / "docs" / "images"
WORDS = "a woman of 40, smiling"
CHECKS_PX, SHOWN_PX = 12, 192


def on_checks(path: Path) -> np.ndarray:
    """A transparent portrait on the grey checks that stand for transparency, (S, S, 3)."""
    portrait = Image.open(path).convert("RGBA").resize((SHOWN_PX, SHOWN_PX), Image.Resampling.LANCZOS)
    rows, columns = np.mgrid[0:SHOWN_PX, 0:SHOWN_PX] // CHECKS_PX
    checks = np.where((rows + columns) % 2, 255, 205).astype(np.uint8)
    page = Image.fromarray(checks).convert("RGB")
    page.paste(portrait, (0, 0), portrait)
    return np.array(page)


def main(work: Path, model: Annotated[str, typer.Option()] = "face64") -> None:
    generator = FaceGenerator.from_pretrained(model, "cpu")
    work.mkdir(parents=True, exist_ok=True)
    photo = work / "astronaut.png"
    Image.fromarray(astronaut()).save(photo)
    shown = []
    for name, who, styles in (
        ("photo", photo, ("photo", "cartoon", "pencil")),
        ("words", WORDS, ("photo", "oil", "watercolour")),
    ):
        config = AvatarConfig(256, "transparent", ages=(), expressions=(), styles=styles)
        manifest = make_avatars(generator, who, work / name, config, seed=3)
        shown += [on_checks(work / name / row["file"]) for row in manifest["files"][:3]]
        config = AvatarConfig(size_px=256, styles=styles)
        make_avatars(generator, who, work / f"{name}-kept", config, seed=3)
        with Image.open(work / f"{name}-kept" / "contact-sheet.png") as sheet:
            source = EDITED if name == "photo" else {}
            facts = {"job": "avatar", "model": generator.name, **source}
            write_webp(OUT / f"avatar-{name}.webp", np.array(sheet), **facts)
    facts = {"job": "avatar", "model": generator.name, **BESIDE_PHOTO}
    write_webp(OUT / "avatar-cutout.webp", np.concatenate(shown, axis=1), **facts)


if __name__ == "__main__":
    typer.run(main)
