"""The learned prior: a rectified flow between noise and latents, conditional on attributes, run both ways."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facevae.attributes import Schema
from facevae.layers import blocks_within

FREQUENCIES = 8
"""Sines, and as many cosines, that tell the network the time."""
RATES = torch.logspace(0, 2, FREQUENCIES).tolist()
"""Theirs, in radians over 0..1: plain numbers, because LiteRT cannot compute them and torch.export would
store a tensor of them as a pickle."""
DENSITY_BATCH = 1024
MOST_STEPS = 1000
"""Steps of an integration that a stored flow may ask for."""
CATEGORY_GAIN = 2.0
"""How much more a guidance beyond 1 pulls where only categories are asked for: at face64's guidance of 2,
ages are read back as on real faces of that age, but men and angry faces too seldom (docs/prior.md)."""


class Block(nn.Module):
    """x + out(silu(in(norm(x) * (1 + scale) + shift))), scale and shift from the condition; (B, W)."""

    def __init__(self, width: int, embed: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(embed, 2 * width)
        self.fc_in = nn.Linear(width, width)
        self.fc_out = nn.Linear(width, width)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition).chunk(2, dim=1)
        out: Tensor = x + self.fc_out(F.silu(self.fc_in(self.norm(x) * (1 + scale) + shift)))
        return out


class VelocityNet(nn.Module):
    """v(x, t, attributes): x (B, D), t (B,) in 0..1, attributes (B, A), zeros where masked; (B, D) out.

    A residual MLP of `blocks` blocks of `width`, each modulated by time and attributes together
    (Peebles and Xie 2023, adaLN); its velocity starts as zero.
    """

    def __init__(self, latent_dim: int, attribute_width: int, width: int, blocks: int) -> None:
        super().__init__()
        embed = max(16, width // 4)
        self.time = nn.Linear(2 * FREQUENCIES, embed)
        self.attributes = nn.Linear(attribute_width, embed, bias=False) if attribute_width else None
        if self.attributes is not None:
            # Strong from the first step on: with small weights (and blocks that start as zero) a test's fit
            # of 500 steps told asked ages apart by 1 % of what they differ, so by 95 %.
            nn.init.normal_(self.attributes.weight)
        self.mix = nn.Linear(embed, embed)
        self.stem = nn.Linear(latent_dim, width)
        self.blocks = nn.ModuleList(Block(width, embed) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, latent_dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, t: Tensor, attributes: Tensor) -> Tensor:
        angles = torch.stack([rate * t for rate in RATES], dim=1)  # (B, F)
        hints = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        if self.attributes is not None:
            hints = hints + self.attributes(attributes)
        condition = F.silu(self.mix(F.silu(hints)))
        h = self.stem(x)
        for block in self.blocks:
            h = block(h, condition)
        velocity: Tensor = self.head(F.silu(self.norm(h)))
        return velocity


def strength(attributes: Tensor, schema: Schema, guidance: float | Tensor, category_gain: float) -> Tensor:
    """(N, 1) pulls of attributes (N, A): guidance g for a row that has a number, and
    1 + category_gain (g - 1) for one that has categories alone. Source: ours."""
    ends = list(accumulate(attribute.width for attribute in schema.attributes))
    known = [end - 1 for end, one in zip(ends, schema.attributes, strict=True) if not one.categories]
    has_number = attributes[:, known].sum(dim=1, keepdim=True) > 0  # (N, 1)
    plain = torch.as_tensor(guidance, dtype=attributes.dtype, device=attributes.device)
    return torch.where(has_number, plain, 1 + category_gain * (plain - 1))


class FlowPrior:
    """z = mean + scale x, and dx/dt = v(x, t, attributes) from noise x(0) ~ N(0, I) to a latent's x(1).

    mean (D,), scale (D, D): so that x of the aggregate posterior has mean 0 and covariance I; what is left
    to learn is what is not Gaussian. people: (M, A) attributes of faces of the data, for `somebody`; None for
    a flow without. steps: Heun steps of every integration, two evaluations each (8 are within .007 of 200,
    root mean square, where a latent's deviation is 1: docs/prior.md).
    Sources: Liu et al. 2023 (rectified flow); Lipman et al. 2023 (flow matching); Ho and Salimans 2022
    (classifier-free guidance).
    """

    kind: ClassVar[str] = "flow"

    def __init__(
        self,
        net: VelocityNet,
        mean: Tensor,
        scale: Tensor,
        schema: Schema,
        steps: int = 8,
        default_guidance: float = 1.0,
        people: Tensor | None = None,
        category_gain: float = CATEGORY_GAIN,
    ) -> None:
        self.net = net.eval().requires_grad_(False)
        self.mean, self.scale, self.schema = mean, scale, schema
        self.unscale: Tensor = torch.linalg.inv(scale)
        self.steps, self.default_guidance, self.people = steps, default_guidance, people
        self.category_gain = category_gain

    @property
    def latent_dim(self) -> int:
        return len(self.mean)

    def to(self, device: torch.device) -> FlowPrior:
        """The same prior with its tensors on `device`, where it then computes."""
        self.net.to(device)
        self.mean, self.scale = self.mean.to(device), self.scale.to(device)
        self.unscale = self.unscale.to(device)
        return self

    @torch.no_grad()
    def sample(
        self,
        noise: Tensor,
        choice: Tensor,
        truncation: float = 1.0,
        attributes: Tensor | None = None,
        guidance: float = 1.0,
    ) -> Tensor:
        """(N, D) latents from noise ~ N(0, I), (N, D), on its device; random by it alone, choice is unused.

        attributes: (N, A) as `schema` encodes them, masked values zero; None masks all. guidance: how many
        times the attributes' pull away from the unconditional velocity is taken; 1 is the distribution
        itself, more shows the attributes more clearly. It is g of `strength`. truncation scales the noise.
        """
        del choice
        x = self._integrate(truncation * noise.to(self.mean.device), attributes, guidance, forwards=True)
        return (self.mean + x @ self.scale.T).to(noise.device)

    @torch.no_grad()
    def invert(self, z: Tensor, attributes: Tensor | None = None, guidance: float = 1.0) -> Tensor:
        """(N, D) noise from which `sample` makes the latents z (N, D) under these attributes and guidance.

        The same equation run backwards; the two ways differ by the error of the Heun steps alone.
        """
        x = self._standardised(z)
        return self._integrate(x, attributes, guidance, forwards=False).to(z.device)

    def somebody(self, choice: Tensor) -> Tensor | None:
        """(N, A) attributes as somebody in the data has them, picked by choice ~ U(0, 1), (N,).

        The distribution is that of the data, as with all attributes masked; but a flow that is told whom to
        draw draws better (docs/recipe.md). None without such a list. Source: ours.
        """
        if self.people is None:
            return None
        rows = (choice * len(self.people)).long().clamp(max=len(self.people) - 1)
        return self.people[rows.cpu()]

    def log_prob(self, z: Tensor) -> Tensor:
        """(N,) log-densities of z (N, D) with all attributes masked, nats; an unbiased estimate.

        Change of variables along the equation, its divergence by Hutchinson's estimator with a Rademacher
        direction for each row at each evaluation. The directions come from a fixed seed in the order of the
        rows: the same z give the same figures, a row elsewhere in z a slightly different one, and errors
        average out over rows. Sources: Chen et al. 2018; Grathwohl et al. 2019.
        """
        x, draw = self._standardised(z), torch.Generator().manual_seed(0)
        log_density = torch.cat([self._log_density(part, draw) for part in torch.split(x, DENSITY_BATCH)])
        log_volume: Tensor = torch.linalg.slogdet(self.scale).logabsdet
        return (log_density - log_volume).to(z.device)

    def tensors(self) -> dict[str, Tensor]:
        weights = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        own = {"mean": self.mean, "scale": self.scale}
        own |= {} if self.people is None else {"people": self.people}
        return {name: value.cpu().contiguous() for name, value in {**own, **weights}.items()}

    def settings(self) -> dict[str, Any]:
        """What `tensors` cannot say, as JSON."""
        width, blocks = self.net.stem.out_features, len(self.net.blocks)
        return {
            "attributes": self.schema.to_json(), "width": width, "blocks": blocks, "steps": self.steps,
            "guidance": self.default_guidance, "category_gain": self.category_gain,
        }  # fmt: skip

    @classmethod
    def from_saved(cls, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> FlowPrior:
        """The prior of these `tensors` and `settings`, float32.

        Raises KeyError, TypeError, ValueError or RuntimeError for others, ConfigError for odd attributes.
        """
        schema = Schema.from_json(settings["attributes"])
        mean = tensors["mean"].float()
        scale = tensors["scale"].float() if "scale" in tensors else tensors["std"].float().diag()
        steps, guidance = settings["steps"], float(settings["guidance"])
        gain = float(settings.get("category_gain", 1.0))  # flows that were written before there was one
        if not (isinstance(steps, int) and 1 <= steps <= MOST_STEPS and 0 <= guidance < math.inf):
            raise ValueError(f"a flow of {steps!r} steps and guidance {guidance}")
        if not 0 <= gain < math.inf:
            raise ValueError(f"a flow with a category gain of {gain}")
        blocks_within(settings["blocks"], tensors)
        with torch.device("meta"):  # whatever width is asked for takes no memory before the weights fit
            net = VelocityNet(len(mean), schema.width, settings["width"], settings["blocks"])
        own = {name.removeprefix("net."): v.float() for name, v in tensors.items() if name.startswith("net.")}
        net.load_state_dict(own, assign=True)
        people = tensors["people"].float() if "people" in tensors else None
        return cls(net, mean, scale, schema, steps, guidance, people, gain)

    def _standardised(self, z: Tensor) -> Tensor:
        return (z.to(self.mean.device) - self.mean) @ self.unscale.T

    def _integrate(self, x: Tensor, attributes: Tensor | None, guidance: float, forwards: bool) -> Tensor:
        null = x.new_zeros(len(x), self.schema.width)
        known = null if attributes is None else attributes.to(x)
        guided = guidance != 1 and bool(known.any())
        both = torch.cat([known, null])  # (2N, A)
        pull = strength(known, self.schema, guidance, self.category_gain)  # (N, 1)

        def velocity(x: Tensor, time: float) -> Tensor:
            if not guided:
                plain: Tensor = self.net(x, x.new_full((len(x),), time), known)
                return plain
            # In one pass: for few faces, reading the weights is what takes the time.
            pair = self.net(torch.cat([x, x]), x.new_full((2 * len(x),), time), both)
            v, v_null = pair.chunk(2)
            guided_v: Tensor = v_null + pull * (v - v_null)
            return guided_v

        for t, after in self._times(forwards):
            v = velocity(x, t)
            v_after = velocity(x + (after - t) * v, after)
            x = x + 0.5 * (after - t) * (v + v_after)
        return x

    def _times(self, forwards: bool) -> list[tuple[float, float]]:
        times = [step / self.steps for step in range(self.steps + 1)]
        return list(pairwise(times if forwards else reversed(times)))

    def _log_density(self, x: Tensor, draw: torch.Generator) -> Tensor:
        """(N,) log-densities of standardised latents (N, D)."""
        divergences = x.new_zeros(len(x))
        for t, after in self._times(forwards=False):
            v, divergence = self._divergence(x, t, draw)
            v_after, divergence_after = self._divergence(x + (after - t) * v, after, draw)
            x = x + 0.5 * (after - t) * (v + v_after)
            divergences = divergences + 0.5 * (after - t) * (divergence + divergence_after)
        log_noise = -0.5 * (x.square().sum(dim=1) + x.shape[1] * math.log(2 * math.pi))
        return log_noise + divergences

    def _divergence(self, x: Tensor, time: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Velocity (N, D) and an estimate of its divergence (N,)."""
        probe = torch.randint(0, 2, x.shape, generator=draw).to(x) * 2 - 1  # (N, D)
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            v = self.net(x, x.new_full((len(x),), time), x.new_zeros(len(x), self.schema.width))
            (pulled,) = torch.autograd.grad(v, x, probe)
        return v.detach(), (pulled * probe).sum(dim=1)
