"""How sharp photos are. Autoencoders blur, and distances between features hardly see it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facevae.images import Photos

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue, ITU-R BT.601."""

LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


def sharpness(photos: Photos | Tensor, chunk: int = 256) -> Tensor:
    """Variance of the 3 x 3 Laplacian of luma, per photo; higher is sharper, noise included.

    photos: (N, H, W, 3) uint8, H and W >= 2. Returns (N,) float32 in squared levels of 0..255; edges are
    mirrored as OpenCV does. It depends on the size: compare photos of one size.
    Source: Pech-Pacheco et al. 2000 (the focus measure LAPV of Pertuz et al. 2013).
    """
    pixels = torch.as_tensor(photos)
    luma, laplacian = (torch.tensor(weights, device=pixels.device) for weights in (LUMA, LAPLACIAN))
    values = []
    for batch in torch.split(pixels, chunk):
        grey = (batch.float() @ luma)[:, None]  # (B, 1, H, W)
        edges = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="reflect"), laplacian[None, None])  # (B, 1, H, W)
        values.append(edges.flatten(1).var(dim=1, correction=0))
    return torch.cat(values)  # (N,)


def relative_sharpness(fake: Photos | Tensor, real: Photos | Tensor) -> float:
    """Mean sharpness of `fake` over that of `real`; 1 when equal, below 1 when blurred, above 1 for noise.

    fake, real: (N, H, W, 3) and (M, H, W, 3) uint8 of one size. Means and not medians: each value is the
    energy of one photo's edges, and the ratio of means is that of the energy in all of them, which a
    generator that is sharp for some faces only does not reach.
    """
    return float(sharpness(fake).mean() / sharpness(real).mean())
