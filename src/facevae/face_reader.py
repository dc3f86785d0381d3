"""Attributes read off pictures of faces by a frozen network: sharper eyes than a line through the latents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from facevae.attributes import CONTROLS, YAW, Value
from facevae.features import FrozenFeatures
from facevae.linear_reader import LinearReader, Reading, fit_readings

INPUT_PX = 128
"""Faces are brought to this side first: what the network sees of them is coarse enough for any model's."""
BATCH = 64
PENALTY = 0.3
"""The ridge of thousands of columns, as a share of each one's variance."""
READ = tuple(attribute for attribute in CONTROLS if attribute.name != YAW.name)
"""What can be read where left and right count the same."""


class FaceReader(LinearReader):
    """Reads off what EfficientNet-Lite0 makes of a face at stride 16, which knows places: faces are aligned.

    weights: (K, 3584), the columns being the activations (112, 8, 8) plus their mirror image, halved, of
    which one half is kept. std: (K,), standard deviation of each reading over the training faces as the model
    draws them. latent_std: (D,), that of their latents, the scale on which `edit.search` moves.
    """

    def __init__(
        self, weights: Tensor, bias: Tensor, std: Tensor, latent_std: Tensor, readings: Sequence[Reading]
    ) -> None:
        super().__init__(weights, bias, readings)
        self.std, self.latent_std = std, latent_std

    @classmethod
    def fit(cls, columns: Tensor, latents: Tensor, rows: Sequence[Mapping[str, Value]]) -> FaceReader | None:
        """The reader of what the rows label, None where they label nothing well enough.

        columns: (N, 3584), of the model's own reconstructions, for these it is to read; latents: (N, D),
        their posterior means. Fitted as `fit_readings` says. Deterministic.
        """
        fitted = fit_readings(columns, rows, READ, PENALTY)
        if fitted is None:
            return None
        weights, bias, readings = fitted
        values = columns @ weights.float().T + bias.float()
        return cls(
            weights.float(), bias.float(), values.std(dim=0).clamp(min=1e-6), latents.std(dim=0), readings
        )

    def tensors(self) -> dict[str, Tensor]:
        """As they are stored, the weights in half precision."""
        return {
            "face_weights": self.weights.half(), "face_bias": self.bias, "face_std": self.std,
            "face_latent_std": self.latent_std,
        }  # fmt: skip

    def settings(self) -> dict[str, Any]:
        """What `tensors` cannot say, as JSON."""
        return {"face_readings": [reading._asdict() for reading in self.readings]}

    @classmethod
    def from_saved(cls, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> FaceReader:
        """The reader of these `tensors` and `settings`. KeyError, TypeError or RuntimeError for others."""
        names = ("face_weights", "face_bias", "face_std", "face_latent_std")
        weights, bias, std, latent_std = (tensors[name].float() for name in names)
        readings = [Reading(**row) for row in settings["face_readings"]]
        if not len(readings) == len(weights) == len(bias) == len(std):
            raise RuntimeError(f"{len(readings)} readings do not fit weights of shape {tuple(weights.shape)}")
        return cls(weights, bias, std, latent_std, readings)


def face_columns(activations: Tensor) -> Tensor:
    """(B, C, 8, 8) activations to (B, 32 C): the mean of both halves of the face, float32."""
    even = (activations + activations.flip(3)) / 2
    return even[..., : activations.shape[3] // 2].flatten(1).float()


def face_taps(features: FrozenFeatures, x: Tensor) -> list[Tensor]:
    """Activations of faces x (B, 3, H, W) in -1..1 at every tap of the network; differentiable in x."""
    if x.shape[-1] != INPUT_PX:
        x = F.interpolate(x, (INPUT_PX, INPUT_PX), mode="bicubic", antialias=True).clamp(-1, 1)
    taps: list[Tensor] = features(x.contiguous(memory_format=torch.channels_last))
    return taps


@torch.no_grad()
def columns_of(features: FrozenFeatures, decode: Callable[[Tensor], Tensor], latents: Tensor) -> Tensor:
    """(N, 3584) float32 on the CPU of the faces (B, 3, H, W) that `decode` draws of latents (N, D)."""
    parts = []
    for start in range(0, len(latents), BATCH):
        taps = face_taps(features, decode(latents[start : start + BATCH]))
        parts.append(face_columns(taps[-1]).cpu())
    return torch.cat(parts)
