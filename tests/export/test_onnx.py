"""ONNX and the runtime 'onnx': the numbers, and the faces, of PyTorch."""

from __future__ import annotations

import copy
import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facevae import CheckpointError, FaceGenerator
from facevae.checkpoint import read_json
from facevae.edit.photo import refine_latents
from facevae.export import onnx_generator
from facevae.export.networks import load_source, networks_of
from facevae.export.onnx_files import OPSET, Graph
from facevae.export.parity import LIMIT, compare
from facevae.images import to_photos, to_tensor
from facevae.models import name_of
from tests.conftest import blob_faces
from tests.export.conftest import Exported

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FILES = ["encoder", "decoder", "velocity", "upscaler", "sampler"]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / "export-cache"
    monkeypatch.setenv("FACEVAE_CACHE", str(folder))
    return folder


@pytest.fixture
def exported_before(onnx_export: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache holds `everything` already; making it again would take as long as the rest of the tests."""
    # By name it would be looked for on the function `facevae.export`.
    runtime = importlib.import_module("facevae.export.runtime")
    monkeypatch.setattr(runtime, "_cached_export", lambda _: onnx_export[0])


def levels(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def test_every_network_gives_the_numbers_of_pytorch(onnx_export: Exported) -> None:
    folder, facts = onnx_export
    assert list(facts["networks"]) == FILES
    assert {row["network"] for row in facts["checks"]} == set(FILES)
    for row in facts["checks"]:
        assert row["inputs"] == 100
        assert row["largest_difference"] <= LIMIT == row["limit"]
    assert read_json(folder / "export.json") == json.loads(json.dumps(facts))


def test_a_network_that_differs_is_refused(everything: Path) -> None:
    network = networks_of(load_source(everything))[0]

    def shifted(inputs: Any) -> list[np.ndarray]:
        with torch.no_grad():
            made = network.module(*map(torch.from_numpy, inputs))
        return [one.numpy() + 2e-4 for one in made]

    with pytest.raises(CheckpointError, match=r"encoder differs from PyTorch by 0\.0002 in 'mean'"):
        compare(network, shifted, "a broken runtime")


def test_files_say_what_they_are_and_leave_the_batch_free(onnx_export: Exported) -> None:
    folder, _ = onnx_export
    for name in FILES:
        model = onnx.load(folder / f"{name}.onnx")
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
        facts = {entry.key: entry.value for entry in model.metadata_props}
        assert facts["network"] == name
        assert facts["size_px"] == "32"
        assert "-1..1" in facts["pixels"]
        assert facts["licence"].endswith("CC0, nobody")
        assert isinstance(json.loads(facts["attributes"]), list)
        for port in model.graph.input:
            shape = port.type.tensor_type.shape.dim
            assert not shape or shape[0].dim_param
        here = str(Path(torch.__file__).parent.parent).encode()
        assert here not in (folder / f"{name}.onnx").read_bytes()


def test_the_files_alone_make_the_same_faces(onnx_export: Exported, everything: Path) -> None:
    folder, _ = onnx_export
    generator = FaceGenerator.from_pretrained(everything, "cpu")
    expected = generator.sample(3, seed=5, controls={"age": 40}, truncation=0.8, guidance=2.0)
    noise = np.stack([_noise(seed, generator.latent_dim) for seed in expected.seeds])
    sampler, decoder = Graph(folder / "sampler.onnx"), Graph(folder / "decoder.onnx")
    asked = np.array([generator.prior.schema.encode({"age": 40})] * 3, dtype=np.float32)
    told = np.array([generator.model.config.schema.encode({"age": 40})] * 3, dtype=np.float32)
    (latents,) = sampler([noise, asked, np.float32(0.8), np.float32(2.0)])
    (images,) = decoder([latents, told])
    np.testing.assert_allclose(latents, expected.latents, atol=LIMIT)
    assert levels(to_photos(torch.from_numpy(images)), expected.photos) <= 1


def _noise(seed: int, width: int) -> np.ndarray:
    draw = torch.Generator().manual_seed(seed)
    torch.rand((), generator=draw)
    return torch.randn(width, generator=draw).numpy()


@pytest.mark.parametrize("which", ["everything", "plain", "the exported folder"])
def test_onnxruntime_makes_the_faces_of_pytorch(which: str, request: pytest.FixtureRequest) -> None:
    if which == "everything":
        request.getfixturevalue("exported_before")
    if which == "the exported folder":
        model, given = request.getfixturevalue("everything"), request.getfixturevalue("onnx_export")[0]
    else:
        model = given = request.getfixturevalue(which)
    expected, generator = FaceGenerator.from_pretrained(model, "cpu"), onnx_generator(given)
    assert (generator.schema, generator.size_px) == (expected.schema, expected.size_px)
    controls = [{"age": 60.0}, {}, {"age": 20.0}] if expected.schema.names else [{}] * 3
    ours, theirs = (one.sample(3, seed=3, controls=controls, truncation=0.9) for one in (expected, generator))
    assert levels(ours.photos, theirs.photos) <= 1
    faces = blob_faces(5, expected.size_px)
    latents = expected.encode(faces, controls[0])
    np.testing.assert_allclose(generator.encode(faces, controls[0]), latents, atol=LIMIT)
    assert levels(expected.decode(latents), generator.decode(latents)) <= 1
    if expected.upscaler is not None:
        assert levels(expected.upscale(faces), generator.upscale(faces)) <= 1
    if expected.reader is not None:
        z = torch.from_numpy(latents)
        assert generator.reader is not None
        assert torch.equal(generator.reader.values(z), expected.reader.values(z))


@pytest.mark.usefixtures("exported_before")
def test_what_needs_gradients_or_other_weights_is_computed_by_pytorch(everything: Path) -> None:
    generator, expected = onnx_generator(everything), FaceGenerator.from_pretrained(everything, "cpu")
    latents = expected.sample(2, seed=0).latents
    wide = np.stack([np.hstack([face, face]) for face in blob_faces(2, 32)])
    assert levels(generator.upscale(wide), expected.upscale(wide)) <= 1
    z = torch.from_numpy(latents)
    torch.testing.assert_close(generator.prior.log_prob(z), expected.prior.log_prob(z), atol=1e-3, rtol=1e-4)
    faces = blob_faces(2, expected.size_px)
    np.testing.assert_allclose(
        refine_latents(generator, faces, latents, 2), refine_latents(expected, faces, latents, 2), atol=1e-4
    )
    changed = [copy.deepcopy(one.model).decoder for one in (generator, expected)]
    with torch.no_grad():
        for decoder in changed:
            decoder.stem.weight.mul_(-1)
        assert torch.equal(changed[0](z), changed[1](z))
        assert levels(to_photos(changed[0](z)), expected.decode(latents)) > 1
    assert levels(generator.decode(latents), expected.decode(latents)) <= 1


def test_an_exported_folder_says_that_it_has_no_weights(onnx_export: Exported) -> None:
    generator = onnx_generator(onnx_export[0])
    x = to_tensor(blob_faces(1, 32))
    for needs_weights in (
        lambda: generator.prior.log_prob(torch.zeros(1, 24)),
        lambda: generator.model.encoder(x),
        lambda: copy.deepcopy(generator.model).decoder(torch.zeros(1, 24)),
    ):
        with pytest.raises(CheckpointError, match="exported folder has none"):
            needs_weights()


def test_a_damaged_export_is_refused_and_a_damaged_cache_is_made_again(
    onnx_export: Exported, plain: Path, cache: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(onnx_export[0], tmp_path / "onnx")
    with (folder / "decoder.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"spoilt")
    with pytest.raises(CheckpointError, match=r"decoder\.onnx is absent or damaged"):
        onnx_generator(folder)
    expected = onnx_generator(plain).sample(1, seed=1)
    (cached,) = cache.glob(f"onnx/{name_of(plain)}-*/encoder.onnx")
    cached.unlink()
    assert levels(onnx_generator(plain).sample(1, seed=1).photos, expected.photos) == 0
    assert cached.is_file()
