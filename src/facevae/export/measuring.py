"""What another runtime costs in quality: the same photos and the same seeds through both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from facevae.data.dataset import FaceDataset, is_prepared
from facevae.data.photos import read_photo
from facevae.errors import DataError
from facevae.generator import FaceGenerator
from facevae.images import Photos, to_tensor
from facevae.metrics.reconstruction import psnr_db

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FLOOR_SEED = 1_000_000
"""Other faces of the same model, for the floor of `samples_loss`."""


def measure(
    other: FaceGenerator,
    reference: FaceGenerator,
    photos: Photos | None = None,
    samples: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """How far `other` (such as `onnx_generator(INT8_FOLDER)`) is from `reference` (the model in PyTorch).

    photos: (N, S, S, 3) uint8 aligned faces, reconstructed by both: see `reconstruction_loss`. samples: that
    many faces drawn by both with the seeds 0, 1, ...: see `samples_loss`. Deterministic on one machine.
    """
    figures: dict[str, float] = {}
    if photos is not None:
        figures |= reconstruction_loss(reference, other, photos)
    if samples:
        figures |= samples_loss(reference, other, samples, progress)
    return figures


def read_faces(path: Path, size_px: int, most: int = 256) -> Photos:
    """(N, S, S, 3) uint8: up to `most` aligned faces of a prepared dataset (its validation split) or of a
    folder of square crops, by name, resized to `size_px`. Raises DataError when there are none."""
    if is_prepared(path):
        dataset = FaceDataset(path, "validation", size_px)
        return dataset.batch(np.arange(min(most, len(dataset)))).photos.numpy()
    files = sorted(file for file in path.glob("*") if file.suffix.lower() in SUFFIXES)[:most]
    if not files:
        raise DataError(f"no faces in {path}: expected a prepared dataset, or a folder of square crops.")
    return np.stack([_square(read_photo(file), file, size_px) for file in files])


def _square(photo: Photos, file: Path, size_px: int) -> Photos:
    if photo.shape[0] != photo.shape[1]:
        raise DataError(
            f"{file} is {photo.shape[1]} x {photo.shape[0]} px: expected square crops of aligned faces. "
            "Make them with: facevae prepare PHOTOS OUT"
        )
    resized = Image.fromarray(photo).resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.asarray(resized)


def reconstruction_loss(reference: FaceGenerator, other: FaceGenerator, photos: Photos) -> dict[str, float]:
    """Reconstructions of (N, S, S, 3) uint8 faces by both, held against each other and against the faces.

    'psnr_to_fp32_db': of the other's reconstructions against the reference's, mean over faces (100 when all
    are equal). 'grey_levels', 'grey_levels_most': their mean and largest difference, 0..255.
    'psnr_to_photo_db', 'psnr_to_photo_fp32_db': of the other's and the reference's against the faces.
    """
    ours = reference.decode(reference.encode(photos))
    theirs = other.decode(other.encode(photos))
    difference = np.abs(ours.astype(np.int16) - theirs.astype(np.int16))
    x, a, b = to_tensor(photos), to_tensor(ours), to_tensor(theirs)
    return {
        "faces": len(photos),
        "psnr_to_fp32_db": float(psnr_db(a, b).mean()),
        "grey_levels": float(difference.mean()),
        "grey_levels_most": float(difference.max()),
        "psnr_to_photo_db": float(psnr_db(x, b).mean()),
        "psnr_to_photo_fp32_db": float(psnr_db(x, a).mean()),
    }


def samples_loss(
    reference: FaceGenerator,
    other: FaceGenerator,
    samples: int,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Fréchet distance, in the judge's features, between `samples` faces of the same seeds drawn by both.

    'frechet_floor': between the reference's faces and as many of its own with other seeds; a distance far
    below it cannot be told from a fresh draw. Raises MissingExtraError without the extra 'evaluate',
    DataError for fewer than two samples.
    """
    from facevae.metrics.extractor import FeatureExtractor
    from facevae.metrics.frechet import frechet_distance

    extractor = FeatureExtractor()
    ours = extractor(reference.sample(samples, 0, progress=progress).photos)
    theirs = extractor(other.sample(samples, 0, progress=progress).photos)
    fresh = extractor(reference.sample(samples, FLOOR_SEED, progress=progress).photos)
    return {
        "samples": samples,
        "frechet_to_fp32": frechet_distance(ours, theirs),
        "frechet_floor": frechet_distance(ours, fresh),
    }
