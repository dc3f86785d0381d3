"""Differentially private steps (DP-SGD): each face's gradient is clipped, and noise hides any one of them.

Source: Abadi et al. 2016, algorithm 1; the ledger is that of Mironov et al. 2019 for Poisson sampling.
Opacus does both; which faces a step sees, and its noise, come from the operating system's randomness and from
no seed that a configuration tells: who knew them could take the noise away again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facevae.config import TrainConfig
from facevae.errors import ConfigError, require
from facevae.features import FrozenFeatures
from facevae.layers import parameter_count
from facevae.losses import LossTerms, vae_loss
from facevae.model import FaceVAE

MOST_NUMBERS = 2**28
"""Numbers in the gradients of single faces held at once: 1 GiB. More faces take turns."""


@dataclass(frozen=True)
class Ledger:
    """What each step of a run spends of the privacy of every training face."""

    noise_multiplier: float
    """Std of the noise over the length that gradients are clipped to."""
    sample_rate: float
    """Probability that a step sees a given face."""
    delta: float

    def epsilon(self, steps: int) -> float:
        """The epsilon at `delta` after so many steps: an upper bound, by Rényi divergences."""
        accountants = require("opacus.accountants", "privacy", "what private training spends")
        accountant = accountants.RDPAccountant()
        accountant.history = [(self.noise_multiplier, self.sample_rate, steps)]
        return float(accountant.get_epsilon(self.delta)) if steps else 0.0


def make_ledger(config: TrainConfig, faces: int, processes: int = 1) -> Ledger | None:
    """The ledger of a run on so many training faces; None unless it is private.

    Raises ConfigError when the batch is larger than the data, delta says nothing, or several processes are to
    share the steps; MissingExtraError without the extra 'privacy'.
    """
    if config.dp_noise_multiplier is None:
        return None
    require("opacus", "privacy", "private training (dp_noise_multiplier)")
    if config.batch_size > faces:
        raise ConfigError(
            f"batch_size {config.batch_size} is more than the {faces} training faces there are."
        )
    if config.dp_delta >= 1 / faces:
        raise ConfigError(
            f"dp_delta {config.dp_delta:g} is no promise with {faces} faces: a model that publishes one of "
            f"them would keep it. Expected less than {1 / faces:.1g}, better a tenth of that."
        )
    if processes > 1:
        raise ConfigError(f"private training runs in one process, got {processes}.")
    return Ledger(config.dp_noise_multiplier, config.batch_size / faces, config.dp_delta)


def poisson_indices(batch_size: int, count: int) -> NDArray[np.int64]:
    """Each of `count` faces with probability batch_size / count, (B,) with B random, perhaps 0.

    From the operating system's randomness: the ledger assumes that nobody knows who was in a batch.
    """
    draw = np.random.default_rng(secrets.randbits(128))
    return np.flatnonzero(draw.random(count) < batch_size / count)


def per_face_gradients(model: FaceVAE) -> nn.Module:
    """The model, wrapped so that a backward pass also keeps each face's own gradient."""
    opacus = require("opacus", "privacy", "private training (dp_noise_multiplier)")
    # By torch.func: Opacus' own rule for convolutions is silently wrong where memory is channels last.
    module: nn.Module = opacus.GradSampleModule(model, loss_reduction="mean", force_functorch=True)
    return module


def private_step(
    wrapped: nn.Module,
    optimizer: torch.optim.Optimizer,
    faces: tuple[Tensor, Tensor, Tensor | None],
    config: TrainConfig,
    kl_weight: float,
    features: FrozenFeatures | None,
) -> tuple[LossTerms, Tensor, Tensor]:
    """One step of `optimizer` on noised sums of clipped gradients, in float32.

    wrapped: as `per_face_gradients` gives it. faces: x (B, 3, H, W), noise (B, D) and attributes (B, A) or
    None; B may be 0. Returns the terms (means over these faces; not private), the posterior means (B, D), and
    the length of the noised gradient, all detached.
    """
    private = _private_optimizer(optimizer, config)
    x, noise, attributes = faces
    size = max(1, MOST_NUMBERS // parameter_count(wrapped))
    terms, means = [], []
    parts = [slice(start, start + size) for start in range(0, len(x), size)]
    for part in parts:
        told = None if attributes is None else attributes[part]
        output = wrapped(x[part], noise[part], told)
        own = vae_loss(x[part], output, config, kl_weight, features)
        own.total_loss.backward()  # type: ignore[no-untyped-call]
        terms.append([value.detach() * len(x[part]) / len(x) for value in own])
        means.append(output.mean.detach())
        if part is not parts[-1]:
            private.signal_skip_step()
            private.step()
            private.zero_grad()
    if not parts:  # a step that sees nobody adds its noise all the same
        for parameter in private.params:
            parameter.grad_sample = parameter.new_zeros(0, *parameter.shape)
        terms, means = [[x.new_zeros(())] * len(LossTerms._fields)], [noise]
    private.step()
    gradients = [p.grad.norm() for p in private.params]
    private.zero_grad(set_to_none=True)
    summed = LossTerms(*(torch.stack(values).sum() for values in zip(*terms, strict=True)))
    return summed, torch.cat(means), torch.stack(gradients).norm()


def _private_optimizer(optimizer: torch.optim.Optimizer, config: TrainConfig) -> Any:
    optimizers = require("opacus.optimizers", "privacy", "private training (dp_noise_multiplier)")
    private = optimizers.DPOptimizer(
        optimizer,
        noise_multiplier=config.dp_noise_multiplier,
        max_grad_norm=config.dp_max_grad_norm,
        expected_batch_size=config.batch_size,
        generator=torch.Generator().manual_seed(secrets.randbits(63)),
        secure_mode=True,  # sums of draws: one float drawn alone tells too much (Mironov 2012)
    )
    private.attach_step_hook(_as_parameters_lie)
    return private


def _as_parameters_lie(private: Any) -> None:
    """Gradients in the memory order of their parameters: the fused step walks both linearly."""
    for parameter in private.params:
        parameter.grad = torch.empty_like(parameter).copy_(parameter.grad)
