"""What the detector's check and `--best-of` are worth for a model, against photos that it was not trained on.

python scripts/best_of.py MODEL DATA [FACES]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

from facevae import FaceGenerator
from facevae.choosing import choose_faces
from facevae.data.dataset import FaceDataset
from facevae.metrics.extractor import FeatureExtractor


def main(model: str, data: str, count: int = 240) -> None:
    faces = FaceGenerator.from_pretrained(model, device="cpu")
    extractor = FeatureExtractor()
    photos = FaceDataset(Path(data), "validation", faces.size_px)
    real = extractor(photos.read(range(min(2 * count, len(photos)))))  # (M, F)
    print("best of | nearest photos | spread | found at once | redraws | ms a face")
    for tries, check in ((1, False), (1, True), (4, True)):
        started = time.perf_counter()
        chosen = choose_faces(faces, [{}] * count, seed=1000, best_of=tries, check=check)
        spent_ms = 1000 * (time.perf_counter() - started) / count
        features = extractor(chosen.samples.photos)
        nearest = float(torch.cdist(features, real).topk(3, dim=1, largest=False).values.mean())
        spread = float((chosen.samples.photos / 255.0).std(axis=0).mean())
        at_once = np.mean([times == 0 for times in chosen.redrawn]) if check else float("nan")
        print(
            f"{tries} {'checked' if check else 'plain'} | {nearest:.2f} | {spread:.4f} | {at_once:.1%} | "
            f"{sum(chosen.redrawn)} | {spent_ms:.0f}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
