"""Figures that need pictures only, so that any method's faces can be judged: quality, diversity, honesty."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from facevae.checkpoint import read_json, write_json
from facevae.data.detect import Face, FaceDetector
from facevae.evaluation.real import RealFaces, StageProgress, silent
from facevae.files import cache_folder
from facevae.images import Photos, to_tensor
from facevae.metrics.extractor import FeatureExtractor, identity_cosine
from facevae.metrics.frechet import frechet_distance
from facevae.metrics.kernel import kernel_distance
from facevae.metrics.manifold import manifold_metrics
from facevae.metrics.memorisation import (
    COPYING_SHARE,
    FALSE_ALARM,
    mean_pairwise_distance,
    memorisation_test,
    nearest,
)
from facevae.metrics.sharpness import relative_sharpness
from facevae.metrics.wasserstein import sliced_wasserstein

DETECTED_FACES = 1000
"""Samples shown to the detector at each truncation."""
DETECT_PX = 192
"""Faces are enlarged to this side for the detector, which was measured on photos of this size."""
PIXEL_PX = 32
"""Pixel distances are between faces of this side: a shift of one fine pixel is no new face."""
HISTOGRAM_BINS = 40
RULE = (
    f"A model memorises when more than {COPYING_SHARE:.0%} of its samples lie nearer to a training face than "
    f"the nearest 1 % of unseen real faces do, and chance does so less than {FALSE_ALARM:.0%} of the time."
)

Figure = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """Samples, what the extractor sees in them, and their sections of the report."""

    photos: Photos
    features: Tensor  # (N, F)
    places: Tensor  # (N, P) float16
    sections: dict[str, Any]
    nearest_train: NDArray[np.int64]
    """(N,) the training face nearest to each sample, or to its mirror image, by features."""
    nearest_distance: Tensor  # (N,)


def figure(value: float, count: int, floor: float | None = None, std: float | None = None) -> Figure:
    """One number of a report. floor: the same figure of real faces against real ones, at the same count."""
    return {"value": float(value), "count": count, "floor": floor, "std": std}


def without_nan(value: Any) -> Any:
    """The value with None for what could not be measured: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def judge_samples(
    photos: Photos,
    real: RealFaces,
    extractor: FeatureExtractor,
    seed: int,
    progress: StageProgress = silent,
) -> Judged:
    """Sections 'generation', 'diversity' and 'memorisation' of (N, H, W, 3) uint8 samples.

    Deterministic for a seed. Each figure stands beside its floor: as many other real faces in the samples'
    place.
    """
    features, places = extractor.look(photos, partial(progress, "features of samples"))
    progress("distances between samples and real faces", 0, 3)
    reference = real.train[real.reference], real.train_features[real.reference]
    floors = real_floors(real, extractor, seed)
    progress("distances between samples and real faces", 1, 3)
    generation = distribution_figures(photos, features, *reference, seed)
    for name, entry in generation.items():
        entry["floor"] = floors[name]["value"]
    shown = photos[:DETECTED_FACES]
    generation["detected"] = figure(share_with_face(shown, progress), len(shown), floors["detected"]["value"])
    progress("distances between samples and real faces", 2, 3)
    train, pool = real.train_features, small_pixels(real.train)
    distance, index = nearest_either_way(photos, features, extractor, train)
    unseen, _ = nearest_either_way(real.validation, real.validation_features, extractor, train)
    pixels, pixels_unseen = (
        nearest_either_way(faces, small_pixels(faces), small_pixels, pool)[0]
        for faces in (photos, real.validation)
    )
    memorisation = {"feature": _memorised(distance, unseen), "pixel": _memorised(pixels, pixels_unseen)}
    pairwise = mean_pairwise_distance(features, seed=seed)
    diversity = {"pairwise_distance": figure(pairwise, len(photos), floors["pairwise_distance"]["value"])}
    progress("distances between samples and real faces", 3, 3)
    sections = {"generation": generation, "diversity": diversity, "memorisation": memorisation}
    return Judged(photos, features, places, sections, index.numpy(), distance)


def distribution_figures(
    photos: Photos, features: Tensor, real_photos: Photos, real_features: Tensor, seed: int
) -> dict[str, Figure]:
    """How two sets of faces differ, and what of one the other covers; photos uint8, features (N, F)."""
    count = len(photos)
    kernel, spread = kernel_distance(real_features, features, seed)
    values = {
        "frechet_distance": frechet_distance(real_features, features),
        **manifold_metrics(real_features, features)._asdict(),
        "sharpness": relative_sharpness(photos, real_photos),
        **{
            f"sliced_wasserstein_{size_px}": value
            for size_px, value in sliced_wasserstein(real_photos, photos, seed).items()
        },
    }
    figures = {name: figure(value, count) for name, value in values.items()}
    return {**figures, "kernel_distance": figure(kernel, count, std=spread)}


def likeness(real: RealFaces, others: Photos, extractor: FeatureExtractor) -> dict[str, Figure]:
    """How alike validation faces and other pictures of the same index look to the extractor."""
    features, count = real.validation_features, len(others)
    cosine = identity_cosine(features, extractor(others), features.mean(dim=0)).mean()
    distance = extractor.distance(real.validation, others).mean()
    return {
        "feature_distance": figure(float(distance), count),
        "identity_cosine": figure(float(cosine), count),
    }


