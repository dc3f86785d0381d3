"""Kernel distance between two sets of features: unbiased, so usable with few images."""

from __future__ import annotations

import torch
from torch import Tensor

from facevae.errors import DataError


def kernel_distance(
    a: Tensor, b: Tensor, seed: int = 0, subsets: int = 20, subset_size: int = 1000
) -> tuple[float, float]:
    """Squared maximum mean discrepancy under a cubic kernel: mean and std over random subsets.

    a: (N, F), b: (M, F) float32. Each subset draws min(subset_size, N, M) vectors from each side without
    replacement. Returns two unitless floats; the mean is 0 in expectation for equal distributions and may be
    negative; the std is over subsets (divided by their number) and is 0 when a subset takes everything.
    Random, and repeatable for a seed. Raises DataError for fewer than two features in a set.
    Source: Binkowski et al. 2018, section 4, with the kernel (x.y / F + 1)^3.
    """
    size = min(subset_size, len(a), len(b))
    if size < 2:
        raise DataError(
            f"the kernel distance got sets of {len(a)} and {len(b)} feature vectors and subsets of "
            f"{subset_size}; each must be at least 2: give it more images."
        )
    rng = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(subsets):
        of_a = torch.randperm(len(a), generator=rng)[:size].to(a.device)
        of_b = torch.randperm(len(b), generator=rng)[:size].to(b.device)
        values.append(_unbiased_mmd2(a[of_a].double(), b[of_b].double()))
    distances = torch.stack(values)  # (subsets,)
    return float(distances.mean()), float(distances.std(correction=0))


def _unbiased_mmd2(a: Tensor, b: Tensor) -> Tensor:
    """(n, F) each to a scalar; a vector is not compared with itself."""
    n, width = a.shape

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / width + 1.0).pow(3)  # (n, n)

    within = sum(k.sum() - k.trace() for k in (kernel(a, a), kernel(b, b)))
    return within / (n * (n - 1)) - 2 * kernel(a, b).mean()
