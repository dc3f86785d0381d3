"""Children of several faces, and the named directions that their genes are moved along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facevae.augment.making import vary
from facevae.flow import FlowPrior
from facevae.generator import FaceGenerator, Latents


def breed(generator: FaceGenerator, parents: Latents, seeds: Sequence[int], mutation: float) -> Latents:
    """One child of the parents (K, D), K >= 2, per seed: (N, D).

    A child is its parents' mean with weights that are uniform on the simplex, drawn again to their length,
    then turned towards fresh noise by `mutation`, 0 (none) to 1 (no child of theirs), as `vary` does. Where
    the prior is a flow the mean is that of the parents' noises, so that a child is as likely a face as they
    are. Child i is random by seeds[i] alone.
    """
    z, flow = torch.from_numpy(parents), generator.prior if isinstance(generator.prior, FlowPrior) else None
    points = flow.invert(z) if flow else z  # (K, D)
    draws = [torch.Generator().manual_seed(seed) for seed in seeds]
    weights = torch.stack([-torch.rand(len(z), generator=draw).clamp(min=1e-6).log() for draw in draws])
    weights = weights / weights.sum(dim=1, keepdim=True)  # (N, K), Dirichlet(1, ..., 1)
    mixed = weights @ points
    lengths = weights @ points.norm(dim=1, keepdim=True)  # (N, 1)
    mixed = mixed * lengths / mixed.norm(dim=1, keepdim=True).clamp(min=1e-8)
    children = flow.sample(mixed, torch.zeros(len(mixed))) if flow else mixed
    born: Latents = children.numpy()
    return vary(generator, born, seeds, mutation) if mutation else born


@dataclass(frozen=True)
class Gene:
    """A direction with a name."""

    name: str
    """'age', or 'expression:happy' for a category."""
    attribute: str
    category: str | None
    step: NDArray[np.float32]  # (D,), one standard deviation of its reading over faces long


def genes_of(generator: FaceGenerator) -> list[Gene]:
    """What the model's reader can move, each by the shortest step that keeps the other readings.

    Of the two categories of an attribute the first alone: the other is its opposite. None without a reader.
    """
    reader = generator.reader
    if reader is None:
        return []
    spreads = (reader.weights * reader.spread).sum(dim=1).clamp(min=0).sqrt()  # (K,) sqrt(w C w^T)
    directions = reader.directions()
    genes: list[Gene] = []
    for row, reading in enumerate(reader.readings):
        siblings = [other for other in reader.readings if other.name == reading.name]
        if len(siblings) == 2 and reading is siblings[1]:
            continue
        name = reading.name if reading.category is None else f"{reading.name}:{reading.category}"
        step = directions[reading.name, reading.category] * spreads[row]
        genes.append(Gene(name, reading.name, reading.category, step.numpy().astype(np.float32)))
    return genes


def with_genes(latent: Latents, genes: Sequence[Gene], amounts: Sequence[float]) -> Latents:
    """The latent (D,) moved by so many standard deviations along each gene; (D,)."""
    moved = latent.copy()
    for gene, amount in zip(genes, amounts, strict=True):
        moved += np.float32(amount) * gene.step
    return moved
