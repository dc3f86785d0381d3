"""Sharpness against OpenCV's Laplacian."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facevae.metrics.sharpness import LUMA, relative_sharpness, sharpness


def photos(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 24, 20, 3), dtype=np.uint8)


def test_sharpness_is_the_variance_of_opencvs_laplacian() -> None:
    cv2 = pytest.importorskip("cv2")
    pictures = photos(5)
    expected = [cv2.Laplacian(picture @ np.array(LUMA), cv2.CV_64F).var() for picture in pictures]
    assert sharpness(pictures).tolist() == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(sharpness(torch.from_numpy(pictures), chunk=2), sharpness(pictures))


def test_flat_photos_have_no_sharpness() -> None:
    flat = np.full((2, 16, 16, 3), 77, dtype=np.uint8)
    assert sharpness(flat).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_relative_sharpness_is_the_ratio_of_means() -> None:
    pictures = photos(6)
    halved = (pictures // 2 * 2) // 2
    assert relative_sharpness(pictures, pictures) == 1.0
    assert relative_sharpness(halved, pictures) == pytest.approx(0.25, rel=0.02)
    half_flat = np.concatenate([pictures, np.zeros_like(pictures)])
    assert relative_sharpness(half_flat, pictures) == pytest.approx(0.5, rel=1e-5)
