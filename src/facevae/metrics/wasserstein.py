"""Sliced Wasserstein distance between patches: at which scale do generated photos differ from real ones?"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facevae.errors import DataError
from facevae.images import Photos

PATCH_PX = 7
COARSEST_PX = 16
_BATCH = 128
_DIRECTIONS_AT_ONCE = 64


def sliced_wasserstein(
    real: Photos | Tensor,
    fake: Photos | Tensor,
    seed: int = 0,
    patches_per_image: int = 64,
    projections: int = 512,
    max_images: int = 1024,
) -> dict[int, float]:
    """Distance between the patches of two sets of photos at each level of a Laplacian pyramid.

    real, fake: (N, S, S, 3) and (M, S, S, 3) uint8, S >= 16; the first min(N, M, max_images) of each are
    used. Returns {level's size_px: distance * 1000}, from S down to 16 px; the finest level tells texture
    and sharpness, the coarsest composition; 0 for equal sets, lower is better. The sampling noise of equal
    distributions is above 0 and falls with the count. Random positions (the same ones in both sets) and
    directions, repeatable for a seed. Raises DataError for sizes that differ, are not square or below 16 px.
    Source: Karras et al. 2018 (progressive growing), section 5: patches of 7 x 7 px normalised to mean 0 and
    std 1 per channel over the set; there 16384 images with 128 patches.
    """
    size_px = _common_size_px(real.shape, fake.shape)
    count = min(len(real), len(fake), max_images)
    real_patches, fake_patches = (
        _pyramid_patches(torch.as_tensor(photos[:count]), patches_per_image, seed) for photos in (real, fake)
    )
    rng = torch.Generator().manual_seed(seed)
    distances = {}
    for level, (a, b) in enumerate(zip(real_patches, fake_patches, strict=True)):
        directions = F.normalize(torch.randn(projections, a.shape[1], generator=rng), dim=1)  # (P, 147)
        distances[size_px >> level] = 1000 * _sliced_distance(a, b, directions)
    return distances


def _common_size_px(real: tuple[int, ...], fake: tuple[int, ...]) -> int:
    _, height, width, _ = real
    if real[1:] != fake[1:] or height != width or height < COARSEST_PX:
        raise DataError(
            f"the sliced Wasserstein distance got photos of shape {tuple(real[1:])} and {tuple(fake[1:])}; "
            f"it needs square ones of one size, at least {COARSEST_PX} px: resize one set like the other."
        )
    return height


def _pyramid_patches(photos: Tensor, patches_per_image: int, seed: int) -> list[Tensor]:
    """Normalised patches per level, finest first; (N, S, S, 3) uint8 to (N * patches, 147) each."""
    rng = torch.Generator().manual_seed(seed)
    levels: list[list[Tensor]] = []
    for batch in torch.split(photos, _BATCH):
        images = batch.cpu().permute(0, 3, 1, 2).float()  # (B, 3, S, S)
        pyramid = _laplacian_pyramid(images)
        levels = levels or [[] for _ in pyramid]
        for patches, band in zip(levels, pyramid, strict=True):
            patches.append(_random_patches(band, patches_per_image, rng))
    return [_normalised(torch.cat(patches)) for patches in levels]


def _laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Bands that halve in size down to 16 px; the last is what remains after the others."""
    bands = []
    while images.shape[-1] % 2 == 0 and images.shape[-1] // 2 >= COARSEST_PX:
        coarse = _blur(images)[:, :, ::2, ::2]  # (B, 3, S/2, S/2)
        spread = torch.zeros_like(images)
        spread[:, :, ::2, ::2] = 4 * coarse
        bands.append(images - _blur(spread))
        images = coarse
    return [*bands, images]


def _blur(images: Tensor) -> Tensor:
    """Binomial filter of 5 x 5 px with mirrored edges (Burt and Adelson 1983)."""
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    channels = images.shape[1]
    rows, columns = (line.view(shape).expand(channels, 1, -1, -1) for shape in ((1, 1, 1, 5), (1, 1, 5, 1)))
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    return F.conv2d(F.conv2d(padded, rows, groups=channels), columns, groups=channels)


def _random_patches(band: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """(B, 3, S, S) to (B * count, 3, 7, 7) at places drawn uniformly for each image."""
    batch, _, size_px, _ = band.shape
    top, left = torch.randint(size_px - PATCH_PX + 1, (2, batch, count), generator=rng)  # (B, count)
    windows = band.unfold(2, PATCH_PX, 1).unfold(3, PATCH_PX, 1)  # (B, 3, S - 6, S - 6, 7, 7)
    image = torch.arange(batch)[:, None]
    return windows[image, :, top, left].flatten(0, 1)  # (B * count, 3, 7, 7)


def _normalised(patches: Tensor) -> Tensor:
    """Mean 0 and std 1 per channel over the whole set; (K, 3, 7, 7) to (K, 147)."""
    std, mean = torch.std_mean(patches, dim=(0, 2, 3), keepdim=True)  # (1, 3, 1, 1)
    return ((patches - mean) / std.clamp(min=1e-6)).flatten(1)


def _sliced_distance(a: Tensor, b: Tensor, directions: Tensor) -> float:
    """Mean over directions of the 1-D Wasserstein-1 distance; a, b: (K, 147), directions: (P, 147)."""
    total = 0.0
    for some in torch.split(directions, _DIRECTIONS_AT_ONCE):
        # numpy sorts float32 rows with vector instructions, several times faster than torch on a CPU.
        sorted_a, sorted_b = (np.sort((some @ patches.T).numpy(), axis=1) for patches in (a, b))  # (p, K)
        total += float(np.abs(sorted_a - sorted_b).mean(axis=1, dtype=np.float64).sum())
    return total / len(directions)
