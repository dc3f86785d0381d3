"""Pictures at the size they are wanted in, and in words how they got there."""

from __future__ import annotations

import numpy as np
from PIL import Image

from facevae.generator import FaceGenerator
from facevae.images import Photos

FACE_PX = 256
"""Side of the faces that are drawn: small faces are enlarged first, a brush needs room."""
LARGEST_PX = 2048
"""Longer side that photos are shrunk to before they are drawn."""


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


def lanczos(photo: Photos, width: int, height: int) -> Photos:
    """The (H, W, 3) photo at another size, anti-aliased (Pillow's Lanczos filter)."""
    return np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))
