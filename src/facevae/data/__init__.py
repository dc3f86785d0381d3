"""Files of faces: photos in, prepared datasets out, batches to train on."""

from __future__ import annotations

from facevae.lazy import attach

__all__ = attach(
    __name__,
    {"PrepareConfig": "facevae.data.prepare_config", "prepare": "facevae.data.prepare"},
)
