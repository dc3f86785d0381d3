"""Edits as pixels: the photo's own detail, kept where the edit leaves it alone, and the way back into it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facevae.data.align import apply, invert, similarity_to_template
from facevae.errors import ConfigError, DataError, require
from facevae.images import Photos

if TYPE_CHECKING:
    from facevae.data.detect import Face

DETAIL = 1.0
"""Share of the photo's detail that is kept unless asked otherwise; from the table in docs/edit.md."""
FADE_LEVELS = 14.0
"""A change of so many levels of 255 lets a third of the detail through: what was there is there no more."""
FADE_BLUR = 1 / 32
"""Blur of that judgement, as a share of the picture's height."""
FEATHER = 0.3
"""Share of the way from a crop's middle to its border over which a pasted face fades into the photo."""


def keep_detail(original: Photos, reconstruction: Photos, edited: Photos, amount: float = 1.0) -> Photos:
    """The edited face with what the model lost of the original, where the edit left it alone.

    original, reconstruction, edited: (H, W, 3) uint8 of one size. edited + w (original - reconstruction),
    where w = amount * exp(-(change / FADE_LEVELS)^2), change being the blurred mean absolute difference of
    edited and reconstruction. Equal to `original` where nothing was edited and amount is 1. Raises
    ConfigError unless 0 <= amount <= 1.
    """
    if not 0 <= amount <= 1:
        raise ConfigError(f"detail must be between 0 and 1, got {amount:g}")
    if amount == 0:
        return edited
    x, before, after = (picture.astype(np.float32) for picture in (original, reconstruction, edited))
    change = Image.fromarray(np.rint(np.abs(after - before).mean(axis=2)).astype(np.uint8))
    blurred = np.asarray(change.filter(ImageFilter.GaussianBlur(FADE_BLUR * len(original))), dtype=np.float32)
    weight = amount * np.exp(-np.square(blurred / FADE_LEVELS))[:, :, None]  # (H, W, 1)
    return _to_levels(after + weight * (x - before))


def paste_back(
    photo: Photos,
    edited: Photos,
    face: Face,
    reconstruction: Photos | None = None,
    detail: float = DETAIL,
) -> Photos:
    """The photo (H, W, 3) with the edited crop (S, S, 3), uint8, in the place of `face`; a new array.

    The crop is resampled to the photo's own resolution and fades out towards its border; pixels outside it
    stay as they are. reconstruction: the crop before the edit, (S, S, 3). With it only what the edit changed
    is pasted and the photo keeps its detail, as `keep_detail` does by the share `detail`. Raises DataError
    for unusable landmarks or a face outside the photo, MissingExtraError without OpenCV.
    """
    to_unit = similarity_to_template(face.landmarks_px, 1)
    side_px = max(8, round(1 / math.hypot(to_unit[0, 0], to_unit[1, 0])))
    to_photo = invert(similarity_to_template(face.landmarks_px, side_px))
    corners = apply(to_photo, [(0, 0), (side_px, 0), (0, side_px), (side_px, side_px)])
    height, width = photo.shape[:2]
    left, top = (max(0, math.floor(v)) for v in corners.min(axis=0))
    right, bottom = (min(n, math.ceil(v)) for n, v in zip((width, height), corners.max(axis=0), strict=True))
    if left >= right or top >= bottom:
        raise DataError("the face lies outside the photo")
    to_photo[:, 2] -= (left, top)
    place = photo[top:bottom, left:right]

    def laid(crop: Photos) -> Photos:
        sized = Image.fromarray(crop).resize((side_px, side_px), Image.Resampling.LANCZOS)
        return _to_levels(_warped(np.asarray(sized, dtype=np.float32), to_photo, place.shape[:2], True))

    pasted = laid(edited)
    if reconstruction is not None:
        pasted = keep_detail(place, laid(reconstruction), pasted, detail)
    mask = _warped(_window(side_px), to_photo, place.shape[:2], False)[:, :, None]  # (h, w, 1)
    result = photo.copy()
    whole = place.astype(np.float32)
    result[top:bottom, left:right] = _to_levels(whole + mask * (pasted - whole))
    return result


def _window(side_px: int) -> NDArray[np.float32]:
    """(S, S) float32, 1 in the middle and 0 at the border: a rounded square with a soft edge."""
    axis = np.abs((np.arange(side_px, dtype=np.float32) + 0.5) / side_px * 2 - 1)
    radius = (axis[:, None] ** 4 + axis[None, :] ** 4) ** 0.25  # 1 on a rounded square, touching the border
    ramp = np.clip((1 - radius) / FEATHER, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)


def _warped(
    picture: NDArray[np.float32], matrix: NDArray[np.float64], shape: tuple[int, ...], extend: bool
) -> NDArray[np.float32]:
    """The picture moved by `matrix` (2, 3) onto a canvas of `shape`; around it its edge, or zero."""
    cv2 = require("cv2", "photos", "pasting faces")
    moved = matrix.copy()
    moved[:, 2] += moved[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV puts pixel centres at whole numbers
    return np.asarray(
        cv2.warpAffine(
            picture,
            moved,
            (shape[1], shape[0]),
            flags=cv2.INTER_CUBIC if extend else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE if extend else cv2.BORDER_CONSTANT,
        ),
        dtype=np.float32,
    )


def _to_levels(values: NDArray[np.float32]) -> Photos:
    return np.asarray(np.rint(np.clip(values, 0, 255)), dtype=np.uint8)
