"""Looks: drawn by OpenCV alone, always alike, as far as asked."""

from __future__ import annotations

import numpy as np
import pytest

from facevae import ConfigError, DataError
from facevae.looks import LOOKS, apply_look


@pytest.fixture(scope="module")
def portrait(astronaut: np.ndarray) -> np.ndarray:
    return astronaut[20:180, 150:310]


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_changes_the_photo_as_far_as_asked_and_always_alike(portrait: np.ndarray, look: str) -> None:
    full = apply_look(portrait, look)
    assert full.shape == portrait.shape
    assert full.dtype == np.uint8
    assert np.array_equal(full, apply_look(portrait, look))
    assert np.array_equal(apply_look(portrait, look, 0.0), portrait)
    distances = [
        np.abs(apply_look(portrait, look, s).astype(int) - portrait).mean() for s in (0.25, 0.5, 1.0)
    ]
    assert distances == sorted(distances)
    assert distances[-1] > 5


@pytest.mark.parametrize("look", LOOKS)
def test_a_face_can_still_be_seen(portrait: np.ndarray, look: str) -> None:
    """What is dark stays darker than what is light: the picture shows the same thing."""
    drawn = apply_look(portrait, look)
    grey, light = drawn.mean(axis=2).ravel(), portrait.mean(axis=2).ravel()
    assert np.corrcoef(grey, light)[0, 1] > 0.6


def test_a_pencil_has_no_colour(portrait: np.ndarray) -> None:
    drawn = apply_look(portrait, "pencil").astype(int)
    assert int((drawn.max(axis=2) - drawn.min(axis=2)).max()) <= 8


def test_a_cartoon_has_flat_tones(portrait: np.ndarray) -> None:
    """Fewer places where brightness changes a little: it stays, or it jumps."""

    def gentle(photo: np.ndarray) -> float:
        steps = np.abs(np.diff(photo.mean(axis=2), axis=1))
        return float(((steps > 1.5) & (steps < 12)).mean())

    assert gentle(apply_look(portrait, "cartoon")) < 0.8 * gentle(portrait)


def test_wrong_use_is_told_in_words(portrait: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=r"pencil, oil, watercolour, cartoon.*Did you mean 'pencil'"):
        apply_look(portrait, "pencl")
    with pytest.raises(ConfigError, match=r"0 \(unchanged\) to 1"):
        apply_look(portrait, "oil", 1.5)
    for wrong in (portrait.astype(np.float32), portrait[..., 0], portrait[:4]):
        with pytest.raises(DataError, match="must be uint8"):
            apply_look(wrong, "oil")
