"""Pictures to look at beside the figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevae.evaluation.codes import Codes
from facevae.evaluation.pictures import Judged
from facevae.evaluation.real import RealFaces
from facevae.images import Photos, tile
from facevae.provenance import BESIDE_PHOTO, write_png

COLUMNS = 12
SAMPLES = 96
PAIRS = 24
EXTREMES = 12
REAL = ("nearest", "reconstructions", "best_worst")
"""Sheets that show real people."""


def write_sheets(
    folder: Path,
    model: str,
    real: RealFaces,
    judged: Judged,
    codes: Codes,
    errors: NDArray[np.floating],
    truncated: Mapping[float, Photos],
    controlled: Mapping[str, Photos],
) -> None:
    """Write samples, reconstructions, nearest, best_worst, truncation and control.png into `folder`.

    errors: (M,) one per validation face, higher is worse. Uncurated: samples are the first SAMPLES, the
    reconstructions those of the first validation faces.
    """
    folder.mkdir(parents=True, exist_ok=True)
    closest = np.argsort(judged.nearest_distance.numpy(), kind="stable")[:PAIRS]
    order = np.argsort(errors, kind="stable")
    extremes = np.concatenate([order[:EXTREMES], order[::-1][:EXTREMES]])
    first = np.arange(min(PAIRS, len(codes.reconstructions)))
    sheets = {
        "samples": judged.photos[:SAMPLES],
        "nearest": _pairs(judged.photos[closest], real.train[judged.nearest_train[closest]]),
        "reconstructions": _pairs(real.validation[first], codes.reconstructions[first]),
        "best_worst": _pairs(real.validation[extremes], codes.reconstructions[extremes]),
    }
    if truncated:
        sheets["truncation"] = np.concatenate([photos[:COLUMNS] for photos in truncated.values()])
    if controlled:
        sheets["control"] = np.concatenate([photos[:COLUMNS] for photos in controlled.values()])
    for name, photos in sheets.items():
        source = BESIDE_PHOTO if name in REAL else {}
        write_png(folder / f"{name}.png", tile(photos, COLUMNS), model=model, job="evaluate", **source)


def _pairs(upper: Photos, lower: Photos) -> Photos:
    """Rows of COLUMNS: each row of `upper` above the same row of `lower`."""
    rows = []
    for start in range(0, len(upper), COLUMNS):
        for side in (upper, lower):
            row = side[start : start + COLUMNS]
            gap = np.full((COLUMNS - len(row), *row.shape[1:]), 255, dtype=np.uint8)
            rows += [row, gap]
    return np.concatenate(rows)
