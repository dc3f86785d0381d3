"""The ablation's table and strips of samples, as a page of its own and as a section of the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facevae.bench.quality_page import REAL, by_method, figure_cell, floor_cells
from facevae.bench.recipe import RecipeRow, Share, find_row
from facevae.bench.results import markdown
from facevae.checkpoint import read_json
from facevae.figures import figure_kind
from facevae.files import atomic_file
from facevae.images import Photos, tile
from facevae.provenance import write_png, write_webp

COLUMNS = (
    ("generation", "frechet_distance"), ("generation", "kernel_distance"), ("generation", "precision"),
    ("generation", "recall"), ("generation", "coverage"), ("generation", "sharpness"),
    ("generation", "detected"), ("reconstruction", "psnr_db"), ("reconstruction", "feature_distance"),
    ("latent", "kl_nats"),
)  # fmt: skip
SHEET, STRIP = 48, 12
"""Samples on a row's sheet, and on its strip in the docs: the first ones, the same seeds for every row."""
NAMED = 2
"""A row that changes more fields than this says so in words alone."""

Row = Mapping[str, Any]


def write_recipe_page(out: Path, rows: Sequence[Row]) -> Path:
    """Write recipe.md and sheets/ROW.png into `out`; returns the page."""
    pictures = {}
    for row in _first_seeds(rows):
        photos = _samples(row, SHEET)
        pictures[row["method"]] = f"sheets/{row['method']}.png"
        write_png(out / pictures[row["method"]], tile(photos, STRIP), model=row["method"], job="bench recipe")
    with atomic_file(out / "recipe.md") as temporary:
        temporary.write_text(f"# Ablation\n\n{recipe_text(out, rows, pictures)}\n", encoding="utf-8")
    return out / "recipe.md"


def write_strips(folder: Path, rows: Sequence[Row]) -> dict[str, str]:
    """Write `folder`/recipe-ROW.webp, samples alone: {row's key: file name}."""
    names = {}
    for row in _first_seeds(rows):
        names[row["method"]] = f"recipe-{row['method']}.webp"
        strip = tile(_samples(row, STRIP), STRIP)
        write_webp(folder / names[row["method"]], strip, model=row["method"], job="bench recipe")
    return names


def recipe_text(out: Path, rows: Sequence[Row], pictures: Mapping[str, str]) -> str:
    """Markdown: how many images, the table, and of each row what it shows and its picture.

    pictures: {row's key: address from the page}.
    """
    options = read_json(out / "options.json")
    machines = sorted({row["facts"]["machine"] or "not noted" for row in rows if "facts" in row})
    lines = [
        f"Preset `{options['preset_name']}`, {options['images']:,} images seen by each row, judged by "
        f"{options['samples']:,} samples. Trained on: {'; '.join(machines) or 'nothing yet'}.",
        "",
        markdown(recipe_table(rows), texts=2),
    ]
    for key, address in pictures.items():
        row = find_row(key)
        lines += ["", f"**{key}**: {_change(row)}. {row.shows}", "", f"![Samples of {key}]({address})"]
    return "\n".join(lines)


def recipe_table(rows: Sequence[Row]) -> list[list[str]]:
    """A header, the floors, and one line per row; over several seeds, the mean and the range."""
    header = ["row", "what is changed", *(figure_kind(name).label for _, name in COLUMNS), "minutes"]
    measured = next((row for row in rows if "generation" in row), None)
    floors = [[REAL, "", *floor_cells(measured, COLUMNS), "–"]] if measured else []
    return [header, *floors, *map(_line, by_method(rows))]


def _line(group: Sequence[Row]) -> list[str]:
    done = [row for row in group if "failed" not in row]
    key = group[0]["method"]
    if not done:
        reason = group[0]["failed"].splitlines()[0].replace("|", "/")
        return [key, f"failed: {reason}", *["–"] * (len(COLUMNS) + 1)]
    seeds = f" ({len(done)} seeds)" if len(done) > 1 else ""
    minutes = np.mean([row["facts"]["train_seconds"] for row in done]) / 60
    cells = [figure_cell(done, section, name) for section, name in COLUMNS]
    return [f"{key}{seeds}", _change(find_row(key)), *cells, f"{minutes:.1f}"]


def _change(row: RecipeRow) -> str:
    """'no adversary (`adversary_weight=0`)'."""
    if not 0 < len(row.settings) <= NAMED:
        return row.title
    fields = ", ".join(f"`{name}={_value(value)}`" for name, value in row.settings.items())
    return f"{row.title} ({fields})"


def _value(value: Any) -> str:
    """As `--set` takes it."""
    if isinstance(value, Share):
        return f"{value.of_images:.0%} of the images"
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _first_seeds(rows: Sequence[Row]) -> list[Row]:
    """Of each row of the table, the result of its first seed that there is."""
    groups = ([row for row in group if "failed" not in row] for group in by_method(rows))
    return [group[0] for group in groups if group]


def _samples(row: Row, count: int) -> Photos:
    photos: Photos = np.load(row["samples"], mmap_mode="r", allow_pickle=False)[:count]
    return photos
