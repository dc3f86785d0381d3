"""Photos over HTTP: as JSON, as a form, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import tempfile
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from facevae.avatar import identity
from facevae.data import photos
from facevae.data.detect import FaceDetector
from facevae.generator import FaceGenerator
from facevae.looks import apply_look
from facevae.provenance import FILTERED, read_provenance
from facevae.stylize.sizes import largest_face_px
from tests.server.conftest import in_base64, picture_file, shown


def test_a_form_and_json_mean_the_same(service: TestClient, real: bytes) -> None:
    wish = {"changes": {"age": "+20"}, "paste": True}
    as_json = service.post("/v1/edit", json={"photo": in_base64(real), **wish})
    as_form = service.post(
        "/v1/edit",
        files={"photo": ("me.jpg", real, "image/jpeg")},
        data={"options": json.dumps(wish)},
    )
    assert as_json.status_code == 200, as_json.text
    assert as_form.json() == as_json.json()
    told = as_json.json()
    assert shown(base64.b64decode(told["pasted"]["data"])).shape == (512, 512, 3)
    assert told["faces"][0]["asked"]["age"] > told["faces"][0]["own"]["age"]


def test_reconstruct_gives_what_the_library_gives(
    service: TestClient, tiny: FaceGenerator, real: bytes
) -> None:
    (expected,) = tiny.reconstruct(photos.read_photo(real))
    (face,) = service.post("/v1/reconstruct", json={"photo": in_base64(real)}).json()["faces"]
    assert face["psnr_db"] == round(expected.psnr_db, 3)
    np.testing.assert_allclose(face["latent"], expected.latent, atol=1e-5)
    made = shown(base64.b64decode(face["reconstruction"]["data"]))
    assert np.abs(made.astype(int) - expected.reconstruction).max() <= 1
    pair = service.post("/v1/reconstruct", json={"photo": in_base64(real)}, headers={"Accept": "image/png"})
    assert shown(pair.content).shape == (32, 66, 3)


def test_encode_reads_an_aligned_face_without_looking_for_it(
    service: TestClient, tiny: FaceGenerator
) -> None:
    face = tiny.sample(1, 3).photos[0]
    told = service.post(
        "/v1/encode", json={"photo": in_base64(picture_file(face, "PNG")), "aligned": True}
    ).json()
    np.testing.assert_allclose(told["faces"][0]["latent"], tiny.encode(face[None])[0], atol=1e-5)
    assert "age" in told["faces"][0]["attributes"]


def test_avatars_of_a_photo(service: TestClient, real: bytes) -> None:
    asked: dict[str, Any] = {"ages": [20], "expressions": [], "styles": ["photo", "pencil"], "size_px": 64,
                             "background": "transparent"}  # fmt: skip
    told = service.post("/v1/avatar", json={"photo": in_base64(real), **asked}).json()
    assert [(one["style"], one["name"]) for one in told["portraits"]] == [
        ("photo", "as-is"), ("pencil", "as-is"), ("photo", "age20"), ("pencil", "age20")
    ]  # fmt: skip
    assert shown(base64.b64decode(told["portraits"][0]["image"]["data"])).shape == (64, 64, 4)


def test_words_are_never_taken_for_a_path(
    service: TestClient, tmp_path: Any, real: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "an old man"
    secret.write_bytes(real)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(identity, "_from_photo", lambda *_: pytest.fail("a file was read"))
    told = service.post(
        "/v1/avatar", json={"text": "an old man", "ages": [], "expressions": [], "size_px": 64}
    )
    assert told.json()["identity"]["text"] == "an old man"


def test_stylize_paints_after_an_artwork(service: TestClient, real: bytes) -> None:
    rng = np.random.default_rng(0)
    art = picture_file(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8), "PNG")
    answer = service.post(
        "/v1/stylize",
        files={"photo": ("me.jpg", real, "image/jpeg"), "art": ("art.png", art, "image/png")},
        data={"options": json.dumps({"steps": 2, "side_px": 64})},
        headers={"Accept": "image/jpeg"},
    )
    assert answer.status_code == 200, answer.text
    assert shown(answer.content).shape == (64, 64, 3)
    assert read_provenance(io.BytesIO(answer.content))["kind"] == "artwork"


def test_a_look_is_drawn_by_the_size_of_the_largest_face(service: TestClient, astronaut: np.ndarray) -> None:
    answer = service.post(
        "/v1/stylize",
        files={"photo": ("me.png", picture_file(astronaut, "PNG"), "image/png")},
        data={"options": json.dumps({"style": "oil"})},
        headers={"Accept": "image/png"},
    )
    assert answer.status_code == 200, answer.text
    face_px = largest_face_px(astronaut, FaceDetector())
    assert np.array_equal(shown(answer.content), apply_look(astronaut, "oil", face_px=face_px))


def test_uploads_never_touch_the_disk(
    service: TestClient, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = picture_file(np.kron(astronaut, np.ones((3, 3, 1), np.uint8)), "PNG", compress_level=0)
    assert len(large) > 2**20, "starlette would keep it in memory anyway"
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_, **__: pytest.fail("a file was made"))
    answer = service.post("/v1/reconstruct", files={"photo": ("me.png", large, "image/png")})
    assert answer.status_code == 200, answer.text


def rotated(photo: np.ndarray) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees to the right
    return picture_file(np.ascontiguousarray(np.rot90(photo)), "JPEG", exif=exif, quality=95)


def test_orientation_is_applied_and_metadata_dropped(service: TestClient, astronaut: np.ndarray) -> None:
    upright = service.post("/v1/reconstruct", json={"photo": in_base64(picture_file(astronaut, quality=95))})
    turned = service.post("/v1/reconstruct", json={"photo": in_base64(rotated(astronaut))})
    first, second = (answer.json()["faces"][0] for answer in (upright, turned))
    assert abs(first["psnr_db"] - second["psnr_db"]) < 0.5
    facts = read_provenance(io.BytesIO(base64.b64decode(second["original"]["data"])))
    assert set(facts) == {"digital_source_type", "facevae_version", "job", "model"}
    assert facts["digital_source_type"] == FILTERED["digital_source_type"]


BLACK = picture_file(np.zeros((90, 90, 3), np.uint8))
JPEG = {"photo": b"\xff\xd8\xff"}


@pytest.mark.parametrize(
    ("path", "sent", "status", "part"),
    [
        ("reconstruct", {"json": {"photo": "é"}}, 422, "base64"),
        ("reconstruct", {"json": {"photo": "/etc/passwd"}}, 422, "base64"),
        ("reconstruct", {"json": {"photo": "https://example.org/me.jpg"}}, 422, "base64"),
        ("reconstruct", {"json": {"photo": in_base64(b"GIF89a")}}, 415, "JPEG, PNG"),
        ("reconstruct", {"json": {"photo": in_base64(BLACK)}}, 422, "no face found"),
        ("reconstruct", {"content": b"x", "headers": {"Content-Type": "image/png"}}, 415, "multipart"),
        ("reconstruct", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "not JSON"),
        ("reconstruct", {"data": {"photo": "me.jpg"}, "files": {"x": b""}}, 422, "cannot be a field"),
        ("reconstruct", {"files": JPEG, "data": {"options": '{"photo": "x"}'}}, 422, "is a file"),
        ("edit", {"files": JPEG, "data": {"options": '{"changes": {}}'}}, 422, "nothing to change"),
        ("edit", {"json": {"photo": in_base64(BLACK), "changes": {"age": "old"}}}, 422, "changes.age"),
        ("encode", {"json": {"photo": in_base64(BLACK[:-9])}}, 422, "damaged"),
    ],
)
def test_requests_that_cannot_be_answered_say_why(
    service: TestClient, path: str, sent: dict[str, Any], status: int, part: str
) -> None:
    answer = service.post(f"/v1/{path}", **sent)
    assert answer.status_code == status, answer.text
    assert part in answer.json()["detail"]
