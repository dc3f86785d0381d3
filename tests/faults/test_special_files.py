"""Pipes, devices, sockets, folders and files without end under the name of a file: refused at once."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facevae.checkpoint import load_newest_checkpoint, save_checkpoint
from facevae.content_credentials import read_manifest
from facevae.data.dataset import read_dataset_info
from facevae.data.photos import read_photo
from facevae.data.sources import open_source
from facevae.errors import CheckpointError, ConfigError, DataError, FaceVAEError
from facevae.evaluate_page import read_report
from facevae.generator import FaceGenerator
from facevae.inspection import inspect
from facevae.morph import read_stops
from facevae.provenance import read_provenance
from facevae.stylize.decoder_style import load_style

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system with pipes in folders")
PATIENCE_S = 60


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _folder(path: Path) -> None:
    path.mkdir()


def _endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 * 2**30)  # takes no room: nothing of it is written


KINDS: dict[str, Callable[[Path], None]] = {
    "a pipe": _pipe, "a device": _device, "a socket": _socket, "a folder": _folder, "5 GB": _endless,
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """A test that waits for a pipe would wait for ever."""

    def late(*_: Any) -> None:
        raise AssertionError("this is waited for")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "prior.safetensors", "editing.safetensors"]
)
def test_a_part_of_a_model_that_is_no_regular_file_is_refused(
    steerable: Path, tmp_path: Path, name: str, kind: str
) -> None:
    model = Path(shutil.copytree(steerable / "model", tmp_path / "model"))
    (model / name).unlink()
    KINDS[kind](model / name)
    with pytest.raises(CheckpointError, match=name.replace(".", r"\.")) as refused:
        FaceGenerator.from_pretrained(model, "cpu")
    assert (kind if kind != "5 GB" else "expected at most") in str(refused.value)
    with pytest.raises(CheckpointError) if name == "config.json" else nullcontext():
        assert not inspect(model)["sound"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_that_is_no_regular_file_is_passed_over(tmp_path: Path, kind: str) -> None:
    import torch

    for seen in (1, 2):
        tensors = {"model": {"w": torch.full((4,), float(seen))}}
        save_checkpoint(tmp_path, tensors, {"seen_images": seen}, 2)
    path = tmp_path / f"{2:012d}" / "model.safetensors"
    path.unlink()
    KINDS[kind](path)
    found = load_newest_checkpoint(tmp_path)
    assert found is not None
    assert found[1]["seen_images"] == 1


READERS: dict[str, tuple[str, Callable[[Path], Any], type[FaceVAEError]]] = {
    "photo": ("me.jpg", read_photo, DataError),
    "provenance": ("me.png", read_provenance, DataError),
    "content credentials": ("me.png", lambda path: _manifest(path), DataError),
    "anchors": ("root.pem", lambda path: _manifest(Path(__file__), path), ConfigError),
    "inspected shard": ("train-00000.tar", inspect, FaceVAEError),
    "source": ("photos.zip", lambda path: open_source(path, path.parent / "scratch"), DataError),
    "style": ("oil.safetensors", load_style, CheckpointError),
    "report": ("report.json", read_report, DataError),
    "dataset": ("dataset.json", lambda path: read_dataset_info(path.parent), DataError),
    "API keys": ("keys", lambda path: _keys(path), ConfigError),
}  # fmt: skip


def _manifest(path: Path, anchors: Path | None = None) -> Any:
    pytest.importorskip("c2pa")
    return read_manifest(path, anchors)


def _keys(path: Path) -> Any:
    pytest.importorskip("fastapi")
    from facevae.server.config import read_keys

    return read_keys(path, {})


OF_ANY_SIZE = ("inspected shard", "source")


@pytest.mark.parametrize(
    ("reader", "kind"),
    [(reader, kind) for reader in READERS for kind in KINDS if kind != "5 GB" or reader not in OF_ANY_SIZE],
)
def test_whatever_is_read_whole_is_a_regular_file(tmp_path: Path, reader: str, kind: str) -> None:
    name, read, error = READERS[reader]
    KINDS[kind](tmp_path / name)
    with pytest.raises(error) as refused:
        read(tmp_path / name)
    assert name in str(refused.value) or str(tmp_path) in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("kind", KINDS)
def test_a_latent_that_is_no_regular_file_is_refused(steerable: Path, tmp_path: Path, kind: str) -> None:
    generator = FaceGenerator.from_pretrained(steerable, "cpu")
    KINDS[kind](tmp_path / "face.npy")
    np.save(tmp_path / "other.npy", np.zeros(generator.latent_dim, np.float32))
    with pytest.raises((DataError, ConfigError), match=r"face\.npy"):
        read_stops(generator, [str(tmp_path / "face.npy"), str(tmp_path / "other.npy")])
