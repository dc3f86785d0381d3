"""All avatars of a set on one labelled page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facevae.images import Photos

CELL_PX, GAP_PX, LABEL_PX = 160, 6, 16


def contact_sheet(
    cells: Mapping[tuple[str, str], Photos], styles: Sequence[str], names: Sequence[str], columns: int
) -> Photos:
    """(H, W, 3) uint8: for each style the person as is, then rows of `columns` variants, named below.

    cells: (style, variant's name) to a portrait, (S, S, 3) or with transparency (S, S, 4), laid on white.
    """
    rest = list(names[1:])
    lines = [[names[0], *rest[:columns]]]
    lines += [["", *rest[at : at + columns]] for at in range(columns, len(rest), columns)]
    pitch, height = CELL_PX + GAP_PX, CELL_PX + LABEL_PX + GAP_PX
    width = max(len(line) for line in lines) * pitch + GAP_PX
    page = Image.new("RGB", (width, len(styles) * len(lines) * height + GAP_PX), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default()
    rows = ((style, line) for style in styles for line in lines)
    for row, (style, line) in enumerate(rows):
        for column, name in enumerate(line):
            if not name:
                continue
            left, top = GAP_PX + column * pitch, GAP_PX + row * height
            picture = Image.fromarray(cells[style, name]).resize((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
            page.paste(picture, (left, top), picture if picture.mode == "RGBA" else None)
            pen.text((left + 2, top + CELL_PX + 1), _fitting(f"{style}, {name}", pen, font), "black", font)
    return np.array(page)


def _fitting(text: str, pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, cut to a cell's width; signs that the font lacks become '?'."""
    text = (
        text
        if isinstance(font, ImageFont.FreeTypeFont)
        else text.encode("latin-1", "replace").decode("latin-1")
    )
    while len(text) > 1 and pen.textlength(text, font) > CELL_PX - 4:
        text = text[:-1]
    return text
