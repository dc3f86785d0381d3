"""A style that a model's decoder has learned: the difference of some of its weights, in a small file."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from facevae.errors import CheckpointError
from facevae.files import atomic_file
from facevae.generator import FaceGenerator
from facevae.looks import check_strength
from facevae.regular_files import MOST_WEIGHT_BYTES, check_regular

FORMAT_VERSION = 1
METADATA_KEY = "facevae_style"
MOST_NUMBERS = 900_000
"""Weights that a style may change: 1.8 MB in half precision."""


@dataclass(frozen=True)
class DecoderStyle:
    """How a decoder's weights differ once it draws in a style."""

    name: str
    base: str
    """Name of the model whose decoder it is for."""
    base_sha256: str
    """`decoder_sha256` of that decoder: the style of another is refused."""
    differences: Mapping[str, Tensor]
    """Styled weight minus the base's by parameter name, float16."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How it was made, as JSON."""


def decoder_sha256(decoder: nn.Module) -> str:
    """Hexadecimal SHA-256 over names, shapes and float32 values of a decoder's weights.

    Of the decoder alone: a style stays good when the model gets another prior or an upscaler.
    """
    digest = hashlib.sha256()
    for name, value in sorted(decoder.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().float().cpu().contiguous().numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def trained_names(decoder: nn.Module) -> list[str]:
    """The parameters that a style changes, at most MOST_NUMBERS numbers together.

    All vectors (biases and normalisation), then the matrices of the finest layers, from the output
    backwards: those paint, the coarse ones decide who is painted. Pixel-shuffles stay as they are, for what
    they learn of texture is a lattice; but a decoder that ends in one has no other last layer.
    """
    shuffles = ("ups.", "detail.up.") + (("head.",) if getattr(decoder, "detail", None) is not None else ())
    sizes = {
        name: (value.ndim, value.numel())
        for name, value in decoder.named_parameters()
        if not name.startswith(shuffles)
    }
    chosen = [name for name, (dims, _) in sizes.items() if dims == 1]
    left = MOST_NUMBERS - sum(sizes[name][1] for name in chosen)
    for name in reversed(_in_order_of_use(sizes)):
        if sizes[name][0] > 1:
            left -= sizes[name][1]
            if left < 0:
                break
            chosen.append(name)
    return chosen


def styled(generator: FaceGenerator, style: DecoderStyle, strength: float = 1.0) -> FaceGenerator:
    """A generator whose decoder draws in the style; prior, encoder and upscaler are the generator's own.

    strength: 0..1 of the difference is added. Raises CheckpointError for the style of another model.
    """
    check_strength(strength)
    own = decoder_sha256(generator.model.decoder)
    if own != style.base_sha256:
        raise CheckpointError(
            f"the style '{style.name}' is of the model '{style.base}' (decoder {style.base_sha256[:9]}…) "
            f"and cannot be used with '{generator.name}' (decoder {own[:9]}…). Use --model {style.base}, or "
            f"train it for this one: facevae stylize --train-style FOLDER --model {generator.name} --out FILE"
        )
    model = copy.deepcopy(generator.model)
    parameters = dict(model.decoder.named_parameters())
    with torch.no_grad():
        for name, difference in style.differences.items():
            if name not in parameters or parameters[name].shape != difference.shape:
                raise CheckpointError(
                    f"the style '{style.name}' is damaged: it changes '{name}', which is no weight of its "
                    "model. Copy or train it again."
                )
            parameters[name].add_(difference.to(parameters[name]), alpha=strength)
    name = f"{generator.name}+{style.name}"
    return FaceGenerator(
        model, generator.prior, name, generator.device.type, generator.upscaler, generator.reader
    )


def save_style(path: Path, style: DecoderStyle) -> None:
    """Write a style as one safetensors file, its facts as JSON in the metadata, atomically."""
    facts = {
        "format_version": FORMAT_VERSION, "name": style.name, "base": style.base,
        "base_sha256": style.base_sha256, "settings": dict(style.settings),
    }  # fmt: skip
    tensors = {name: value.detach().cpu().half().contiguous() for name, value in style.differences.items()}
    with atomic_file(path) as temporary:
        save_file(tensors, temporary, metadata={METADATA_KEY: json.dumps(facts, ensure_ascii=True)})


def load_style(path: Path) -> DecoderStyle:
    """The style in a file. Raises CheckpointError when it is absent, damaged or holds something else."""
    try:
        check_regular(path, MOST_WEIGHT_BYTES)
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})[METADATA_KEY])
        tensors = load_file(path)
        if facts["format_version"] != FORMAT_VERSION:
            raise CheckpointError(
                f"{path} has style format {facts['format_version']}; this facevae reads {FORMAT_VERSION}. "
                "Install the version that wrote it."
            )
        if not all(v.is_floating_point() and v.float().isfinite().all() for v in tensors.values()):
            raise ValueError("it holds numbers that are not finite")
        name, base, digest, settings = (facts[key] for key in ("name", "base", "base_sha256", "settings"))
        if not all(isinstance(text, str) for text in (name, base, digest)) or not isinstance(settings, dict):
            raise ValueError("its name, base or settings are of another kind")
        return DecoderStyle(name, base, digest, tensors, settings)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is no style that facevae wrote, or damaged: {error}. Train one with: "
            "facevae stylize --train-style FOLDER --out STYLE.safetensors"
        ) from error


def _in_order_of_use(names: Mapping[str, Any]) -> list[str]:
    """A decoder's parameters from latent to picture: what a stage is followed by comes after it."""

    def place(name: str) -> tuple[int, int]:
        part, *rest = name.split(".")
        stage = int(rest[0]) if part in ("stages", "ups") else 0
        order = {"mapping": 0, "stem": 1, "stages": 2, "ups": 2, "norm": 3, "head": 4, "detail": 4}
        return order.get(part, 3), 2 * stage + (part == "ups")

    return sorted(names, key=place)
