"""The readers of attributes that travel with a model, fitted to its training faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from facevae.attributes import CONTROLS, Value, is_missing
from facevae.config import TrainConfig
from facevae.data.dataset import FaceDataset
from facevae.editing import LatentReader
from facevae.face_reader import FaceReader, columns_of
from facevae.features import eyes
from facevae.flow_fit import mirrored_rows
from facevae.model import FaceVAE
from facevae.validation import posteriors

MOST_FACES = 20_000
"""Training faces that a reader is fitted to; more would change little and take long to look at."""


def fit_reader(
    model: FaceVAE,
    data: FaceDataset,
    config: TrainConfig,
    encoded: tuple[Tensor, Tensor] | None = None,
) -> LatentReader | None:
    """The reader of attributes of the training faces' posterior means; None when hardly any are labelled.

    Mirror images and `encoded` as in `fit_prior`. A conditional encoder is not told the attributes here, as
    it is not of a new photo; `encoded` is then of no use. Private training leaves it out: it would tell of
    the faces without noise.
    """
    if config.dp_noise_multiplier is not None:
        return None
    rows = data.rows()
    if all(is_missing(row.get(attribute.name)) for row in rows for attribute in CONTROLS):
        return None
    if encoded is None or model.config.schema.width:
        encoded = posteriors(model, data, config.flip, told=False)
    mean, _ = encoded
    reader = LatentReader.fit(mean, [*rows, *mirrored_rows(rows)] if config.flip else rows)
    if reader is not None and not model.config.schema.width:
        reader.face = fit_face_reader(model, mean[: len(rows)], rows)
    return reader


def fit_face_reader(
    model: FaceVAE, latents: Tensor, rows: Sequence[Mapping[str, Value]]
) -> FaceReader | None:
    """The reader of the faces (N, D) as the model draws them; None without the extra 'perceptual'.

    Of more than MOST_FACES, as many of them evenly spread.
    """
    device = next(model.parameters()).device
    features = eyes(device)
    if features is None:
        return None
    chosen = np.unique(np.linspace(0, len(rows) - 1, MOST_FACES).round().astype(int))
    latents = latents[torch.from_numpy(chosen)]
    columns = columns_of(features, model.eval().decoder, latents.to(device))
    return FaceReader.fit(columns, latents, [rows[index] for index in chosen])
