"""One optimiser step, in as many passes as memory asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from facevae.adversary import Drawn, Look
from facevae.config import TrainConfig
from facevae.data.dataset import FaceBatch
from facevae.distributions import kl_to_standard_normal
from facevae.engine import free_memory, out_of_memory, share_of
from facevae.errors import TrainingError
from facevae.features import FrozenFeatures
from facevae.images import to_tensor
from facevae.layers import mean_over_processes
from facevae.losses import LossTerms, Seen, adversarial_vae_loss, see, vae_loss
from facevae.private import private_step
from facevae.schedules import ema_decay, linear_warmup, trapezium, warmup_cosine
from facevae.train_state import TrainState, whole

ADVERSARY_FROM = 0.4
"""Share of all images after which the adversary is switched on, unless `adversary_images` says when."""
FAR_AWAY = 2**62
"""Images in all while `minutes` have not been turned into a number yet."""


@dataclass(frozen=True)
class StepResult:
    terms: LossTerms
    mean: Tensor  # (B, D), posterior means of this process's faces
    gradient_norm: Tensor  # scalar, before clipping


class Faces(NamedTuple):
    """This process's share of a batch, ready for the networks."""

    x: Tensor  # (B, 3, H, W), -1..1
    noise: Tensor  # (B, D)
    attributes: Tensor | None  # (B, A)
    drawn: Drawn | None
    """What the adversary's step needs; None while it is off."""

    def passes(self, size: int) -> Iterator[tuple[Faces, float]]:
        """(up to `size` faces, their share of all) until there are none left."""
        count = len(self.x)
        for start in range(0, count, size):
            part = slice(start, start + size)
            attributes = None if self.attributes is None else self.attributes[part]
            drawn = None if self.drawn is None else self.drawn.part(part, count)
            x = self.x[part]
            yield Faces(x, self.noise[part], attributes, drawn), len(x) / count


def train_step(
    state: TrainState,
    wrapped: torch.nn.Module,
    batch: FaceBatch,
    config: TrainConfig,
    features: FrozenFeatures | None,
    accelerator: Accelerator,
) -> StepResult:
    """One optimiser step on this process's share of the batch; advances `state` by the whole batch.

    With the adversary on, a step of the autoencoder and then one of the adversary on the same faces. Where
    memory runs out, the share is taken in passes of half as many faces, whose gradients are added up, from
    here on (`state.pass_faces`). Raises TrainingError when not even one face fits, and on many processes,
    which would have to agree.
    """
    faces = augmented(batch, state, config, accelerator)
    seen_after = state.seen_images + config.batch_size
    rate, adversary_rate = learning_rates(state, config)
    for group in state.optimizer.param_groups:
        group["lr"] = rate

    looks: list[Look] = []
    if state.ledger is not None:
        terms, mean, gradient_norm = private_step(
            wrapped, state.optimizer, faces[:3], config, kl_weight(state, config), features
        )
    else:
        terms, mean, looks = gradients(state, wrapped, faces, config, features, accelerator)
        gradient_norm = whole(accelerator.clip_grad_norm_(wrapped.parameters(), config.clip_norm or math.inf))
        state.optimizer.step()
        state.optimizer.zero_grad()
    if state.adversary is not None:
        loss = state.adversary.learn(looks, adversary_rate, accelerator)
        terms = terms._replace(discriminator_loss=loss)

    state.step += 1
    state.seen_images = seen_after
    state.ema.update(state.model, ema_decay(seen_after, config.batch_size, config.ema_images))
    return StepResult(terms, mean, gradient_norm.detach())


def gradients(
    state: TrainState,
    wrapped: torch.nn.Module,
    faces: Faces,
    config: TrainConfig,
    features: FrozenFeatures | None,
    accelerator: Accelerator,
) -> tuple[LossTerms, Tensor, list[Look]]:
    """Leave the gradients of this share in the networks, in passes that memory has room for.

    Returns the detached terms, the posterior means (B, D), and what the adversary is to learn from.
    """
    while True:
        size = min(state.pass_faces or len(faces.x), len(faces.x))
        try:
            return _added_up(state, wrapped, faces, size, config, features, accelerator)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            smaller = smaller_pass(size, accelerator, error)
        # Past the block above, Python has let go of the error, and with it of what the pass had allocated.
        state.optimizer.zero_grad()
        free_memory()
        state.pass_faces = smaller


