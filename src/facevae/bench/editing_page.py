"""The table of ways to edit, and edits of one photo, as a section of the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facevae.attributes import Value
from facevae.bench.results import markdown
from facevae.edit import edit_photo, editable, paste_edits
from facevae.edit.files import upscaled_edit
from facevae.edit.pixels import DETAIL
from facevae.errors import require
from facevae.generator import FaceGenerator
from facevae.images import Photos, tile
from facevae.provenance import BESIDE_PHOTO, write_webp

SHARES = ("age up", "age down", "smile on", "smile off")
HEADER = ("how", "age +20", "age −20", "smile on", "smile off", "gender kept", "age moved (years)",
          "cosine", "cosine to photo", "ms")  # fmt: skip
SHOWN: tuple[Mapping[str, Value], ...] = (
    {"age": 8}, {"age": "-15"}, {"age": "+20"}, {"age": "+40"}, {"smile": 0}, {"smile": 1},
    {"expression": "surprised"}, {"expression": "angry"}, {"gender": "male"},
)  # fmt: skip
"""Edits of the picture in the docs, after the photo and its reconstruction."""
LEAST_SLOPE = 0.1
"""A probe whose reading rises less than this where the label rises by 1 is nothing to compare with."""
PASTED: Mapping[str, Value] = {"age": "+30"}


def editing_table(
    rows: Sequence[Mapping[str, Any]], slopes: Mapping[str, Mapping[str, float | None]]
) -> list[list[str]]:
    """A header and one line per setting; in brackets, the shares of what real faces' reconstructions show."""
    lines = []
    for row in rows:
        cells = [_shares(row["shares"].get(name), slopes.get(name.split()[0])) for name in SHARES]
        cells += [_share(row["gender_kept"]), _number(row["age_moved"], 1)]
        cells += [_number(row["cosine"], 3), _number(row["cosine_photo"], 3), f"{1000 * row['seconds']:.0f}"]
        lines.append([row["label"], *cells])
    return [list(HEADER), *lines]


def editing_text(results: Mapping[str, Any]) -> str:
    """Markdown: the table, and what its figures are to be held against."""
    found = results["references"]
    cosines, noise, slopes, reader = (found[name] for name in ("cosines", "noise", "slopes", "reader"))
    apart = ", ".join(f"{name} {_number(value, 3)}" for name, value in cosines.items())
    lines = [
        f"{results['faces']:,} validation faces. Shares of the asked change as the probes read it back; in "
        "brackets, of what the same probe reads between reconstructions of real faces that far apart.",
        "",
        markdown(editing_table(results["rows"], slopes)),
        "",
        f"To be held against: cosine of reconstructions of {apart}.",
    ]
    if noise:
        words = [
            f"{name} {_share(value)} the same" if name in ("gender", "expression")
            else f"{name} {_number(value, 2)} apart"
            for name, value in noise.items()
        ]  # fmt: skip
        lines += ["", f"Of a photo and its shifted copy the probes read: {', '.join(words)}."]
    for name, slope in slopes.items():
        if name in ("age", "smile") and slope["photos"] is not None:
            lines += ["", f"Where the label's {name} rises by 1, the probe's reading rises by "
                          f"{_number(slope['photos'], 2)} over real photos and "
                          f"{_number(slope['reconstructions'], 2)} over reconstructions."]  # fmt: skip
    read = [
        f"{name} {_share(value)}" if name in ("gender", "expression") else f"{name} ± {_number(value, 2)}"
        for name, value in reader.items()
    ]
    return "\n".join([*lines, "", f"The reader itself, on these faces: {', '.join(read)}."])


def write_pictures(generator: FaceGenerator, folder: Path) -> list[str]:
    """Write edit.webp (one photo edited in many ways) and edit-pasted.webp into `folder`; their names.

    The photo is scikit-image's of Eileen Collins, public domain. What the model cannot change is left out.
    Raises MissingExtraError without the extra 'demo'.
    """
    photo = require("skimage.data", "demo", "a photo to show edits of").astronaut()
    known = {attribute.name: attribute.categories for attribute in editable(generator).attributes}
    shown: list[Photos] = []
    names = []
    for changes in SHOWN:
        if all(
            name in known and (not known[name] or value in known[name]) for name, value in changes.items()
        ):
            (edit,) = edit_photo(generator, photo, changes)
            three = [edit.aligned, edit.reconstruction, edit.edited]
            if generator.upscaler is not None:
                three = upscaled_edit(generator, photo, edit, DETAIL)
            shown += three[2:] if shown else three
    if not shown:
        return []
    pictures = np.stack(shown)
    facts = {"model": generator.name, "job": "bench edit", **BESIDE_PHOTO}
    write_webp(folder / "edit.webp", tile(pictures, len(pictures)), **facts)
    names.append("edit.webp")
    if set(PASTED) <= set(known):
        pasted = paste_edits(generator, photo, edit_photo(generator, photo, PASTED))
        part = np.s_[:320, 64:384]
        write_webp(folder / "edit-pasted.webp", tile(np.stack([photo[part], pasted[part]]), 2), **facts)
        names.append("edit-pasted.webp")
    return names


def _shares(value: float | None, slopes: Mapping[str, float | None] | None) -> str:
    """'21 % (75 %)'."""
    slope = (slopes and slopes["reconstructions"]) or 0.0
    return (
        f"{_share(value)} ({_share(value / slope)})"
        if value is not None and slope > LEAST_SLOPE
        else _share(value)
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
