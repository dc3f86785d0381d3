"""Whether the latent is used."""

from __future__ import annotations

from torch import Tensor

ACTIVE_VARIANCE = 0.01
"""A dimension is active when its posterior mean varies by more than this over the data."""


def active_units(mean: Tensor) -> int:
    """Latent dimensions whose posterior mean moves with the input; mean (N, D), N >= 2, to 0..D.

    Source: Burda et al. 2016 (importance-weighted autoencoders), section 4, threshold 0.01.
    """
    return int((mean.float().var(dim=0) > ACTIVE_VARIANCE).sum())
