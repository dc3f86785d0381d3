"""Charts for comparing: matrices as heat maps, bars with a mark to reach, two histograms over each other.

SVG text like the charts of `facevae.pages`, and nothing in them is told by colour alone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from facevae.errors import ConfigError
from facevae.pages import (
    HEIGHT,
    LEFT,
    TOP,
    WIDTH,
    chart_axes,
    chart_frame,
    cut_text,
    no_values,
    short_number,
)

BARS_LEFT, BARS_RIGHT, BAR_PX = 140, 112, 22
"""Room for names and for numbers beside the bars, and the height of a row, in px."""
MAP_LEFT = 104
OUTLINE = 'class="line" style="stroke:var(--c1)"'
NUMBERED_COLUMNS = 8
"""A heat map of at most so many columns prints its numbers; more would not fit."""
NUMBERED_SHADE = 0.5
"""Strongest fill behind a number, so that the text stays readable on light and dark screens."""


@dataclass(frozen=True)
class MarkedBar:
    """One row of `marked_bars`. mark: a value to compare with, NaN for none. note: text after the number."""

    name: str
    value: float
    mark: float = math.nan
    note: str = ""


def marked_bars(
    bars: Sequence[MarkedBar],
    title: str,
    mark_label: str = "",
    number: Callable[[float], str] = short_number,
) -> str:
    """SVG bars from zero, one row each, the number at the end; a line marks what to compare with.

    A value that is not finite has a row and no bar. number: how a value is written.
    """
    if not bars:
        return chart_frame(title, no_values())
    values = np.array([(bar.value, bar.mark) for bar in bars], dtype=np.float64)  # (N, 2)
    largest = float(values.max(initial=0.0, where=np.isfinite(values))) or 1.0
    scale = (WIDTH - BARS_LEFT - BARS_RIGHT) / largest
    parts = [_bar_row(bar, TOP + index * BAR_PX, scale, number) for index, bar in enumerate(bars)]
    y = TOP + len(bars) * BAR_PX
    if mark_label:
        parts.append(
            f'<path class="mark" d="M{BARS_LEFT} {y + 5}v12"/>'
            f'<text class="tick" x="{BARS_LEFT + 8}" y="{y + 15}">{html.escape(mark_label)}</text>'
        )
    return chart_frame(title, "".join(parts), y + (24 if mark_label else 8))


def _bar_row(bar: MarkedBar, y: int, scale: float, number: Callable[[float], str]) -> str:
    length, mark_at = (max(0.0, v * scale) if math.isfinite(v) else 0.0 for v in (bar.value, bar.mark))
    text = (number(bar.value) if math.isfinite(bar.value) else "no value") + bar.note
    row = (
        f'<text class="label" x="{BARS_LEFT - 8}" y="{y + 14}" text-anchor="end">'
        f"{html.escape(cut_text(bar.name, 20))}</text>"
        f'<rect class="bar" x="{BARS_LEFT}" y="{y + 3}" width="{max(length, 0.5):.1f}" '
        f'height="{BAR_PX - 7}"/>'
        f'<text class="tick" x="{BARS_LEFT + max(length, mark_at) + 6:.1f}" y="{y + 14}">'
        f"{html.escape(text)}</text>"
    )
    if not math.isfinite(bar.mark):
        return row
    return (
        f'{row}<path class="mark" d="M{BARS_LEFT + mark_at:.1f} {y + 1}v{BAR_PX - 3}">'
        f"<title>{html.escape(number(bar.mark))}</title></path>"
    )


def heat_map(
    values: ArrayLike,
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str,
    x_label: str = "",
    number: Callable[[float], str] = short_number,
) -> str:
    """SVG matrix (R, C), shaded by magnitude from 0 to its largest; numbers in the cells when C <= 8.

    Each cell names its row, column and value on hover; cells that are not finite stay empty. Raises
    ConfigError when the names do not match the matrix.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if not matrix.size:
        return chart_frame(title, no_values())
    if matrix.shape != (len(row_names), len(column_names)):
        raise ConfigError(
            f"the heat map '{title}' has values of shape {matrix.shape}, "
            f"{len(row_names)} row names and {len(column_names)} column names"
        )
    numbered = len(column_names) <= NUMBERED_COLUMNS
    top, row_px = TOP + 16, 26 if numbered else 20
    cell_px = min((WIDTH - MAP_LEFT - 8) / len(column_names), 72.0)
    largest = float(np.abs(matrix).max(initial=0.0, where=np.isfinite(matrix))) or 1.0
    parts = _column_labels(column_names, cell_px, top)
    for row, name in enumerate(row_names):
        y = top + row * row_px
        parts.append(
            f'<text class="label" x="{MAP_LEFT - 8}" y="{y + row_px / 2 + 4:.0f}" text-anchor="end">'
            f"{html.escape(cut_text(name, 15))}</text>"
        )
        for column, value in enumerate(matrix[row].tolist()):
            if math.isfinite(value):
                box = (MAP_LEFT + column * cell_px, y, cell_px, row_px)
                shade = abs(value) / largest * (NUMBERED_SHADE if numbered else 1)
                where = f"{name}, {column_names[column]}"
                parts.append(_cell(box, max(shade, 0.04), number(value), where, numbered))
    y = top + len(row_names) * row_px
    note = x_label if numbered else f"{x_label} · strongest: {number(largest)}".lstrip(" ·")
    parts.append(f'<text class="tick" x="{MAP_LEFT}" y="{y + 15}">{html.escape(note)}</text>')
    return chart_frame(title, "".join(parts), y + 24)


