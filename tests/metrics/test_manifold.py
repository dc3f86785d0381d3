"""Precision, recall, density and coverage against their reference code and a case done by hand."""

from __future__ import annotations

import contextlib
import io

import pytest
import torch

from facevae.errors import DataError
from facevae.metrics.manifold import Manifold, manifold_metrics


def features(count: int, seed: int, shift: float = 0.0, std: float = 1.0) -> torch.Tensor:
    return std * torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize(("shift", "std"), [(0.0, 1.0), (0.4, 0.5), (0.0, 1.6)])
def test_figures_are_those_of_prdc(k: int, shift: float, std: float) -> None:
    prdc = pytest.importorskip("prdc")
    real, fake = features(300, 0), features(260, 1, shift, std)
    with contextlib.redirect_stdout(io.StringIO()):
        expected = prdc.compute_prdc(real.numpy(), fake.numpy(), k)
    figures = manifold_metrics(real, fake, k_precision=k, k_density=k, chunk=64)
    assert figures._asdict() == pytest.approx(expected, abs=1e-6)
    assert 0.05 < figures.recall < figures.precision + 1


def test_a_line_of_points_gives_the_figures_worked_out_by_hand() -> None:
    # Radii of real at k = 1: 1, 1, 1, 7; of fakes: .5, .5, 90.
    real = torch.tensor([[0.0], [1.0], [2.0], [9.0]])
    fake = torch.tensor([[0.25], [0.75], [91.0]])
    figures = manifold_metrics(real, fake, k_precision=1, k_density=1, chunk=3)
    # 0.25 and 0.75 lie in the balls of 0 and 1 each; 9 is reached from 91 alone; 2 from 91 too (89 <= 90.25).
    assert figures == pytest.approx(Manifold(precision=2 / 3, recall=1.0, density=4 / 3, coverage=0.5))


def test_chunks_and_a_common_shift_change_nothing() -> None:
    real, fake = features(100, 0), features(90, 1, 0.3)
    whole = manifold_metrics(real, fake)
    assert manifold_metrics(real, fake, chunk=7) == whole
    assert manifold_metrics(real + 50, fake + 50) == pytest.approx(whole, abs=0.02)


def test_a_set_against_itself_is_covered_and_another_place_is_not() -> None:
    real = features(100, 0)
    same = manifold_metrics(real, real.clone())
    assert (same.precision, same.recall, same.coverage) == (1.0, 1.0, 1.0)
    assert manifold_metrics(real, features(100, 1, shift=30.0)) == (0.0, 0.0, 0.0, 0.0)


def test_sets_no_larger_than_k_are_refused() -> None:
    with pytest.raises(DataError, match="5 real and 9 generated"):
        manifold_metrics(features(5, 0), features(9, 1))
