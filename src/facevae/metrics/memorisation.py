"""Does a generator copy its training faces? Its samples should be no nearer to them than unseen faces are."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from facevae.errors import DataError

COPYING_SHARE = 0.05
"""Share of samples below the 1st percentile of unseen faces that is called copying: five times chance."""

FALSE_ALARM = 0.01
"""Probability that a generator of fresh faces is flagged all the same, at most."""


class MemorisationTest(NamedTuple):
    """How much nearer samples lie to training faces than unseen real faces do."""

    share_below_1_percent: float  # of samples nearer than the 1st percentile of unseen faces; 0.01 by chance
    share_below_5_percent: float  # likewise, the 5th percentile; 0.05 by chance
    median_ratio: float  # samples' median distance over that of unseen faces; 1 by chance
    p_nearer: float  # one-sided two-sample Kolmogorov-Smirnov test of all distances, asymptotic
    p_copies: float  # probability, by chance, of this share or a larger one below the 1st percentile; exact
    memorises: bool


def nearest(queries: Tensor, pool: Tensor, chunk: int = 1024) -> tuple[Tensor, Tensor]:
    """The nearest vector of `pool` to each query, Euclidean; the lowest index among equals is not promised.

    queries: (N, F), pool: (M, F) float32, M >= 1. Returns distance (N,) float32, exactly 0 for a copy, and
    index into pool (N,) int64. Memory is chunk * M distances. Raises DataError for an empty pool.
    """
    if len(pool) == 0:
        raise DataError("the nearest faces were asked for among none: give at least one face to search.")
    centre = pool.mean(dim=0)  # distances are unchanged, and lose fewer digits of float32 near the origin
    centred = pool - centre
    distances, indices = [], []
    for batch in torch.split(queries, chunk):
        index = torch.cdist(batch - centre, centred, compute_mode="use_mm_for_euclid_dist").argmin(dim=1)
        # The matrix product cancels for near copies, which matter most: measure the winner directly.
        distances.append((batch - pool[index]).norm(dim=1))
        indices.append(index)
    return torch.cat(distances), torch.cat(indices)  # (N,), (N,)


def mean_pairwise_distance(features: Tensor, pairs: int = 20000, seed: int = 0) -> float:
    """Mean Euclidean distance of random pairs of different vectors: the scale of a set, and its diversity.

    features: (N, F) float32, N >= 2. Units of the features. Random, and repeatable for a seed.
    Raises DataError for fewer than two vectors.
    """
    count = len(features)
    if count < 2:
        raise DataError(f"a mean distance of pairs got {count} feature vectors and needs at least 2.")
    rng = torch.Generator().manual_seed(seed)
    first = torch.randint(count, (pairs,), generator=rng)
    second = (first + torch.randint(1, count, (pairs,), generator=rng)) % count
    total = 0.0
    for i, j in zip(torch.split(first, 4096), torch.split(second, 4096), strict=True):
        total += float((features[i] - features[j]).norm(dim=1).double().sum())
    return total / pairs


def memorisation_test(sample_to_train: Tensor, validation_to_train: Tensor) -> MemorisationTest:
    """Compares the distances of samples and of unseen real faces to their nearest training face.

    sample_to_train: (N,), validation_to_train: (M,) float, as `nearest` gives them. `memorises` holds when
    more than COPYING_SHARE of samples lie below the 1st percentile of unseen faces and so many would come
    by chance with a probability below FALSE_ALARM. The first condition keeps a difference that is certain
    and small from counting with many samples; the second a chance hit from counting with few samples or
    few unseen faces: it is exact for every N and M. M >= 100 is needed for a 1st percentile, below that the
    smallest distance takes its place.

    Faces that are merely average lie near to everything, in pixels above all: use features, and look at the
    nearest pairs before you believe a flag. Unseen faces that are copies themselves hide copying.
    Raises DataError when either is empty. Source: the setting of Meehan et al. 2020 (a test of
    data-copying), here over the lower tail, where copies are.
    """
    n, m = len(sample_to_train), len(validation_to_train)
    if min(n, m) == 0:
        raise DataError(
            f"the memorisation test got {n} samples and {m} validation faces and needs at least 1 of each."
        )
    samples, unseen = sample_to_train.double(), validation_to_train.double().sort().values
    rank_1, rank_5 = (max(1, m * percent // 100) for percent in (1, 5))
    below_1, below_5 = (int((samples < unseen[rank - 1]).sum()) for rank in (rank_1, rank_5))
    p_copies = _chance_of_at_least(below_1, n, rank_1, m)
    return MemorisationTest(
        share_below_1_percent=below_1 / n,
        share_below_5_percent=below_5 / n,
        median_ratio=float(samples.quantile(0.5) / unseen.quantile(0.5)),
        p_nearer=_p_nearer(samples, unseen),
        p_copies=p_copies,
        memorises=below_1 > COPYING_SHARE * n and p_copies < FALSE_ALARM,
    )


def _chance_of_at_least(count: int, n: int, rank: int, m: int) -> float:
    """P(at least `count` of n draws lie below the rank-th smallest of m draws of the same distribution).

    The number is beta-binomial(n, rank, m + 1 - rank) whatever the distribution: every order of the n + m
    draws is equally likely (Wilks 1942). A binomial would take the estimated percentile for the true one.
    """
    j = torch.arange(count, n + 1, dtype=torch.float64)
    log_ways = _log_choose(j + rank - 1, j) + _log_choose(n - j + m - rank, n - j)
    log_all = _log_choose(torch.tensor(n + m, dtype=torch.float64), torch.tensor(n, dtype=torch.float64))
    return min(1.0, float((log_ways - log_all).exp().sum()))


def _log_choose(n: Tensor, k: Tensor) -> Tensor:
    return torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)


def _p_nearer(samples: Tensor, unseen: Tensor) -> float:
    """P(the samples' distribution function exceeds the other's by so much or more) for equal distributions.

    Source: Hodges 1958, equation 5.3 (Smirnov's limit with a correction for unequal counts).
    """
    low, high = sorted((len(samples), len(unseen)))
    points = torch.cat([samples, unseen])
    share_samples, share_unseen = (
        torch.searchsorted(values.sort().values, points, right=True).double() / len(values)
        for values in (samples, unseen)
    )
    gap = max(0.0, float((share_samples - share_unseen).max()))
    z = gap * math.sqrt(low * high / (low + high))
    correction = 2 * z * (high + 2 * low) / math.sqrt(low * high * (low + high)) / 3
    return min(1.0, math.exp(-2 * z * z - correction))
