"""The whole prior as one network: noise to latents in one call, for runtimes without a loop of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from facevae.errors import ConfigError
from facevae.export.networks import CHECKED, Network, Port, draw_attributes, plain
from facevae.flow import FlowPrior, strength
from facevae.prior import GaussianMixturePrior, NormalPrior, Prior

TRUNCATION = Port("truncation", (), "0..1; less is more typical", batched=False)
GUIDANCE = Port("guidance", (), "0 or more; 1 is the distribution itself", batched=False)


class FlowSampler(nn.Module):
    """`FlowPrior.sample`, its Heun steps as one loop inside the network.

    Guidance is always applied, both velocities in one evaluation of twice the rows; at 1 it changes nothing.
    """

    times: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, prior: FlowPrior) -> None:
        super().__init__()
        self.net, self.step = plain(prior.net), 1 / prior.steps
        self.schema, self.category_gain = prior.schema, prior.category_gain
        self.register_buffer("times", torch.arange(prior.steps) / prior.steps)
        self.register_buffer("mean", prior.mean.cpu())
        self.register_buffer("scale", prior.scale.cpu())

    def forward(self, noise: Tensor, attributes: Tensor, truncation: Tensor, guidance: Tensor) -> Tensor:
        rows, known = noise.shape[0], torch.cat([attributes, torch.zeros_like(attributes)])  # (2B, A)
        pull = strength(attributes, self.schema, guidance, self.category_gain)  # (B, 1)

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            both = self.net(torch.cat([x, x]), t.expand(2 * rows), known)
            told, untold = both[:rows], both[rows:]
            guided: Tensor = untold + pull * (told - untold)
            return guided

        def heun(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            v = velocity(x, t)
            return x + 0.5 * self.step * (v + velocity(x + self.step * v, t + self.step)), t.clone()

        # A loop in Python would be unrolled: four times as slow to export, 350 times as many nodes.
        x, _ = scan(heun, truncation * noise, self.times)
        latent: Tensor = self.mean + x @ self.scale.T
        return latent


class PlainFlowSampler(FlowSampler):
    """The same without attributes, which leaves nothing to guide."""

    def forward(self, noise: Tensor, truncation: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(noise, noise.new_zeros(len(noise), 0), truncation, noise.new_ones(()))


class MixtureSampler(nn.Module):
    """`GaussianMixturePrior.sample`."""

    edges: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, prior: GaussianMixturePrior) -> None:
        super().__init__()
        self.register_buffer("edges", prior.weights.cumsum(0)[:-1].contiguous())
        self.register_buffer("means", prior.means)
        self.register_buffer("factors", prior.factors)

    def forward(self, noise: Tensor, choice: Tensor, truncation: Tensor) -> Tensor:
        component = (choice[:, None] > self.edges).sum(dim=1)  # (B,)
        deviation = self.factors[component] @ noise[:, :, None]  # (B, D, 1)
        latent: Tensor = self.means[component] + truncation * deviation[:, :, 0]
        return latent


class NormalSampler(nn.Module):
    """`NormalPrior.sample`."""

    def forward(self, noise: Tensor, truncation: Tensor) -> Tensor:
        return truncation * noise


def sampler_of(prior: Prior) -> Network:
    """The prior as one network. noise is N(0, I); what else goes in depends on the kind of prior.

    Raises ConfigError for a kind that has no network here.
    """
    draw, dim = torch.Generator().manual_seed(1), prior.latent_dim
    inputs = [Port("noise", (dim,), "drawn from N(0, I)")]
    examples = [torch.randn(CHECKED, dim, generator=draw)]
    module: nn.Module
    if isinstance(prior, NormalPrior):
        module = NormalSampler()
    elif isinstance(prior, FlowPrior):
        module = FlowSampler(prior) if prior.schema.width else PlainFlowSampler(prior)
        if prior.schema.width:
            meaning = f"{', '.join(prior.schema.names)}, encoded as the schema says; zeros where not asked"
            inputs.append(Port("attributes", (prior.schema.width,), meaning))
            examples.append(draw_attributes(prior.schema, CHECKED, seed=1))
    elif isinstance(prior, GaussianMixturePrior):
        module = MixtureSampler(prior)
        inputs.append(Port("choice", (), "drawn from U(0, 1)"))
        examples.append(torch.rand(CHECKED, generator=draw))
    else:
        raise ConfigError(
            f"a prior of kind '{prior.kind}' cannot be exported: expected normal, gmm or flow. "
            "Fit one of them with: facevae prior MODEL DATA --out NEW"
        )
    inputs.append(TRUNCATION)
    examples.append(torch.tensor(0.9))
    if prior.schema.width:
        inputs.append(GUIDANCE)
        examples.append(torch.tensor(1.5))
    outputs = (Port("latent", (dim,), "a latent, which the decoder draws"),)
    return Network("sampler", module.eval(), tuple(inputs), outputs, tuple(examples))
