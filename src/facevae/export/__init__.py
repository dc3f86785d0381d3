"""A trained model in other runtimes and places: ONNX, int8, Keras, torch.export, LiteRT, the Hub, a Space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facevae.lazy import attach

if TYPE_CHECKING:
    from facevae.export.hub import HubFaceGenerator as HubFaceGenerator
    from facevae.export.job import export as export
    from facevae.export.measuring import measure as measure
    from facevae.export.runtime import onnx_generator as onnx_generator

__all__ = attach(
    __name__,
    {
        "HubFaceGenerator": "facevae.export.hub",
        "export": "facevae.export.job",
        "measure": "facevae.export.measuring",
        "onnx_generator": "facevae.export.runtime",
    },
)
