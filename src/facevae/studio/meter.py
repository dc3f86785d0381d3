"""How much of a person an edit has kept, as a number between a stranger and the same picture."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from torch import Tensor

from facevae.errors import MissingExtraError
from facevae.generator import FaceGenerator
from facevae.images import Photos
from facevae.metrics.extractor import FeatureExtractor, identity_cosine

STRANGERS = 48
"""New faces whose mean features are the centre that cosines are taken about."""


class IdentityMeter:
    """The cosine of `facevae bench edit`, about the centre of faces of the model instead of real ones."""

    def __init__(self, generator: FaceGenerator) -> None:
        self._generator = generator

    def kept(self, before: Photos, after: Photos) -> float | None:
        """-1..1 between two faces (H, W, 3) uint8: 1 the same picture, about 0 two strangers.

        None without the extra 'evaluate', whose network looks at the faces. Deterministic.
        """
        if self._extractor is None:
            return None
        features = self._extractor(np.stack([before, after]))
        return float(identity_cosine(features[:1], features[1:], self._centre))

    @cached_property
    def _extractor(self) -> FeatureExtractor | None:
        try:
            return FeatureExtractor(self._generator.device)
        except MissingExtraError:
            return None

    @cached_property
    def _centre(self) -> Tensor:
        assert self._extractor is not None
        return self._extractor(self._generator.sample(STRANGERS, seed=0).photos).mean(dim=0)
