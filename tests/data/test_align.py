import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from facevae.data.align import TEMPLATE, align, apply, invert, outside_fraction, similarity_to_template, warp
from facevae.errors import DataError


@settings(max_examples=50, deadline=None)
@given(angle=st.floats(-3, 3), scale=st.floats(0.1, 20), x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_a_moved_template_is_brought_back_exactly(angle, scale, x, y):
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    landmarks = TEMPLATE @ turn.T + (x, y)
    assert np.allclose(apply(similarity_to_template(landmarks, 64), landmarks), TEMPLATE * 64, atol=1e-6)


def test_the_fit_is_umeyamas():
    landmarks = TEMPLATE * 90 + np.random.default_rng(0).normal(0, 3, (5, 2))
    reference = SimilarityTransform.from_estimate(landmarks, TEMPLATE * 128)
    assert np.allclose(similarity_to_template(landmarks, 128), reference.params[:2], atol=1e-6)


@pytest.mark.parametrize("points", [np.ones((5, 2)), np.full((5, 2), np.nan)])
def test_landmarks_that_span_no_face_are_refused(points):
    with pytest.raises(DataError, match="no usable landmarks"):
        similarity_to_template(points, 64)


def test_an_aligned_face_stays_as_it_is(portrait):
    crop = align(portrait, TEMPLATE * 240, 240)
    assert np.array_equal(crop, portrait)


def test_shrinking_a_fine_pattern_gives_its_mean_and_no_moire():
    rows, columns = np.indices((1200, 1200))
    checks = ((rows + columns) % 2 * 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    for scale in (1190.0, 700.0, 500.0):
        crop = align(checks, TEMPLATE * scale + 3.3, 64)
        assert abs(crop.mean() - 127.5) < 2
        assert crop.std() < 12, f"aliasing at a shrink of {scale / 64:.1f}"


@pytest.mark.parametrize("scale", [30.0, 100.0, 333.0, 900.0])
def test_a_smooth_photo_is_sampled_at_the_right_place_at_every_scale(scale):
    rows, columns = np.indices((1000, 1000)) + 0.5
    ramp = np.stack([columns / 4, rows / 4, np.zeros_like(rows)], axis=2).astype(np.float32)
    crop = align(np.rint(ramp).astype(np.uint8), TEMPLATE * scale + 40, 64).astype(float)
    expected = (40 + (np.arange(64) + 0.5) * scale / 64) / 4
    for got in (crop[:, :, 0].mean(axis=0), crop[:, :, 1].mean(axis=1)):
        assert np.abs(got - expected).max() < 1.1  # rounded to whole numbers on the way
        assert abs((got - expected).mean()) < 0.2


def test_what_lies_outside_is_reflected():
    photo = np.zeros((100, 100, 3), np.uint8)
    photo[:, :50] = 200
    crop = align(photo, TEMPLATE * 100 + (-40, 0), 100)
    assert crop[50, 5].tolist() == [200] * 3
    assert outside_fraction(
        similarity_to_template(TEMPLATE * 100 + (-40, 0), 100), 100, 100, 100
    ) == pytest.approx(0.4, abs=0.05)


def test_a_crop_far_outside_is_a_data_error():
    with pytest.raises(DataError, match="outside"):
        align(np.zeros((50, 50, 3), np.uint8), TEMPLATE * 20 + 5000, 32)


def test_a_crop_can_be_pasted_back(portrait):
    landmarks = TEMPLATE * 130 + (40, 50)
    matrix = similarity_to_template(landmarks, 260)
    back = warp(warp(portrait, matrix, 260), invert(matrix), 240)
    inside = np.s_[70:150, 60:150]
    assert np.abs(back[inside].astype(int) - portrait[inside]).mean() < 3
