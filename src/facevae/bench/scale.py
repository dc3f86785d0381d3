"""What a number of photos and a preset need: bytes, bandwidth, memory and hours.

The networks' arithmetic and memory are counted here; rates are given. All of it is linear in the photos and
nothing is run at that size: docs/scale.md says which rate was measured and which is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from facevae.adversary import make_adversary
from facevae.config import ModelConfig, TrainConfig, preset
from facevae.layers import parameter_count
from facevae.losses import adversarial_vae_loss, see, vae_loss
from facevae.model import FaceVAE
from facevae.train import make_features

STATE_BYTES = {"weights": 4, "gradients": 4, "AdamW's two moments": 8, "average": 4}
"""Of each parameter on every device, float32."""
BUCKET_BYTES = 4
"""Of each parameter besides, where several processes exchange gradients (DDP's buckets)."""
CHECKPOINT_BYTES = 16
"""Of each parameter in a checkpoint: weights, average and moments."""


@dataclass(frozen=True)
class Rates:
    """What a photo, a core and a device do. Figures of docs/benchmarks.md unless it says assumed."""

    photo_kb: float = 100.0
    """Assumed: a photo as it comes."""
    face_kb: float = 6.6
    """A prepared face of 128 px with its metadata; grows with the area from there."""
    kept: float = 0.85
    """Share of the photos that become faces: 57 % of FairFace, 90 % of CelebA, 99 % of UTKFace."""
    prepare_per_core: float = 67.0
    """Photos/s that one core prepares."""
    device_tflops: float = 100.0
    """Assumed: what a data-centre GPU sustains on these convolutions in bf16, a tenth of its peak."""
    devices: int = 64
    cores: int = 1024


@dataclass(frozen=True)
class Step:
    """One training step of the whole recipe, per image."""

    parameters: int
    gflop: float
    """Forward and backward, with the frozen network and the adversary where the preset has them."""
    activation_mb: float
    """Kept for the backward pass, float32; bf16 keeps between half of it and all of it."""


def count_step(model_config: ModelConfig, config: TrainConfig) -> Step:
    """Count a step by taking it, without an optimiser, on the CPU. Raises MissingExtraError."""
    model = FaceVAE(model_config)
    kept = {count: _kept_bytes(model, config, count) for count in (1, 3)}
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(_loss(model, config, 1))
    return Step(
        parameter_count(model), counter.get_total_flops() / 1e9, (kept[3] - kept[1]) / 2 / 1e6
    )  # weights that are kept too cancel in the difference


def scale_rows(photos: Sequence[int], preset_name: str, rates: Rates) -> list[dict[str, Any]]:
    """One row per number of photos, for `facevae bench scale`.

    Every face is seen once at least, or as often as the preset's `images` say. Raises ConfigError.
    """
    model_config, config = preset(preset_name)
    step = count_step(model_config, config)
    return [needs(count, model_config, config, step, rates) for count in photos]


def needs(
    photos: int, model_config: ModelConfig, config: TrainConfig, step: Step, rates: Rates
) -> dict[str, Any]:
    """Storage in GB, bandwidth in MB/s, memory in GB and hours that `photos` photos need."""
    face_kb = rates.face_kb * (model_config.size_px / 128) ** 2
    faces = photos * rates.kept
    seen = max(faces, config.images or 0)
    images_per_s = rates.devices * rates.device_tflops * 1e3 / step.gflop
    share = config.batch_size / rates.devices
    states = sum(STATE_BYTES.values()) + (BUCKET_BYTES if rates.devices > 1 else 0)
    return {
        "photos": photos,
        "photos_gb": photos * rates.photo_kb / 1e6,
        "shards_gb": faces * face_kb / 1e6,
        "prepare_hours": photos / (rates.prepare_per_core * rates.cores) / 3600,
        "images_seen": round(seen),
        "images_per_s": images_per_s,
        "read_mb_per_s": images_per_s * face_kb / 1e3,
        "train_hours": seen / images_per_s / 3600,
        "states_gb": step.parameters * states / 1e9,
        "activations_gb": share * step.activation_mb / 1e3,
        "checkpoint_gb": step.parameters * CHECKPOINT_BYTES / 1e9,
    }


def _loss(model: FaceVAE, config: TrainConfig, count: int) -> Tensor:
    shape = model.config
    x = torch.zeros(count, 3, shape.size_px, shape.size_px)
    noise = torch.zeros(count, shape.latent_dim)
    features = make_features(config, torch.device("cpu"))
    if features is None or not config.adversary_weight:
        return vae_loss(x, model(x, noise), config, config.beta, features).total_loss
    output = model(x, noise, None, noise)
    jitter = torch.zeros(count, 5)
    heads = make_adversary(config, torch.device("cpu")).heads
    terms = adversarial_vae_loss(
        x, output, see(x, output, features, (jitter, jitter)), config, config.beta, heads
    )
    return terms.total_loss


def _kept_bytes(model: FaceVAE, config: TrainConfig, count: int) -> int:
    """Bytes of all tensors, each once, that autograd keeps for the backward pass of `count` images."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = _loss(model, config, count)
    assert loss.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
