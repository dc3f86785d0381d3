"""prepared.html: what was made of the photos, to look at before training on it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facevae.data.shards import Summary
from facevae.pages import bar_chart, histogram, image_sheet, image_uri, write_page

SHEET_COLUMNS = 12
SHEET_FACE_PX = 96

_TITLES = {
    "age": ("Age", "years"),
    "smile": ("Smile", ""),
    "yaw": ("Yaw, fraction of the crop", ""),
    "sharpness": ("Sharpness", ""),
    "face_px": ("Size of the face in its photo", "px"),
}


def write_prepared_page(path: Path, info: dict[str, Any], summary: Summary) -> None:
    """Write the page for dataset.json's content `info` and what was observed on the way."""
    faces = [Image.open(io.BytesIO(picture)) for _, picture in summary.face_samples]
    sheet = image_sheet(faces, SHEET_COLUMNS, size_px=SHEET_FACE_PX)
    charts = [
        bar_chart(dict(words.most_common()), name.capitalize())
        for name, words in summary.words.items()
        if set(words) != {"not known"}
    ]
    for name, (title, unit) in _TITLES.items():
        if name in summary.numbers:
            values = np.frombuffer(bytes(summary.numbers[name]), dtype=np.float32)
            charts.append(histogram(values, title, unit))
    rejects = [
        {
            "kind": kind,
            "count": count,
            "samples": [
                {"file": file, "reason": reason, "picture": _uri(picture)}
                for file, reason, picture in summary.reject_samples[kind]
            ],
        }
        for kind, count in info["rejected"].items()
    ]
    write_page(
        path,
        "prepared.html",
        info=info,
        faces=sum(info["counts"].values()),
        sheet=image_uri(sheet),
        shown=len(faces),
        charts=charts,
        rejects=rejects,
    )


def _uri(picture: bytes | None) -> str | None:
    return None if picture is None else image_uri(Image.open(io.BytesIO(picture)), quality=80)
