"""Sliced Wasserstein distance: its pyramid, its one-dimensional core, its promises."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from facevae.errors import DataError
from facevae.metrics import wasserstein
from facevae.metrics.wasserstein import sliced_wasserstein


def photos(count: int, size_px: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size_px, size_px, 3), dtype=np.uint8)


@pytest.mark.parametrize(("size_px", "levels"), [(64, [64, 32, 16]), (48, [48, 24]), (16, [16]), (20, [20])])
def test_levels_halve_down_to_sixteen_px(size_px: int, levels: list[int]) -> None:
    figures = sliced_wasserstein(photos(3, size_px), photos(3, size_px, 1), projections=8)
    assert list(figures) == levels
    assert all(value > 0 for value in figures.values())


def test_pyramid_is_that_of_the_paper_and_adds_up_to_the_image() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    image = photos(1)[0, :, :, 0].astype(np.float64)
    line = np.array([1.0, 4, 6, 4, 1]) / 16
    kernel = np.outer(line, line)
    coarse = ndimage.convolve(image, kernel, mode="mirror")[::2, ::2]
    spread = np.zeros_like(image)
    spread[::2, ::2] = 4 * coarse
    fine = image - ndimage.convolve(spread, kernel, mode="mirror")

    x = torch.from_numpy(photos(1)).permute(0, 3, 1, 2).float()
    bands = wasserstein._laplacian_pyramid(x)
    np.testing.assert_allclose(bands[0][0, 0].numpy(), fine, atol=1e-3)
    np.testing.assert_allclose(bands[1][0, 0].numpy(), coarse, atol=1e-3)


def test_one_direction_gives_the_one_dimensional_distance() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(400, 5, generator=rng), 2 * torch.randn(400, 5, generator=rng) + 1
    direction = torch.tensor([[0.6, 0.0, 0.8, 0.0, 0.0]])
    expected = stats.wasserstein_distance((a @ direction.T)[:, 0].numpy(), (b @ direction.T)[:, 0].numpy())
    assert wasserstein._sliced_distance(a, b, direction) == pytest.approx(expected, rel=1e-5)


def test_patches_are_cut_from_the_image_and_normalised_per_channel() -> None:
    # Every pixel of an image holds its own index, so that a patch shows where it was cut.
    band = torch.arange(2 * 3 * 16 * 16, dtype=torch.float32).view(2, 3, 16, 16)
    patches = wasserstein._random_patches(band, 10, torch.Generator().manual_seed(0))
    assert patches.shape == (20, 3, 7, 7)
    assert ((patches[:10] < 768).all(), (patches[10:] >= 768).all()) == (True, True)
    steps = patches - patches[:, :1, :1, :1]
    torch.testing.assert_close(steps[0], (band[0] - band[0, 0, 0, 0])[:, :7, :7])
    assert (steps == steps[0]).all()
    normal = wasserstein._normalised(patches).view(-1, 3, 49)
    torch.testing.assert_close(normal.mean(dim=(0, 2)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.std(dim=(0, 2)), torch.ones(3), atol=1e-2, rtol=0)


def test_equal_sets_give_zero_and_draws_follow_the_seed() -> None:
    real, fake = photos(8), photos(12, seed=1)
    compare = partial(sliced_wasserstein, projections=32, patches_per_image=16)
    assert set(compare(real, real.copy()).values()) == {0.0}
    first = compare(real, fake, seed=3)
    assert first == compare(torch.from_numpy(real), torch.from_numpy(fake), seed=3)
    assert first != compare(real, fake, seed=4)


def test_the_first_photos_of_equal_counts_are_compared() -> None:
    real, fake = photos(8), photos(12, seed=1)
    compare = partial(sliced_wasserstein, projections=16)
    assert compare(real, fake) == compare(real, fake[:8])
    assert compare(real, fake, max_images=5) == compare(real[:5], fake[:5])


@pytest.mark.parametrize("shape", [(2, 16, 16, 3), (2, 32, 48, 3)], ids=["another size", "not square"])
def test_photos_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="square ones of one size"):
        sliced_wasserstein(photos(2), np.zeros(shape, dtype=np.uint8))
