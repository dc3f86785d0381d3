import numpy as np
import pytest
from PIL import Image

from facevae.data.align import TEMPLATE, align, apply, similarity_to_template
from facevae.data.detect import FaceDetector

EYES = np.array([(203.5, 101.0), (246.5, 103.0)])
"""Pupils of the astronaut, read off the photo by hand."""


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.mark.parametrize("scale", [0.25, 0.5, 1, 3])
def test_the_face_is_found_where_it_is_at_every_scale(detector, astronaut, scale):
    side = round(512 * scale)
    photo = np.asarray(Image.fromarray(astronaut).resize((side, side), Image.Resampling.LANCZOS))
    (face,) = detector.detect(photo)
    assert np.linalg.norm(face.landmarks_px[:2] / scale - EYES, axis=1).max() < 5
    assert face.landmarks_px.shape == (5, 2)
    assert face.landmarks_px.dtype == np.float32
    assert face.score > 0.6
    assert face.disagreement < 0.15


def test_a_mirrored_photo_gives_the_mirrored_face(detector, portrait):
    (face,), (mirrored,) = detector.detect(portrait), detector.detect(np.ascontiguousarray(portrait[:, ::-1]))
    back = mirrored.landmarks_px[[1, 0, 2, 4, 3]] * (-1, 1) + (240, 0)
    assert np.abs(back - face.landmarks_px).max() < 1.5


def test_an_aligned_face_is_found_at_the_template(detector, astronaut):
    (face,) = detector.detect(astronaut)
    crop = align(astronaut, face.landmarks_px, 128)
    (again,) = detector.detect(crop)
    assert np.abs(again.landmarks_px / 128 - TEMPLATE).max() < 0.06
    matrix = similarity_to_template(again.landmarks_px, 128)
    assert np.hypot(matrix[0, 0], matrix[1, 0]) == pytest.approx(1, abs=0.06)


def test_tight_crops_are_found(detector, astronaut):
    (face,) = detector.detect(astronaut)
    for size in (64, 112, 200):
        crop = align(astronaut, face.landmarks_px, size)
        tight = crop[size // 10 : -size // 10, size // 10 : -size // 10]
        assert len(detector.detect(np.ascontiguousarray(tight))) == 1


def test_many_faces_come_largest_first(detector, astronaut):
    face = Image.fromarray(astronaut[:240, 100:340])
    photo = Image.new("RGB", (1200, 500), (90, 120, 90))
    for size, x in ((110, 20), (300, 300), (180, 800)):
        photo.paste(face.resize((size, size), Image.Resampling.LANCZOS), (x, 60))
    faces = detector.detect(np.asarray(photo))
    assert len(faces) == 3
    assert [face.size_px for face in faces] == sorted((face.size_px for face in faces), reverse=True)
    centres = [(face.box_px[0] + face.box_px[2]) / 2 for face in faces]
    assert [round(x / 100) for x in centres] == pytest.approx([4, 9, 1], abs=1)
    assert detector.detect(np.asarray(photo), every=False)[0].landmarks_px == pytest.approx(
        faces[0].landmarks_px, abs=2
    )


def test_a_small_face_in_a_large_photo_is_found_and_placed(detector, astronaut):
    photo = np.full((1400, 2000, 3), 128, np.uint8)
    photo[900:1156, 1200:1456] = np.asarray(
        Image.fromarray(astronaut).resize((256, 256), Image.Resampling.LANCZOS)
    )
    for every in (True, False):
        face = detector.detect(photo, every)[0]
        assert np.linalg.norm(face.landmarks_px[:2] - (EYES / 2 + (1200, 900)), axis=1).max() < 5


@pytest.mark.parametrize("shape", [(20, 20), (300, 300), (5, 900), (1, 1), (900, 5)])
def test_no_face_is_an_empty_list(detector, shape):
    for every in (True, False):
        assert detector.detect(np.full((*shape, 3), 120, np.uint8), every) == []


def test_the_landmarks_fit_the_template(detector, portrait):
    (face,) = detector.detect(portrait)
    fitted = apply(similarity_to_template(face.landmarks_px, 1), face.landmarks_px)
    assert np.abs(fitted - TEMPLATE).max() < 0.06


@pytest.mark.parametrize("side", [512, 1500])
def test_the_largest_face_alone_takes_fewer_looks_and_is_the_same(detector, astronaut, monkeypatch, side):
    photo = np.asarray(Image.fromarray(astronaut).resize((side, side), Image.Resampling.LANCZOS))
    (face,) = detector.detect(photo)
    looks: list[int] = []
    look = type(detector)._pass
    monkeypatch.setattr(
        type(detector), "_pass", lambda self, image, px, *rest, **named: looks.append(px)
        or look(self, image, px, *rest, **named),
    )  # fmt: skip
    (alone,) = detector.detect(photo, every=False)
    assert max(looks) < 150, "a face of a sixth of the photo needs no look at more detail"
    assert np.abs(alone.landmarks_px - face.landmarks_px).max() < 0.5
