"""Faces of a prepared dataset, by position: from memory when they fit, else from the shards as they come by.

Reading by position rather than as a stream is what makes resuming exact: a batch is decided by the seed and
the number of images seen (`order.py`), never by how far some reader had got. What is read is whole shards,
ahead of need (`shelf.py`), from a folder or any address (`store.py`).
"""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from facevae.attributes import Schema
from facevae.data.order import FaceOrder
from facevae.data.photos import FORMATS
from facevae.data.shelf import BadShards, Shard, ShardFile, Shelf, members, open_shard
from facevae.data.store import Store, open_store
from facevae.errors import DataError
from facevae.images import Photos

DECODE_THREADS = 4
AT_ONCE = 512
"""Faces decoded before the shards they come from may be let go."""
READ_AHEAD = 3
"""Batches made while one is used."""
SHUFFLE_SHARDS = 8


class FaceBatch(NamedTuple):
    photos: Tensor  # (B, H, W, 3) uint8
    attributes: Tensor | None  # (B, A) float32, None for an empty schema
    indices: NDArray[np.int64]  # (B,) positions in the dataset


class FaceDataset:
    """Faces of one split at `size_px`, with their attributes encoded by `schema`.

    path: a folder or an address such as s3://bucket/faces. Faces of another size are resized with an
    anti-aliased filter when read. bad: what becomes of a shard that is damaged or cannot be reached; each
    of its faces is stood in for by one of the next good shard. shuffle_shards: as in TrainConfig; twice as
    many shards are held in memory, unless the decoded faces fit into `cache_gb`. Raises DataError when
    `path` is not a prepared dataset, the split is empty or a bad shard stops.
    """

    def __init__(
        self,
        path: Path | str,
        split: str,
        size_px: int,
        schema: Schema | None = None,
        cache_gb: float = 0.0,
        bad: BadShards | None = None,
        shuffle_shards: int = SHUFFLE_SHARDS,
    ) -> None:
        self.path, self.split, self.size_px, self.schema = path, split, size_px, schema or Schema()
        self.shuffle_shards = shuffle_shards
        self.info = read_dataset_info(path)
        store = open_store(path)
        files = shard_files(store, self.info, split)
        self.sizes = np.array([file.faces for file in files], dtype=np.int64)  # (S,) faces of each shard
        self.first = np.concatenate([[0], np.cumsum(self.sizes)])  # (S + 1,)
        if not len(self):
            raise DataError(
                f"{path} has no faces in its {split} split. Prepare more photos, or another split."
            )
        self.shelf = Shelf(store, files, self.schema, bad or BadShards(), 2 * shuffle_shards + 2)
        self.cache: Tensor | None = None  # (N, H, W, 3)
        self._attributes: Tensor | None = None  # (N, A), with the cache
        if len(self) * size_px**2 * 3 <= cache_gb * 1e9:
            self.cache, self._attributes = self._gather(np.arange(len(self)))
            self.shelf.clear()

    def __len__(self) -> int:
        return int(self.first[-1])

    def read(self, indices: Sequence[int]) -> Photos:
        """(B, H, W, 3) uint8 faces at these positions, decoded by a few threads."""
        return self._gather(np.asarray(indices, dtype=np.int64))[0].numpy()

    def batch(self, indices: NDArray[np.int64]) -> FaceBatch:
        """The faces at these positions, from the cache when there is one."""
        if self.cache is None:
            return FaceBatch(*self._gather(indices), indices)
        chosen = torch.from_numpy(indices)
        known = self._attributes
        return FaceBatch(self.cache[chosen], None if known is None else known[chosen], indices)

    def batches(self, seed: int, batch_size: int, share: slice) -> Callable[[int], FaceBatch]:
        """make(seen images): this share of the batch after so many, as FaceOrder decides it; shards that
        the batches after it need begin to be read."""
        order = FaceOrder(self.sizes.tolist(), seed, self.shuffle_shards)

        def make(seen: int) -> FaceBatch:
            if self.cache is None:
                self.shelf.expect(order.shards_ahead(seen))
            return self.batch(order.batch(seen, batch_size)[share])

        return make

    def rows(self) -> list[dict[str, Any]]:
        """Metadata of each face, in their order; as `batch`, with others' where a shard is passed over."""
        rows = []
        for number, size in enumerate(self.sizes.tolist()):
            self.shelf.expect([number, (number + 1) % len(self.sizes)])
            for index in range(int(self.first[number]), int(self.first[number]) + size):
                _, shard, face = self._find(index)
                rows.append(shard.row(face))
        return rows

    def news(self) -> list[str]:
        """A sentence for each shard that took several tries or is passed over, since the last call."""
        with_news, self.shelf.news = self.shelf.news, []
        return with_news

    def troubles(self) -> dict[str, int]:
        """What the shards have given so far: passed over, faces in them, and tries after a failed one."""
        passed = list(self.shelf.passed_over)
        return {
            "shards_passed_over": len(passed),
            "faces_passed_over": int(self.sizes[passed].sum()),
            "shard_retries": self.shelf.retried,
        }

    @cached_property
    def _decoders(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(DECODE_THREADS, "faces")

    def _gather(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor | None]:
        """(photos, attributes) at these positions, shard by shard."""
        photos = np.empty((len(indices), self.size_px, self.size_px, 3), dtype=np.uint8)
        known = np.empty((len(indices), self.schema.width), dtype=np.float32)
        order = np.argsort(indices, kind="stable")
        shards = np.searchsorted(self.first, indices[order], side="right") - 1
        for start in range(0, len(order), AT_ONCE):
            places = order[start : start + AT_ONCE].tolist()
            self.shelf.expect(np.unique(shards[start : start + 2 * AT_ONCE])[: self.shuffle_shards].tolist())
            found = [self._find(index) for index in indices[places].tolist()]
            for place, one, photo in zip(places, found, self._decoders.map(self._decode, found), strict=True):
                while photo is None:  # its shard has just been given up
                    one = self._find(int(indices[place]))
                    photo = self._decode(one)
                photos[place] = photo
                if one[1].attributes is not None:
                    known[place] = one[1].attributes[one[2]]
        return torch.from_numpy(photos), torch.from_numpy(known) if self.schema.width else None

    def _find(self, index: int) -> tuple[int, Shard, int]:
        """(number of the shard, the shard, place in it) of a face, or of the one that stands in for it."""
        number = int(np.searchsorted(self.first, index, side="right")) - 1
        face = index - int(self.first[number])
        while (shard := self.shelf.take(number)) is None or not len(shard.pictures):
            number = (number + 1) % len(self.sizes)
        return number, shard, face % len(shard.pictures)

    def _decode(self, found: tuple[int, Shard, int]) -> Photos | None:
        """(S, S, 3) uint8; None when the picture is damaged and its shard passed over from now on."""
        number, shard, face = found
        try:
            image = Image.open(io.BytesIO(shard.picture(face)), formats=FORMATS).convert("RGB")
        except Exception as error:  # decoders raise anything at all on damaged pictures
            self.shelf.give_up(number, f"cannot read face {face}: {error}")
            return None
        if image.size != (self.size_px, self.size_px):
            image = image.resize((self.size_px, self.size_px), Image.Resampling.LANCZOS)
        return np.asarray(image)


def is_prepared(path: Path | str) -> bool:
    """True when `path` is a folder or address that `prepare` wrote. Raises DataError when none can tell."""
    if isinstance(path, Path):
        return (path / "dataset.json").is_file()
    try:
        open_store(path).read("dataset.json")
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DataError(f"cannot reach {path}: {error}") from error
    return True


def read_dataset_info(path: Path | str) -> dict[str, Any]:
    """dataset.json of a prepared dataset. Raises DataError when it is absent or unreadable."""
    try:
        info = json.loads(open_store(path).read("dataset.json"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is not a prepared dataset ({error}). Make one with: facevae prepare PHOTOS {path}"
        ) from error
    if not isinstance(info, dict) or info.get("format_version") != 1:
        raise DataError(f"{path}/dataset.json is not of format version 1, which is what this facevae reads.")
    size_px = info.get("size_px")
    if not isinstance(size_px, int) or isinstance(size_px, bool) or size_px < 1:
        raise DataError(f"{path}/dataset.json gives the faces' size_px as {size_px!r:.40}: expected pixels.")
    return info


def shard_files(store: Store, info: dict[str, Any], split: str) -> list[ShardFile]:
    """The shards of a split as dataset.json lists them; where it does not, they are read and counted.

    Raises DataError for one that has to be counted and cannot.
    """
    if "shards" in info:
        try:
            rows = info["shards"].get(split, [])
            return [ShardFile(row["file"], row["faces"], row["bytes"], row.get("sha256")) for row in rows]
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"dataset.json in {store.where} lists no proper shards: {error!r}") from error
    return [
        ShardFile(name, len(members(io.BytesIO(_bytes(store, name)), f"{store.where}/{name}")[0]))
        for name in store.names(f"{split}-*.tar")
    ]


def read_rows(path: Path | str, split: str) -> list[dict[str, Any]]:
    """Metadata of each face of a split, in the order of FaceDataset. Raises DataError for a damaged shard."""
    store, rows = open_store(path), []
    for file in shard_files(store, read_dataset_info(path), split):
        shard = open_shard(file, _bytes(store, file.name), Schema())
        rows += [shard.row(face) for face in range(file.faces)]
    return rows


def prefetch(make: Callable[[int], FaceBatch], seen_images: int, step_images: int) -> Iterator[FaceBatch]:
    """make(seen), make(seen + step), ... without end, each computed by a thread while others are used."""
    with ThreadPoolExecutor(1, "batches") as pool:
        upcoming: deque[Future[FaceBatch]] = deque()
        try:
            while True:
                while len(upcoming) < READ_AHEAD:
                    upcoming.append(pool.submit(make, seen_images))
                    seen_images += step_images
                yield upcoming.popleft().result()
        finally:
            for batch in upcoming:
                batch.cancel()


def _bytes(store: Store, name: str) -> bytes:
    try:
        return store.read(name)
    except OSError as error:
        raise DataError(f"cannot read {store.where}/{name}: {error}") from error
