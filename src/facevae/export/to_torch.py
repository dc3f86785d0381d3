"""torch.export: each network as a .pt2 file with a free batch, for C++ and for Python without facevae."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facevae.export.networks import Network, Source, dynamic_shapes, example_inputs, networks_of
from facevae.export.onnx_files import quiet_exporter
from facevae.export.parity import LIMIT, Arrays, compare
from facevae.export.sampler import sampler_of
from facevae.export.to_onnx import described


def to_torch(source: Source, out: Path) -> dict[str, Any]:
    """Write encoder, decoder, velocity, sampler and upscaler as ExportedPrograms, NETWORK.pt2.

    Shapes and ranges as of `to_onnx`; images are (batch, 3, H, W). A .pt2 file is a zip of the graph as JSON
    and of the weights' bytes; the example inputs, the one part that torch would store as a pickle, are left
    out. facevae reads none but the file just written, for the check.

    Returns what export.json says of it. Raises CheckpointError above LIMIT.
    """
    networks, checks = [*networks_of(source), sampler_of(source.generator.prior)], []
    for network in networks:
        path = out / f"{network.name}.pt2"
        write_program(network, path)
        with quiet_exporter():
            program = torch.export.load(path).module()

        def run(inputs: Arrays, program: torch.nn.Module = program) -> list[NDArray[np.float32]]:
            with torch.no_grad():
                made = program(*(torch.from_numpy(np.asarray(value)) for value in inputs))
            return [one.numpy() for one in (made if isinstance(made, tuple) else (made,))]

        checks += compare(network, run, "torch.export", LIMIT)
    return {"torch_version": torch.__version__, "networks": described(networks), "checks": checks}


def write_program(network: Network, path: Path) -> None:
    """Write one network to `path`, which must end in .pt2."""
    with quiet_exporter():
        program = torch.export.export(
            network.module, example_inputs(network), dynamic_shapes=dynamic_shapes(network), strict=False
        )
        program.example_inputs = None
        for part in program.graph_module.modules():
            for node in getattr(getattr(part, "graph", None), "nodes", ()):
                node.meta.pop("stack_trace", None)  # paths of this machine
        torch.export.save(program, path)
