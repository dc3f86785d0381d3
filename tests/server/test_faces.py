"""New faces over HTTP: the same as those of the library, in every form, with their provenance."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from facevae.generator import FaceGenerator
from facevae.provenance import DIGITAL_SOURCE_TYPE, read_provenance
from tests.server.conftest import shown


def test_generate_gives_the_faces_of_the_library(service: TestClient, tiny: FaceGenerator) -> None:
    asked = {"count": 3, "seed": 5, "truncation": 0.8, "controls": {"age": 60, "gender": "female"}}
    told = service.post("/v1/generate", json=asked).json()
    expected = tiny.sample(3, 5, {"age": 60.0, "gender": "female"}, 0.8)
    for index, face in enumerate(told["faces"]):
        assert face["seed"] == 5 + index
        np.testing.assert_array_equal(np.float32(face["latent"]), expected.latents[index])
        np.testing.assert_array_equal(shown(base64.b64decode(face["image"]["data"])), expected.photos[index])


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"), ("image/png", "image/png"), ("image/webp", "image/webp"),
        ("image/jpeg", "image/jpeg"), ("image/*", "image/png"),
        ("text/html, image/webp;q=0.9, image/png;q=0.5", "image/webp"),
        ("image/jpeg;q=0, */*;q=0.1", "application/json"),
    ],
)  # fmt: skip
def test_accept_chooses_the_form_and_every_picture_says_what_it_is(
    service: TestClient, accept: str, expected: str
) -> None:
    asked = {"count": 4, "seed": 2, "controls": {"age": 30}}
    answer = service.post("/v1/generate", json=asked, headers={"Accept": accept})
    assert answer.headers["content-type"] == expected
    data = answer.content
    if expected == "application/json":
        data = base64.b64decode(answer.json()["faces"][0]["image"]["data"])
    else:
        assert shown(data).shape == (66, 66, 3), "four faces of 32 px with a gap are no grid"
    facts = read_provenance(io.BytesIO(data))
    assert facts["digital_source_type"] == DIGITAL_SOURCE_TYPE
    assert facts["seed"] == 2
    assert facts["controls"] == {"age": 30.0}


def test_a_form_that_there_is_not_is_refused(service: TestClient) -> None:
    answer = service.post("/v1/generate", json={}, headers={"Accept": "video/mp4"})
    assert answer.status_code == 406
    assert "image/png" in answer.json()["detail"]


def test_a_seed_that_was_told_makes_the_face_again(service: TestClient) -> None:
    first = service.post("/v1/generate", json={"controls": {"age": [20, 40]}}).json()
    again = service.post("/v1/generate", json={"seed": first["seed"], "controls": {"age": [20, 40]}}).json()
    assert 20 <= first["faces"][0]["controls"]["age"] <= 40
    assert again == first


def test_latents_come_back_as_faces(service: TestClient) -> None:
    face = service.post("/v1/generate", json={"seed": 9}).json()["faces"][0]
    decoded = service.post("/v1/decode", json={"latent": [face["latent"]]}).json()["faces"][0]
    assert decoded["latent"] == face["latent"]
    first, second = (shown(base64.b64decode(one["image"]["data"])) for one in (face, decoded))
    np.testing.assert_array_equal(first, second)


def test_describe_says_what_was_understood(service: TestClient) -> None:
    told = service.post("/v1/describe", json={"text": "微笑的老人,戴帽子", "seed": 1}).json()
    assert told["description"]["language"] == "zh"
    assert told["faces"][0]["controls"]["age"] >= 60
    assert "戴帽子" in "".join(told["description"]["not_understood"])
    assert told["description"]["without_control"] == ["戴帽子"]


def test_checked_faces_say_how_they_were_chosen(service: TestClient) -> None:
    face = service.post("/v1/generate", json={"seed": 1, "best_of": 2}).json()["faces"][0]
    assert {"redrawn", "face_found", "score"} <= set(face)


def test_interpolate_goes_from_stop_to_stop(service: TestClient) -> None:
    latent = service.post("/v1/generate", json={"seed": 4}).json()["faces"][0]["latent"]
    asked: dict[str, Any] = {"stops": [{"seed": 3}, {"latent": latent}], "frames": 5}
    told = service.post("/v1/interpolate", json=asked).json()
    assert told["stops"] == [0, 4]
    np.testing.assert_allclose(told["frames"][4]["latent"], latent, atol=1e-3)
    film = service.post("/v1/interpolate", json=asked, headers={"Accept": "image/webp"})
    assert read_provenance(io.BytesIO(film.content))["stops"] == ["seed 3", "latent"]


@pytest.mark.parametrize(
    ("path", "asked", "part"),
    [
        ("generate", {"count": 65}, "count"),
        ("generate", {"count": "2"}, "count"),
        ("generate", {"cuont": 2}, "Did you mean 'count'?"),
        ("generate", {"truncation": 0}, "truncation"),
        ("generate", {"controls": {"age": 200}}, "controls.age"),
        ("generate", {"controls": {"yaw": 0.1}}, "It has: age, gender, expression, smile"),
        ("generate", {"controls": {"glasses": 1}}, "there is no field 'glasses'"),
        ("describe", {"text": "xyzzy"}, "nothing was understood"),
        ("decode", {"latent": [[0.0, 1.0]]}, "has 32 numbers, got 2"),
        ("interpolate", {"stops": [{"seed": 1}, {}]}, "exactly one of seed, latent and photo"),
        ("interpolate", {"stops": [{"seed": 1}, {"seed": 2}, {"seed": 3}], "frames": 2}, "a path needs"),
        ("avatar", {"text": "an old man", "photo": ""}, "exactly one"),
        ("stylize", {"seed": 1, "style": "/etc/passwd"}, "style"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    service: TestClient, path: str, asked: dict[str, Any], part: str
) -> None:
    answer = service.post(f"/v1/{path}", json=asked)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == 422
    assert told["title"]
    assert part in told["detail"], told["detail"]


def test_what_the_model_cannot_do_is_a_conflict(service: TestClient) -> None:
    answer = service.post("/v1/generate", json={"upscale": True})
    assert answer.status_code == 409
    assert "has no upscaler" in answer.json()["detail"]
