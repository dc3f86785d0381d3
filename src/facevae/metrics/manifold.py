"""Fidelity and diversity apart: are samples like real faces, and is every kind of real face among them?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facevae.errors import DataError


class Manifold(NamedTuple):
    """Each is 1 at best; `density` alone may exceed 1."""

    precision: float  # share of fakes within the k-th neighbour's distance of some real face
    recall: float  # share of real faces within the k-th neighbour's distance of some fake
    density: float  # real neighbourhoods around a fake, over k: 1 in expectation for equal distributions
    coverage: float  # share of real neighbourhoods that hold a fake


def manifold_metrics(
    real: Tensor, fake: Tensor, k_precision: int = 3, k_density: int = 5, chunk: int = 1024
) -> Manifold:
    """Precision and recall (k_precision), density and coverage (k_density) from nearest neighbours.

    real: (N, F), fake: (M, F) float32. A neighbourhood is the ball around a vector that reaches its k-th
    nearest other vector of the same set. Memory is chunk * max(N, M) distances at a time; each of the three
    distance matrices is computed once. Precision and recall move with N and M, so compare equal counts.
    Raises DataError when a set has no more than k vectors. Source: Kynkäänniemi et al. 2019, equations 1
    and 2 (closed balls, k = 3); Naeem et al. 2020, section 3 (open balls as in its code, k = 5).
    """
    k_max = max(k_precision, k_density)
    if min(len(real), len(fake)) <= k_max:
        raise DataError(
            f"precision, recall, density and coverage got {len(real)} real and {len(fake)} generated feature "
            f"vectors and need more than k = {k_max} of each: give them more images."
        )
    centre = real.mean(dim=0)  # distances are unchanged, and lose fewer digits of float32 near the origin
    real, fake = real - centre, fake - centre
    real_radii = _neighbour_distances(real, k_max, chunk)  # (N, k_max)
    closed_radius, open_radius = real_radii[:, k_precision - 1], real_radii[:, k_density - 1]  # (N,)
    fake_radius = _neighbour_distances(fake, k_precision, chunk)[:, -1]  # (M,)

    inside = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    recalled, covered, held = 0, 0, 0
    for start in range(0, len(real), chunk):
        rows = slice(start, start + chunk)
        distance = _distances(real[rows], fake)  # (B, M)
        inside |= (distance <= closed_radius[rows, None]).any(dim=0)  # (M,)
        recalled += int((distance <= fake_radius).any(dim=1).sum())
        within = distance < open_radius[rows, None]  # (B, M)
        held += int(within.sum())
        covered += int(within.any(dim=1).sum())
    return Manifold(
        precision=float(inside.double().mean()),
        recall=recalled / len(real),
        density=held / (k_density * len(fake)),
        coverage=covered / len(real),
    )


def _neighbour_distances(features: Tensor, k: int, chunk: int) -> Tensor:
    """Distances to the k nearest other vectors, ascending; (N, F) to (N, k)."""
    nearest = []
    for start in range(0, len(features), chunk):
        distance = _distances(features[start : start + chunk], features)  # (B, N)
        distance[:, start:].fill_diagonal_(torch.inf)
        nearest.append(distance.topk(k, dim=1, largest=False).values)
    return torch.cat(nearest)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist")
