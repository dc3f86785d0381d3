"""int8: a quarter of the size, and a loss that is measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facevae import DataError, FaceGenerator
from facevae.export import measure, onnx_generator
from facevae.export.measuring import read_faces
from facevae.export.onnx_files import Graph
from facevae.export.to_int8 import FORMS, Form, pack, quantise
from tests.conftest import blob_faces
from tests.export.conftest import Exported

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(("shape", "axis"), [((6, 3, 3, 3), 0), ((5, 40), 0), ((40, 5), 1)])
def test_packed_weights_are_off_by_half_a_step_at_most(shape: tuple[int, ...], axis: int) -> None:
    weight = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    weight.swapaxes(0, axis)[1] = 0
    packed, scale = pack(weight, axis)
    step = np.expand_dims(scale, [index for index in range(len(shape)) if index != axis])
    assert packed.dtype == np.int8
    assert scale.shape == (shape[axis],)
    assert (np.abs(packed * step - weight) <= 0.5 * step + 1e-7).all()


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_smaller_and_nearly_the_same(form: Form, onnx_export: Exported, tmp_path: Path) -> None:
    large = onnx_export[0] / "decoder.onnx"
    small = Path(shutil.copy(large, tmp_path))
    quantise(small, form)
    assert small.stat().st_size < (0.9 if form == "dynamic-matmul" else 0.6) * large.stat().st_size
    z = np.random.default_rng(0).normal(size=(8, 24)).astype(np.float32)
    told = np.zeros((8, 5), dtype=np.float32)
    before, after = Graph(large)([z, told])[0], Graph(small)([z, told])[0]
    assert 0 < np.abs(before - after).mean() < 0.02


def test_the_weights_form_packs_every_layer(onnx_export: Exported, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    fp32 = onnx.TensorProto.FLOAT
    for name in ("encoder", "decoder", "velocity", "upscaler"):
        path = Path(shutil.copy(onnx_export[0] / f"{name}.onnx", tmp_path))
        quantise(path, "weights")
        graph = onnx.load(path).graph
        left = [
            tensor.name
            for tensor in graph.initializer
            if len(tensor.dims) > 1 and np.prod(tensor.dims) >= 256 and tensor.data_type == fp32
        ]
        assert not left, name


def few_features(photos: np.ndarray, progress: object = None) -> torch.Tensor:
    """The mean colour of each picture, where the judge would see 1,280 features in a minute."""
    del progress
    return torch.from_numpy(photos).float().mean(dim=(1, 2))


def test_measure_tells_equal_generators_from_different_ones(
    everything: Path, onnx_export: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facevae.metrics.extractor.FeatureExtractor", lambda: few_features)
    reference, faces = FaceGenerator.from_pretrained(everything, "cpu"), blob_faces(6, 32)
    same = measure(reference, reference, faces, samples=8)
    assert same["psnr_to_fp32_db"] == pytest.approx(100)
    assert same["grey_levels"] == same["grey_levels_most"] == 0
    assert same["frechet_to_fp32"] < 1e-3 * same["frechet_floor"]
    near = measure(onnx_generator(onnx_export[0]), reference, faces)
    assert near["grey_levels_most"] <= 1
    assert near["psnr_to_photo_db"] == pytest.approx(near["psnr_to_photo_fp32_db"], abs=0.05)


def test_faces_to_measure_on_are_square_crops_or_a_dataset(dataset: Path, tmp_path: Path) -> None:
    assert read_faces(dataset, 16, most=5).shape == (5, 16, 16, 3)
    for index, face in enumerate(blob_faces(3, 40)):
        Image.fromarray(face).save(tmp_path / f"{index}.webp")
    assert read_faces(tmp_path, 32).shape == (3, 32, 32, 3)
    Image.new("RGB", (40, 30)).save(tmp_path / "wide.png")
    with pytest.raises(DataError, match=r"wide\.png is 40 x 30 px: expected square crops"):
        read_faces(tmp_path, 32)
    with pytest.raises(DataError, match="no faces in"):
        read_faces(tmp_path / "nowhere", 32)
