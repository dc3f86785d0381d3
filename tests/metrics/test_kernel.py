"""Kernel distance against torchmetrics and its promise to be unbiased."""

from __future__ import annotations

import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from facevae.errors import DataError
from facevae.metrics.kernel import kernel_distance


def features(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 32, generator=torch.Generator().manual_seed(seed)) + shift


def test_a_subset_of_everything_is_that_of_torchmetrics() -> None:
    a, b = features(200, 0), features(200, 1, shift=0.3)
    mean, std = kernel_distance(a, b, subsets=3, subset_size=200)
    assert mean == pytest.approx(float(poly_mmd(a.double(), b.double())), rel=1e-9)
    assert std == pytest.approx(0.0, abs=1e-12)


def test_subsets_are_drawn_from_the_seed() -> None:
    a, b = features(300, 0), features(500, 1, shift=0.3)
    first = kernel_distance(a, b, seed=4, subset_size=100)
    assert first == kernel_distance(a, b, seed=4, subset_size=100)
    assert first != kernel_distance(a, b, seed=5, subset_size=100)
    assert first[1] > 0


@pytest.mark.parametrize("count", [30, 300], ids=["few", "many"])
def test_equal_distributions_give_zero_in_expectation_and_a_shift_does_not(count: int) -> None:
    def mean_over_draws(shift: float) -> tuple[float, float]:
        draws = torch.tensor(
            [
                kernel_distance(features(count, 2 * s), features(count, 2 * s + 1, shift), subsets=1)[0]
                for s in range(40)
            ]
        )
        return float(draws.mean()), float(draws.std() / len(draws) ** 0.5)

    mean, error = mean_over_draws(0.0)
    assert abs(mean) < 3 * error
    mean, error = mean_over_draws(0.3)
    assert mean > 10 * error


def test_distance_refuses_a_single_vector() -> None:
    with pytest.raises(DataError, match="sets of 1 and 9 feature vectors"):
        kernel_distance(features(1, 0), features(9, 1))
