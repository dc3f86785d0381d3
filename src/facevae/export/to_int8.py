"""int8: the ONNX files with weights of eight bits, a quarter of the size, and what that costs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facevae.errors import ConfigError, require
from facevae.export.job import facts_of
from facevae.export.measuring import measure, read_faces
from facevae.export.networks import CHECKED, Source, networks_of
from facevae.export.onnx_files import OPSET, Graph, write_onnx
from facevae.export.parity import compare
from facevae.export.runtime import assembled
from facevae.export.to_onnx import described, write_small_parts
from facevae.files import atomic_file
from facevae.images import Photos

Form = Literal["weights", "dynamic", "dynamic-matmul"]
FORMS: Mapping[Form, str] = {
    "weights": "weights int8 by output channel, computed in fp32",
    "dynamic": "weights and activations int8, by tensor (onnxruntime's quantize_dynamic)",
    "dynamic-matmul": "the same of matrix products alone, by channel; convolutions stay fp32",
}
"""`weights` is the default because it loses least at the same size, and costs no time (docs/export.md)."""

WEIGHTED = ("Conv", "Gemm", "MatMul")
INT8_MOST = 127
LEAST_WEIGHTS = 256
"""Smaller tensors stay fp32: they save nothing."""


def to_int8(
    source: Source,
    out: Path,
    form: Form = "weights",
    photos: str | Path | None = None,
    samples: int = 0,
) -> dict[str, Any]:
    """Write the files of `to_onnx` with int8 weights (no sampler: velocity alone), and measure what is lost.

    form: one of FORMS. photos: aligned faces to measure on, a folder of square crops or a prepared dataset;
    faces that the model makes without it. samples: so many faces drawn for the Fréchet distance, 0 for none.
    Inputs and outputs are float32 and as those of `to_onnx`. What it returns has, besides, 'bytes_before' and
    'bytes_after' of the .onnx files, and 'loss', the figures of `measure` against PyTorch. 'checks' have no
    limit: int8 is another network.

    Raises ConfigError for an unknown form, DataError for unusable photos, MissingExtraError without the extra
    'onnx', or with `samples` without the extra 'evaluate'.
    """
    if form not in FORMS:
        raise ConfigError(f"there is no int8 form '{form}': expected one of {', '.join(FORMS)}.")
    faces = None if photos is None else read_faces(Path(photos), source.generator.size_px)
    networks, checks, before, after = networks_of(source), [], 0, 0
    for network in networks:
        path = out / f"{network.name}.onnx"
        write_onnx(network, source, path)
        before += path.stat().st_size
        quantise(path, form)
        after += path.stat().st_size
        checks += compare(network, Graph(path), f"onnxruntime, int8 {form}", limit=None)
    write_small_parts(source, out)
    return {
        "opset": OPSET, "int8_form": form, "networks": described(networks), "checks": checks,
        "bytes_before": before, "bytes_after": after,
        "loss": _lost(source, out, faces, samples),
    }  # fmt: skip


def quantise(path: Path, form: Form) -> None:
    """Replace an fp32 ONNX file by its int8 form, atomically."""
    if form == "weights":
        _quantise_weights(path)
        return
    quantization = require("onnxruntime.quantization", "onnx", "the export to int8")
    by_channel = form == "dynamic-matmul"
    logging.getLogger().addFilter(_no_advice)
    try:
        with atomic_file(path) as temporary:
            quantization.quantize_dynamic(
                str(path), str(temporary), per_channel=by_channel,
                op_types_to_quantize=["MatMul", "Gemm"] if by_channel else list(WEIGHTED),
                # ConvInteger has no kernel for signed weights.
                weight_type=quantization.QuantType.QInt8 if by_channel else quantization.QuantType.QUInt8,
            )  # fmt: skip
    finally:
        logging.getLogger().removeFilter(_no_advice)


def _quantise_weights(path: Path) -> None:
    """Store each weight as int8 with one scale per output channel, and unpack it where it is used."""
    onnx = require("onnx", "onnx", "the export to int8")
    model = onnx.load_model(str(path))
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    unpacking = []
    for name, axis in _weights_and_axes(graph.node, stored).items():
        weight = onnx.numpy_helper.to_array(stored[name])
        packed, scale = pack(weight, axis)
        graph.initializer.remove(stored[name])
        graph.initializer.append(onnx.numpy_helper.from_array(packed, f"{name}_int8"))
        graph.initializer.append(onnx.numpy_helper.from_array(scale, f"{name}_scale"))
        unpacking.append(
            onnx.helper.make_node("DequantizeLinear", [f"{name}_int8", f"{name}_scale"], [name], axis=axis)
        )
    nodes = [*unpacking, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    with atomic_file(path) as temporary:
        onnx.save_model(model, str(temporary))


def pack(weight: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(int8 values, (C,) scales) of a weight with C output channels along `axis`; value * scale is near."""
    others = tuple(index for index in range(weight.ndim) if index != axis)
    scale = np.maximum(np.abs(weight).max(axis=others) / INT8_MOST, 1e-12).astype(np.float32)  # (C,)
    shape = [1] * weight.ndim
    shape[axis] = -1
    return np.rint(weight / scale.reshape(shape)).astype(np.int8), scale


def _weights_and_axes(nodes: Sequence[Any], stored: Mapping[str, Any]) -> dict[str, int]:
    """The weights of convolutions and matrix products, and along which axis their output channels lie."""
    found = {}
    for node in nodes:
        if node.op_type not in WEIGHTED or node.input[1] not in stored:
            continue
        if int(np.prod(stored[node.input[1]].dims)) >= LEAST_WEIGHTS:
            transposed = any(entry.name == "transB" and entry.i for entry in node.attribute)
            found[node.input[1]] = 0 if node.op_type == "Conv" or transposed else 1
    return found


def _lost(source: Source, out: Path, photos: Photos | None, samples: int) -> dict[str, Any]:
    generator = source.generator
    faces = generator.sample(CHECKED, seed=0).photos if photos is None else photos
    other = assembled(out, facts_of(source, "onnx-int8"), {}, generator.prior, source.name, None)
    kind = "made by the model" if photos is None else "photos"
    return {"measured_on": kind, **measure(other, generator, faces, samples)}


def _no_advice(record: logging.LogRecord) -> bool:
    """quantize_dynamic advises to preprocess; torch's exporter has folded and shaped all that it would."""
    return "pre-processing" not in record.getMessage()
