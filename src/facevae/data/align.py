"""Bringing a face into the template's position: one similarity per face, one anti-aliased warp.

Positions are in px from the photo's top left corner, x right and y down; pixel (i, j) covers the
square from (j, i) to (j + 1, i + 1), so its centre is at + 0.5.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facevae.errors import DataError, require

TEMPLATE: NDArray[np.float64] = np.array(
    [(0.322, 0.317), (0.678, 0.317), (0.5, 0.514), (0.355, 0.681), (0.645, 0.681)]
)
"""(5, 2) where the landmarks lie in a crop, as fractions of its side: the eye and mouth corner on the
left of the picture, those on its right, and the nose between, in the order of `LANDMARKS`."""
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")

MAX_SUPERSAMPLING = 4
"""Samples per crop pixel and axis; photos that need more are first shrunk by averaging."""


def similarity_to_template(landmarks_px: ArrayLike, size_px: int) -> NDArray[np.float64]:
    """(2, 3) float64: [x, y, 1] in the photo (px) to the crop of `size_px` (px).

    The rotation, scale and shift that bring (5, 2) landmarks nearest to TEMPLATE in least squares
    (Umeyama 1991 without reflection). Raises DataError when the landmarks do not span a face.
    """
    photo, target = _complex(np.asarray(landmarks_px, dtype=np.float64)), _complex(TEMPLATE * size_px)
    centred = photo - photo.mean()
    spread = np.vdot(centred, centred).real  # = n times the variance
    if not np.isfinite(spread) or spread < 1e-6:
        raise DataError("no usable landmarks: the five points coincide")
    turn = np.vdot(centred, target) / spread  # scale * exp(i angle)
    if abs(turn) < 1e-9:
        raise DataError("no usable landmarks: they do not resemble a face")
    shift = target.mean() - turn * photo.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def align(image: NDArray[np.uint8], landmarks_px: ArrayLike, size_px: int) -> NDArray[np.uint8]:
    """(size_px, size_px, 3) uint8: the face of `image` (H, W, 3) at the template's position.

    Anti-aliased at any scale; what lies outside the photo is its reflection. Raises DataError for
    unusable landmarks, MissingExtraError without OpenCV.
    """
    return warp(image, similarity_to_template(landmarks_px, size_px), size_px)


def warp(image: NDArray[np.uint8], matrix: ArrayLike, size_px: int) -> NDArray[np.uint8]:
    """The crop of `size_px` that `matrix` (2, 3; photo px to crop px) cuts from `image`, anti-aliased.

    To paste a crop back into its photo, warp with `invert(matrix)`.
    """
    cv2 = require("cv2", "photos", "aligning faces")
    matrix = np.asarray(matrix, dtype=np.float64)
    region, matrix = _region(image, matrix, size_px)
    shrink = 1 / math.hypot(matrix[0, 0], matrix[1, 0])  # photo px per crop px
    if shrink > MAX_SUPERSAMPLING:
        height, width = region.shape[:2]
        factor = shrink / MAX_SUPERSAMPLING
        smaller = max(1, round(width / factor)), max(1, round(height / factor))
        region = cv2.resize(region, smaller, interpolation=cv2.INTER_AREA)
        matrix = matrix.copy()
        matrix[:, 0] *= width / smaller[0]
        matrix[:, 1] *= height / smaller[1]
        shrink = MAX_SUPERSAMPLING
    samples = max(1, math.ceil(shrink - 0.05))
    fine = matrix * samples
    # OpenCV puts pixel centres at whole numbers, this module at halves.
    fine[:, 2] += fine[:, :2] @ (0.5, 0.5) - 0.5
    crop = cv2.warpAffine(
        region,
        fine,
        (size_px * samples, size_px * samples),
        flags=cv2.INTER_CUBIC if shrink < 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if samples > 1:
        crop = cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(crop, dtype=np.uint8)


def invert(matrix: ArrayLike) -> NDArray[np.float64]:
    """The (2, 3) that undoes a (2, 3): crop px to photo px."""
    square = np.vstack([np.asarray(matrix, dtype=np.float64), (0, 0, 1)])
    return np.asarray(np.linalg.inv(square)[:2])


def apply(matrix: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """(N, 2) points moved by a (2, 3)."""
    matrix = np.asarray(matrix, dtype=np.float64)
    return np.asarray(np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2])


def outside_fraction(matrix: ArrayLike, size_px: int, height: int, width: int) -> float:
    """Share (0 to 1) of the crop that lies outside a photo of `height` x `width` px, on a grid of 16 x 16."""
    steps = (np.arange(16) + 0.5) * (size_px / 16)
    x, y = apply(invert(matrix), np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)).T
    return float(1 - ((x >= 0) & (x < width) & (y >= 0) & (y < height)).mean())


def _region(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of the photo that the crop needs, with the matrix moved to it: large photos cost no more."""
    corners = apply(invert(matrix), [(0, 0), (size_px, 0), (0, size_px), (size_px, size_px)])
    # A margin for the samples' support, and for reflections of what is near the edge.
    margin = 0.5 * float(np.ptp(corners, axis=0).max()) + 8
    height, width = image.shape[:2]
    left, top = (max(0, math.floor(v)) for v in corners.min(axis=0) - margin)
    right, bottom = (math.ceil(v) for v in corners.max(axis=0) + margin)
    region = image[top : min(bottom, height), left : min(right, width)]
    if not region.size:
        raise DataError("the face lies outside the photo")
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (left, top)
    return region, moved


def _complex(points: NDArray[np.float64]) -> NDArray[np.complex128]:
    return points[:, 0] + 1j * points[:, 1]
