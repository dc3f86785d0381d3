"""Faces and a small trained model that several tests share."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from facevae.cli import app

torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)

LONG = (
    "test_evaluate", "test_cli", "test_ray", "test_faults", "test_train", "test_many_processes",
    "test_pictures", "test_upscaler", "test_fuzz", "test_onnx", "test_browser", "test_int8",
    "test_connections", "test_visitors", "test_files",
)  # fmt: skip
"""Files that take longest, with few tests in each: begun last they would keep one worker alone at work."""

EXPRESSIONS = ("neutral", "happy", "sad")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; workers take whole files in this order (--no-loadscope-reorder)."""
    ranks = {name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(LONG)))


def script(name: str) -> ModuleType:
    """scripts/NAME.py as a module, loaded once."""
    if name not in sys.modules:
        path = Path(__file__).parent.parent / "scripts" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


def attack(kind: str, url: str, key: str | None = None) -> list[Any]:
    """The findings of scripts/attack/KIND.py on the service at `url`."""
    folder = str(Path(__file__).parent.parent / "scripts" / "attack")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    target = importlib.import_module("target").Target(url, key)
    return list(importlib.import_module(kind).attack(target))


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """(512, 512, 3) uint8: a real photo with one face, public domain."""
    from skimage.data import astronaut

    return astronaut()


def blob_faces(count: int, size_px: int, seed: int = 0) -> np.ndarray:
    """(count, H, W, 3) uint8 cartoons of faces that differ in skin, hair, place and mouth."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size_px, 0:size_px] / size_px
    faces = np.empty((count, size_px, size_px, 3), dtype=np.uint8)
    for face in faces:
        cx, cy, r = 0.5 + rng.normal(0, 0.03), 0.5 + rng.normal(0, 0.03), rng.uniform(0.3, 0.4)
        picture = np.ones((size_px, size_px, 3)) * rng.uniform(0.2, 0.9, 3)
        picture[((x - cx) / 0.8) ** 2 + (y - cy) ** 2 < r**2] = rng.uniform(0.4, 0.9) * np.array(
            [1, 0.8, 0.65]
        )
        for side in (-0.13, 0.13):
            picture[(x - cx - side) ** 2 + (y - cy + 0.08) ** 2 < 0.04**2] = rng.uniform(0, 0.3)
        picture[(np.abs(x - cx) < rng.uniform(0.05, 0.15)) & (np.abs(y - cy - 0.18) < 0.03)] = (0.6, 0.1, 0.1)
        face[:] = np.clip(picture * 255 + rng.normal(0, 3, picture.shape), 0, 255)
    return faces


def write_dataset(folder: Path, faces: dict[str, np.ndarray], rows: Callable[[int], dict[str, Any]]) -> Path:
    """A prepared dataset with these faces per split, as `prepare` lays it out."""
    folder.mkdir(parents=True)
    for split, pictures in faces.items():
        for shard, start in enumerate(range(0, len(pictures), 40)):
            with tarfile.open(folder / f"{split}-{shard:05d}.tar", "w") as tar:
                for index in range(start, min(start + 40, len(pictures))):
                    buffer = io.BytesIO()
                    Image.fromarray(pictures[index]).save(buffer, "PNG")
                    for kind, data in (
                        ("png", buffer.getvalue()),
                        ("json", json.dumps(rows(index)).encode()),
                    ):
                        member = tarfile.TarInfo(f"{split}{index:05d}.{kind}")
                        member.size = len(data)
                        tar.addfile(member, io.BytesIO(data))
    info = {
        "format_version": 1, "name": "blobs", "size_px": int(faces["train"].shape[1]), "source": "drawn",
        "licence": "CC0", "counts": {split: len(pictures) for split, pictures in faces.items()},
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(info))
    return folder


def labelled(index: int) -> dict[str, Any]:
    """Attributes of face `index`; every fourth has no expression."""
    expression = None if index % 4 == 3 else EXPRESSIONS[index % 3]
    return {
        "age": 20.0 + index % 50, "gender": ("female", "male")[index % 2], "expression": expression,
        "smile": index % 5 / 4,
    }  # fmt: skip


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset of 100 training and 24 validation cartoons at 32 px, with attributes."""
    faces = {"train": blob_faces(100, 32), "validation": blob_faces(24, 32, seed=1)}
    return write_dataset(tmp_path_factory.mktemp("data") / "blobs", faces, labelled)


@pytest.fixture(scope="session")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the preset tiny, conditional on age, gender and expression."""
    from facevae.train import train

    run = tmp_path_factory.mktemp("runs") / "tiny"
    settings = {
        "images": 1280, "log_images": 320, "checkpoint_images": 640, "checkpoint_minutes": None,
        "condition_on": ("age", "gender", "expression"), "prior": "gmm", "gmm_components": 2,
    }  # fmt: skip
    train(dataset, run, "tiny", settings, device="cpu")
    return run


@pytest.fixture(scope="session")
def steerable(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny unconditional model of 32 px whose flow prior knows age, gender, expression and smile."""
    from facevae.train import train

    run = tmp_path_factory.mktemp("runs") / "steerable"
    settings = {
        "images": 640, "log_images": 320, "checkpoint_images": 640, "checkpoint_minutes": None,
        "prior": "flow", "prior_condition_on": ("age", "gender", "expression", "smile"),
        "flow_steps": 150, "flow_width": 64, "flow_blocks": 2,
    }  # fmt: skip
    train(dataset, run, "tiny", settings, device="cpu")
    return run


NOT_FOR_THE_DEMO = ["efficientnet_lite_pytorch", "sklearn", "threadpoolctl", "tensorboard", "fastapi",
                    "uvicorn", "gradio", "onnx", "onnxruntime", "keras", "c2pa", "opacus", "ray"]  # fmt: skip
"""What the other extras bring: `make demo` installs the extra `demo` alone."""


def run_short_demo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`facevae demo`, whose training is a tenth as long as that of `make demo`."""
    for module in NOT_FOR_THE_DEMO:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("facevae.demo.TRAIN_FACES", 200)
    shorter = {"images": 2400, "checkpoint_images": 600, "checkpoint_minutes": None}
    monkeypatch.setattr("facevae.demo.TRAIN_SETTINGS", shorter)
    result = CliRunner().invoke(app, ["demo", "--out", str(folder), "--device", "cpu"])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `facevae demo` writes, made by the shipped model."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        run_short_demo(folder, patch)
    return folder
