"""What the figures of edits are held against: other people, the same photo again, and the judges' errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from facevae.edit.mechanisms import require_reader
from facevae.evaluation.real import RealFaces, Rows
from facevae.images import Photos
from facevae.metrics.extractor import Seen
from facevae.metrics.probes import CategoryProbe, NumberProbe, labels_of

if TYPE_CHECKING:
    from facevae.bench.editing import Bench

JITTER = 0.02
"""How far the second look at a face is shifted and scaled, as a share of its side, and turned, in radians."""


def reference_figures(bench: Bench, real: RealFaces, seed: int) -> dict[str, Any]:
    """What an edit's figures are to be held against.

    'cosines' of reconstructions: of different people, of a photo and its mirror image, of a photo and a
    shifted, scaled and turned copy, and of a reconstruction and its photo. 'noise': how the probes' readings
    differ between a photo's reconstruction and that of its shifted copy. 'slopes': by how much a probe's
    reading rises with the label over real faces and over reconstructions. 'reader': its own errors.
    """
    generator, plain = bench.generator, bench.unedited(0.0)

    def again(photos: Photos) -> Seen:
        return bench.extractor.look(generator.decode(generator.encode(photos)))

    jittered = again(_jittered(bench.photos, seed))
    mirrored = again(np.ascontiguousarray(bench.photos[:, :, ::-1]))
    noise: dict[str, float] = {}
    for name, probe in bench.probes.items():
        first, second = probe.predict(plain.places), probe.predict(jittered.places)
        agree = (first == second) if isinstance(probe, CategoryProbe) else np.abs(first - second)
        noise[name] = float(agree.mean())
    slopes = {
        name: {
            "photos": _slope(probe, real.validation_places, real.validation_rows),
            "reconstructions": _slope(probe, plain.places, bench.rows),
        }
        for name, probe in bench.probes.items()
        if isinstance(probe, NumberProbe)
    }
    cosines = {
        "different people": bench.cosine(plain.pooled, plain.pooled.roll(1, dims=0)),
        "mirrored": bench.cosine(plain.pooled, mirrored.pooled),
        "shifted copy": bench.cosine(plain.pooled, jittered.pooled),
        "photo": bench.cosine(plain.pooled, bench.unedited(1.0).pooled),
    }
    return {"cosines": cosines, "noise": noise, "slopes": slopes, "reader": _reader_errors(bench)}


def _reader_errors(bench: Bench) -> dict[str, float]:
    """Mean absolute error of numbers and share right of categories, where the label is known."""
    errors: dict[str, float] = {}
    for attribute in require_reader(bench.generator).schema.attributes:
        labels, read = labels_of(bench.rows, attribute), labels_of(bench.own, attribute)
        known = ~np.isnan(labels)
        if known.any():
            wrong = np.abs(labels - read)[known]
            errors[attribute.name] = float((wrong == 0).mean() if attribute.categories else wrong.mean())
    return errors


def _slope(probe: NumberProbe, features: Tensor, rows: Rows) -> float | None:
    labels = labels_of(rows, probe.attribute)
    known = np.flatnonzero(~np.isnan(labels))
    if len(known) < 2 or np.ptp(labels[known]) == 0:
        return None
    return float(np.polyfit(labels[known], probe.predict(features[known]), 1)[0])


def _jittered(photos: Photos, seed: int) -> Photos:
    """Each photo shifted, scaled and turned by up to JITTER, as another look of the aligner might be."""
    draw, moved = np.random.default_rng(seed), []
    for photo in photos:
        dx, dy, zoom, turn = draw.uniform(-JITTER, JITTER, 4)
        middle, cos, sin = len(photo) / 2, (1 + zoom) * np.cos(turn), (1 + zoom) * np.sin(turn)
        shift_x = middle * (1 - cos + sin) + dx * len(photo)
        shift_y = middle * (1 - sin - cos) + dy * len(photo)
        image = Image.fromarray(photo).transform(
            photo.shape[1::-1], Image.Transform.AFFINE, (cos, -sin, shift_x, sin, cos, shift_y),
            Image.Resampling.BICUBIC,
        )  # fmt: skip
        moved.append(np.asarray(image))
    return np.stack(moved)
