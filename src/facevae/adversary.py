"""The adversary in training: its heads, their optimiser and the latents that samples are decoded from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from facevae.attributes import Schema
from facevae.config import TrainConfig
from facevae.discriminator import DiscriminatorHeads, discriminator_hinge_loss, draw_jitter
from facevae.engine import share_of
from facevae.layers import place
from facevae.losses import Seen

TOLD_NOTHING = 0.25
"""Share of faces of whose attributes the adversary is told nothing, so that it can judge samples that were
asked for nothing."""


class Drawn(NamedTuple):
    """What one step needs besides its faces."""

    latents: Tensor | None  # (S, D), of samples; None when there are none
    jitter: tuple[Tensor, Tensor]  # (B, 5) and (S, 5): the augmentation of faces and samples
    told: Tensor | None  # (B + S, A), of the faces and then of the samples; None when nothing is told

    def part(self, part: slice, count: int) -> Drawn:
        """What a pass over these of `count` faces needs; all of it is what is needed for all of them."""
        faces, samples = self.jitter
        told = None if self.told is None else torch.cat([self.told[:count][part], self.told[count:][part]])
        return Drawn(None if self.latents is None else self.latents[part], (faces[part], samples[part]), told)


class Look(NamedTuple):
    """What the heads learn from in one pass."""

    seen: Seen
    told: Tensor | None  # (B + S, A) of its faces and samples; None when nothing is told


@dataclass
class Adversary:
    """Present from the moment the adversary is switched on."""

    heads: DiscriminatorHeads
    optimizer: torch.optim.Optimizer
    latents: Tensor | None = None
    """(N, D) draws of the learned prior, on the CPU; None for samples from N(0, I)."""
    asked: Tensor | None = None
    """(N, A) what each of them was asked for; None for nothing."""
    attributes: Tensor | None = None
    """(faces of the data, A) what the heads are told of each; None for nothing."""
    wrapped: nn.Module | None = None
    """The heads as the engine wraps them, for their own step."""

    def prepare(self, accelerator: Accelerator) -> None:
        """Hand heads and optimiser to the engine."""
        self.wrapped, self.optimizer = accelerator.prepare(self.heads, self.optimizer)

    def draw(
        self,
        config: TrainConfig,
        seen_images: int,
        latent_dim: int,
        faces: NDArray[np.int64],
        accelerator: Accelerator,
    ) -> Drawn:
        """Samples, jitter and attributes of this process for one step, whose faces are at these positions.

        Drawn for the whole batch by (seed, images seen) alone; this process takes its share.
        """
        count, share = config.batch_size, share_of(accelerator)
        draw = np.random.default_rng((config.seed, seen_images, 2, 0))
        pairs, alone = (
            draw_jitter(count, torch.Generator().manual_seed(seed))[share]
            for seed in draw.integers(2**62, size=2).tolist()
        )
        z, chosen = None, None
        if config.adversary_samples != "none" and self.latents is not None:
            chosen = torch.from_numpy(draw.integers(len(self.latents), size=count)[share])
            z = self.latents[chosen]
        elif config.adversary_samples != "none":
            z = torch.from_numpy(draw.standard_normal((count, latent_dim), np.float32)[share])
        told = None
        if self.attributes is not None:
            hidden = torch.from_numpy(draw.random(count)[share] < TOLD_NOTHING)
            of_faces = self.attributes[torch.from_numpy(faces)].masked_fill(hidden[:, None], 0.0)  # (B, A)
            of_samples = of_faces.new_zeros(0 if z is None else len(z), of_faces.shape[1])
            if chosen is not None and self.asked is not None:
                of_samples = self.asked[chosen]
            told = torch.cat([of_faces, of_samples]).to(accelerator.device)  # (B + S, A)
        return Drawn(None if z is None else z.to(accelerator.device), (pairs, alone), told)

    def learn(self, looks: Sequence[Look], rate: float, accelerator: Accelerator) -> Tensor:
        """One step of the heads on what the frozen network saw, a look for each pass. Their hinge loss.

        Heads take the statistics of each look by itself: several are not quite what one of all faces is.
        """
        assert self.wrapped is not None, "prepare() comes first"
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()  # the decoder's step left gradients here
        faces = sum(len(look.seen.real[0]) for look in looks)
        losses: list[Tensor] = []
        for number, (seen, told) in enumerate(looks, start=1):
            count = len(seen.real[0])
            with nullcontext() if number == len(looks) else accelerator.no_sync(self.wrapped):
                with accelerator.autocast():
                    made = [tap.detach() for tap in seen.made]
                    real_logits = self.wrapped(seen.real, None if told is None else told[:count])
                    loss = discriminator_hinge_loss(real_logits, self.wrapped(made, told))
                accelerator.backward(loss * (count / faces))
            losses.append(loss.detach() * (count / faces))
        self.optimizer.step()
        self.optimizer.zero_grad()
        return torch.stack(losses).sum()


def make_adversary(config: TrainConfig, device: torch.device) -> Adversary:
    """Fresh heads as the seed decides them. Adam without momentum, as adversaries want it."""
    torch.manual_seed(config.seed)
    heads = place(DiscriminatorHeads(Schema.from_names(config.adversary_condition_on).width), device)
    optimizer = torch.optim.Adam(
        heads.parameters(), lr=config.adversary_learning_rate, betas=(0.0, 0.99), fused=True
    )
    return Adversary(heads, optimizer)
