"""Draw the pictures of the README and the docs again, from the shipped model.

python scripts/pictures.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

from facevae import FaceGenerator
from facevae.evaluation.pictures import share_with_face
from facevae.images import tile
from facevae.output import side_by_side
from facevae.provenance import BESIDE_PHOTO, write_png

DETECTED = 500
OUT = Path(__file__).parent.parent / "docs" / "images"


def enlarged(photo: np.ndarray, times: int) -> np.ndarray:
    height, width = photo.shape[:2]
    return np.asarray(
        Image.fromarray(photo).resize((times * width, times * height), Image.Resampling.LANCZOS)
    )


def main() -> None:
    faces = FaceGenerator.from_pretrained("face64", device="cpu")
    samples = faces.sample(200, seed=0)
    for name, count, columns in (("face64", 64, 16), ("face64-untruncated", 200, 20)):
        picture = tile(samples.photos[:count], columns)
        write_png(OUT / f"{name}.png", picture, model=faces.name, seed=0, truncation=1)
    (result,) = faces.reconstruct(astronaut())
    pair = enlarged(side_by_side(result), 3)
    write_png(OUT / "astronaut.png", pair, model=faces.name, job="reconstruct", **BESIDE_PHOTO)
    stops = faces.sample(4, seed=7, truncation=0.8).latents
    strip = tile(faces.decode(faces.interpolate(stops, 36)), 12)
    write_png(OUT / "morph.png", strip, model=faces.name, seed=7, truncation=0.8)
    for truncation in (1.0, 0.8, 0.6):
        found = share_with_face(faces.sample(DETECTED, seed=0, truncation=truncation).photos)
        print(f"truncation {truncation}: the detector finds a face in {found:.1%} of {DETECTED} samples")
    print(f"astronaut: PSNR {result.psnr_db:.2f} dB, SSIM {result.ssim:.3f}")


if __name__ == "__main__":
    main()
