"""Exponential moving average of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EMA:
    """Averaged copy of a module's parameters, float32, on the module's device.

    `weights` maps parameter names to tensors; buffers are not averaged (our networks have none).
    """

    def __init__(self, module: nn.Module) -> None:
        self.weights = {name: p.detach().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, decay: float) -> None:
        """weights = decay * weights + (1 - decay) * module's, in place."""
        current = [p.detach() for p in module.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), current, 1.0 - decay)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take over saved averages; names and shapes must be those of the module."""
        for name, value in self.weights.items():
            value.copy_(weights[name])
