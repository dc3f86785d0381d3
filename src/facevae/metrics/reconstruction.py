"""How close a reconstruction is to its original, pixel by pixel and in structure."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facevae.images import to_unit


def psnr_db(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Peak signal-to-noise ratio per image; (B, C, H, W) in -1..1 each to (B,) dB, higher is better.

    10 log10(1 / mean squared error) on 0..1; capped at 100 dB, which equal images reach.
    """
    error = (to_unit(x) - to_unit(reconstruction)).square().flatten(1).mean(dim=1)  # (B,)
    return -10 * error.clamp(min=1e-10).log10()


def ssim(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Structural similarity per image; (B, C, H, W) in -1..1 each to (B,), 1 for equal images.

    Gaussian window of 11 px, std 1.5 px, constants .01 and .03, valid positions, mean over channels.
    Source: Wang et al. 2004, equation 13.
    """
    channels = x.shape[1]
    window = _gaussian_window(x).expand(channels, 1, -1, -1)
    a, b = to_unit(x).float(), to_unit(reconstruction).float()

    def blur(image: Tensor) -> Tensor:
        return F.conv2d(image, window, groups=channels)  # (B, C, H - 10, W - 10)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return similarity.flatten(1).mean(dim=1)  # (B,)


def _gaussian_window(like: Tensor, size_px: int = 11, std_px: float = 1.5) -> Tensor:
    offsets = torch.arange(size_px, device=like.device, dtype=torch.float32) - (size_px - 1) / 2
    line = torch.exp(-offsets.square() / (2 * std_px**2))
    line = line / line.sum()
    return torch.outer(line, line)[None, None]  # (1, 1, 11, 11)
