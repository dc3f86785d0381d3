"""Attributes read from latents, and the shortest steps that change one reading alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from facevae.attributes import CONTROLS, Attribute, Value
from facevae.face_reader import FaceReader
from facevae.linear_reader import LinearReader, Reading, fit_readings


class LatentReader(LinearReader):
    """Reads off latents z (D,), and knows the shortest steps between readings.

    spread: (K, D), W C with C the covariance of the latents. A step s changes the readings by W s. Of all
    steps with a wanted change of some readings, the shortest in the latents' own metric, s^T C^-1 s, is
    C W^T (W C W^T)^-1 (change) with W of those readings (Lagrange). Faces differ from each other by such
    steps; one along W itself leads away from them.
    """

    face: FaceReader | None = None
    """What reads the same attributes off the faces that the model draws, where it has been fitted."""

    def __init__(self, weights: Tensor, bias: Tensor, spread: Tensor, readings: Sequence[Reading]) -> None:
        super().__init__(weights, bias, readings)
        self.spread = spread

    @classmethod
    def fit(
        cls,
        latents: Tensor,
        rows: Sequence[Mapping[str, Value]],
        attributes: Sequence[Attribute] = CONTROLS,
    ) -> LatentReader | None:
        """The reader of what the rows label, None where they label nothing well enough.

        latents: (N, D), posterior means; rows: their N faces' attributes. Fitted as `fit_readings` says.
        """
        fitted = fit_readings(latents, rows, attributes)
        if fitted is None:
            return None
        weights, bias, readings = fitted
        spread = weights @ torch.cov(latents.double().cpu().T)
        return cls(weights.float(), bias.float(), spread.float(), readings)

    @property
    def latent_dim(self) -> int:
        return self.weights.shape[1]

    def read(self, z: Tensor) -> list[dict[str, Value]]:
        """The attributes of (N, D) latents: numbers within their bounds, the category of the highest odds."""
        values = self.values(z)
        rows: list[dict[str, Value]] = [{} for _ in range(len(z))]
        for attribute in self.schema.attributes:
            columns = self.rows_of(attribute.name)
            numbers, best = values[:, columns[0]].tolist(), values[:, columns].argmax(dim=1).tolist()
            for row, number, index in zip(rows, numbers, best, strict=True):
                category = self.readings[columns[index]].category
                row[attribute.name] = category or min(max(number, attribute.low), attribute.high)
        return rows

    def step(self, change: Tensor, rows: Sequence[int]) -> Tensor:
        """(N, D): the shortest steps that change the readings `rows` by (N, len(rows)), and no other of them.

        What is not in `rows` may change.
        """
        chosen = torch.as_tensor(list(rows), dtype=torch.long)
        spread = self.spread[chosen].double()  # (k, D)
        gram = self.weights[chosen].double() @ spread.T  # (k, k)
        scale = gram.diagonal().clamp(min=1e-12).sqrt()
        # One category against the others is minus the sum of theirs, so the rows may depend on each other.
        inverse = torch.linalg.pinv(gram / scale[:, None] / scale, rtol=1e-6, hermitian=True)
        step: Tensor = (change.double() / scale) @ inverse / scale @ spread
        return step.float()

    def directions(self) -> dict[tuple[str, str | None], Tensor]:
        """(D,) for each number and category: the step that raises its reading by 1 (year, log-odds ...).

        The readings of all other attributes stay, but for those that go along (RELATED). In the metric C^-1
        each is thus orthogonal to C w of every reading that stays.
        """
        found = {}
        for row, reading in enumerate(self.readings):
            rows = [row, *self.held_with([reading.name])]
            change = torch.zeros(1, len(rows))
            change[0, 0] = 1
            found[reading.name, reading.category] = self.step(change, rows)[0]
        return found

    def tensors(self) -> dict[str, Tensor]:
        own = {"weights": self.weights, "bias": self.bias, "spread": self.spread}
        return own | (self.face.tensors() if self.face else {})

    def settings(self) -> dict[str, Any]:
        """What `tensors` cannot say, as JSON."""
        return {
            "readings": [reading._asdict() for reading in self.readings],
            **(self.face.settings() if self.face else {}),
        }

    @classmethod
    def from_saved(cls, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> LatentReader:
        """The reader of these `tensors` and `settings`. KeyError, TypeError or RuntimeError for others."""
        weights, bias, spread = (tensors[name].float() for name in ("weights", "bias", "spread"))
        readings = [Reading(**row) for row in settings["readings"]]
        known = {attribute.name: attribute.categories or (None,) for attribute in CONTROLS}
        if not all(reading.category in known[reading.name] for reading in readings):
            raise RuntimeError("it reads categories that no attribute has")
        if weights.shape != spread.shape or not len(readings) == len(weights) == len(bias):
            raise RuntimeError(f"{len(readings)} readings do not fit weights of shape {tuple(weights.shape)}")
        reader = cls(weights, bias, spread, readings)
        if "face_readings" in settings:
            reader.face = FaceReader.from_saved(tensors, settings)
        return reader
