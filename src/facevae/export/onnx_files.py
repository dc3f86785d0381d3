"""Networks as ONNX files, and ONNX files as functions: what the fp32 and the int8 export share."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import facevae
from facevae.errors import CheckpointError, require
from facevae.export.networks import Network, Source, dynamic_shapes, example_inputs

OPSET = 18
"""The oldest operator set that torch's exporter writes, so that older runtimes read the files too."""


def write_onnx(network: Network, source: Source, path: Path) -> None:
    """Write one network to `path`: named inputs and outputs, a free batch axis, metadata; checked by ONNX.

    Raises MissingExtraError without the extra 'onnx'.
    """
    onnx = require("onnx", "onnx", "the export to ONNX")
    require("onnxscript", "onnx", "the export to ONNX")
    names = [port.name for port in network.inputs]
    with quiet_exporter():
        program = torch.onnx.export(
            network.module,
            example_inputs(network),
            dynamo=True,
            opset_version=OPSET,
            input_names=names,
            output_names=[port.name for port in network.outputs],
            dynamic_shapes=dynamic_shapes(network),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _forget_origins(model)
    model.producer_name, model.producer_version = "facevae", facevae.__version__
    set_metadata(model, metadata(network, source))
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, str(path))


def metadata(network: Network, source: Source) -> dict[str, str]:
    """What each file says of itself: model, sizes, pixel range, schema, licence; JSON where it is nested."""
    generator = source.generator
    schema = generator.prior.schema if network.name == "velocity" else generator.model.config.schema
    return {
        "model": source.name,
        "network": network.name,
        "size_px": str(generator.size_px),
        "latent_dim": str(generator.latent_dim),
        "pixels": "RGB, float32, -1..1, (batch, 3, height, width)",
        "attributes": json.dumps(schema.to_json(), ensure_ascii=False),
        "licence": source.licence,
        "opset": str(OPSET),
        "facevae_version": facevae.__version__,
    }


def set_metadata(model: Any, facts: Mapping[str, str]) -> None:
    """Replace the metadata of an ONNX ModelProto."""
    del model.metadata_props[:]
    for key, value in facts.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


class Graph:
    """An ONNX file that onnxruntime runs on the CPU.

    Deep copies are None: who copies a network is about to change weights that a graph would not follow.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """threads: of one call; None: as many as torch uses. Raises MissingExtraError, CheckpointError."""
        runtime = require("onnxruntime", "onnx", "running a model by onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = 3  # errors only
        # Weights kept as int8 are unpacked once, when the file is opened, and not at every call.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            self.session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no public base
            raise CheckpointError(f"onnxruntime cannot read {path}: {error}. Export it again.") from error
        self.inputs = [port.name for port in self.session.get_inputs()]
        self.shapes = [port.shape for port in self.session.get_inputs()]
        self.outputs = [port.name for port in self.session.get_outputs()]

    def __call__(self, inputs: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Outputs in the file's order for inputs in the file's order, float32 each."""
        feeds = {
            name: np.asarray(value, dtype=np.float32, order="C")
            for name, value in zip(self.inputs, inputs, strict=True)
        }
        found: list[NDArray[np.float32]] = self.session.run(self.outputs, feeds)
        return found

    def takes(self, shapes: Sequence[Sequence[int]]) -> bool:
        """Whether inputs of these shapes fit those of the file, whose free axes have names."""
        return all(
            len(own) == len(given)
            and all(isinstance(axis, str) or axis == size for axis, size in zip(own, given, strict=True))
            for own, given in zip(self.shapes, shapes, strict=True)
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> None:
        return None


def _forget_origins(model: Any) -> None:
    """Drop what the exporter notes of its own making: stack traces with paths of this machine, mostly."""
    graph = model.graph
    for part in (
        model,
        graph,
        *graph.node,
        *graph.initializer,
        *graph.input,
        *graph.output,
        *graph.value_info,
    ):
        del part.metadata_props[:]
        if part is not model:
            part.doc_string = ""


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """torch's exporters warn of deprecated parts of themselves, and that torchvision's operators are missing,
    which no network here uses."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            # Two inputs share the batch, so the file keeps one name for it: just what is meant.
            warnings.filterwarnings("ignore", "# The axis name", UserWarning)
            yield
    finally:
        logger.setLevel(level)
