"""The upscaler of a model, on faces that were prepared at twice the model's size or larger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facevae.data.dataset import FaceDataset, read_dataset_info
from facevae.evaluation.pictures import figure
from facevae.evaluation.real import StageProgress, silent
from facevae.generator import FaceGenerator
from facevae.images import Photos, to_photos, to_tensor
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.reconstruction import psnr_db
from facevae.metrics.sharpness import relative_sharpness
from facevae.upscaler import bicubic

MOST_FACES = 1000
"""Validation faces, and samples, that are upscaled; more change no figure."""


def upscaling_figures(
    generator: FaceGenerator,
    data: Path,
    samples: Photos,
    extractor: FeatureExtractor,
    progress: StageProgress = silent,
    split: str = "validation",
) -> dict[str, Any]:
    """Section 'upscaler': faces of `split`, halved and enlarged, against themselves, and their sharpness.

    samples: (N, S, S, 3) uint8 of the model. {'absent': why} for a model without upscaler or faces prepared
    too small. No randomness.
    """
    if generator.upscaler is None:
        return {"absent": "the model has no upscaler (docs/upscaler.md)"}
    large_px = 2 * generator.size_px
    if read_dataset_info(data)["size_px"] < large_px:
        return {"absent": f"the upscaler is measured on faces prepared at {large_px} px or more"}
    stage, steps = "upscaler", 4
    progress(stage, 0, steps)
    splits = [FaceDataset(data, split, size_px) for size_px in (large_px, generator.size_px)]
    indices = range(min(len(splits[0]), MOST_FACES))
    real, small = (split.read(indices) for split in splits)
    progress(stage, 1, steps)
    section: dict[str, Any] = {}
    enlarged = {"bicubic": _bicubic(small), "upscaled": generator.upscale(small)}
    for step, (name, faces) in enumerate(enlarged.items()):
        psnr = psnr_db(to_tensor(real), to_tensor(faces))
        distance = extractor.distance(real, faces)
        section[f"{name}_psnr_db"] = figure(float(psnr.mean()), len(psnr), std=float(psnr.std(correction=0)))
        section[f"{name}_feature_distance"] = figure(float(distance.mean()), len(distance))
        section[f"{name}_sharpness"] = figure(relative_sharpness(faces, real), len(faces), floor=1.0)
        progress(stage, 2 + step, steps)
    made = generator.upscale(samples[:MOST_FACES])
    section["upscaled_sample_sharpness"] = figure(relative_sharpness(made, real), len(made), floor=1.0)
    progress(stage, steps, steps)
    return section


def _bicubic(photos: Photos, chunk: int = 64) -> Photos:
    parts = np.array_split(photos, -(-len(photos) // chunk))
    return np.concatenate([to_photos(bicubic(to_tensor(part))) for part in parts])
