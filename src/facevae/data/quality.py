"""What makes a crop fit for training: sharpness, yaw, how well the landmarks fit, and near duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from facevae.data.align import TEMPLATE, apply, outside_fraction, similarity_to_template
from facevae.data.detect import Face
from facevae.data.prepare_config import PrepareConfig
from facevae.errors import require

HASH_SIDE = 16
"""A perceptual hash has HASH_SIDE squared = 256 bits: at 64, faces of different people collide."""
HASH_BYTES = HASH_SIDE * HASH_SIDE // 8
BANDS, BAND_BITS = 21, 12


@dataclass(frozen=True)
class Measures:
    """What is measured on one face; None where there are no landmarks to measure it by."""

    sharpness: float
    yaw: float | None = None
    misfit: float | None = None
    disagreement: float | None = None
    outside: float | None = None
    face_px: float | None = None
    score: float | None = None


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a square (S, S, 3) crop, grey and at 64 px; larger is sharper."""
    cv2 = require("cv2", "photos", "measuring sharpness")
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    if grey.shape != (64, 64):
        grey = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def yaw(landmarks: ArrayLike) -> float:
    """The nose's offset from the face's midline, fraction of the crop's side; > 0 to the right.

    landmarks: (5, 2) as fractions of an aligned crop. The midline is the mean of eyes and mouth corners.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    return float(points[2, 0] - points[[0, 1, 3, 4], 0].mean())


def misfit(landmarks: ArrayLike) -> float:
    """Root mean square distance of (5, 2) landmarks, fractions of an aligned crop, from TEMPLATE."""
    return float(np.sqrt(((np.asarray(landmarks) - TEMPLATE) ** 2).sum(axis=1).mean()))


def measure(face: Face, crop: NDArray[np.uint8], height: int, width: int) -> Measures:
    """All measures of a face found in a photo of `height` x `width` px, and of its aligned crop."""
    matrix = similarity_to_template(face.landmarks_px, 1)
    landmarks = apply(matrix, face.landmarks_px)
    return Measures(
        sharpness=sharpness(crop),
        yaw=yaw(landmarks),
        misfit=misfit(landmarks),
        disagreement=face.disagreement,
        outside=outside_fraction(matrix, 1, height, width),
        face_px=face.size_px,
        score=face.score,
    )


def fault(found: Measures, config: PrepareConfig) -> str | None:
    """Why a face is not fit, as 'kind: figures', or None when it is."""
    checks = (
        ("face too small", found.face_px, config.min_face_px, "px", 1, True),
        ("landmarks do not fit a frontal face", found.misfit, config.max_misfit, "of the crop", 3, False),
        ("turned to the side", _size(found.yaw), config.max_yaw, "of the crop", 3, False),
        (
            "landmarks uncertain, something may cover the face",
            found.disagreement,
            config.max_disagreement,
            "of the distance between the eyes",
            2,
            False,
        ),
        ("cut off by the photo's edge", found.outside, config.max_outside, "of the crop", 2, False),
        ("blurred", found.sharpness, config.min_sharpness, "sharpness", 0, True),
    )
    for kind, value, bound, unit, digits, least in checks:
        if value is not None and (value < bound if least else value > bound):
            word = "at least" if least else "at most"
            return f"{kind}: {value:.{digits}f} {unit}, {word} {bound:g}"
    return None


def perceptual_hash(crop: NDArray[np.uint8]) -> bytes:
    """32 bytes that differ in few bits between two versions of one picture (resized, re-encoded)."""
    imagehash = require("imagehash", "photos", "finding near duplicates")
    bits = imagehash.phash(Image.fromarray(crop), hash_size=HASH_SIDE).hash
    return np.packbits(bits.ravel()).tobytes()


def near_duplicates(hashes: NDArray[np.uint8], most_bits: int) -> dict[int, int]:
    """{index: index of the earlier face that it repeats} for (N, 32) hashes at most `most_bits` apart.

    Compared with kept faces only, in order, so the first of each group stays whatever the timing.
    Pairs are looked for where one of 21 bands of 12 bits is equal: all pairs up to 20 bits apart, and
    98 % of those 36 apart. Seconds for 20,000 faces, minutes for a million.
    """
    # Bits of one band should not depend on each other, and neighbouring frequencies of faces do.
    shuffled = np.random.default_rng(0).permutation(8 * HASH_BYTES)
    bits = np.unpackbits(hashes, axis=1)[:, shuffled[: BANDS * BAND_BITS]]
    bands = np.zeros((len(hashes), BANDS), dtype=np.uint16)
    for place in range(BAND_BITS):
        bands |= bits[:, place::BAND_BITS].astype(np.uint16) << place
    words = np.ascontiguousarray(hashes).view(np.uint64)  # (N, 4)
    near: dict[int, list[int]] = {}
    for band in range(BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        values = bands[order, band]
        starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
        for start, stop in zip(starts.tolist(), np.r_[starts[1:], len(order)].tolist(), strict=True):
            group = order[start:stop]
            for place in range(1, len(group)):
                later = int(group[place])
                distance = np.bitwise_count(words[group[:place]] ^ words[later]).sum(axis=1, dtype=np.int64)
                for earlier in group[:place][distance <= most_bits].tolist():
                    near.setdefault(later, []).append(earlier)
    repeats: dict[int, int] = {}
    for later in sorted(near):
        kept = [earlier for earlier in near[later] if earlier not in repeats]
        if kept:
            repeats[later] = min(kept)
    return repeats


def _size(value: float | None) -> float | None:
    return None if value is None else abs(value)
