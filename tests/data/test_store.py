"""Datasets at addresses: written and streamed through fsspec, from a local S3 server and others."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from facevae.data.dataset import FaceDataset, is_prepared, read_rows
from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig
from facevae.data.store import RemoteStore, is_address, local_path, open_store
from facevae.data.upload import MARK, publish
from facevae.errors import DataError, MissingExtraError
from facevae.train import train, training_data

CONFIG = PrepareConfig(size_px=32, workers=1, shard_faces=4, min_sharpness=0, validation_fraction=0.3)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of an empty bucket on an S3-compatible server of this machine."""
    pytest.importorskip("s3fs", reason="needs the extra 'cloud'")
    moto = pytest.importorskip("moto.server", reason="needs the extra 'dev'")
    import fsspec

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"),
                            ("AWS_DEFAULT_REGION", "us-east-1"),
                            ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")):  # fmt: skip
            patch.setenv(name, value)
        fsspec.filesystem("s3").mkdir("faces")
        yield "s3://faces"
    server.stop()


def content(url: str) -> dict[str, bytes]:
    store = open_store(url)
    assert isinstance(store, RemoteStore)
    return {name: store.read(name) for name in store.sizes()}


def test_photos_are_prepared_into_a_bucket_and_trained_from_it(
    bucket: str, album: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path / "cache"))
    photos, url = album(count=12), f"{bucket}/trained"
    result = prepare(photos, url, CONFIG)
    assert result.address == url
    here = prepare(photos, tmp_path / "here", CONFIG)
    assert content(url) == {path.name: path.read_bytes() for path in here.path.iterdir()}
    assert prepare(photos, url, CONFIG).unchanged

    settings = {"images": 64, "batch_size": 8, "cache_gb": 0.0, "shuffle_shards": 2}
    runs = []
    for data in (url, here.path):
        run = tmp_path / f"run{len(runs)}"
        train(data, run, "tiny", settings, device="cpu")
        runs.append(load_file(run / "model" / "model.safetensors"))
    assert all(torch.equal(value, runs[1][name]) for name, value in runs[0].items())
    assert read_rows(url, "train") == read_rows(here.path, "train")


def test_an_unreachable_server_stops_with_the_address(
    bucket: str, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    url = f"{bucket}/unreachable"
    publish(dataset, RemoteStore(url))
    data = FaceDataset(url, "train", 32)
    data.shelf.store.files.rm_file("faces/unreachable/train-00001.tar")
    with pytest.raises(DataError, match=r"train-00001\.tar of s3://faces/unreachable"):
        data.read(range(len(data)))
    with pytest.raises(DataError, match="nothing is prepared at s3://faces/nowhere"):
        training_data(f"{bucket}/nowhere")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.filesystem("s3").clear_instance_cache()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(DataError, match="cannot reach s3://faces/unreachable"):
        is_prepared(f"{bucket}/unreachable")
    fsspec.filesystem("s3").clear_instance_cache()


def test_an_upload_is_a_dataset_only_when_it_is_whole(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec", reason="needs the extra 'cloud'")
    store = RemoteStore("memory://upload/whole")
    real, sent = RemoteStore.put, []

    def fails_at_the_third(self: RemoteStore, source: Path, name: str) -> None:
        sent.append(name)
        if len(sent) == 3:
            raise OSError("the line is cut")
        real(self, source, name)

    monkeypatch.setattr(RemoteStore, "put", fails_at_the_third)
    with pytest.raises(DataError, match=r"the line is cut.*run the same command"):
        publish(dataset, store)
    assert not is_prepared(store.where)
    assert MARK in store.sizes()
    monkeypatch.undo()
    monkeypatch.setattr(
        RemoteStore, "put", lambda self, source, name: (sent.append(name), real(self, source, name))
    )
    del sent[:]
    publish(dataset, store)
    assert sent[-1] == "dataset.json"
    assert len(sent) < 1 + len(list(dataset.iterdir()))
    assert content(store.where) == {path.name: path.read_bytes() for path in dataset.iterdir()}
    assert publish(dataset, store) == 0


def test_what_is_at_the_address_already_is_never_overwritten(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="needs the extra 'cloud'")
    store = RemoteStore("memory://upload/other")
    other = tmp_path / "dataset.json"
    other.write_text(json.dumps({"format_version": 1, "name": "another"}))
    store.put(other, "dataset.json")
    with pytest.raises(DataError, match="holds another dataset"):
        publish(dataset, store)
    store = RemoteStore("memory://upload/letters")
    store.put(other, "letter.txt")
    with pytest.raises(DataError, match=r"holds other files \(letter.txt\)"):
        publish(dataset, store)


@pytest.mark.parametrize(
    ("place", "address"),
    [("s3://b/x", True), ("memory://x", True), (r"C:\photos", False), ("photos/a b", False), ("a:b", False)],
)
def test_paths_and_addresses_are_told_apart(place: str, address: bool) -> None:
    assert is_address(place) == address


def test_file_addresses_are_folders_and_need_no_extra(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    assert local_path(f"file://{dataset}") == dataset
    assert len(FaceDataset(f"file://{dataset}", "train", 32)) == 100
    with pytest.raises(MissingExtraError, match=r"\.\[cloud\]"):
        open_store("s3://faces/x")


def test_an_unknown_kind_of_address_is_named() -> None:
    pytest.importorskip("fsspec", reason="needs the extra 'cloud'")
    kinds: Any = "nosuch://x"
    with pytest.raises(DataError, match="nosuch"):
        open_store(kinds)
