"""Networks of facevae that onnxruntime computes where no gradient is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from facevae.errors import CheckpointError
from facevae.export.onnx_files import Graph
from facevae.flow import VelocityNet
from facevae.model import Decoder, Encoder
from facevae.upscaler import Upscaler


class Graphed(nn.Module):
    """What such networks share: a graph beside the weights, or instead of them."""

    graph: Graph | None = None
    """None in a deep copy: it is a network of PyTorch again, whose weights may change."""
    has_weights: bool = True

    def by_graph(self, *inputs: Tensor) -> tuple[Tensor, ...] | None:
        """What onnxruntime gives, on the CPU; None when PyTorch is to compute: gradients, or an upscaler's
        faces of another size than the file's.

        Raises CheckpointError when PyTorch would have to and there are no weights.
        """
        ready = self.graph is not None and not torch.is_grad_enabled()
        if self.graph is not None and ready and self.graph.takes([value.shape for value in inputs]):
            found = self.graph([value.numpy(force=True) for value in inputs])
            return tuple(torch.from_numpy(value) for value in found)
        if not self.has_weights:
            raise CheckpointError(
                "this needs gradients, weights or another size, and an exported folder has none. "
                "Use the model itself: onnx_generator('face64') or --model face64 instead of the folder."
            )
        return None


class OnnxEncoder(Graphed, Encoder):
    """An Encoder; without attributes a conditional one is told that none is known."""

    def forward(self, x: Tensor, attributes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        told = () if self.embed is None else (_or_masked(attributes, x, self.embed.in_features),)
        found = self.by_graph(x, *told)
        return super().forward(x, attributes) if found is None else (found[0], found[1])


class OnnxDecoder(Graphed, Decoder):
    """A Decoder, as OnnxEncoder."""

    def forward(self, z: Tensor, attributes: Tensor | None = None) -> Tensor:
        told = (_or_masked(attributes, z, self.attribute_width),) if self.attribute_width else ()
        found = self.by_graph(z, *told)
        return super().forward(z, attributes) if found is None else found[0]


class OnnxVelocity(Graphed, VelocityNet):
    """A VelocityNet."""

    def forward(self, x: Tensor, t: Tensor, attributes: Tensor) -> Tensor:
        found = self.by_graph(x, t, *((attributes,) if attributes.shape[1] else ()))
        return super().forward(x, t, attributes) if found is None else found[0]


class OnnxUpscaler(Graphed, Upscaler):
    """An Upscaler."""

    def forward(self, x: Tensor) -> Tensor:
        found = self.by_graph(x)
        return super().forward(x) if found is None else found[0]


N = TypeVar("N", bound=Graphed)


def attach(network: N, graph: Graph, weights: Mapping[str, Tensor] | None) -> N:
    """The network, built on the device 'meta', with its graph and weights; without weights, room for them."""
    if weights is None:
        network.to_empty(device="cpu")
    else:
        network.load_state_dict(weights, assign=True)
    network.graph, network.has_weights = graph, weights is not None
    return network.eval().requires_grad_(False)


def _or_masked(attributes: Tensor | None, like: Tensor, width: int) -> Tensor:
    return like.new_zeros(len(like), width) if attributes is None else attributes
