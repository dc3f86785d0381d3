"""Pictures as parts of the page: each carries its provenance within, and none lies on the disk.

A face inside the page costs one answer; as a file it would cost a second request.
"""

from __future__ import annotations

import base64
import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from facevae.images import Photos
from facevae.provenance import png_bytes
from facevae.studio.wording import Words

# The link takes the picture from beside it: written twice, each face would be sent twice.
_TAKE = "this.href=this.closest('figure').querySelector('img[data-own]').src"


def data_uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def image(photo: Photos, alt: str, facts: Mapping[str, Any] | None, own: bool = True) -> str:
    """An <img> of (H, W, 3) uint8. facts: of its making; None for a photo, which is no model's work.

    own: that which the figure's download link takes.
    """
    mark = " data-own" if own else ""
    source = data_uri(_plain_png(photo) if facts is None else png_bytes(photo, **facts))
    height, width = photo.shape[:2]
    return f'<img{mark} src="{source}" alt="{escape(alt)}" width="{width}" height="{height}">'


def figure(
    words: Words, photo: Photos, caption: str, facts: Mapping[str, Any] | None, file: str | None = None
) -> str:
    """A picture with its caption; file: the name under which it can be downloaded, None for not at all."""
    link = download_link(words, file) if file else ""
    return (
        f'<figure class="fv-face">{image(photo, caption, facts)}'
        f"<figcaption><span>{escape(caption)}</span>{link}</figcaption></figure>"
    )


def download_link(words: Words, file: str) -> str:
    label = escape(words("download", file=file))
    return (
        f'<a class="fv-download" download="{escape(file)}" href="#" onclick="{_TAKE}" '
        f'title="{label}" aria-label="{label}">↓ PNG</a>'
    )


def grid(figures: Sequence[str]) -> str:
    sizes = ((1, "one"), (4, "two"), (9, "few"))
    size = next((name for most, name in sizes if len(figures) <= most), "many")
    return f'<div class="fv-grid fv-{size}">{"".join(figures)}</div>'


def compare(words: Words, before: Photos, after: Photos, facts: Mapping[str, Any], file: str) -> str:
    """A photo and what was made of it, of one size, over each other; `cut_slider` moves the border."""
    return (
        '<figure class="fv-face fv-compare"><div class="fv-stack">'
        f"{image(after, words('after'), facts)}"
        f'<div class="fv-before">{image(before, words("before"), None, own=False)}</div>'
        '<div class="fv-cut" aria-hidden="true"></div></div>'
        f"<figcaption><span>{escape(words('before'))} | {escape(words('after'))}</span>"
        f"{download_link(words, file)}</figcaption></figure>"
    )


def cut_slider(words: Words) -> str:
    """Stands apart from the pictures, so that it stays where it is when they are drawn again."""
    label = escape(words("cut"))
    return (
        f'<label class="fv-cut-slider"><span>{label}</span><input type="range" min="0" max="100" value="50" '
        "oninput=\"document.documentElement.style.setProperty('--fv-cut', this.value + '%')\"></label>"
    )


def note(text: str) -> str:
    return f'<p class="fv-note">{escape(text)}</p>'


def faces_zip(
    photos: Photos, facts: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], readme: str
) -> bytes:
    """A ZIP of faces/00000.png ..., faces/metadata.csv (a Hugging Face ImageFolder) and README.txt.

    facts: what each picture says of itself. rows: what the table says of each; empty where not known.
    The same input gives the same bytes.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = io.StringIO()
    writer = csv.DictWriter(table, ["file_name", *columns], lineterminator="\n")
    writer.writeheader()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for index, (photo, own, row) in enumerate(zip(photos, facts, rows, strict=True)):
            name = f"{index:05d}.png"
            archive.writestr(zipfile.ZipInfo(f"faces/{name}"), png_bytes(photo, **own))
            writer.writerow({"file_name": name, **row})
        archive.writestr(zipfile.ZipInfo("faces/metadata.csv"), table.getvalue())
        archive.writestr(zipfile.ZipInfo("README.txt"), readme)
    return buffer.getvalue()


def _plain_png(photo: Photos) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def shrunk(photo: Photos, most_px: int) -> Photos:
    """The photo with its longer side at `most_px` or less."""
    height, width = photo.shape[:2]
    scale = most_px / max(height, width)
    if scale >= 1:
        return photo
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))
