"""Whether controls do what they say and nothing else, as linear probes read the faces.

No figure here is better than its probe: each stands beside what the same probe reads on real faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from facevae.attributes import Value
from facevae.errors import DataError
from facevae.metrics.probes import CategoryProbe, Probe, recall_at, value_at


class ControlRow(NamedTuple):
    """One value asked of one control; None where the kind of control has no such figure."""

    control: str
    asked: str | float
    count: int  # type: ignore[assignment]  # tuple.count is never called
    """Generated faces."""
    agreement: float | None
    """Categories: share of the generated faces that read as what was asked, 0..1."""
    ceiling: float | None
    """Categories: share of real faces of this category that read as such, 0..1; NaN with none."""
    read_mean: float | None
    """Numbers: mean reading of the generated faces, in the attribute's unit."""
    read_std: float | None
    """Numbers: standard deviation of that reading over the generated faces."""
    real_mean: float | None
    """Numbers: mean reading of real faces near the value, what `read_mean` should be; NaN with none."""


def control_rows(
    asked: Sequence[tuple[str, str | float, Tensor]],
    probes: Mapping[str, Probe],
    real_features: Tensor,
    real_rows: Sequence[Mapping[str, Value]],
) -> list[ControlRow]:
    """What was asked of each control beside what probes read on the faces that came, in the order asked.

    asked: (control, value, features (N, F) of the faces generated with it). real_features, real_rows: (M, F)
    of real faces that the probes were not fitted to, and their metadata. Left out: controls without a
    probe, and categories that their probe did not learn, for nothing can judge them. Deterministic.
    """
    rows = []
    for control, value, features in asked:
        probe = probes.get(control)
        if isinstance(probe, CategoryProbe):
            names = probe.attribute.categories
            if value not in [names[index] for index in probe.known]:
                continue
            category = str(value)
            agreement = float((probe.predict(features) == names.index(category)).mean())
            ceiling = recall_at(probe, real_features, real_rows, category)
            rows.append(ControlRow(control, category, len(features), agreement, ceiling, None, None, None))
        elif probe is not None:
            read = probe.predict(features)
            real_mean = value_at(probe, real_features, real_rows, float(value))
            rows.append(
                ControlRow(
                    control, float(value), len(features), None, None,
                    float(read.mean()), float(read.std()), real_mean,
                )
            )  # fmt: skip
    return rows


def leakage_matrix(
    baseline_features: Tensor, changed: Mapping[str, Tensor], probes: Mapping[str, Probe]
) -> dict[str, dict[str, float]]:
    """How far each attribute's reading moves when one control is changed and the noise is kept.

    baseline_features: (N, F) of generated faces; changed: for each control, (N, F) of the faces with the
    same noise and that control alone changed, index by index. Returns [control changed][attribute read]:
    for categories the share of faces whose reading flipped, 0..1; for numbers the mean absolute shift in
    standard deviations of the reading over the baseline, >= 0 (NaN where the baseline never varies). The
    control's own column should be large and the others near 0, as far as the attributes are independent.
    Deterministic. Raises DataError when the faces cannot be paired. Source: ours.
    """
    matrix: dict[str, dict[str, float]] = {}
    for control, features in changed.items():
        if len(features) != len(baseline_features):
            raise DataError(
                f"leakage_matrix got {len(features)} faces with '{control}' changed and "
                f"{len(baseline_features)} in the baseline: expected the same faces, in the same order."
            )
        matrix[control] = {name: _moved(probe, baseline_features, features) for name, probe in probes.items()}
    return matrix


def _moved(probe: Probe, before: Tensor, after: Tensor) -> float:
    if isinstance(probe, CategoryProbe):
        return float((probe.predict(before) != probe.predict(after)).mean())
    first, second = probe.predict(before), probe.predict(after)
    spread = float(first.std())
    return float(np.abs(second - first).mean()) / spread if spread > 0 else float("nan")
