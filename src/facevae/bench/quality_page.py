"""The bench's table and picture sheet, as a page and as Markdown for the docs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facevae.bench.results import markdown
from facevae.checkpoint import read_json
from facevae.figures import figure_kind, format_value
from facevae.files import atomic_file
from facevae.images import Photos, tile
from facevae.pages import image_uri, write_page
from facevae.provenance import BESIDE_PHOTO, write_png

SHOWN = 16
"""Samples of each method on the sheet: the first ones, uncurated."""
COLUMNS = (
    ("generation", "frechet_distance"), ("generation", "kernel_distance"), ("generation", "precision"),
    ("generation", "recall"), ("generation", "density"), ("generation", "coverage"),
    ("generation", "sharpness"), ("generation", "detected"), ("reconstruction", "psnr_db"),
    ("reconstruction", "feature_distance"), ("reconstruction", "identity_cosine"),
)  # fmt: skip

REAL = "*real faces against real faces*"

Row = Mapping[str, Any]


def write_quality_page(out: Path, rows: Sequence[Row]) -> Path:
    """Write quality.html, quality.md and sheet.png into `out`; returns the page."""
    done = [row for row in rows if "failed" not in row]
    table = quality_table(rows)
    sheet, names = quality_sheet(done)
    write_png(out / "sheet.png", sheet, job="bench quality", **BESIDE_PHOTO)
    with atomic_file(out / "quality.md") as temporary:
        temporary.write_text(markdown(table) + "\n", encoding="utf-8")
    return write_page(
        out / "quality.html",
        "quality.html",
        header=table[0],
        table=table[1:],
        options=read_json(out / "options.json"),
        meanings=[(figure_kind(name).label, figure_kind(name).meaning) for _, name in COLUMNS],
        sheet=image_uri(sheet),
        names=names,
    )


def quality_table(rows: Sequence[Row]) -> list[list[str]]:
    """A header and one line per method; over several seeds, the mean and the range."""
    header = [
        "method",
        "minutes",
        "images seen",
        "M parameters",
        *(figure_kind(name).label for _, name in COLUMNS),
    ]
    header += ["memorises", "samples/s"]
    lines = [_line(group) for group in by_method(rows)]
    measured = next((row for row in rows if "generation" in row), None)
    floors = [REAL, "–", "–", "–", *floor_cells(measured, COLUMNS), "–", "–"] if measured else None
    return [header, *([floors] if floors else []), *lines]


def quality_sheet(rows: Sequence[Row]) -> tuple[Photos, list[str]]:
    """(picture, names): a row of SHOWN samples for each row of figures, in their order."""
    lines = [np.load(row["samples"], mmap_mode="r", allow_pickle=False)[:SHOWN] for row in rows]
    names = [f"{row['label']}, seed {row['seed']}" for row in rows]
    return tile(np.concatenate(lines), SHOWN), names


def by_method(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one method with its several seeds together, in the order of their first ones."""
    methods: dict[str, list[Row]] = {}
    for row in rows:
        methods.setdefault(row.get("method", row["name"]), []).append(row)
    return list(methods.values())


def _line(group: Sequence[Row]) -> list[str]:
    first = group[0]
    if "failed" in first:
        return [first["label"], f"failed: {first['failed'].splitlines()[0]}", *[""] * (len(COLUMNS) + 4)]
    group = [row for row in group if "failed" not in row]
    seeds = f" ({len(group)} seeds)" if len(group) > 1 else ""
    seen = statistics.mean(row["facts"]["seen_images"] for row in group)
    minutes = statistics.mean(row["facts"]["train_seconds"] for row in group) / 60
    parameters = sum(first["facts"]["parameters"].values()) / 1e6
    cells = [f"{first['label']}{seeds}", f"{minutes:.1f}", f"{seen:,.0f}", f"{parameters:.1f}"]
    cells += [figure_cell(group, section, name) for section, name in COLUMNS]
    copies = any(row["memorisation"]["feature"]["memorises"] for row in group)
    speed = statistics.median(row["facts"]["samples_per_s"] for row in group)
    return [*cells, "yes" if copies else "no", f"{speed:,.0f}"]


def figure_cell(group: Sequence[Row], section: str, name: str) -> str:
    """A figure as text; over several seeds, the mean and the range."""
    values = [row[section][name]["value"] for row in group if row.get(section, {}).get(name)]
    if not values:
        return "–"
    text = format_value(name, statistics.mean(values))
    if len(values) == 1:
        return text
    return f"{text} ({format_value(name, min(values))} to {format_value(name, max(values))})"


def floor_cells(row: Row, columns: Sequence[tuple[str, str]]) -> list[str]:
    """What real faces measure against real faces, '–' for figures without a floor."""
    cells = []
    for section, name in columns:
        floor = (row.get(section, {}).get(name) or {}).get("floor")
        cells.append("–" if floor is None else format_value(name, floor))
    return cells
