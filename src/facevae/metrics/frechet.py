"""Fréchet distance between two sets of features: how far apart two Gaussians fitted to them lie."""

from __future__ import annotations

import torch
from torch import Tensor

from facevae.errors import DataError


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased covariance of features.

    features: (N, F) float, N >= 2. Returns (F,) and (F, F) float64.
    Raises DataError for fewer than two features.
    """
    if len(features) < 2:
        raise DataError(
            f"the Fréchet distance got {len(features)} feature vectors in a set and needs at least 2, "
            "better 5000: give it more images."
        )
    centred = features.double()
    mean = centred.mean(dim=0)  # (F,)
    centred = centred - mean  # (N, F)
    return mean, centred.T @ centred / (len(features) - 1)  # (F, F)


def frechet_from_moments(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> float:
    """|mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2).

    a, b: mean (F,) and covariance (F, F), float64; covariances may be singular. Returns a value >= 0 in
    squared units of the features.
    Source: Dowson and Landau 1982; the symmetric form of the root has real eigenvalues.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = a, b
    values, vectors = torch.linalg.eigh(covariance_a)
    root = vectors * values.clamp(min=0.0).sqrt() @ vectors.T  # (F, F)
    product = root @ covariance_b @ root  # (F, F)
    # Rounding leaves the product slightly asymmetric and its zero eigenvalues slightly negative.
    overlap = torch.linalg.eigvalsh(0.5 * (product + product.T)).clamp(min=0.0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + covariance_a.trace() + covariance_b.trace() - 2 * overlap
    return max(0.0, float(distance))


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of two sets of features; 0 for equal sets, lower is better, symmetric.

    a: (N, F), b: (M, F) float32. Returns squared units of the features. It falls with N and M for one and the
    same model (Chong and Forsyth 2020), so compare only figures of equal counts.
    Raises DataError for fewer than two features in a set. Source: Heusel et al. 2017, equation 6; it is
    called FID only when the features are those of its Inception network.
    """
    return frechet_from_moments(moments(a), moments(b))
