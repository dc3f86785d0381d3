"""Nearest faces and the memorisation test against scipy and a case done by hand."""

from __future__ import annotations

import pytest
import torch

from facevae.errors import DataError
from facevae.metrics.memorisation import mean_pairwise_distance, memorisation_test, nearest


def features(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 24, generator=torch.Generator().manual_seed(seed)) + shift


def test_nearest_finds_the_face_that_a_full_search_finds() -> None:
    queries, pool = features(50, 0), features(300, 1)
    distance, index = nearest(queries, pool, chunk=8)
    full = (queries[:, None] - pool).norm(dim=2)
    torch.testing.assert_close(distance, full.amin(dim=1))
    assert index.equal(full.argmin(dim=1))


def test_nearest_gives_zero_for_a_copy_far_from_the_origin() -> None:
    pool = features(200, 1, shift=1000.0)
    distance, index = nearest(pool[40:60], pool)
    assert index.tolist() == list(range(40, 60))
    assert distance.tolist() == [0.0] * 20


def test_nearest_refuses_an_empty_pool() -> None:
    with pytest.raises(DataError, match="among none"):
        nearest(features(2, 0), features(0, 1))


def test_mean_pairwise_distance_is_that_of_all_pairs_and_never_of_a_face_with_itself() -> None:
    x = features(60, 0)
    assert mean_pairwise_distance(x) == pytest.approx(float(torch.pdist(x).mean()), rel=0.005)
    assert mean_pairwise_distance(x[:2], pairs=50) == pytest.approx(float((x[0] - x[1]).norm()))
    assert mean_pairwise_distance(x, 100, seed=1) != mean_pairwise_distance(x, 100, seed=2)
    with pytest.raises(DataError, match="at least 2"):
        mean_pairwise_distance(x[:1])


def test_shares_and_ratio_are_those_counted_by_hand() -> None:
    unseen = torch.arange(1.0, 201.0)  # 1st percentile 2, 5th percentile 10, median 100.5
    samples = torch.tensor([0.5, 1.5, 1.9, 2.0, 5.0, 9.9, 10.0, 50.25, 60.0, 90.0, 300.0])
    figures = memorisation_test(samples, unseen)
    assert figures.share_below_1_percent == pytest.approx(3 / 11)
    assert figures.share_below_5_percent == pytest.approx(6 / 11)
    assert figures.median_ratio == pytest.approx(9.9 / 100.5)


@pytest.mark.parametrize(("n", "m"), [(7, 30), (200, 1000), (1000, 250), (5000, 1500)])
def test_chances_are_those_of_scipy(n: int, m: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = torch.Generator().manual_seed(n)
    unseen = torch.rand(m, generator=rng, dtype=torch.float64)
    samples = torch.rand(n, generator=rng, dtype=torch.float64) ** 1.1
    figures = memorisation_test(samples, unseen)
    rank = max(1, m // 100)
    count = round(figures.share_below_1_percent * n)
    assert figures.p_copies == pytest.approx(stats.betabinom(n, rank, m + 1 - rank).sf(count - 1), rel=1e-6)
    nearer = stats.ks_2samp(samples.numpy(), unseen.numpy(), alternative="greater", method="asymp")
    assert figures.p_nearer == pytest.approx(nearer.pvalue, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(10, 20), (100, 100), (300, 1000)])
def test_fresh_faces_are_flagged_in_one_draw_of_a_hundred_at_most(n: int, m: int) -> None:
    rng = torch.Generator().manual_seed(0)
    figures = [
        memorisation_test(torch.rand(n, generator=rng), torch.rand(m, generator=rng)) for _ in range(200)
    ]
    assert sum(figure.memorises for figure in figures) <= 6  # 2 expected; more has a chance of 0.4 %
    assert sum(figure.p_nearer < 0.05 for figure in figures) <= 20  # 10 expected; more has 0.1 %


def test_a_certain_but_small_excess_is_no_copying() -> None:
    rng = torch.Generator().manual_seed(0)
    unseen, samples = torch.rand(10000, generator=rng), torch.rand(10000, generator=rng)
    samples[:200] = 0.0
    figures = memorisation_test(samples, unseen)
    assert figures.p_copies < 1e-6
    assert figures.share_below_1_percent == pytest.approx(0.03, abs=0.005)
    assert not figures.memorises


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(DataError, match="got 0 samples and 3 validation faces"):
        memorisation_test(torch.zeros(0), torch.zeros(3))
