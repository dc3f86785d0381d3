"""Faces of a prepared dataset, by index: from memory when they fit, else straight from the shards.

Reading by index rather than as a stream is what makes resuming exact: a batch is decided by the seed and
the number of images seen, never by how far some reader had got.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from facevae.attributes import Schema
from facevae.errors import DataError
from facevae.images import Photos

DECODE_THREADS = 4


class FaceBatch(NamedTuple):
    photos: Tensor  # (B, H, W, 3) uint8
    attributes: Tensor | None  # (B, A) float32, None for an empty schema
    indices: NDArray[np.int64]  # (B,) positions in the dataset


@dataclass(frozen=True)
class FaceIndex:
    """Where each face of a split lies; some 20 bytes and its attributes a face, however many there are."""

    shards: list[Path]
    shard: NDArray[np.int32]  # (N,) index into `shards`
    start: NDArray[np.int64]  # (N,) first byte of the picture
    length: NDArray[np.int32]  # (N,) bytes
    attributes: Tensor | None  # (N, A) float32, None for an empty schema


class FaceDataset:
    """Faces of one split at `size_px`, with their attributes encoded by `schema`.

    Faces of another size are resized with an anti-aliased filter when read. Raises DataError when `path` is
    not a prepared dataset, the split is empty or a shard is damaged.
    """

    def __init__(
        self, path: Path, split: str, size_px: int, schema: Schema | None = None, cache_gb: float = 0.0
    ) -> None:
        self.path, self.split, self.size_px, self.schema = path, split, size_px, schema or Schema()
        self.info = read_dataset_info(path)
        self.index = index_shards(path, split, self.schema)
        if not len(self):
            raise DataError(
                f"{path} has no faces in its {split} split. Prepare more photos, or another split."
            )
        self.cache: Tensor | None = None
        if len(self) * size_px**2 * 3 <= cache_gb * 1e9:
            self.cache = torch.from_numpy(self.read(range(len(self))))  # (N, H, W, 3)

    def __len__(self) -> int:
        return len(self.index.start)

    def read(self, indices: Sequence[int]) -> Photos:
        """(B, H, W, 3) uint8 faces at these positions, decoded by a few threads."""
        photos = np.empty((len(indices), self.size_px, self.size_px, 3), dtype=np.uint8)
        with ThreadPoolExecutor(DECODE_THREADS) as pool:
            for position, photo in enumerate(pool.map(self._decode, indices, chunksize=1)):
                photos[position] = photo
        return photos

    def batch(self, indices: NDArray[np.int64]) -> FaceBatch:
        """The faces at these positions, from the cache when there is one."""
        chosen = torch.from_numpy(indices)
        photos = (
            self.cache[chosen] if self.cache is not None else torch.from_numpy(self.read(indices.tolist()))
        )
        attributes = self.index.attributes
        return FaceBatch(photos, None if attributes is None else attributes[chosen], indices)

    def _decode(self, index: int) -> Photos:
        where = self.index
        shard, start, length = (
            where.shards[where.shard[index]],
            int(where.start[index]),
            int(where.length[index]),
        )
        try:
            with shard.open("rb") as file:
                file.seek(start)
                image = Image.open(io.BytesIO(file.read(length))).convert("RGB")
        except (OSError, ValueError) as error:
            raise DataError(
                f"cannot read face {index} of {shard} (bytes {start} to {start + length}): {error}. "
                "Prepare the dataset again."
            ) from error
        if image.size != (self.size_px, self.size_px):
            image = image.resize((self.size_px, self.size_px), Image.Resampling.LANCZOS)
        return np.asarray(image)


def is_prepared(path: Path) -> bool:
    """True when `path` is a folder that `prepare` wrote."""
    return (path / "dataset.json").is_file()


def read_dataset_info(path: Path) -> dict[str, Any]:
    """dataset.json of a prepared dataset. Raises DataError when it is absent or unreadable."""
    try:
        info = json.loads((path / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a prepared dataset ({error}). Make one with: facevae prepare PHOTOS {path}"
        ) from error
    if not isinstance(info, dict) or info.get("format_version") != 1:
        raise DataError(f"{path}/dataset.json is not of format version 1, which is what this facevae reads.")
    return info


def index_shards(path: Path, split: str, schema: Schema) -> FaceIndex:
    """The faces of a split in the shards' order, with their attributes encoded by `schema`.

    Raises DataError for a shard that is not a tar or holds a face without metadata.
    """
    shards = sorted(path.glob(f"{split}-*.tar"))
    places: list[NDArray[np.int64]] = []
    attributes: list[NDArray[np.float32]] = []
    for number, shard in enumerate(shards):
        faces, metadata = read_shard(shard)
        if faces.keys() != metadata.keys():
            raise DataError(
                f"{shard} has {len(faces)} faces and {len(metadata)} metadata rows that do not match."
            )
        places.append(np.array([(number, *faces[key]) for key in faces], dtype=np.int64).reshape(-1, 3))
        if schema.width:
            rows = [schema.encode(metadata[key], str(shard)) for key in faces]
            attributes.append(np.array(rows, dtype=np.float32).reshape(-1, schema.width))
    whole = np.concatenate(places) if places else np.empty((0, 3), np.int64)  # (N, 3)
    encoded = torch.from_numpy(np.concatenate(attributes)) if attributes else None
    return FaceIndex(shards, whole[:, 0].astype(np.int32), whole[:, 1], whole[:, 2].astype(np.int32), encoded)


def read_rows(path: Path, split: str) -> list[dict[str, Any]]:
    """Metadata of each face of a split, in the order of FaceDataset. Raises DataError for a damaged shard."""
    rows = []
    for shard in sorted(path.glob(f"{split}-*.tar")):
        faces, metadata = read_shard(shard)
        rows += [metadata[key] for key in faces]
    return rows


def read_shard(shard: Path) -> tuple[dict[str, tuple[int, int]], dict[str, dict[str, Any]]]:
    """({key: (first byte, bytes)} of the pictures, {key: metadata row}) of one shard."""
    faces: dict[str, tuple[int, int]] = {}
    metadata: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                key, _, kind = member.name.rpartition(".")
                if kind == "json":
                    file = tar.extractfile(member)
                    metadata[key] = json.load(file) if file else {}
                else:
                    faces[key] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DataError(f"the shard {shard} is damaged: {error}. Prepare the dataset again.") from error
    return faces, metadata


def batch_indices(seen_images: int, batch_size: int, count: int, seed: int) -> NDArray[np.int64]:
    """Which faces the batch after `seen_images` holds; (batch_size,), each of `count` once per epoch.

    Decided by the arguments alone: epoch e is a permutation drawn from (seed, e), and a batch may span two.
    """
    positions = np.arange(seen_images, seen_images + batch_size)
    epochs = positions // count
    chosen = np.empty(batch_size, dtype=np.int64)
    for epoch in np.unique(epochs):
        order = _epoch_order(seed, int(epoch), count)
        chosen[epochs == epoch] = order[positions[epochs == epoch] % count]
    return chosen


def prefetch(make: Callable[[int], FaceBatch], seen_images: int, step_images: int) -> Iterator[FaceBatch]:
    """make(seen), make(seen + step), ... without end, each computed by a thread while the last is used."""
    with ThreadPoolExecutor(1) as pool:
        upcoming: Future[FaceBatch] = pool.submit(make, seen_images)
        while True:
            batch = upcoming.result()
            seen_images += step_images
            upcoming = pool.submit(make, seen_images)
            yield batch


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(count)
