"""Real faces that figures are held against, their features kept so that the next evaluation starts warm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from facevae.attributes import Value
from facevae.data.dataset import FaceDataset, read_dataset_info, read_rows
from facevae.errors import DataError
from facevae.files import atomic_file, cache_folder
from facevae.images import Photos
from facevae.metrics.extractor import FeatureExtractor, Seen

MOST_FACES = 50_000
"""Faces of a split that are looked at; more would not fit in a laptop's memory and change no figure."""

PROBED = "activations at stride 16"
"""What probes read, for reports: figures of others are no figures to compare with."""

StageProgress = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""
Rows = list[dict[str, Value]]


def silent(stage: str, done: int, total: int) -> None:
    """A StageProgress that says nothing."""


@dataclass(frozen=True)
class RealFaces:
    """Both splits of a prepared dataset at one size."""

    name: str
    licence: str
    template: str
    split: str
    """The split that the held-out faces are of: 'validation', or 'test' where there is one."""
    size_px: int
    train: Photos  # (N, H, W, 3) uint8
    validation: Photos  # (M, H, W, 3) uint8
    train_features: Tensor  # (N, F)
    validation_features: Tensor  # (M, F)
    train_places: Tensor  # (N, P) float16
    validation_places: Tensor  # (M, P) float16
    train_rows: Rows
    validation_rows: Rows
    train_indices: NDArray[np.int64]  # (N,) their positions in the split, which may have more faces
    validation_indices: NDArray[np.int64]  # (M,)
    fingerprint: str
    """Hash of every pixel of both splits: two reports with the same one judged by the same faces."""
    key: str
    """Hash of all that decides the floors but the seed: faces, reference, extractor."""
    reference: NDArray[np.int64]  # (n,) training faces that samples are held against
    other: NDArray[np.int64]  # (n,) other training faces, held against the reference for the floor

    def facts(self) -> dict[str, Any]:
        """The section 'data' of a report."""
        return {
            "name": self.name, "licence": self.licence, "train": len(self.train),
            "validation": len(self.validation), "split": self.split, "fingerprint": self.fingerprint,
        }  # fmt: skip

    def settings(self, samples: int, seed: int, extractor: FeatureExtractor) -> dict[str, Any]:
        """The section 'settings' of a report: all that decides figures besides the model and the data."""
        return {
            "samples": samples, "seed": seed, "size_px": self.size_px, "crop": self.template,
            "reference_faces": len(self.reference), "extractor": extractor.identity, "probes": PROBED,
        }  # fmt: skip


def load_real_faces(
    data: Path,
    size_px: int,
    samples: int,
    seed: int,
    extractor: FeatureExtractor,
    progress: StageProgress = silent,
    split: str = "validation",
) -> RealFaces:
    """Read the training faces of `data` and those held out in `split` at `size_px`, with their features, from
    the cache where it has them.

    The reference and its double are disjoint draws of min(samples, N / 2) training faces each, by `seed`.
    Raises DataError when a split is empty or too small to be halved.
    """
    train, train_rows, train_indices = _split(data, "train", size_px, seed)
    validation, validation_rows, validation_indices = _split(data, split, size_px, seed)
    half = min(samples, len(train) // 2)
    if half < 2 or len(validation) < 2:
        raise DataError(
            f"{data} has {len(train)} training and {len(validation)} {split} faces: too few to measure "
            "by. Prepare at least 4 and 2; some thousands make figures that mean something."
        )
    order = np.random.default_rng(seed).permutation(len(train))
    info = read_dataset_info(data)
    hashes = [hashlib.sha256(split.tobytes()).hexdigest() for split in (train, validation)]
    fingerprint = hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]
    decided_by = f"{fingerprint} {half} {sorted(extractor.identity.items())}"
    seen = [
        _seen(faces, key, what, extractor, progress)
        for faces, key, what in zip((train, validation), hashes, ("training", split), strict=True)
    ]
    return RealFaces(
        name=info.get("name") or data.name,
        licence=info.get("licence") or "not stated",
        template=_template(info),
        split=split,
        size_px=size_px,
        train=train,
        validation=validation,
        train_features=seen[0].pooled,
        validation_features=seen[1].pooled,
        train_places=seen[0].places,
        validation_places=seen[1].places,
        train_rows=train_rows,
        validation_rows=validation_rows,
        train_indices=train_indices,
        validation_indices=validation_indices,
        fingerprint=fingerprint,
        key=hashlib.sha256(decided_by.encode()).hexdigest()[:24],
        reference=order[:half],
        other=order[half : 2 * half],
    )


def held_out_split(data: Path) -> str:
    """The split to measure on: 'test' where `data` has one, since settings were chosen on the validation
    faces; else 'validation'."""
    return "test" if read_dataset_info(data).get("counts", {}).get("test") else "validation"


def _split(data: Path, split: str, size_px: int, seed: int) -> tuple[Photos, Rows, NDArray[np.int64]]:
    faces = FaceDataset(data, split, size_px)
    chosen = np.arange(len(faces))
    if len(faces) > MOST_FACES:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(faces))[:MOST_FACES])
    rows = read_rows(data, split)
    return faces.read(chosen.tolist()), [rows[index] for index in chosen], chosen


def _seen(
    photos: Photos, photos_hash: str, what: str, extractor: FeatureExtractor, progress: StageProgress
) -> Seen:
    key = hashlib.sha256(f"{photos_hash} {sorted(extractor.identity.items())}".encode()).hexdigest()[:24]
    path = cache_folder() / "features" / f"{key}.safetensors"
    if path.is_file() and "places" in (kept := load_file(path)):
        return Seen(kept["features"], kept["places"])
    seen = extractor.look(photos, partial(progress, f"features of {what} faces"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary:
        save_file({"features": seen.pooled, "places": seen.places}, temporary)
    return seen


def _template(info: Mapping[str, Any]) -> str:
    template = info.get("template")
    if not isinstance(template, dict):
        return "as prepared"
    return "aligned to " + ", ".join(
        f"{name} ({x:g}, {y:g})"
        for name, (x, y) in zip(template["landmarks"], template["positions"], strict=True)
    )
