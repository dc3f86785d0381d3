"""The adversary in training: its heads, their optimiser and the latents that samples are decoded from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from facevae.config import TrainConfig
from facevae.discriminator import DiscriminatorHeads, discriminator_hinge_loss
from facevae.layers import place
from facevae.losses import Seen


@dataclass
class Adversary:
    """Present from the moment the adversary is switched on."""

    heads: DiscriminatorHeads
    optimizer: torch.optim.Optimizer
    latents: Tensor | None = None
    """(N, D) draws of the learned prior, on the CPU; None for samples from N(0, I)."""
    wrapped: nn.Module | None = None
    """The heads as the engine wraps them, for their own step."""

    def prepare(self, accelerator: Accelerator) -> None:
        """Hand heads and optimiser to the engine."""
        self.wrapped, self.optimizer = accelerator.prepare(self.heads, self.optimizer)

    def draw(
        self, config: TrainConfig, seen_images: int, latent_dim: int, accelerator: Accelerator
    ) -> tuple[Tensor | None, tuple[int, int]]:
        """(latents of samples, (S, D), or None; seeds of the augmentation) of this process for one step.

        Random by (seed, images seen, process) alone.
        """
        draw = np.random.default_rng((config.seed, seen_images, 2, accelerator.process_index))
        first, second = draw.integers(2**62, size=2).tolist()
        count = config.batch_size // accelerator.num_processes
        if config.adversary_samples == "none":
            return None, (first, second)
        if self.latents is None:
            z = torch.from_numpy(draw.standard_normal((count, latent_dim), np.float32))
        else:
            z = self.latents[torch.from_numpy(draw.integers(len(self.latents), size=count))]
        return z.to(accelerator.device), (first, second)

    def learn(self, seen: Seen, rate: float, accelerator: Accelerator) -> Tensor:
        """One step of the heads on what the frozen network saw; returns their hinge loss, a scalar."""
        assert self.wrapped is not None, "prepare() comes first"
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with accelerator.autocast():
            loss = discriminator_hinge_loss(
                self.wrapped(seen.real), self.wrapped([tap.detach() for tap in seen.made])
            )
        self.optimizer.zero_grad()  # the decoder's step left gradients here
        accelerator.backward(loss)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()


def make_adversary(config: TrainConfig, device: torch.device) -> Adversary:
    """Fresh heads as the seed decides them. Adam without momentum, as adversaries want it."""
    torch.manual_seed(config.seed)
    heads = place(DiscriminatorHeads(), device)
    optimizer = torch.optim.Adam(
        heads.parameters(), lr=config.adversary_learning_rate, betas=(0.0, 0.99), fused=True
    )
    return Adversary(heads, optimizer)
