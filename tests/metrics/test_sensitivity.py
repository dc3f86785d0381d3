"""Each figure moves with the fault that it is meant to show, and stays where there is none."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from facevae.metrics.frechet import frechet_distance
from facevae.metrics.kernel import kernel_distance
from facevae.metrics.manifold import Manifold, manifold_metrics
from facevae.metrics.memorisation import MemorisationTest, mean_pairwise_distance, memorisation_test, nearest
from facevae.metrics.sharpness import relative_sharpness
from facevae.metrics.wasserstein import sliced_wasserstein

COUNT = 256
MODES = 10


def photos(seed: int, blur_px: int = 1, brightness: float = 0.0) -> torch.Tensor:
    """(COUNT, 32, 32, 3) uint8: blobs of 8 px with texture of 1 px, blurred by a box."""
    rng = torch.Generator().manual_seed(seed)
    blobs = F.interpolate(torch.randn(COUNT, 3, 4, 4, generator=rng), size=32, mode="bilinear")
    x = 127 + brightness + 40 * blobs + 20 * torch.randn(COUNT, 3, 32, 32, generator=rng)
    edge = blur_px // 2
    x = F.avg_pool2d(F.pad(x, (edge,) * 4, mode="reflect"), blur_px, stride=1)
    return x.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def faces(
    seed: int, count: int = 600, modes: int = MODES, std: float = 1.0, spread: float = 6.0
) -> torch.Tensor:
    """(count, 16) features: a mixture of MODES, of which only the first `modes` are drawn."""
    centres = spread * torch.randn(MODES, 16, generator=torch.Generator().manual_seed(77))
    rng = torch.Generator().manual_seed(seed)
    mode = torch.randint(modes, (count,), generator=rng)
    return centres[mode] + std * torch.randn(count, 16, generator=rng)


@pytest.mark.parametrize(("blur_px", "most"), [(3, 0.2), (5, 0.1)])
def test_blur_lowers_sharpness(blur_px: int, most: float) -> None:
    real = photos(0)
    assert relative_sharpness(photos(1), real) == pytest.approx(1.0, abs=0.03)
    assert relative_sharpness(photos(1, blur_px), real) < most


@pytest.mark.parametrize(("blur_px", "least"), [(3, 3.0), (5, 5.0)])
def test_blur_moves_the_finest_level_and_leaves_the_coarsest(blur_px: int, least: float) -> None:
    real = photos(0)
    fresh, blurred = (sliced_wasserstein(real, photos(1, blur), projections=64) for blur in (1, blur_px))
    assert blurred[32] > least * fresh[32]
    assert blurred[16] < 1.3 * fresh[16]


def test_brightness_is_no_lack_of_sharpness() -> None:
    assert relative_sharpness(photos(1, brightness=-15), photos(0)) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("modes", [2, 5, 8])
def test_dropped_modes_lower_recall_and_coverage_and_leave_precision(modes: int) -> None:
    real = faces(0)
    whole, dropped = manifold_metrics(real, faces(1)), manifold_metrics(real, faces(1, modes=modes))
    assert dropped.precision == pytest.approx(whole.precision, abs=0.06)
    for name in ("recall", "coverage"):
        assert getattr(dropped, name) / getattr(whole, name) == pytest.approx(modes / MODES, abs=0.1), name


def test_faces_that_no_one_has_lower_precision_and_density_and_leave_recall() -> None:
    real = faces(0)
    whole: Manifold = manifold_metrics(real, faces(1))
    noisy = manifold_metrics(real, torch.cat([faces(1), faces(2) + 40]))
    assert noisy.precision == pytest.approx(whole.precision / 2, abs=0.03)
    assert noisy.density == pytest.approx(whole.density / 2, abs=0.05)
    assert noisy.recall >= whole.recall - 0.02


@pytest.mark.parametrize(
    ("spread", "modes", "std"),
    [(6.0, 5, 1.0), (0.0, MODES, 0.7), (0.0, MODES, 1.3)],
    ids=["dropped", "narrow", "wide"],
)
def test_every_fault_moves_the_distances(spread: float, modes: int, std: float) -> None:
    real, fresh = faces(0, spread=spread), faces(1, spread=spread)
    faulty = faces(1, modes=modes, std=std, spread=spread)
    assert frechet_distance(real, faulty) > 3 * frechet_distance(real, fresh)
    mean, std = kernel_distance(real, fresh, subset_size=300)
    assert kernel_distance(real, faulty, subset_size=300)[0] > mean + 2 * std


def test_dropped_modes_and_a_collapse_lower_the_pairwise_distance() -> None:
    whole = mean_pairwise_distance(faces(0))
    assert mean_pairwise_distance(faces(1)) == pytest.approx(whole, rel=0.03)
    assert mean_pairwise_distance(faces(1, modes=2)) < 0.8 * whole
    assert mean_pairwise_distance(faces(1, modes=1)) < 0.4 * whole


def memorisation(copied: float, count: int, seed: int) -> MemorisationTest:
    """Samples of which a share are training faces with a little noise, and the rest fresh."""
    train = faces(100, 2000)
    samples = faces(seed, count)
    copies = round(copied * count)
    noise = 0.1 * torch.randn(copies, 16, generator=torch.Generator().manual_seed(seed))
    samples[:copies] = train[seed : seed + copies] + noise
    return memorisation_test(nearest(samples, train)[0], nearest(faces(101, 1000), train)[0])


@pytest.mark.parametrize("count", [30, 600])
@pytest.mark.parametrize(("copied", "flagged"), [(0.0, False), (0.2, True), (1.0, True)])
def test_copies_of_the_training_set_are_flagged_and_fresh_faces_are_not(
    copied: float, flagged: bool, count: int
) -> None:
    for seed in range(1, 5):
        figures = memorisation(copied, count, seed)
        assert figures.memorises is flagged, figures
        assert figures.share_below_1_percent == pytest.approx(copied, abs=0.04)


def test_copying_everything_brings_the_median_distance_down() -> None:
    fresh, copied = memorisation(0.0, 600, 1), memorisation(1.0, 600, 1)
    assert fresh.median_ratio == pytest.approx(1.0, abs=0.05)
    assert copied.median_ratio < 0.3
    assert fresh.p_nearer > 0.01 > copied.p_nearer