def smaller_pass(size: int, accelerator: Accelerator, error: Exception) -> int:
    """Half of `size`, rounded up. Raises TrainingError when there is no way on."""
    if accelerator.num_processes > 1:
        # The others are past the pass that failed here, and wait for gradients that will not come.
        raise TrainingError(
            f"process {accelerator.process_index} of {accelerator.num_processes} is out of memory with "
            f"{size} faces at once ({_short(error)}). Run the same command with --set "
            f"pass_faces={-(-size // 2)}: the batch stays, and the run goes on from its last checkpoint."
        ) from error
    if size == 1:
        raise TrainingError(
            f"out of memory with a single face ({_short(error)}). Train a smaller model (--preset, --size, "
            "--set width), or where there is more memory; the run goes on from its last checkpoint."
        ) from error
    return -(-size // 2)


def _added_up(
    state: TrainState,
    wrapped: torch.nn.Module,
    faces: Faces,
    size: int,
    config: TrainConfig,
    features: FrozenFeatures | None,
    accelerator: Accelerator,
) -> tuple[LossTerms, Tensor, list[Look]]:
    """As `gradients`, in passes of `size` faces, each weighted by its share."""
    parts: list[LossTerms] = []
    means: list[Tensor] = []
    looks: list[Look] = []
    whole_kl = mean_kl(state, faces, size, accelerator) if config.free_bits_nats else None
    done = 0.0
    for part, share in faces.passes(size):
        done += share
        with until_last(accelerator, wrapped, last=done > 1 - share / 2):
            terms, mean, look = _one_pass(state, wrapped, part, config, features, accelerator, whole_kl)
            accelerator.backward(terms.total_loss * share)
        parts.append(LossTerms(*(term.detach() * share for term in terms)))
        means.append(mean)
        looks += [] if look is None else [look]
    summed = LossTerms(*(sum(values[1:], values[0]) for values in zip(*parts, strict=True)))
    return summed, torch.cat(means), looks


@torch.no_grad()
def mean_kl(state: TrainState, faces: Faces, size: int, accelerator: Accelerator) -> Tensor | None:
    """(D,) mean KL of each dimension over the whole batch, nats; None where it is taken in one pass.

    Free bits are a bound on the batch's mean, which no part of it knows: the encoder is run once more.
    """
    if size >= len(faces.x):
        return None
    total = faces.x.new_zeros(state.model.config.latent_dim)
    for part, share in faces.passes(size):
        with accelerator.autocast():
            mean, logvar = state.model.encoder(part.x, part.attributes)
        total += share * kl_to_standard_normal(mean.float(), logvar.float()).mean(dim=0)
    return mean_over_processes(total)


def until_last(
    accelerator: Accelerator, wrapped: torch.nn.Module, last: bool
) -> AbstractContextManager[None]:
    """Processes exchange gradients once a step: not before the last pass."""
    context: AbstractContextManager[None] = nullcontext() if last else accelerator.no_sync(wrapped)
    return context


def _one_pass(
    state: TrainState,
    wrapped: torch.nn.Module,
    faces: Faces,
    config: TrainConfig,
    features: FrozenFeatures | None,
    accelerator: Accelerator,
    whole_kl: Tensor | None,
) -> tuple[LossTerms, Tensor, Look | None]:
    """The terms of these faces, their posterior means, and what the adversary sees of them."""
    x, noise, attributes, drawn = faces
    weight = kl_weight(state, config)
    if state.adversary is None or drawn is None:
        output = wrapped(x, noise, attributes)
        with accelerator.autocast():
            terms = vae_loss(x, output, config, weight, features, whole_kl)
            return terms, output.mean.detach(), None
    assert features is not None, "an adversary comes with the frozen network"
    output = wrapped(x, noise, attributes, drawn.latents)
    heads = state.adversary.heads
    with accelerator.autocast():
        seen = see(x, output, features, drawn.jitter)
        terms = adversarial_vae_loss(x, output, seen, config, weight, heads, drawn.told, whole_kl)
    look = Look(Seen(seen.real, [tap.detach() for tap in seen.made]), drawn.told)
    return terms, output.mean.detach(), look


def augmented(batch: FaceBatch, state: TrainState, config: TrainConfig, accelerator: Accelerator) -> Faces:
    """This process's faces: flipped, drawn and masked by (seed, images seen) alone."""
    draw = np.random.default_rng((config.seed, state.seen_images, 1))
    share = share_of(accelerator)
    latent_dim = state.model.config.latent_dim
    # A private batch has as many faces as were drawn; any other has batch_size, over all processes.
    count = config.batch_size if state.ledger is None else len(batch.photos)
    noise = draw.standard_normal((count, latent_dim), dtype=np.float32)[share]
    flips = draw.random(count)[share] < 0.5
    hidden = draw.random(count)[share] < config.attribute_dropout
    device = accelerator.device
    x = to_tensor(batch.photos.to(device))  # (B, 3, H, W)
    if config.flip:
        mirrored = torch.from_numpy(flips).to(device)[:, None, None, None]
        x = torch.where(mirrored, x.flip(3), x)
    attributes = batch.attributes
    if attributes is not None:
        attributes = attributes.masked_fill(torch.from_numpy(hidden)[:, None], 0.0).to(device)
    drawn = None
    if state.adversary is not None:
        drawn = state.adversary.draw(config, state.seen_images, latent_dim, batch.indices, accelerator)
    x = x.contiguous(memory_format=torch.channels_last)
    return Faces(x, torch.from_numpy(noise).to(device), attributes, drawn)


def kl_weight(state: TrainState, config: TrainConfig) -> float:
    """Weight of the KL in the next step."""
    return config.beta * linear_warmup(state.seen_images, config.kl_warmup_images)


def learning_rates(state: TrainState, config: TrainConfig) -> tuple[float, float]:
    """(rate of the autoencoder, rate of the adversary) for the next step."""
    seen, total = state.seen_images + config.batch_size, state.total_images or FAR_AWAY
    start = adversary_start(config, total)
    if state.adversary is None:
        end = min(total, start) if config.adversary_weight else total
        return config.learning_rate * warmup_cosine(seen, config.warmup_images, end), 0.0
    rate = trapezium(seen - start, total - start)
    return config.decoder_learning_rate * rate, config.adversary_learning_rate * rate


def adversary_start(config: TrainConfig, total_images: int) -> int:
    """Images after which the adversary is switched on: `adversary_images`, or its share of all."""
    share = round(ADVERSARY_FROM * total_images)
    return share if config.adversary_images is None else config.adversary_images


def adversary_due(state: TrainState, config: TrainConfig) -> bool:
    """True when the adversary has to be switched on before the next step."""
    start = adversary_start(config, state.total_images or FAR_AWAY)
    return config.adversary_weight > 0 and state.seen_images >= start and state.adversary is None


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
