"""Pictures at the size they are wanted in, in words how they got there, and the size of the face in them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PIL import Image

from facevae.data.detect import Face
from facevae.generator import FaceGenerator
from facevae.images import Photos
from facevae.looks import LARGEST_PX

FACE_PX = 256
"""Side of the faces that are drawn: small faces are enlarged first, a brush needs room."""
BOX_SHARE = 0.82
"""Side of a face's box in an aligned crop, relative to the crop: the median over faces of the model, which
reach from 0.79 to 0.87."""


class Detector(Protocol):
    """What finds faces: `facevae.data.detect.FaceDetector`, or one that is shared."""

    def detect(self, image: Photos, every: bool = True) -> list[Face]: ...


def resized_face(generator: FaceGenerator | None, face: Photos, size_px: int) -> tuple[Photos, str]:
    """A square face (S, S, 3) at `size_px`, and how: the model's upscaler while it helps, then Lanczos.

    generator: whose upscaler is used; None for none. The words are such as '64 px, upscaler to 128 px,
    Lanczos to 512 px'.
    """
    steps = [f"{len(face)} px"]
    while (
        generator is not None and generator.upscaler is not None and size_px > len(face) == generator.size_px
    ):
        face = generator.upscale(face[None])[0]
        steps.append(f"upscaler to {len(face)} px")
    if len(face) != size_px:
        face = lanczos(face, size_px, size_px)
        steps.append(f"Lanczos to {size_px} px")
    return face, ", ".join(steps)


def resized_photo(photo: Photos) -> tuple[Photos, str]:
    """A photo with its shorter side at FACE_PX or more and its longer at LARGEST_PX or less, and how."""
    height, width = photo.shape[:2]
    scale = max(1.0, FACE_PX / min(height, width))
    scale = min(scale, LARGEST_PX / max(height, width))
    if scale == 1:
        return photo, f"{width} x {height} px"
    photo = lanczos(photo, max(8, round(width * scale)), max(8, round(height * scale)))
    return photo, f"{width} x {height} px, Lanczos to {photo.shape[1]} x {photo.shape[0]} px"


def largest_face_px(photo: Photos, detector: Detector) -> float | None:
    """Side of the square that an aligned crop of the photo's largest face takes up, in px; None without face.

    What a look's brushes keep their size to.
    """
    found = detector.detect(photo, every=False)
    return found[0].size_px / BOX_SHARE if found else None


def lanczos(photo: Photos, width: int, height: int) -> Photos:
    """The (H, W, 3) photo at another size, anti-aliased (Pillow's Lanczos filter)."""
    return np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))
