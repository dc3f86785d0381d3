"""Reading prepared datasets: by index, in memory or from shards, in an order decided by the seed."""

from __future__ import annotations

import gc
import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset
from hypothesis import given
from hypothesis import strategies as st

from facevae.attributes import Schema
from facevae.data.dataset import FaceDataset, prefetch, read_dataset_info
from facevae.data.order import batch_indices
from facevae.errors import DataError
from tests.conftest import blob_faces, labelled, write_dataset


def test_streamed_faces_equal_cached_ones(dataset: Path) -> None:
    streamed, cached = FaceDataset(dataset, "train", 32), FaceDataset(dataset, "train", 32, cache_gb=1)
    assert streamed.cache is None
    assert cached.cache is not None
    indices = np.array([3, 99, 0, 41])
    assert bool((streamed.batch(indices).photos == cached.batch(indices).photos).all())
    assert bool((cached.cache.numpy() == blob_faces(100, 32)).all())


def test_attributes_are_encoded_in_the_order_of_the_faces(dataset: Path) -> None:
    schema = Schema.from_names(["age", "gender"])
    batch = FaceDataset(dataset, "train", 32, schema).batch(np.array([5, 60]))
    assert batch.attributes is not None
    expected = torch.tensor([schema.encode(labelled(5)), schema.encode(labelled(60))])
    torch.testing.assert_close(batch.attributes, expected)


def test_larger_faces_are_shrunk_when_read(tmp_path: Path) -> None:
    faces = blob_faces(3, 64)
    path = write_dataset(tmp_path / "d", {"train": faces}, labelled)
    small = FaceDataset(path, "train", 32).read([0, 1, 2])
    means = faces.reshape(3, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert float(np.abs(small - means).mean()) < 4


@given(st.integers(1, 50), st.integers(1, 40), st.integers(0, 5))
def test_every_face_comes_once_per_epoch_whatever_the_batch(count: int, batch: int, seed: int) -> None:
    seen = [batch_indices(start, batch, count, seed) for start in range(0, count * batch, batch)]
    order = np.concatenate(seen)[: count * (len(seen) * batch // count)].reshape(-1, count)
    assert bool((np.sort(order, axis=1) == np.arange(count)).all())


def test_order_is_decided_by_the_seed_and_differs_between_epochs() -> None:
    first, again, second, other = (
        batch_indices(s, 64, 64, seed) for s, seed in ((0, 1), (0, 1), (64, 1), (0, 2))
    )
    assert first.tolist() == again.tolist()
    assert first.tolist() != second.tolist()
    assert first.tolist() != other.tolist()


def test_reading_ahead_keeps_the_order(dataset: Path) -> None:
    data = FaceDataset(dataset, "train", 32)
    stream = prefetch(lambda seen: data.batch(batch_indices(seen, 8, len(data), 0)), 16, 8)
    for start, batch in zip((16, 24, 32), itertools.islice(stream, 3), strict=True):
        assert batch.indices.tolist() == batch_indices(start, 8, len(data), 0).tolist()
    stream.close()  # type: ignore[attr-defined]


def test_webdataset_reads_the_same_faces(dataset: Path) -> None:
    shards = sorted(str(path) for path in dataset.glob("train-*.tar"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # webdataset leaves its last file to the collector
        stream = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("rgb8")
        faces = np.stack([sample["png"] for sample in stream])
        del stream
        gc.collect()
    assert bool((faces == blob_faces(100, 32)).all())


def test_folder_that_was_not_prepared_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="facevae prepare"):
        read_dataset_info(tmp_path)


def test_empty_split_and_damaged_shards_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no faces in its test split"):
        FaceDataset(dataset, "test", 32)
    path = write_dataset(tmp_path / "d", {"train": blob_faces(3, 32)}, labelled)
    shard = path / "train-00000.tar"
    good = shard.read_bytes()
    shard.write_bytes(b"not a tar" * 100)
    with pytest.raises(DataError, match="damaged"):
        FaceDataset(path, "train", 32)
    data = bytearray(good)
    data[512:1024] = bytes(512)  # the first picture's header and signature
    shard.write_bytes(data)
    with pytest.raises(DataError, match="cannot read face 0"):
        FaceDataset(path, "train", 32).read([0])
