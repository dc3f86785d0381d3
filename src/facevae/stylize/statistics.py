"""What a style is to a network: how its activations are distributed, wherever they are in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from facevae.features import FrozenFeatures

CONTENT_TAPS = (2, 3)
"""Taps (strides 8 and 16) that tell what is shown, more than how it is painted."""
COVARIANCE_WEIGHT = 1.0
"""Weight of a layer's covariances beside its means."""


class Statistics(NamedTuple):
    """Of one layer's activations over all places of all pictures."""

    mean: Tensor  # (C,)
    covariance: Tensor  # (C, C): the Gram matrix of the centred activations over their number


def activations(features: FrozenFeatures, x: Tensor) -> list[Tensor]:
    """The pixels themselves (stride 1) and the network's taps (strides 2, 4, 8, 16) of x (B, 3, H, W)."""
    return [x, *features(x)]


def statistics(layers: Sequence[Tensor]) -> list[Statistics]:
    """Mean and covariance of each layer (B, C_l, H_l, W_l), pooled over pictures and places.

    Sources: Gatys et al. 2016, equation 3 (Gram matrices); Li et al. 2017, section 4.2 (means and deviations
    alone do, too): a Gram matrix is their sum, here taken apart so that each counts.
    """
    found = []
    for layer in layers:
        flat = layer.float().transpose(0, 1).flatten(1)  # (C, B * H * W)
        mean = flat.mean(dim=1)
        centred = flat - mean[:, None]
        found.append(Statistics(mean, centred @ centred.T / flat.shape[1]))
    return found


def between(own: Sequence[Statistics], style: Sequence[Statistics], strength: float) -> list[Statistics]:
    """The statistics at `strength`, 0..1, on the way from `own` to `style`.

    Source: Huang and Belongie 2017 (AdaIN), equation 14, for the statistics instead of the activations.
    """
    return [
        Statistics(torch.lerp(a.mean, b.mean, strength), torch.lerp(a.covariance, b.covariance, strength))
        for a, b in zip(own, style, strict=True)
    ]


def style_loss(got: Sequence[Statistics], wanted: Sequence[Statistics]) -> Tensor:
    """How far statistics are from those wanted, in units of the wanted deviations; a scalar, 0 when equal.

    Each layer and, within it, each channel counts alike: without that, a few strong channels of a network
    with skip connections decide the picture (Wang et al. 2021).
    """
    terms = []
    for a, b in zip(got, wanted, strict=True):
        std = b.covariance.diagonal().clamp(min=1e-4).sqrt()  # (C,)
        means = ((a.mean - b.mean) / std).square().mean()
        scaled = (a.covariance - b.covariance) / (std[:, None] * std)  # (C, C)
        # Over the channels, not their pairs: uncorrelated pairs would drown the deviations.
        terms.append(means + COVARIANCE_WEIGHT * scaled.square().sum() / len(std))
    return torch.stack(terms).mean()


def content_loss(got: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """How differently two batches are laid out at the deeper taps: a scalar, 0 (equal) to about 2.

    got, wanted: `activations`. Each channel of each picture is first brought to mean 0 and deviation 1, which
    style is: so the content keeps to its places without holding on to its statistics.
    """
    terms = [
        (F.instance_norm(got[tap + 1].float()) - F.instance_norm(wanted[tap + 1].float())).square().mean()
        for tap in CONTENT_TAPS
    ]
    return torch.stack(terms).mean()


@torch.no_grad()
def pooled_statistics(features: FrozenFeatures, x: Tensor, batch_size: int = 32) -> list[Statistics]:
    """`statistics` of the activations of all of x (B, 3, H, W) together, seen `batch_size` at a time."""
    parts = [statistics(activations(features, part)) for part in torch.split(x, batch_size)]
    weights = [len(part) / len(x) for part in torch.split(x, batch_size)]
    pooled = []
    for layers in zip(*parts, strict=True):
        mean = sum_weighted([layer.mean for layer in layers], weights)
        seconds = [layer.covariance + torch.outer(layer.mean, layer.mean) for layer in layers]
        pooled.append(Statistics(mean, sum_weighted(seconds, weights) - torch.outer(mean, mean)))
    return pooled


def sum_weighted(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The sum of tensors of one shape, each times its weight."""
    return torch.stack([weight * tensor for weight, tensor in zip(weights, tensors, strict=True)]).sum(dim=0)


def recoloured(x: Tensor, wanted: Statistics) -> Tensor:
    """x (1, 3, H, W) moved linearly so that its pixels have the wanted mean and covariance.

    Source: Gatys et al. 2017, section 5.1 (colour transfer by the matrices' square roots).
    """
    own = statistics([x])[0]
    move = _root(wanted.covariance, 0.5) @ _root(own.covariance, -0.5)  # (3, 3)
    moved = torch.einsum("ij,njhw->nihw", move, x - own.mean[:, None, None])
    return moved + wanted.mean[:, None, None]


def _root(covariance: Tensor, power: float) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp(min=1e-4) ** power) @ vectors.T
    return root
