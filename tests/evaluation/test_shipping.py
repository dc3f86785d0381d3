"""Weights are shipped with a report of these very weights that finds no copied faces, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facevae import CheckpointError
from facevae.checkpoint import write_json
from facevae.digests import sha256_file
from facevae.evaluation.shipping import check_may_ship

ROOT = Path(__file__).parent.parent.parent
Report = dict[str, Any]


@pytest.fixture
def report(trained: Path) -> Report:
    """The parts of a report that the gate looks at, of the model in `trained`."""
    model = trained / "model"
    return {
        "model": {
            "sha256": sha256_file(model / "model.safetensors"),
            "prior_sha256": sha256_file(model / "prior.safetensors"),
        },
        "data": {"name": "blobs", "train": 100},
        "settings": {"samples": 5000},
        "memorisation": {"feature": {"memorises": False}, "pixel": {"memorises": False}},
    }


def test_a_report_of_these_weights_that_finds_no_copies_opens_the_gate(
    report: Report, trained: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "report.json", report)
    assert check_may_ship(tmp_path, trained / "model") == report["memorisation"]
    assert check_may_ship(tmp_path / "report.json", trained / "model") == report["memorisation"]


def _memorises(report: Report) -> None:
    report["memorisation"]["pixel"]["memorises"] = True


def _unsure(report: Report) -> None:
    report["memorisation"]["feature"]["memorises"] = None


def _other_weights(report: Report) -> None:
    report["model"]["sha256"] = "0" * 64


def _unknown_prior(report: Report) -> None:
    del report["model"]["prior_sha256"]


def _few_samples(report: Report) -> None:
    report["settings"]["samples"] = 200


def _other_faces(report: Report) -> None:
    report["data"]["train"] = 99


def _not_measured(report: Report) -> None:
    del report["memorisation"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_memorises, r"memorises training faces \(pixel"),
        (_unsure, r"memorises training faces \(feature"),
        (_other_weights, "another model.safetensors"),
        (_unknown_prior, "another prior.safetensors"),
        (_few_samples, "200 samples are too few"),
        (_other_faces, "held against 99"),
        (_not_measured, "memorisation"),
    ],
)
def test_any_other_report_keeps_it_shut(
    report: Report, trained: Path, tmp_path: Path, change: Callable[[Report], None], says: str
) -> None:
    change(report)
    write_json(tmp_path / "report.json", report)
    with pytest.raises(CheckpointError, match=says):
        check_may_ship(tmp_path, trained / "model")


def test_the_shipped_model_was_measured_and_copies_nobody() -> None:
    report = json.loads((ROOT / "docs" / "reports" / "face64" / "report.json").read_text(encoding="utf-8"))
    weights = ROOT / "src" / "facevae" / "weights" / "face64" / "model.safetensors"
    assert report["model"]["sha256"] == sha256_file(weights)
    assert [space["memorises"] for space in report["memorisation"].values()] == [False, False]


def test_the_shipping_script_refuses_without_a_good_report(
    report: Report, trained: Path, tmp_path: Path
) -> None:
    _memorises(report)
    write_json(tmp_path / "report.json", report)
    command = [sys.executable, str(ROOT / "scripts" / "ship.py"), str(trained / "model"), "DATA", "NAME"]
    for more in ([], ["--report", str(tmp_path)]):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert ("--report" if not more else "memorises training faces") in done.stderr
    assert not (ROOT / "src" / "facevae" / "weights" / "NAME").exists()
