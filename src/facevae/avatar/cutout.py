"""The person without the background: GrabCut, told where a face lies in an aligned crop.

The crop's template says where the eyes and mouth are, so an ellipse around them is surely the person and what
lies far from it perhaps not; GrabCut (Rother et al. 2004) finds the border between their colours. It is no
network for hair: loose strands go with the background. Where it finds no background, or no person, an ellipse
with a soft edge is cut instead, and the answer says so.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevae.errors import require
from facevae.images import Photos

WORK_PX = 128
"""Side at which the border is looked for: faces are not much sharper, and it takes a tenth of a second."""
ROUNDS = 4
FACE = (0.5, 0.50, 0.30, 0.42)
"""Ellipse that is surely the person: centre x, y and half axes, as shares of an aligned crop's side."""
CROWN = (0.30, 0.45)
"""Half the width, and the lower edge, of what is surely forehead and hair: a tight crop cuts through it, and
GrabCut learns the hair's colours there."""
HEAD = (0.5, 0.46, 0.46, 0.58)
"""Ellipse outside which there is perhaps background."""
NECK = (0.22, 0.80)
"""Half the width of the neck, and where it starts: perhaps the person."""
FRAME = (0.5, 0.5, 0.47, 0.49)
"""Ellipse that is cut where no border is found."""
SHARES = (0.35, 0.97)
"""Least and most that the person may take of the crop; else the border is not believed."""
FEATHER = 0.012
"""Softness of the edge, as a share of the side."""

Method = Literal["grabcut", "ellipse"]
Alpha = NDArray[np.float32]


def cutout(face: Photos) -> tuple[Alpha, Method]:
    """(H, W) float32, 1 on the person and 0 on the background with a soft edge, and how it was found.

    face: (H, W, 3) uint8, aligned to the template. Deterministic. Raises MissingExtraError without OpenCV.
    """
    cv2 = require("cv2", "photos", "cutting out the background")
    small = np.array(Image.fromarray(face).resize((WORK_PX, WORK_PX), Image.Resampling.LANCZOS))
    person = _grabcut(cv2, small)
    method: Method = "grabcut"
    if person is None:
        person, method = _ellipse(*FRAME), "ellipse"
    side = max(face.shape[:2])
    large = Image.fromarray((255 * person).astype(np.uint8)).resize(
        face.shape[1::-1], Image.Resampling.BICUBIC
    )
    # Two thresholds apart, so that the enlarged steps of the border become a smooth line.
    smooth = cv2.GaussianBlur(np.asarray(large, dtype=np.float32) / 255, (0, 0), 1.5 * FEATHER * side)
    crisp = np.clip((smooth - 0.5) * 3 + 0.4, 0, 1)
    return np.asarray(cv2.GaussianBlur(crisp, (0, 0), 0.5 * FEATHER * side), dtype=np.float32), method


def laid_on(face: Photos, alpha: Alpha, colour: tuple[int, int, int] | None) -> Photos:
    """The (H, W, 3) face on a flat colour, (H, W, 3); or with `alpha` as its transparency, (H, W, 4)."""
    if colour is None:
        return np.dstack([face, np.rint(255 * alpha).astype(np.uint8)])
    flat = np.array(colour, dtype=np.float32)
    return np.asarray(np.rint(flat + alpha[..., None] * (face - flat)), dtype=np.uint8)


def _grabcut(cv2: Any, face: Photos) -> NDArray[np.bool_] | None:
    """(H, W) True on the person; None when there is no believable border."""
    mask = np.full(face.shape[:2], cv2.GC_PR_BGD, np.uint8)
    mask[_ellipse(*HEAD) | _neck()] = cv2.GC_PR_FGD
    mask[_ellipse(*FACE) | _crown()] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # GrabCut starts from k-means with random centres
    try:
        cv2.grabCut(face, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return None
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    found = cv2.morphologyEx(cv2.morphologyEx(found, cv2.MORPH_OPEN, brush), cv2.MORPH_CLOSE, brush)
    _, parts = cv2.connectedComponents(found)
    person = _filled(cv2, (parts == parts[WORK_PX // 2, WORK_PX // 2]) & (found > 0))
    return person if SHARES[0] <= person.mean() <= SHARES[1] else None


def _filled(cv2: Any, person: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without holes: background is what is connected to the crop's left, top or right edge."""
    _, parts = cv2.connectedComponents((~person).astype(np.uint8))
    border = np.unique(np.concatenate([parts[0], parts[:, 0], parts[:, -1]]))
    return ~(np.isin(parts, border) & ~person)


def _ellipse(x: float, y: float, half_width: float, half_height: float) -> NDArray[np.bool_]:
    rows, columns = (np.mgrid[0:WORK_PX, 0:WORK_PX] + 0.5) / WORK_PX
    return np.asarray(((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2 <= 1)


def _crown() -> NDArray[np.bool_]:
    rows, columns = (np.mgrid[0:WORK_PX, 0:WORK_PX] + 0.5) / WORK_PX
    return np.asarray((np.abs(columns - 0.5) <= CROWN[0]) & (rows <= CROWN[1]))


def _neck() -> NDArray[np.bool_]:
    rows, columns = (np.mgrid[0:WORK_PX, 0:WORK_PX] + 0.5) / WORK_PX
    return np.asarray((np.abs(columns - 0.5) <= NECK[0]) & (rows >= NECK[1]))
