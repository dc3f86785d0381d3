"""Who may ask: off by default, and kept once it is on."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from facevae.errors import ConfigError
from facevae.generator import FaceGenerator
from facevae.server import ServerConfig, create_app
from facevae.server.config import read_keys
from facevae.server.uploads import UploadLimits

KEY = "a-key-of-twenty-signs"


def client_of(tiny: FaceGenerator, **options: object) -> TestClient:
    return TestClient(create_app(tiny, ServerConfig(studio=False, **options)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401), ({"X-API-Key": "wrong"}, 401), ({"X-API-Key": KEY[:-1]}, 401), ({"X-API-Key": KEY}, 200),
        ({"Authorization": f"Bearer {KEY}"}, 200), ({"Authorization": f"Basic {KEY}"}, 401),
    ],
)  # fmt: skip
def test_keys_open_everything_but_what_probes_need(
    tiny: FaceGenerator, headers: dict[str, str], status: int
) -> None:
    client = client_of(tiny, api_keys=("another-key-of-some-length", KEY))
    answer = client.post("/v1/generate", json={"seed": 1}, headers=headers)
    assert answer.status_code == status
    assert client.get("/v1/metrics", headers=headers).status_code == status
    assert client.get("/v1/health").status_code == client.get("/v1/ready").status_code == 200
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY not in answer.text


def test_keys_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# ours\n{KEY}\n\n")
    assert read_keys(file, {"FACEVAE_API_KEYS": "one-of-the-environment, two-of-the-environment"}) == (
        "one-of-the-environment", "two-of-the-environment", KEY
    )  # fmt: skip
    assert read_keys(None, {}) == ()
    file.write_text("\n")
    with pytest.raises(ConfigError, match="no API key"):
        read_keys(file, {})
    with pytest.raises(ConfigError, match="16 ASCII"):
        ServerConfig(api_keys=("short",))


def test_a_client_that_asks_too_often_waits(tiny: FaceGenerator) -> None:
    client = client_of(tiny, rate_per_minute=2)
    answers = [client.get("/v1/models") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert client.get("/v1/health").status_code == 200


def test_origins_are_none_unless_named(service: TestClient, tiny: FaceGenerator) -> None:
    ours = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in service.get("/v1/models", headers=ours).headers
    client = client_of(tiny, cors_origins=("https://example.org",))
    allowed = client.get("/v1/models", headers=ours)
    assert allowed.headers["access-control-allow-origin"] == "https://example.org"
    other = client.get("/v1/models", headers={"Origin": "https://example.com"})
    assert "access-control-allow-origin" not in other.headers
    with pytest.raises(ConfigError, match="CORS"):
        ServerConfig(cors_origins=("*",))


def test_another_name_is_misdirected(tiny: FaceGenerator) -> None:
    client = client_of(tiny, allowed_hosts=("localhost", "127.0.0.1", "::1"))
    hosts = {"evil.example": 421, "localhost:8000": 200, "[::1]:8000": 200, "": 421}
    for host, status in hosts.items():
        assert client.get("/v1/health", headers={"Host": host}).status_code == status, host


def test_bodies_are_bounded_before_they_are_whole(tiny: FaceGenerator) -> None:
    client = client_of(tiny, uploads=UploadLimits(most_bytes=1000))

    chunks = (b" " * 2**16 for _ in range(32))  # without a Content-Length
    for path, body in (("generate", b" " * (2**20 + 1)), ("reconstruct", chunks)):
        answer = client.post(f"/v1/{path}", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
    answer = client.post("/v1/reconstruct", files={"photo": b"\xff\xd8\xff" + bytes(1000)})
    assert answer.status_code == 413
    assert "at most 1,000" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/models", 200), ("/v1/generate", 405), ("/v1/nothing", 404), ("/v1/docs", 200)]
)
def test_every_answer_has_its_headers_and_its_line_in_the_log(
    service: TestClient, caplog: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    with caplog.at_level(logging.INFO, "facevae.access"):
        answer = service.get(path, headers={"X-Request-Id": "mine-1"})
    assert answer.status_code == status
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-request-id"] == "mine-1"
    line = json.loads(caplog.records[-1].message)
    logged = "/v1/…" if path == "/v1/nothing" else path  # which may be anything a client writes
    assert (line["request_id"], line["path"], line["status"]) == ("mine-1", logged, status)
    if status >= 400:
        assert answer.json()["request_id"] == "mine-1"


def test_an_id_that_would_spoil_the_log_is_replaced(service: TestClient) -> None:
    given = 'x", "status": 200, "y": "'
    assert service.get("/v1/health", headers={"X-Request-Id": given}).headers["x-request-id"] != given


def test_a_fault_of_ours_is_a_problem_without_its_inside(
    tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("inner secret")

    monkeypatch.setattr("facevae.server.engine.run_together", broken)
    answer = client_of(tiny).post("/v1/generate", json={})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


def test_the_counters_count(service: TestClient) -> None:
    service.post("/v1/generate", json={"count": 3})
    text = service.get("/v1/metrics").text
    assert 'facevae_requests_total{operation="generate",status="200"}' in text
    assert "facevae_batch_faces_sum" in text
    assert 'facevae_waiting{queue="batches"} 0.0' in text


def test_the_description_page_loads_nothing_and_the_models_are_told(service: TestClient) -> None:
    page = service.get("/v1/docs").text
    assert "/v1/generate" in page
    assert not [part for part in ("src=", "url(", "<script", "<link", "@import") if part in page]
    assert service.get("/", follow_redirects=False).headers["location"] == "/v1/docs"
    (model,) = service.get("/v1/models").json()["models"]
    assert [control["name"] for control in model["controls"]] == ["age", "gender", "expression", "smile"]
    assert model["size_px"] == 32
