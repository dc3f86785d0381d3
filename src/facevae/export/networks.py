"""What is exported: each network by itself, with the names, shapes and ranges of what goes in and out."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facevae.attributes import Schema, Value
from facevae.checkpoint import read_json
from facevae.config import ModelConfig
from facevae.flow import FlowPrior, VelocityNet
from facevae.generator import FaceGenerator
from facevae.images import PIXEL_HIGH, PIXEL_LOW, to_tensor
from facevae.models import find_model, name_of

CHECKED = 100
"""Inputs on which every exported network is held against PyTorch."""


@dataclass(frozen=True)
class Port:
    """One input or output of a network, float32."""

    name: str
    shape: tuple[int, ...]
    """Without the batch, which is the first axis and free."""
    meaning: str
    batched: bool = True
    """False: one number for all rows."""

    @property
    def whole_shape(self) -> tuple[str | int, ...]:
        return ("batch", *self.shape) if self.batched else self.shape

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "shape": list(self.whole_shape), "meaning": self.meaning}


@dataclass(frozen=True)
class Network:
    """One network, on the CPU in float32 and evaluation mode."""

    name: str
    module: nn.Module
    """Takes the inputs in their order; returns a tensor, or a tuple of them in the order of the outputs."""
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    examples: tuple[Tensor, ...]
    """CHECKED rows of each input, as it meets them: made faces, latents of the prior, times in 0..1."""

    @torch.no_grad()
    def expected(self) -> tuple[Tensor, ...]:
        """What PyTorch gives for the examples."""
        given = self.module(*self.examples)
        return given if isinstance(given, tuple) else (given,)

    def to_json(self) -> dict[str, Any]:
        return {
            "inputs": [port.to_json() for port in self.inputs],
            "outputs": [port.to_json() for port in self.outputs],
        }


@dataclass(frozen=True)
class Source:
    """The model that is exported."""

    folder: Path
    generator: FaceGenerator
    config: Mapping[str, Any]
    """Its config.json."""

    @property
    def name(self) -> str:
        return self.generator.name

    @property
    def licence(self) -> str:
        """Licence of the weights, and licence and credit of the faces they were trained on."""
        data = self.config.get("dataset", {}).get("licence") or "not stated"
        return f"weights: Apache-2.0; training faces: {data}"


def load_source(model: str | Path) -> Source:
    """A shipped model, a folder or a Hub id, on the CPU. Raises CheckpointError as `find_model` does."""
    folder = find_model(model)
    generator = FaceGenerator.from_pretrained(folder, "cpu")
    generator.name = name_of(folder)
    return Source(folder, generator, read_json(folder / "config.json"))


def networks_of(source: Source) -> list[Network]:
    """Encoder and decoder, the velocity network of a flow, the upscaler where there is one; in that order."""
    generator = source.generator
    samples = generator.sample(CHECKED, seed=0)
    faces, latents = to_tensor(samples.photos).contiguous(), torch.from_numpy(samples.latents)
    config = generator.model.config
    found = [_encoder(generator, config, faces), _decoder(generator, config, latents)]
    if isinstance(generator.prior, FlowPrior):
        found.append(_velocity(generator.prior))
    if generator.upscaler is not None:
        size = config.size_px
        found.append(
            Network(
                "upscaler",
                plain(generator.upscaler),
                (_image("image", size),),
                (_image("large_image", 2 * size),),
                (faces,),
            )
        )
    return found


def example_inputs(network: Network) -> tuple[Tensor, ...]:
    """Inputs for an exporter. Three rows: with one, it would take the batch axis for a constant."""
    return tuple(
        example[:3] if port.batched else example
        for port, example in zip(network.inputs, network.examples, strict=True)
    )


def dynamic_shapes(network: Network) -> tuple[dict[int, Any] | None, ...]:
    """Which axes an exporter is to leave free: the batch of each input that has one."""
    batch = torch.export.Dim("batch", min=1)
    return tuple({0: batch} if port.batched else None for port in network.inputs)


def plain(module: nn.Module) -> nn.Module:
    """A copy on the CPU with weights in their usual layout: exporters write down what they find in memory."""
    copied = copy.deepcopy(module).cpu().eval().requires_grad_(False)
    for parameter in copied.parameters():
        parameter.data = parameter.data.contiguous()
    return copied


def draw_attributes(schema: Schema, count: int, seed: int = 0) -> Tensor:
    """(count, A) encoded rows, each attribute drawn over its range, and missing in a quarter of the rows."""
    draw = random.Random(seed)

    def row() -> dict[str, Value]:
        return {
            attribute.name: draw.choice(attribute.categories)
            if attribute.categories
            else draw.uniform(attribute.low, attribute.high)
            for attribute in schema.attributes
            if draw.random() < 0.75
        }

    return torch.tensor([schema.encode(row()) for _ in range(count)])


class Unconditional(nn.Module):
    """A velocity network without attributes, which then takes none: v(x, t)."""

    def __init__(self, net: VelocityNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        velocity: Tensor = self.net(x, t, x.new_zeros(len(x), 0))
        return velocity


def _encoder(generator: FaceGenerator, config: ModelConfig, faces: Tensor) -> Network:
    told, examples = _attributes(config.schema)
    dim = config.latent_dim
    outputs = (
        Port("mean", (dim,), "mean of the posterior: the face's latent"),
        Port("logvar", (dim,), "logarithm of the posterior's variance"),
    )
    inputs = (_image("image", config.size_px), *told)
    return Network("encoder", plain(generator.model.encoder), inputs, outputs, (faces, *examples))


def _decoder(generator: FaceGenerator, config: ModelConfig, latents: Tensor) -> Network:
    told, examples = _attributes(config.schema)
    inputs = (Port("latent", (config.latent_dim,), "a latent, as the prior or the encoder gives it"), *told)
    outputs = (_image("image", config.size_px),)
    return Network("decoder", plain(generator.model.decoder), inputs, outputs, (latents, *examples))


def _velocity(prior: FlowPrior) -> Network:
    told, examples = _attributes(prior.schema)
    net, dim = plain(prior.net), prior.latent_dim
    inputs = (
        Port("x", (dim,), "a point on the way from noise, N(0, I) at t = 0, to a standardised latent at 1"),
        Port("t", (), "the time, 0..1"),
        *told,
    )
    noise = torch.randn(CHECKED, dim, generator=torch.Generator().manual_seed(0))
    outputs = (Port("velocity", (dim,), "dx/dt"),)
    module = net if told else Unconditional(net)  # type: ignore[arg-type]
    return Network("velocity", module, inputs, outputs, (noise, torch.linspace(0, 1, CHECKED), *examples))


def _attributes(schema: Schema) -> tuple[tuple[Port, ...], tuple[Tensor, ...]]:
    """The input that tells a network its attributes and CHECKED rows of it; nothing for an empty schema."""
    if not schema.width:
        return (), ()
    meaning = f"{', '.join(schema.names)}, encoded as the schema says; zeros where not known"
    return (Port("attributes", (schema.width,), meaning),), (draw_attributes(schema, CHECKED),)


def _image(name: str, size_px: int) -> Port:
    return Port(name, (3, size_px, size_px), f"RGB, {PIXEL_LOW:g}..{PIXEL_HIGH:g}")
