"""Keras 3: each network as a .keras file of standard layers, for the TensorFlow, PyTorch and JAX backends."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from facevae.errors import CheckpointError, require
from facevae.export import keras_check
from facevae.export.keras_layers import (
    Symbol,
    decoder_output,
    encoder_outputs,
    upscaler_output,
    velocity_output,
)
from facevae.export.networks import Network, Source, networks_of
from facevae.export.parity import LIMIT, batches, compare_outputs
from facevae.export.to_onnx import write_prior
from facevae.flow import VelocityNet
from facevae.model import Decoder, Encoder
from facevae.upscaler import Upscaler

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
"""TensorFlow, which Keras imports on the way where it is installed, talks of processors otherwise."""
BACKENDS = ("tensorflow", "torch", "jax")


def to_keras(source: Source, out: Path) -> dict[str, Any]:
    """Write encoder, decoder, velocity (of a flow) and upscaler (where there is one) as .keras files.

    They are functional models of standard layers, float32, channels last: images are (batch, H, W, 3), RGB in
    -1..1. A model with one input takes a tensor, one with several a list of them, in the order of
    export.json. Loading them needs Keras alone; prior.safetensors has what a loop over velocity
    needs besides. Checked on every backend that is installed, each in a process of its own.

    Returns what export.json says of it. Raises MissingExtraError without the extra 'keras', CheckpointError
    when a backend gives something else than PyTorch.
    """
    keras = _keras()
    networks = networks_of(source)
    with _environment(QUIET):
        for network in networks:
            _built(network, keras).save(out / f"{network.name}.keras")
    checks = [row for backend in installed_backends() for row in check(out, networks, backend)]
    write_prior(source, out)
    described = {
        network.name: {
            side: [{**port.to_json(), "shape": ["batch", *_last(port.shape)]} for port in ports]
            for side, ports in (("inputs", network.inputs), ("outputs", network.outputs))
        }
        for network in networks
    }
    return {"keras_version": keras.__version__, "networks": described, "checks": checks}


def installed_backends() -> list[str]:
    """Those of BACKENDS that can be imported here."""
    return [name for name in BACKENDS if importlib.util.find_spec(name) is not None]


def check(folder: Path, networks: Sequence[Network], backend: str) -> list[dict[str, Any]]:
    """Rows of `parity.compare` for the .keras files in `folder` under a backend, in a process of its own."""
    names = [network.name for network in networks]
    try:
        for network in networks:
            save_file(_inputs(network), folder / f"{network.name}.inputs.safetensors")
        command = [sys.executable, keras_check.__file__, str(folder), *names]
        own = {**QUIET, "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": backend}
        done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CheckpointError(
                f"the Keras files do not run on the backend {backend}: {done.stderr.strip()[-800:]}\n"
                "Use the versions of constraints.txt."
            )
        return [row for network in networks for row in _rows(folder, network, backend)]
    finally:
        for path in folder.glob("*.safetensors"):
            path.unlink()


def _rows(folder: Path, network: Network, backend: str) -> list[dict[str, Any]]:
    found = load_file(folder / f"{network.name}.{backend}.safetensors")
    given = [_channels_first(found[str(index)]) for index in range(len(network.outputs))]
    return compare_outputs(network, given, f"keras on {backend}", LIMIT)


def _inputs(network: Network) -> dict[str, NDArray[np.float32]]:
    """The examples by batch and input, channels last."""
    return {
        f"{batch}.{port}": np.ascontiguousarray(value.transpose(0, 2, 3, 1) if value.ndim == 4 else value)
        for batch, values in enumerate(batches(network))
        for port, value in enumerate(values)
    }


def _channels_first(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return value.transpose(0, 3, 1, 2) if value.ndim == 4 else value


def _last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


def _built(network: Network, keras: Any) -> Any:
    """The functional model of one network."""
    ports = [keras.Input(_last(port.shape), name=port.name) for port in network.inputs]
    with torch.no_grad(), keras.device("cpu:0"):
        outputs = _outputs(network, ports)
    return keras.Model(ports if len(ports) > 1 else ports[0], outputs, name=network.name)


def _outputs(network: Network, ports: list[Symbol]) -> Symbol | list[Symbol]:
    module = network.module
    told = ports[-1] if network.inputs[-1].name == "attributes" else None
    if isinstance(module, Encoder):
        return encoder_outputs(module, ports[0], told)
    if isinstance(module, Decoder):
        return decoder_output(module, ports[0], told)
    if isinstance(module, Upscaler):
        return upscaler_output(module, ports[0])
    net = module if isinstance(module, VelocityNet) else module.net
    assert isinstance(net, VelocityNet)
    return velocity_output(net, ports[0], ports[1], told)


def _keras() -> Any:
    """Keras, on the backend of this process: that of KERAS_BACKEND, PyTorch unless it is set."""
    with _environment({"KERAS_BACKEND": "torch", **QUIET}):
        return require("keras", "keras", "the export to Keras")


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """These variables where they are not set, for what reads them when it is imported."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