def real_floors(real: RealFaces, extractor: FeatureExtractor, seed: int) -> dict[str, Figure]:
    """What real faces measure in place of made ones, kept in the cache.

    Other training faces stand in for samples, and mirror images for reconstructions.
    """
    path = cache_folder() / "features" / f"floors-{real.key}-{seed}.json"
    if path.is_file():
        return read_json(path)
    photos, features = real.train[real.other], real.train_features[real.other]
    reference = real.train[real.reference], real.train_features[real.reference]
    floors = distribution_figures(photos, features, *reference, seed)
    shown = photos[:DETECTED_FACES]
    floors["detected"] = figure(share_with_face(shown), len(shown))
    floors["pairwise_distance"] = figure(mean_pairwise_distance(features, seed=seed), len(photos))
    floors |= likeness(real, np.ascontiguousarray(real.validation[:, :, ::-1]), extractor)
    write_json(path, floors)
    return floors


def share_with_face(photos: Photos, progress: StageProgress = silent) -> float:
    """Share of (N, H, W, 3) uint8 faces in which the detector finds one, 0..1."""
    return float(found_faces(photos, progress).mean())


def found_faces(photos: Photos, progress: StageProgress = silent) -> NDArray[np.bool_]:
    """(N,) True where the detector finds a face in the picture, enlarged to DETECT_PX."""
    detector, found = FaceDetector(), np.zeros(len(photos), dtype=bool)
    for index, photo in enumerate(photos):
        found[index] = bool(faces_in_crop(photo, detector))
        progress("faces shown to the detector", index + 1, len(photos))
    return found


def faces_in_crop(photo: Photos, detector: FaceDetector) -> list[Face]:
    """What the detector finds in one (H, W, 3) uint8 aligned face, enlarged to DETECT_PX; largest first.

    Once a large face is found it looks for no smaller ones.
    """
    enlarged = Image.fromarray(photo).resize((DETECT_PX, DETECT_PX), Image.Resampling.LANCZOS)
    return detector.detect(np.asarray(enlarged), every=False)


def nearest_either_way(
    photos: Photos, vectors: Tensor, view: Callable[[Photos], Tensor], pool: Tensor
) -> tuple[Tensor, Tensor]:
    """As `nearest`, of each face or of its mirror image, whichever lies nearer to one of the pool.

    Training mirrors half of its faces, so a mirrored copy is a copy. vectors: (N, F), what `view` makes of
    the photos (N, H, W, 3); pool: (M, F).
    """
    distance, index = nearest(vectors, pool)
    mirrored, index_mirrored = nearest(view(np.ascontiguousarray(photos[:, :, ::-1])), pool)
    return torch.minimum(distance, mirrored), torch.where(mirrored < distance, index_mirrored, index)


def small_pixels(photos: Photos) -> Tensor:
    """(N, H, W, 3) uint8 to (N, PIXEL_PX * PIXEL_PX * 3) float32 in -1..1, by areas."""
    parts = [
        F.interpolate(to_tensor(batch), PIXEL_PX, mode="area").flatten(1)
        for batch in np.array_split(photos, max(1, len(photos) // 1024))
    ]
    return torch.cat(parts)


def _memorised(samples: Tensor, unseen: Tensor) -> dict[str, Any]:
    test = memorisation_test(samples, unseen)
    edges = np.linspace(0, float(torch.cat([samples, unseen]).max()), HISTOGRAM_BINS + 1)
    return {
        "below_first_percentile": figure(test.share_below_1_percent, len(samples), 0.01),
        "median_ratio": figure(test.median_ratio, len(samples), 1.0),
        "p_copies": figure(test.p_copies, len(samples)),
        "memorises": test.memorises,
        "rule": RULE,
        "histogram": {
            "edges": edges.tolist(),
            "samples": (np.histogram(samples, edges)[0] / len(samples)).tolist(),
            "validation": (np.histogram(unseen, edges)[0] / len(unseen)).tolist(),
        },
    }


def truncation_row(
    truncation: float,
    photos: Photos,
    untruncated: Judged,
    real: RealFaces,
    extractor: FeatureExtractor,
    seed: int,
    progress: StageProgress = silent,
) -> dict[str, float]:
    """What truncation buys and costs: faces found against variety."""
    if truncation == 1:
        known = untruncated.sections["generation"]
        figures = {
            name: known[name]["value"] for name in ("detected", "frechet_distance", "precision", "recall")
        }
        features = untruncated.features
    else:
        features = extractor(photos, partial(progress, f"features of samples at truncation {truncation:g}"))
        reference = real.train_features[real.reference]
        manifold = manifold_metrics(reference, features)
        figures = {
            "detected": share_with_face(photos[:DETECTED_FACES], progress),
            "frechet_distance": frechet_distance(reference, features),
            "precision": manifold.precision,
            "recall": manifold.recall,
        }
    return {
        "truncation": truncation,
        **figures,
        "pairwise_distance": mean_pairwise_distance(features, seed=seed),
    }
