"""What a model's latent space holds: an atlas of it."""

from __future__ import annotations

from facevae.lazy import attach

__all__ = attach(__name__, {"explore": "facevae.explore.job"})
