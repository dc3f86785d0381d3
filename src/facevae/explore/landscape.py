"""The data on a plane: where its latents lie on their first two principal components."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevae.attributes import AGE, Value
from facevae.errors import require
from facevae.images import Photos
from facevae.metrics.fairness import group_of
from facevae.pages import HEIGHT, LEFT, RIGHT, WIDTH, chart_axes, chart_frame, no_values

COLUMNS, ROWS, FACE_PX = 30, 19, 40
EDGE_PERCENT = 1.0
"""Points outside these percentiles do not widen the map."""
MOST_POINTS = 1500
"""Points drawn in a coloured view; more would only make the page heavy."""

Points = NDArray[np.float64]  # (N, 2)
Bounds = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Plane:
    """The plane of the first two principal components of latents, and the part of it that is drawn."""

    centre: NDArray[np.float64]  # (D,)
    axes: NDArray[np.float64]  # (2, D)
    shares: tuple[float, float]
    """Shares of the latents' variance along the two."""
    bounds: Bounds

    @classmethod
    def fit(
        cls, latents: NDArray[np.float32], towards: NDArray[np.float32] | None = None, seed: int = 0
    ) -> Plane:
        """Of (N, D) latents, N and D >= 2. Raises MissingExtraError without the extra 'gmm'.

        towards: (2, D) or (1, D) directions that should lead to the right and upwards rather than the other
        way; what a component's sign is otherwise is arbitrary.
        """
        decomposition = require("sklearn.decomposition", "gmm", "the map of the data")
        pca = decomposition.PCA(2, random_state=seed).fit(latents.astype(np.float64))
        axes = pca.components_  # (2, D)
        for axis, direction in zip(axes, () if towards is None else towards, strict=False):
            axis *= -1 if axis @ direction < 0 else 1
        points = (latents - pca.mean_) @ axes.T
        low, high = np.percentile(points, [EDGE_PERCENT, 100 - EDGE_PERCENT], axis=0)
        first, second = pca.explained_variance_ratio_.tolist()
        bounds = ((float(low[0]), float(high[0])), (float(low[1]), float(high[1])))
        return cls(pca.mean_, axes, (first, second), bounds)

    def place(self, latents: NDArray[np.float32]) -> Points:
        """(N, D) to (N, 2)."""
        points: Points = (latents - self.centre) @ self.axes.T
        return points


def map_cells(points: Points, bounds: Bounds) -> dict[tuple[int, int], int]:
    """{(row from the top, column): index of the point nearest to the cell's middle}, cells without one left
    out."""
    (left, right), (bottom, top) = bounds
    across = (points[:, 0] - left) / (right - left) * COLUMNS
    down = (top - points[:, 1]) / (top - bottom) * ROWS
    cells: dict[tuple[int, int], tuple[float, int]] = {}
    for index, (x, y) in enumerate(zip(across.tolist(), down.tolist(), strict=True)):
        if not (0 <= x < COLUMNS and 0 <= y < ROWS):
            continue
        cell, distance = (int(y), int(x)), (x - int(x) - 0.5) ** 2 + (y - int(y) - 0.5) ** 2
        if distance < cells.get(cell, (2.0, -1))[0]:
            cells[cell] = (distance, index)
    return {cell: index for cell, (_, index) in cells.items()}


def map_picture(cells: Sequence[tuple[int, int]], photos: Photos) -> Photos:
    """(ROWS * FACE_PX, COLUMNS * FACE_PX, 3) uint8: each face in its cell, on grey."""
    sheet = np.full((ROWS * FACE_PX, COLUMNS * FACE_PX, 3), 235, dtype=np.uint8)
    for (row, column), photo in zip(cells, photos, strict=True):
        small = Image.fromarray(photo).resize((FACE_PX, FACE_PX), Image.Resampling.LANCZOS)
        top, left = row * FACE_PX, column * FACE_PX
        sheet[top : top + FACE_PX, left : left + FACE_PX] = np.asarray(small)
    return sheet


def coloured_views(points: Points, rows: Sequence[Mapping[str, Value]], bounds: Bounds) -> list[str]:
    """SVG maps of the faces (N, 2) by age, gender and expression, those that any of them has."""
    shown = np.unique(np.linspace(0, len(points) - 1, min(MOST_POINTS, len(points))).round().astype(int))
    charts = []
    for name in (AGE.name, "gender", "expression"):
        groups: dict[str, list[int]] = {}
        for index in shown.tolist():
            group = group_of(rows[index], name)
            if group is not None:
                groups.setdefault(group, []).append(index)
        if groups:
            charts.append(_scatter({key: points[groups[key]] for key in sorted(groups)}, name, bounds))
    return charts


def _scatter(groups: Mapping[str, Points], name: str, bounds: Bounds) -> str:
    """Dots in a colour per group (ages: paler for younger), a numbered mark at each group's middle."""
    title = f"By {name}"
    if not groups:
        return chart_frame(title, no_values())
    x_of, y_of, axes = chart_axes(*bounds, "", "")
    dots, marks, legend = [], [], []
    left, height = float(LEFT), HEIGHT + 8
    for number, (group, points) in enumerate(groups.items()):
        colour = f"var(--c{0 if name == AGE.name else number % 6})"
        strength = 0.2 + 0.8 * number / max(len(groups) - 1, 1) if name == AGE.name else 0.6
        (x_low, x_high), (y_low, y_high) = bounds
        inside = points.clip((x_low, y_low), (x_high, y_high))
        path = "".join(f"M{x_of(x):.0f} {y_of(y):.0f}h0" for x, y in inside.tolist())
        dots.append(
            f'<path style="stroke:{colour};stroke-opacity:{strength:.2f};stroke-width:3.5;'
            f'stroke-linecap:round" d="{path}"/>'
        )
        x, y = (float(value) for value in points.mean(axis=0))
        marks.append(
            f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="8" style="fill:var(--card);stroke:{colour};'
            f'stroke-width:2"><title>{html.escape(group)}</title></circle><text class="label" '
            f'x="{x_of(x):.1f}" y="{y_of(y) + 4:.1f}" text-anchor="middle">{number + 1}</text>'
        )
        label = f"{number + 1} {group}"
        if left + 7 * len(label) > WIDTH - RIGHT:
            left, height = float(LEFT), height + 16
        legend.append(f'<text class="tick" x="{left:.0f}" y="{height}">{html.escape(label)}</text>')
        left += 7 * len(label) + 12
    return chart_frame(title, axes + "".join(dots + marks + legend), height + 8)
