"""Fitting the flow of flow.py to the posteriors of faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facevae.attributes import Schema, Value, is_missing
from facevae.distributions import reparameterise
from facevae.ema import EMA
from facevae.errors import DataError
from facevae.flow import FlowPrior, VelocityNet
from facevae.schedules import ema_decay, warmup_cosine

MASK_ONE, MASK_ALL = 0.15, 0.1
"""Share of rows in which each attribute, and in which all of them, are hidden while the flow is fitted."""
LEARNING_RATE = 1e-3
WARMUP_SHARE = 0.05
PEOPLE = 2_048
"""Faces whose attributes the flow keeps, to be drawn when nothing is asked for."""
EMA_ROWS = 100_000
"""Half-life of the averaged weights, in rows seen."""
REPORT_STEPS = 50

FitProgress = Callable[[int, int, float], None]
"""Called with (steps done, steps in all, mean loss since the last call)."""


def fit_flow(
    mean: Tensor,
    logvar: Tensor,
    rows: Sequence[Mapping[str, Value]],
    schema: Schema,
    steps: int = 6000,
    width: int = 512,
    blocks: int = 4,
    batch_size: int = 512,
    seed: int = 0,
    bf16: bool = False,
    progress: FitProgress | None = None,
) -> FlowPrior:
    """A flow fitted to the posteriors N(mean, exp(logvar)), (N, D) each, of N faces with these attributes.

    rows: N metadata rows, unused for an empty schema. steps: AdamW steps of `batch_size` faces. bf16:
    autocast to it. Minimises |v(x_t, t) - (x - noise)|^2 over x_t = (1 - t) noise + t x; the result holds
    averaged weights, on mean's device. Deterministic for a seed on one machine. Raises DataError for an
    attribute that no row knows.
    """
    faces = _Faces(mean, logvar, rows, schema)
    draw = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = VelocityNet(mean.shape[1], schema.width, width, blocks).to(mean.device)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, (0.9, 0.99), weight_decay=0.01, fused=True)
    ema, loss_sum, reported = EMA(net), torch.zeros((), device=mean.device), 0
    for step in range(1, steps + 1):
        x, attributes = faces.draw(batch_size, draw)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * warmup_cosine(step, max(1, round(WARMUP_SHARE * steps)), steps)
        with torch.autocast(mean.device.type, torch.bfloat16, enabled=bf16):
            loss = flow_loss(net, x, attributes, draw)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        ema.update(net, ema_decay(step * batch_size, batch_size, EMA_ROWS))
        loss_sum += loss.detach()
        if progress and (step % REPORT_STEPS == 0 or step == steps):
            progress(step, steps, float(loss_sum) / (step - reported))
            loss_sum, reported = torch.zeros_like(loss_sum), step
    net.load_state_dict(ema.weights)
    return FlowPrior(net, faces.centre, faces.scale, schema, people=faces.people(draw))


def flow_loss(net: nn.Module, x: Tensor, attributes: Tensor, draw: torch.Generator) -> Tensor:
    """Mean squared error of the velocity over rows and dimensions; x (B, D), attributes (B, A).

    Noise and times come from `draw`, on the CPU; times are logit-normal (Esser et al. 2024, section 3.1).
    """
    noise = torch.randn(x.shape, generator=draw).to(x)
    t = torch.randn(len(x), generator=draw).sigmoid().to(x)  # (B,)
    x_t = (1 - t[:, None]) * noise + t[:, None] * x
    return F.mse_loss(net(x_t, t, attributes).float(), x - noise)


class _Faces:
    """Posteriors and attributes to draw from; centre (D,) and scale (D, D) standardise the latents."""

    def __init__(
        self, mean: Tensor, logvar: Tensor, rows: Sequence[Mapping[str, Value]], schema: Schema
    ) -> None:
        self.mean, self.logvar, self.schema = mean, logvar, schema
        self.centre = mean.mean(dim=0)
        self.scale, self.unscale = _principal_axes(mean, logvar)
        self.low, self.high = (
            torch.tensor([_encoded(row, schema, end) for row in rows if schema.width])
            .reshape(len(mean), schema.width)
            .to(mean.device)
            for end in ("low", "high")
        )
        for attribute, block in zip(
            schema.attributes, torch.split(self.low, self.widths, dim=1), strict=True
        ):
            if not block.any():
                raise DataError(
                    f"no training face has a known {attribute.name}, so the prior cannot be conditional on "
                    "it. Leave it out of condition_on, or prepare the data with a labelled column."
                )

    @property
    def widths(self) -> list[int]:
        return [attribute.width for attribute in self.schema.attributes]

    def draw(self, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """(count, D) standardised latents of faces drawn by chance and (count, A) what is shown of each.

        Latents are drawn afresh from their posteriors, ages that came as an interval from within it.
        """
        device, latent_dim = self.mean.device, self.mean.shape[1]
        chosen = torch.randint(0, len(self.mean), (count,), generator=draw).to(device)
        noise = torch.randn(count, latent_dim, generator=draw).to(device)
        z = reparameterise(self.mean[chosen], self.logvar[chosen], noise)  # (B, D)
        attributes = self._attributes(chosen, draw)  # (B, A)
        shown = torch.rand(count, len(self.widths), generator=draw) >= MASK_ONE  # (B, attributes)
        shown &= torch.rand(count, 1, generator=draw) >= MASK_ALL
        mask = shown.repeat_interleave(torch.tensor(self.widths, dtype=torch.long), dim=1).to(device)
        return (z - self.centre) @ self.unscale.T, attributes * mask

    def people(self, draw: torch.Generator) -> Tensor | None:
        """(PEOPLE, A) attributes of faces drawn by chance, on the CPU; None for an empty schema."""
        if not self.schema.width:
            return None
        return self._attributes(torch.randint(0, len(self.mean), (PEOPLE,), generator=draw), draw).cpu()

    def _attributes(self, chosen: Tensor, draw: torch.Generator) -> Tensor:
        within = torch.rand(len(chosen), 1, generator=draw).to(self.low)
        return torch.lerp(self.low[chosen], self.high[chosen], within)


def _principal_axes(mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """(scale, its inverse), (D, D): principal axes of the aggregate posterior, each as long as its std."""
    covariance = torch.cov(mean.double().T, correction=0) + logvar.double().exp().mean(dim=0).diag()
    variances, axes = torch.linalg.eigh(covariance)
    std = variances.clamp(min=1e-8).sqrt()
    return (axes * std).to(mean).contiguous(), (axes / std).T.to(mean).contiguous()


def _encoded(row: Mapping[str, Value], schema: Schema, end: str) -> list[float]:
    """The row with numbers known as an interval (age_low, age_high) at one end of it."""
    ends = {name: row.get(f"{name}_{end}") for name in schema.names}
    known = {name: row.get(name) if is_missing(value) else value for name, value in ends.items()}
    return schema.encode(known, "the metadata")


def mirrored_rows(rows: Sequence[Mapping[str, Value]]) -> list[dict[str, Value]]:
    """The metadata of the mirrored faces: yaw changes its sign."""
    return [
        dict(row) if is_missing(yaw := row.get("yaw")) else {**row, "yaw": -float(yaw or 0.0)} for row in rows
    ]
