"""A dataset made larger or balanced by a model."""

from __future__ import annotations

from facevae.lazy import attach

__all__ = attach(
    __name__,
    {
        "AugmentConfig": "facevae.augment.config",
        "AugmentResult": "facevae.augment.job",
        "augment": "facevae.augment.job",
        "vary": "facevae.augment.making",
    },
)
