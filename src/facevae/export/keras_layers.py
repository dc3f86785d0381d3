"""The networks of facevae out of standard Keras 3 layers, channels last, with the weights of PyTorch.

Nothing here is a layer of ours, so a written .keras file loads wherever Keras does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from facevae.distributions import LOGVAR_RANGE
from facevae.errors import require
from facevae.flow import RATES, Block, VelocityNet
from facevae.images import PIXEL_HIGH, PIXEL_LOW
from facevae.layers import ResidualBlock, Upsample
from facevae.model import COARSEST_PX, Decoder, Encoder
from facevae.upscaler import Upscaler

Symbol = Any
"""A KerasTensor: what a layer is applied to."""


def keras() -> Any:
    return require("keras", "keras", "the export to Keras")


def array(weight: Tensor) -> NDArray[np.float32]:
    return weight.detach().float().numpy()


def conv(layer: nn.Conv2d, h: Symbol, name: str) -> Symbol:
    """(B, H, W, C) to (B, H', W', C'); zero padding as in PyTorch."""
    made = keras().layers.Conv2D(
        layer.out_channels, layer.kernel_size, strides=layer.stride,
        padding="same" if layer.padding[0] else "valid", name=name,
    )  # fmt: skip
    out = made(h)
    made.set_weights([array(layer.weight).transpose(2, 3, 1, 0), array(_bias(layer))])
    return out


def dense(
    weight: Tensor | NDArray[np.float32], bias: Tensor | NDArray[np.float32] | None, h: Symbol, name: str
) -> Symbol:
    """(B, I) to (B, O), from a weight (O, I) as PyTorch keeps it."""
    kernel, shift = (array(part) if isinstance(part, Tensor) else part for part in (weight, bias))
    assert kernel is not None
    made = keras().layers.Dense(kernel.shape[0], use_bias=shift is not None, name=name)
    out = made(h)
    made.set_weights([kernel.T, *([] if shift is None else [shift])])
    return out


def linear(layer: nn.Linear, h: Symbol, name: str) -> Symbol:
    return dense(layer.weight, layer.bias, h, name)


def group_norm(layer: nn.GroupNorm, h: Symbol, name: str) -> Symbol:
    made = keras().layers.GroupNormalization(layer.num_groups, axis=-1, epsilon=layer.eps, name=name)
    out = made(h)
    made.set_weights([array(layer.weight), array(layer.bias)])
    return out


def layer_norm(layer: nn.LayerNorm, h: Symbol, name: str) -> Symbol:
    own = bool(layer.elementwise_affine)
    made = keras().layers.LayerNormalization(epsilon=layer.eps, center=own, scale=own, name=name)
    out = made(h)
    if own:
        made.set_weights([array(layer.weight), array(layer.bias)])
    return out


def silu(h: Symbol) -> Symbol:
    return keras().layers.Activation("silu")(h)


def pixel_shuffle(h: Symbol, name: str) -> Symbol:
    """(B, H, W, 4C) to (B, 2H, 2W, C), in PyTorch's order: a pixel's channels are (C, row, column)."""
    layers = keras().layers
    _, height, width, channels = h.shape
    h = layers.Reshape((height, width, channels // 4, 2, 2), name=f"{name}_split")(h)
    h = layers.Permute((1, 4, 2, 5, 3), name=f"{name}_order")(h)
    return layers.Reshape((2 * height, 2 * width, channels // 4), name=f"{name}_join")(h)


def pixel_unshuffle(h: Symbol, name: str) -> Symbol:
    """(B, 2H, 2W, C) to (B, H, W, 4C), the reverse."""
    layers = keras().layers
    _, height, width, channels = h.shape
    h = layers.Reshape((height // 2, 2, width // 2, 2, channels), name=f"{name}_split")(h)
    h = layers.Permute((1, 3, 5, 2, 4), name=f"{name}_order")(h)
    return layers.Reshape((height // 2, width // 2, 4 * channels), name=f"{name}_join")(h)


def upsample(layer: Upsample, h: Symbol, name: str) -> Symbol:
    return pixel_shuffle(conv(layer.conv, h, f"{name}_conv"), name)


def residual_block(block: ResidualBlock, h: Symbol, style: Symbol | None, name: str) -> Symbol:
    """(B, H, W, C) to the same shape; style (B, style_width) or None."""
    moved = silu(_moved(block, group_norm(block.norm_in, h, f"{name}_norm_in"), style, 0, name))
    moved = conv(block.conv_in, moved, f"{name}_conv_in")
    moved = silu(_moved(block, group_norm(block.norm_out, moved, f"{name}_norm_out"), style, 2, name))
    return keras().layers.Add(name=f"{name}_add")([h, conv(block.conv_out, moved, f"{name}_conv_out")])


def _moved(block: ResidualBlock, h: Symbol, style: Symbol | None, part: int, name: str) -> Symbol:
    """h * (1 + scale) + shift, the parts `part` and `part` + 1 of the four that the style gives."""
    if block.style is None or style is None:
        return h
    layers, channels = keras().layers, h.shape[-1]
    moves = []
    for index, label, one in ((part, "scale", 1), (part + 1, "shift", 0)):
        rows = slice(index * channels, (index + 1) * channels)
        weight, bias = array(block.style.weight)[rows], array(_bias(block.style))[rows] + np.float32(one)
        move = dense(weight, bias, style, f"{name}_{label}{part // 2}")
        moves.append(layers.Reshape((1, 1, channels))(move))
    return layers.Add()([layers.Multiply()([h, moves[0]]), moves[1]])


def encoder_outputs(encoder: Encoder, image: Symbol, attributes: Symbol | None) -> list[Symbol]:
    """image (B, H, W, 3) in -1..1 and attributes (B, A) to mean and logvar (B, D)."""
    library = keras()
    h = conv(encoder.stem, pixel_unshuffle(image, "unshuffle"), "stem")
    if encoder.embed is not None and attributes is not None:
        told = linear(encoder.embed, attributes, "embed")
        h = library.layers.Add()([h, library.layers.Reshape((1, 1, h.shape[-1]))(told)])
    for index, stage in enumerate(encoder.stages):
        for number, block in enumerate(_blocks(stage)):
            h = residual_block(block, h, None, f"stage{index}_{number}")
        if index < len(encoder.downs):
            h = conv(encoder.downs[index], h, f"down{index}")  # type: ignore[arg-type]
    h = library.layers.Flatten()(silu(group_norm(encoder.norm, h, "norm")))
    half = encoder.head.out_features // 2
    weight, bias = _from_channels_last(array(encoder.head.weight)), array(_bias(encoder.head))
    logvar = dense(weight[half:], bias[half:], h, "logvar_unclipped")
    return [dense(weight[:half], bias[:half], h, "mean"), library.ops.clip(logvar, *LOGVAR_RANGE)]


def decoder_output(decoder: Decoder, latent: Symbol, attributes: Symbol | None) -> Symbol:
    """latent (B, D) and attributes (B, A) to an image (B, H, W, 3) in -1..1."""
    library = keras()
    z = latent if attributes is None else library.layers.Concatenate()([latent, attributes])
    style = None
    if decoder.mapping is not None:
        style = silu(linear(decoder.mapping[0], z, "mapping0"))  # type: ignore[arg-type]
        style = silu(linear(decoder.mapping[2], style, "mapping1"))  # type: ignore[arg-type]
    channels = decoder.stem.out_features // COARSEST_PX**2
    weight = _to_channels_last(array(decoder.stem.weight))
    bias = _to_channels_last(array(_bias(decoder.stem))[:, None])[:, 0]
    h = library.layers.Reshape((COARSEST_PX, COARSEST_PX, channels))(dense(weight, bias, z, "stem"))
    for index, stage in enumerate(decoder.stages):
        for number, block in enumerate(_blocks(stage)):
            h = residual_block(block, h, style, f"stage{index}_{number}")
        if index < len(decoder.ups):
            h = upsample(decoder.ups[index], h, f"up{index}")  # type: ignore[arg-type]
    face = upsample(decoder.head, silu(group_norm(decoder.norm, h, "norm")), "head")
    if decoder.detail is not None:
        fine = residual_block(
            decoder.detail.block, upsample(decoder.detail.up, h, "detail_up"), style, "detail"
        )
        fine = silu(group_norm(decoder.detail.norm, fine, "detail_norm"))
        face = library.layers.Add()([face, conv(decoder.detail.out, fine, "detail_out")])
    face = library.layers.Activation("tanh", name="face" if decoder.smoothing else "image")(face)
    return smoothed(face, decoder.smoothing, "image") if decoder.smoothing else face


def velocity_output(net: VelocityNet, x: Symbol, t: Symbol, attributes: Symbol | None) -> Symbol:
    """x (B, D), t (B,) and attributes (B, A) to the velocity (B, D)."""
    library = keras()
    layers = library.layers
    rates = np.array(RATES, dtype=np.float32)[:, None]  # (F, 1)
    angles = dense(rates, None, library.ops.expand_dims(t, -1), "angles")
    hints = linear(net.time, layers.Concatenate()([library.ops.sin(angles), library.ops.cos(angles)]), "time")
    if net.attributes is not None and attributes is not None:
        hints = layers.Add()([hints, linear(net.attributes, attributes, "embed")])
    condition = silu(linear(net.mix, silu(hints), "mix"))
    h = linear(net.stem, x, "stem")
    for index, block in enumerate(net.blocks):
        assert isinstance(block, Block)
        h = _velocity_block(block, h, condition, f"block{index}")
    return linear(net.head, silu(layer_norm(net.norm, h, "norm")), "velocity")


def _velocity_block(block: Block, h: Symbol, condition: Symbol, name: str) -> Symbol:
    """(B, W) and its condition to (B, W)."""
    layers, width = keras().layers, block.fc_in.in_features
    weight, bias = array(block.modulation.weight), array(_bias(block.modulation))
    scale = dense(weight[:width], bias[:width] + np.float32(1), condition, f"{name}_scale")
    shift = dense(weight[width:], bias[width:], condition, f"{name}_shift")
    moved = layers.Multiply()([layer_norm(block.norm, h, f"{name}_norm"), scale])
    moved = silu(linear(block.fc_in, layers.Add()([moved, shift]), f"{name}_in"))
    return layers.Add()([h, linear(block.fc_out, moved, f"{name}_out")])


def upscaler_output(upscaler: Upscaler, image: Symbol) -> Symbol:
    """image (B, H, W, 3) in -1..1 to (B, 2H, 2W, 3) in -1..1."""
    library = keras()
    h = conv(upscaler.stem, pixel_unshuffle(image, "unshuffle"), "stem")
    for index, block in enumerate(_blocks(upscaler.blocks)):
        h = residual_block(block, h, None, f"block{index}")
    h = upsample(upscaler.up, silu(group_norm(upscaler.norm, h, "norm")), "up")
    residual = upsample(upscaler.out, silu(group_norm(upscaler.norm_fine, h, "norm_fine")), "out")
    enlarged = library.layers.Add()([bicubic(image), residual])
    return library.ops.clip(enlarged, PIXEL_LOW, PIXEL_HIGH)


def bicubic(image: Symbol) -> Symbol:
    """(B, H, W, 3) to (B, 2H, 2W, 3), as PyTorch's bicubic interpolation.

    At a factor of two it is one fixed convolution: each of the four sub-pixels weighs its own four by four
    neighbours. Keras' own resizing takes another cubic on each backend.
    """
    made = keras().layers.Conv2D(12, 5, padding="valid", use_bias=False, trainable=False, name="bicubic")
    out = made(_edges_repeated(image, 2))
    # Offsets of -1/4 and +1/4 px, and the cubic of PyTorch (a = -0.75), over the neighbours -2..2.
    taps = np.array([[_cubic(k - offset) for k in range(-2, 3)] for offset in (-0.25, 0.25)])  # (2, 5)
    kernel = np.einsum("yi,xj,cd->ijcdyx", taps, taps, np.eye(3)).reshape(5, 5, 3, 12)
    made.set_weights([kernel.astype(np.float32)])
    return pixel_shuffle(out, "bicubic_shuffle")


def smoothed(image: Symbol, share: float, name: str) -> Symbol:
    """(B, H, W, 3) as `layers.smoothed` smooths it: one fixed convolution."""
    made = keras().layers.Conv2D(3, 3, padding="valid", use_bias=False, trainable=False, name=name)
    out = made(_edges_repeated(image, 1))
    taps = np.array([share, 1 - 2 * share, share])
    made.set_weights([np.einsum("i,j,cd->ijcd", taps, taps, np.eye(3)).astype(np.float32)])
    return out


def _edges_repeated(image: Symbol, times: int) -> Symbol:
    """(B, H, W, C) to (B, H + 2 times, W + 2 times, C): the outermost pixels repeated on each side."""
    join = keras().layers.Concatenate
    rows = join(axis=1)([*[image[:, :1]] * times, image, *[image[:, -1:]] * times])
    return join(axis=2)([*[rows[:, :, :1]] * times, rows, *[rows[:, :, -1:]] * times])


def _cubic(distance: float) -> float:
    """The weight of a pixel at this distance, px. Source: Keys 1981, equation 11, with a = -0.75."""
    a, d = -0.75, abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def _blocks(stage: nn.Module) -> list[ResidualBlock]:
    return [block for block in stage.children() if isinstance(block, ResidualBlock)]


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _to_channels_last(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows in the order (C, 4, 4), as PyTorch unflattens them, to rows in the order (4, 4, C)."""
    rows, columns = weight.shape
    coarse = weight.reshape(rows // COARSEST_PX**2, COARSEST_PX, COARSEST_PX, columns)
    return coarse.transpose(1, 2, 0, 3).reshape(rows, columns)


def _from_channels_last(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Columns in PyTorch's order to columns in the order in which channels last are flattened."""
    return _to_channels_last(weight.T).T
