"""ONNX: each network as a file that onnxruntime, browsers, phones and C++ read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from facevae.export.networks import Network, Source, networks_of
from facevae.export.onnx_files import OPSET, Graph, write_onnx
from facevae.export.parity import LIMIT, compare
from facevae.export.sampler import sampler_of


def to_onnx(source: Source, out: Path, sampler: bool = True) -> dict[str, Any]:
    """Write encoder, decoder, velocity (of a flow), sampler and upscaler (where there is one) as .onnx files.

    Every input and output is float32 with a free batch axis; images are (batch, 3, H, W), RGB in -1..1. Each
    file says in its metadata of which model it is. What else `onnx_generator` needs lies beside them:
    prior.safetensors and editing.safetensors. sampler: False leaves out the prior as one network.

    Returns what export.json says of it, with the largest difference from PyTorch of every output. Raises
    MissingExtraError without the extra 'onnx', CheckpointError above LIMIT.
    """
    networks = networks_of(source)
    if sampler:
        networks.append(sampler_of(source.generator.prior))
    checks = []
    for network in networks:
        path = out / f"{network.name}.onnx"
        write_onnx(network, source, path)
        checks += compare(network, Graph(path), "onnxruntime", LIMIT)
    write_small_parts(source, out)
    return {"opset": OPSET, "networks": described(networks), "checks": checks}


def described(networks: Sequence[Network]) -> dict[str, Any]:
    """Inputs and outputs by network, as export.json says them."""
    return {network.name: network.to_json() for network in networks}


def write_small_parts(source: Source, out: Path) -> None:
    """What is no network: `write_prior`, and the reader of edits where there is one."""
    write_prior(source, out)
    reader = source.generator.reader
    if reader is not None:
        tensors = {name: value.contiguous() for name, value in reader.tensors().items()}
        save_file(tensors, out / "editing.safetensors")


def write_prior(source: Source, out: Path) -> None:
    """The tensors of the prior but for its network's, as prior.safetensors."""
    own = {
        name: value.contiguous()
        for name, value in source.generator.prior.tensors().items()
        if not name.startswith("net.")
    }
    save_file(own, out / "prior.safetensors")
