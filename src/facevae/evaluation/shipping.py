"""Whether a model may be handed out: a report of these very weights says that it copies nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facevae.checkpoint import read_json
from facevae.digests import sha256_file
from facevae.errors import CheckpointError
from facevae.evaluation.real import MOST_FACES

LEAST_SAMPLES = 2000
"""Samples below which a model that copies one face in twenty may pass by luck."""
SPACES = ("feature", "pixel")
"""Distances in which the memorisation test must have been passed."""


def check_may_ship(report: str | Path, model: str | Path) -> dict[str, Any]:
    """The section 'memorisation' of a report on `model` that it may be shipped with.

    report: what `facevae evaluate` wrote, or its folder. Raises CheckpointError, naming all that is wrong,
    when it is of other weights, of other faces than the model was trained on, of too few samples, or finds
    copies of training faces.
    """
    report, model = Path(report), Path(model)
    path = report / "report.json" if report.is_dir() else report
    found, config = read_json(path), read_json(model / "config.json")
    try:
        wrong = [*_other_weights(found, model), *_other_faces(found, config), *_copies(found)]
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is no whole report of this version: it lacks {error}.") from error
    if wrong:
        raise CheckpointError(
            f"{model} may not be shipped: {'; '.join(wrong)}. Measure it with: "
            f"facevae evaluate {model} --data ITS_TRAINING_DATA --out REPORT"
        )
    memorisation: dict[str, Any] = found["memorisation"]
    return memorisation


def _other_weights(found: dict[str, Any], model: Path) -> list[str]:
    parts = {"sha256": "model.safetensors", "prior_sha256": "prior.safetensors"}
    return [
        f"the report is of another {file}"
        for name, file in parts.items()
        if found["model"].get(name) != sha256_file(model / file)
    ]


def _other_faces(found: dict[str, Any], config: dict[str, Any]) -> list[str]:
    trained, measured = config["dataset"], found["data"]
    expected = (trained["name"], min(trained["counts"]["train"], MOST_FACES))
    got = (measured["name"], measured["train"])
    if got == expected:
        return []
    return [
        f"it was trained on {expected[1]:,} faces of '{expected[0]}' "
        f"and held against {got[1]:,} of '{got[0]}'"
    ]


def _copies(found: dict[str, Any]) -> list[str]:
    samples = found["settings"]["samples"]
    wrong = (
        [f"{samples:,} samples are too few, {LEAST_SAMPLES:,} are needed"] if samples < LEAST_SAMPLES else []
    )
    for space in SPACES:
        if found["memorisation"][space]["memorises"] is not False:
            wrong.append(f"it memorises training faces ({space} distances)")
    return wrong
