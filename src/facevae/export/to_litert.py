"""LiteRT: each network as a .tflite file, for phones. By litert-torch, in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevae.errors import MissingExtraError, require
from facevae.export.networks import Network, Source, networks_of
from facevae.export.parity import LIMIT, Arrays, compare
from facevae.export.to_onnx import described

REMEDY = (
    "litert-torch does not go together with all that facevae's other extras need (docs/export.md). "
    "In an environment of its own: pip install '.[litert]'"
)


def to_litert(source: Source, out: Path) -> dict[str, Any]:
    """Write encoder, decoder, velocity (of a flow) and upscaler (where there is one) as .tflite files.

    Float32 and channels first, as in PyTorch: images are (1, 3, H, W), RGB in -1..1; one face a call, since
    a phone's accelerators want fixed shapes. Returns what export.json says of it. Raises MissingExtraError
    where litert-torch is not installed, CheckpointError above LIMIT.
    """
    try:
        litert = require("litert_torch", "litert", "the export to LiteRT")
    except MissingExtraError as error:
        raise MissingExtraError(f"the export to LiteRT needs the module 'litert_torch'. {REMEDY}") from error
    networks, checks = networks_of(source), []
    for network in networks:
        one = tuple(example[:1] for example in network.examples)
        converted = litert.convert(network.module, one)
        converted.export(str(out / f"{network.name}.tflite"))
        checks += compare(network, _one_by_one(converted, network), "litert", LIMIT)
    return {"networks": described(networks), "checks": checks}


def _one_by_one(converted: Any, network: Network) -> Any:
    """The converted network on a batch, face by face."""

    def run(inputs: Arrays) -> list[NDArray[np.float32]]:
        rows = []
        for index in range(len(inputs[0])):
            made = converted(*(value[index : index + 1] for value in inputs))
            rows.append(made if isinstance(made, tuple | list) else (made,))
        return [np.concatenate([row[port] for row in rows]) for port in range(len(network.outputs))]

    return run
