"""Keras: the same images on the TensorFlow and PyTorch backends, from files that need Keras alone."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from facevae import FaceGenerator
from facevae.checkpoint import read_json
from facevae.export.job import export
from facevae.export.parity import LIMIT
from facevae.export.to_keras import installed_backends

pytest.importorskip("keras")
pytestmark = [
    # Keras' saving, on the installed numpy and h5py.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]

NETWORKS = {"encoder", "decoder", "velocity", "upscaler"}


@pytest.fixture(scope="module")
def folder(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras") / "out"
    export(everything, "keras", folder)
    return folder


def test_each_backend_gives_the_numbers_of_pytorch(folder: Path) -> None:
    checks = read_json(folder / "export.json")["checks"]
    assert {"tensorflow", "torch"} <= set(installed_backends())
    for backend in installed_backends():
        rows = [row for row in checks if row["runtime"] == f"keras on {backend}"]
        assert {row["network"] for row in rows} == NETWORKS
        assert all(row["inputs"] == 100 and row["largest_difference"] <= LIMIT for row in rows)


def test_files_hold_standard_layers_alone(folder: Path) -> None:
    files = {f"{name}.keras" for name in NETWORKS} | {"prior.safetensors", "export.json"}
    assert {path.name for path in folder.iterdir()} == files
    for path in folder.glob("*.keras"):
        with zipfile.ZipFile(path) as archive:
            assert set(archive.namelist()) == {"config.json", "metadata.json", "model.weights.h5"}
            text = archive.read("config.json").decode()
        modules = _values(json.loads(text), "module")
        assert modules
        assert all(module.split(".")[0] == "keras" for module in modules)
        # What somebody registers is called 'package>Name'.
        assert not any(">" in name for name in _values(json.loads(text), "registered_name"))
        assert "Lambda" not in text


def test_images_are_channels_last(folder: Path) -> None:
    networks = read_json(folder / "export.json")["networks"]
    assert networks["decoder"]["outputs"][0]["shape"] == ["batch", 32, 32, 3]
    assert networks["upscaler"]["outputs"][0]["shape"] == ["batch", 64, 64, 3]


def test_the_loop_of_the_docs_makes_the_latents_of_the_prior(folder: Path, everything: Path) -> None:
    keras = pytest.importorskip("keras")
    expected, steps = FaceGenerator.from_pretrained(everything, "cpu").prior, 4
    velocity, prior = (
        keras.models.load_model(folder / "velocity.keras"),
        load_file(folder / "prior.safetensors"),
    )
    x = np.random.default_rng(0).normal(size=(3, 24)).astype(np.float32)
    asked = np.array([expected.schema.encode({"age": 70})] * 3, dtype=np.float32)
    latents = expected.sample(torch.from_numpy(x), torch.zeros(3), 1.0, torch.from_numpy(asked), 1.0)

    def v(x: np.ndarray, t: float) -> np.ndarray:
        return keras.ops.convert_to_numpy(velocity([x, np.full(len(x), t, "float32"), asked]))

    for step in range(steps):
        t, h = step / steps, 1 / steps
        now = v(x, t)
        x = x + h / 2 * (now + v(x + h * now, t + h))
    np.testing.assert_allclose(prior["mean"] + x @ prior["scale"].T, latents.numpy(), atol=LIMIT)


def _values(tree: object, key: str) -> list[str]:
    """Every value under `key`, None left out."""
    if isinstance(tree, list):
        return [value for part in tree for value in _values(part, key)]
    if not isinstance(tree, dict):
        return []
    own = [tree[key]] if isinstance(tree.get(key), str) else []
    return own + [value for part in tree.values() for value in _values(part, key)]
