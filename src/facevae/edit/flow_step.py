"""Editing by the conditional flow: a latent's noise, sampled under other attributes."""

from __future__ import annotations

import torch
from torch import Tensor

from facevae.edit.way import Request, Way
from facevae.flow import FlowPrior
from facevae.linear_reader import freed


def flow_step(prior: FlowPrior, z: Tensor, request: Request, way: Way) -> Tensor:
    """(N, D) by which the flow moves z when its noise is sampled under the asked attributes."""
    told = set(prior.schema.names) - freed(request.names)
    mine, wanted = (
        torch.tensor([prior.schema.encode({name: row.get(name) for name in told}) for row in rows])
        for rows in (request.own, request.asked)
    )
    flow = _FlowFrom(prior, way.start) if way.start else prior
    noise, unused = flow.invert(z, mine), torch.zeros(len(z))
    after = flow.sample(noise, unused, 1.0, wanted, way.guidance)
    if not way.difference:
        return after - z
    return after - flow.sample(noise, unused, 1.0, mine, way.guidance)


class _FlowFrom(FlowPrior):
    """The same flow between the time `start` and 1: what it calls noise is a latent half way."""

    def __init__(self, prior: FlowPrior, start: float) -> None:
        vars(self).update(vars(prior))
        self.start = start

    def _times(self, forwards: bool) -> list[tuple[float, float]]:
        scale = 1 - self.start
        return [(self.start + scale * a, self.start + scale * b) for a, b in super()._times(forwards)]
