"""facevae: variational autoencoders for human faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facevae.lazy import attach

__version__ = "0.1.0"

if TYPE_CHECKING:
    from facevae.config import ModelConfig as ModelConfig
    from facevae.config import TrainConfig as TrainConfig
    from facevae.config import preset as preset
    from facevae.generator import FaceGenerator as FaceGenerator

__all__ = attach(
    __name__,
    {
        "CheckpointError": "facevae.errors",
        "ConfigError": "facevae.errors",
        "ControlError": "facevae.errors",
        "DataError": "facevae.errors",
        "FaceGenerator": "facevae.generator",
        "FaceVAEError": "facevae.errors",
        "MissingExtraError": "facevae.errors",
        "ModelConfig": "facevae.config",
        "TrainConfig": "facevae.config",
        "TrainingError": "facevae.errors",
        "evaluate": "facevae.evaluate",
        "fit_prior": "facevae.refit",
        "preset": "facevae.config",
        "train": "facevae.train",
        "train_upscaler": "facevae.train_upscaler",
    },
)
