"""Two reports side by side, only when they measured the same thing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facevae.errors import ConfigError
from facevae.evaluate_page import read_report

Report = Mapping[str, Any]

COMPARED = (
    ("reconstruction", "psnr_db"), ("reconstruction", "feature_distance"), ("generation", "frechet_distance"),
    ("generation", "precision"), ("generation", "recall"), ("generation", "coverage"),
    ("generation", "sharpness"), ("generation", "detected"), ("speed", "samples_per_s"),
)  # fmt: skip
"""(section, figure) pairs that a comparison shows."""


def read_other_report(path: Path) -> dict[str, Any]:
    """The report at `path`: a report.json, or its folder. Raises DataError when it is none."""
    return read_report(path / "report.json" if path.is_dir() else path)


def comparison_row(report: Report, other: Report, source: Path) -> dict[str, Any]:
    """One row of figures of `other`. Raises ConfigError naming every setting in which the two differ.

    Figures depend on the number of samples, the crop, the size, the seed, the reference faces and the
    extractor's weights as much as on the model: where one of them differs, so would equal models.
    """
    mine, theirs = _conditions(report), _conditions(other)
    differing = [
        f"{name} is {value!r} here and {theirs.get(name)!r} there"
        for name, value in mine.items()
        if theirs.get(name) != value
    ]
    if differing:
        raise ConfigError(
            f"the report {source} cannot be compared with this one: {'; '.join(differing)}. "
            "Evaluate both models with the same --data, --samples and --seed and the same facevae."
        )
    row: dict[str, Any] = {"name": other["model"]["name"]}
    for section, name in COMPARED:
        entry = other.get(section, {}).get(name)
        if entry:
            row[name] = entry["value"]
    return row


def _conditions(report: Report) -> dict[str, Any]:
    settings = dict(report["settings"])
    extractor = settings.pop("extractor")
    return {
        "data": report["data"]["fingerprint"],
        **settings,
        **{f"extractor {name}": value for name, value in extractor.items()},
    }
