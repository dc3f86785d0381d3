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
        "AugmentConfig": "facevae.augment.config",
        "AvatarConfig": "facevae.avatar.config",
        "CheckpointError": "facevae.errors",
        "ConfigError": "facevae.errors",
        "ControlError": "facevae.errors",
        "DataError": "facevae.errors",
        "Description": "facevae.describe",
        "FaceGenerator": "facevae.generator",
        "FaceVAEError": "facevae.errors",
        "MissingExtraError": "facevae.errors",
        "ModelConfig": "facevae.config",
        "TrainConfig": "facevae.config",
        "TrainingError": "facevae.errors",
        "apply_look": "facevae.looks",
        "augment": "facevae.augment.job",
        "choose_faces": "facevae.choosing",
        "create_app": "facevae.server.app",
        "describe_faces": "facevae.describe",
        "draw_controls": "facevae.controls",
        "edit_photo": "facevae.edit",
        "evaluate": "facevae.evaluate",
        "explore": "facevae.explore.job",
        "export": "facevae.export.job",
        "fit_prior": "facevae.refit",
        "fit_reader": "facevae.refit",
        "load_style": "facevae.stylize.decoder_style",
        "make_avatars": "facevae.avatar",
        "morph": "facevae.morph",
        "paste_edits": "facevae.edit",
        "preset": "facevae.config",
        "read_attributes": "facevae.edit",
        "train": "facevae.train",
        "train_style": "facevae.stylize.job",
        "train_upscaler": "facevae.train_upscaler",
        "understand": "facevae.describe",
        "write_film": "facevae.morph",
    },
)
