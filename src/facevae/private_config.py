"""The fields of private training (DP-SGD, docs/privacy.md), and what it cannot be combined with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facevae.errors import ConfigError


@dataclass(frozen=True)
class PrivateConfig:
    """Part of TrainConfig."""

    dp_noise_multiplier: float | None = None
    """Std of the noise that hides each face, over `dp_max_grad_norm`. None: training is not private."""
    dp_max_grad_norm: float = 1.0
    """Length that the gradient of each face alone is clipped to."""
    dp_delta: float = 1e-5
    """Probability with which the promise of privacy may fail; less than one over the number of faces."""


def check_private(config: Any) -> None:
    """Raise ConfigError naming every field of a private TrainConfig that would tell of single faces."""
    if config.dp_noise_multiplier is None:
        return
    needed = {
        "dp_noise_multiplier": (config.dp_noise_multiplier > 0, "more than 0"),
        "dp_max_grad_norm": (config.dp_max_grad_norm > 0, "more than 0"),
        "dp_delta": (0 < config.dp_delta < 1, "between 0 and 1"),
        "prior": (config.prior == "normal", "normal: others are fitted to the training faces' own latents"),
        "adversary_weight": (not config.adversary_weight, "0: the adversary sees faces without clipping"),
        "free_bits_nats": (not config.free_bits_nats, "0: it ties the faces of a batch together"),
        "on_bad_shard": (config.on_bad_shard == "stop", "stop: a stand-in would count twice"),
        "precision": (config.precision != "bf16", "auto or fp32: clipped lengths must be exact"),
    }
    wrong = [
        f"{name} cannot be {getattr(config, name)!r}: expected {expected}"
        for name, (holds, expected) in needed.items()
        if not holds
    ]
    if wrong:
        raise ConfigError(f"private training (dp_noise_multiplier): {'; '.join(wrong)}.")
