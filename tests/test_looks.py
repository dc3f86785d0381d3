"""Looks: drawn by OpenCV alone, always alike, as far as asked, by brushes that fit the face."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from facevae import ConfigError, DataError, looks
from facevae.looks import LARGEST_PX, LOOKS, REFERENCE_PX, apply_look
from facevae.stylize.sizes import resized_photo


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


def test_without_a_face_the_brush_is_that_of_a_face_that_fills_the_photo(portrait: np.ndarray) -> None:
    for look in LOOKS:
        alone = apply_look(portrait, look)
        assert np.array_equal(alone, apply_look(portrait, look, face_px=160)), look
        assert np.array_equal(alone, apply_look(portrait, look, face_px=5000)), look


@pytest.mark.parametrize(
    ("look", "most"), [("pencil", 7), ("oil", 2.6), ("watercolour", 3.5), ("cartoon", 1)]
)
def test_a_photo_twice_as_large_is_drawn_by_a_brush_twice_as_large(
    astronaut: np.ndarray, look: str, most: float
) -> None:
    photo = _enlarged(astronaut[:300, 60:400])
    drawn = apply_look(photo, look, face_px=400)
    twice = apply_look(_enlarged(photo), look, face_px=800)
    halved = cv2.resize(twice, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert _coarse_difference(halved, drawn) < most  # levels; 12 where clouds or hatching fall elsewhere


def test_a_small_face_survives_the_oil_brush(astronaut: np.ndarray) -> None:
    """By the picture's size, the brush was as broad as an eye, and took both away."""
    photo, by_picture, by_face = (
        _detail(picture[60:172, 180:268])
        for picture in (astronaut, apply_look(astronaut, "oil"), apply_look(astronaut, "oil", face_px=110))
    )
    lost, kept = (float(np.corrcoef(drawn, photo)[0, 1]) for drawn in (by_picture, by_face))
    assert kept > max(0.86, lost + 0.08)


@pytest.mark.parametrize(("look", "least_db"), [("watercolour", 40), ("cartoon", 33)])
def test_a_reduced_copy_in_between_is_hardly_seen(
    monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray, look: str, least_db: float
) -> None:
    monkeypatch.setattr(looks, "WORK_PX", math.inf)
    full = apply_look(astronaut, look)
    monkeypatch.setattr(looks, "WORK_PX", REFERENCE_PX**2 / 16)
    reduced = apply_look(astronaut, look)
    assert not np.array_equal(reduced, full)
    assert cv2.PSNR(reduced, full) > least_db


def test_costly_filters_see_no_more_of_a_large_photo_than_of_a_small_one(
    monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray
) -> None:
    """Their cost is pixels times the brush's square; `facevae bench looks` has the seconds."""
    costs: list[float] = []

    def mean_shift(photo: np.ndarray, sp: float, **_: object) -> np.ndarray:
        costs.append(photo.shape[0] * photo.shape[1] * sp**2)
        return photo

    def bilateral(photo: np.ndarray, sigmaSpace: float, **_: object) -> np.ndarray:
        costs.append(photo.shape[0] * photo.shape[1] * (9 / 5 * sigmaSpace) ** 2)
        return photo

    monkeypatch.setattr(cv2, "pyrMeanShiftFiltering", mean_shift)
    monkeypatch.setattr(cv2, "bilateralFilter", bilateral)
    photo = cv2.resize(astronaut, (1920, 1280))
    for face_px in (100, 500, None):
        for look in ("watercolour", "cartoon"):
            apply_look(photo, look, face_px=face_px)
    assert len(costs) == 3 * (1 + 3)
    assert max(costs) < 1.52 * 512**2 * 9**2


@pytest.mark.parametrize("look", LOOKS)
def test_progress_is_told_between_steps_and_may_end_the_drawing(portrait: np.ndarray, look: str) -> None:
    told: list[tuple[int, int]] = []
    apply_look(portrait, look, progress=lambda *step: told.append(step))
    assert told == [(done, len(told) - 1) for done in range(len(told))]
    assert len(told) > 4

    class Cancelled(Exception):
        pass

    def cancel(done: int, _: int) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        apply_look(portrait, look, progress=cancel)


def test_what_is_too_large_is_refused_and_shrunk_photos_never_are() -> None:
    photo = np.zeros((LARGEST_PX + 1, LARGEST_PX, 3), np.uint8)
    for look in LOOKS:
        with pytest.raises(DataError, match=r"4\.2 megapixels at most, got 2048 x 2049.*resized_photo"):
            apply_look(photo, look)
    for shape in (photo.shape, (5000, 9, 3), (9, 9, 3)):
        assert math.prod(resized_photo(np.zeros(shape, np.uint8))[0].shape[:2]) <= LARGEST_PX**2


def _enlarged(photo: np.ndarray) -> np.ndarray:
    return cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def _detail(photo: np.ndarray) -> np.ndarray:
    """What lies between 1.5 and 6 px: eyes and mouth of a face of 110 px."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return (cv2.GaussianBlur(grey, (0, 0), 1.5) - cv2.GaussianBlur(grey, (0, 0), 6)).ravel()


def _coarse_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference in levels of squares of 8 px: paper and bristles differ, what is painted does not."""
    size = (a.shape[1] // 8, a.shape[0] // 8)
    one, other = (cv2.resize(x, size, interpolation=cv2.INTER_AREA).astype(float) for x in (a, b))
    return float(np.abs(one - other).mean())


def test_wrong_use_is_told_in_words(portrait: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=r"pencil, oil, watercolour, cartoon.*Did you mean 'pencil'"):
        apply_look(portrait, "pencl")
    with pytest.raises(ConfigError, match=r"0 \(unchanged\) to 1"):
        apply_look(portrait, "oil", 1.5)
    for face_px in (0, -3, math.nan):
        with pytest.raises(ConfigError, match="face_px cannot be"):
            apply_look(portrait, "oil", face_px=face_px)
    for wrong in (portrait.astype(np.float32), portrait[..., 0], portrait[:4]):
        with pytest.raises(DataError, match="must be uint8"):
            apply_look(wrong, "oil")
