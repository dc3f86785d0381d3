"""The order in which training sees the faces: decided by the seed and the number of images seen, alone.

    one epoch:  shards in random order -> groups of `shuffle_shards` -> the faces of a group in random order

Reading then needs the shards of one group at a time, whole and one after the other, as disks and object
stores like it; and any position can be computed without reading a thing, which makes resuming exact. A
dataset of no more shards than a group is shuffled as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


class FaceOrder:
    """Positions in a dataset whose shards hold `shard_faces` faces, one after the other."""

    def __init__(self, shard_faces: Sequence[int], seed: int, shuffle_shards: int) -> None:
        self.sizes = np.asarray(shard_faces, dtype=np.int64)
        self.first = np.concatenate([[0], np.cumsum(self.sizes)])  # (S + 1,)
        self.count = int(self.first[-1])
        self.seed, self.group = seed, shuffle_shards
        self.whole = len(self.sizes) <= shuffle_shards

    def batch(self, seen_images: int, batch_size: int) -> NDArray[np.int64]:
        """(batch_size,) faces of the batch after `seen_images`: each once per epoch, a batch may span two."""
        if self.whole:
            return batch_indices(seen_images, batch_size, self.count, self.seed)
        parts, position = [], seen_images
        while position < seen_images + batch_size:
            epoch, within = divmod(position, self.count)
            _, ends = _shard_order(self, epoch)
            group = int(np.searchsorted(ends, within, side="right"))
            start = int(ends[group - 1]) if group else 0
            faces = _group_order(self, epoch, group)
            part = faces[within - start : within - start + seen_images + batch_size - position]
            parts.append(part)
            position += len(part)
        return np.concatenate(parts)

    def shards_ahead(self, seen_images: int) -> list[int]:
        """Shards to have at hand after `seen_images`: this group's, and as much of the next as of this is
        used up, so that reading is spread over the time and no more than two groups are held."""
        if self.whole:
            return list(range(len(self.sizes)))
        epoch, within = divmod(seen_images, self.count)
        shards, ends = _shard_order(self, epoch)
        group = int(np.searchsorted(ends, within, side="right"))
        start = int(ends[group - 1]) if group else 0
        used = (within - start) / (int(ends[group]) - start)
        now = shards[group * self.group : (group + 1) * self.group]
        after = shards[(group + 1) * self.group : (group + 2) * self.group]
        if not len(after):
            after = _shard_order(self, epoch + 1)[0][: self.group]
        return [*now.tolist(), *after[: int(np.ceil(used * len(after)))].tolist()]


def batch_indices(seen_images: int, batch_size: int, count: int, seed: int) -> NDArray[np.int64]:
    """Which of `count` faces the batch after `seen_images` holds, shuffled as a whole; (batch_size,).

    Decided by the arguments alone: epoch e is a permutation drawn from (seed, e), and a batch may span two.
    """
    positions = np.arange(seen_images, seen_images + batch_size)
    epochs = positions // count
    chosen = np.empty(batch_size, dtype=np.int64)
    for epoch in np.unique(epochs):
        order = _epoch_order(seed, int(epoch), count)
        chosen[epochs == epoch] = order[positions[epochs == epoch] % count]
    return chosen


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(count)


@lru_cache(maxsize=4)
def _shard_order(order: FaceOrder, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(shards in the order of the epoch, position in the epoch at which each group ends)."""
    shards = np.random.default_rng((order.seed, epoch, 2)).permutation(len(order.sizes))
    faces = np.cumsum(order.sizes[shards])
    lasts = np.arange(order.group - 1, len(shards) + order.group - 1, order.group)
    return shards, faces[np.minimum(lasts, len(shards) - 1)]


@lru_cache(maxsize=4)
def _group_order(order: FaceOrder, epoch: int, group: int) -> NDArray[np.int64]:
    """The faces of a group in the order in which they are seen."""
    shards = _shard_order(order, epoch)[0][group * order.group : (group + 1) * order.group]
    faces = np.concatenate([np.arange(order.first[s], order.first[s + 1]) for s in shards])
    return np.random.default_rng((order.seed, epoch, 3, group)).permutation(faces)