def _cell(box: tuple[float, float, float, float], shade: float, text: str, where: str, shown: bool) -> str:
    x, y, width, height = box
    cell = (
        f'<rect class="bar" x="{x:.1f}" y="{y:.0f}" width="{width - 1:.1f}" height="{height - 1:.0f}" '
        f'style="fill-opacity:{shade:.2f}"><title>{html.escape(where)}: {html.escape(text)}</title></rect>'
    )
    if not shown:
        return cell
    return (
        f'{cell}<text class="label" x="{x + width / 2:.1f}" y="{y + height / 2 + 4:.0f}" '
        f'text-anchor="middle">{html.escape(text)}</text>'
    )


def _column_labels(names: Sequence[str], cell_px: float, top: int) -> list[str]:
    """Every column's name, or every n-th when they would touch."""
    widest_px = 6.5 * min(max(map(len, names)), 10) + 6
    step = max(1, math.ceil(widest_px / cell_px))
    return [
        f'<text class="tick" x="{MAP_LEFT + (index + 0.5) * cell_px:.1f}" y="{top - 5}" '
        f'text-anchor="middle">{html.escape(cut_text(names[index], 10))}</text>'
        for index in range(0, len(names), step)
    ]


def two_histograms(
    edges: ArrayLike,
    bars: tuple[str, ArrayLike],
    outline: tuple[str, ArrayLike],
    title: str,
    x_label: str = "",
) -> str:
    """SVG of two counts over the same bins, each as shares of its own sum: one as bars, one as a line.

    edges: (N + 1,) rising; the counts of each, with their names: (N,). Raises ConfigError when the
    lengths differ.
    """
    bounds = np.asarray(edges, dtype=np.float64)
    counts = [np.asarray(group[1], dtype=np.float64) for group in (bars, outline)]
    if any(len(group) != max(len(bounds) - 1, 0) for group in counts):
        raise ConfigError(
            f"the histograms '{title}' have {len(bounds)} edges for "
            f"{' and '.join(str(len(group)) for group in counts)} counts: expected one edge more than counts"
        )
    if len(bounds) < 2:
        return chart_frame(title, no_values())
    shares = [group / (group.sum() or 1.0) for group in counts]
    top = float(max(group.max() for group in shares)) or 1.0
    x_of, y_of, axes = chart_axes((bounds[0], bounds[-1]), (0.0, top), x_label, "share")
    bins = list(pairwise(bounds.tolist()))
    boxes = [
        f'<rect class="bar" x="{x_of(low) + 0.5:.1f}" y="{y_of(share):.1f}" '
        f'width="{max(x_of(high) - x_of(low) - 1, 0.5):.1f}" height="{y_of(0) - y_of(share):.1f}" '
        f'style="fill-opacity:.55"><title>{html.escape(bars[0])}, {short_number(low)} to '
        f"{short_number(high)}: {share:.1%}</title></rect>"
        for share, (low, high) in zip(shares[0].tolist(), bins, strict=True)
    ]
    corners = [
        f"{x_of(x):.1f},{y_of(share):.1f}"
        for share, ends in zip(shares[1].tolist(), bins, strict=True)
        for x in ends
    ]
    line = f'<polyline {OUTLINE} points="{" ".join(corners)}"/>'
    return chart_frame(title, axes + "".join(boxes) + line + _two_names(bars[0], outline[0]))


def _two_names(bars: str, outline: str) -> str:
    second = LEFT + 34 + 6.5 * len(bars)
    return (
        f'<rect class="bar" x="{LEFT}" y="{HEIGHT - 11}" width="14" height="9" style="fill-opacity:.55"/>'
        f'<text class="tick" x="{LEFT + 18}" y="{HEIGHT - 2}">{html.escape(bars)}</text>'
        f'<path {OUTLINE} d="M{second:.0f} {HEIGHT - 6}h14"/>'
        f'<text class="tick" x="{second + 18:.0f}" y="{HEIGHT - 2}">{html.escape(outline)}</text>'
    )
