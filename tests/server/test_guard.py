"""Who may ask: off by default, and kept once it is on."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from facevae.errors import ConfigError
from facevae.generator import FaceGenerator
from facevae.server import ServerConfig, create_app
from facevae.server.config import read_keys
from facevae.server.guard import Guard
from facevae.server.proxies import Proxied
from facevae.server.uploads import UploadLimits
from tests.conftest import attack
from tests.server.conftest import live

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


@pytest.fixture(scope="module")
def with_studio(tiny: FaceGenerator) -> Iterator[Callable[..., TestClient]]:
    """Clients of a service with the studio; it is mounted once, and each has a guard of its own around it."""
    pytest.importorskip("gradio", reason="needs the extra 'studio'")
    app = create_app(tiny, ServerConfig())

    def client(**options: Any) -> TestClient:
        config = ServerConfig(**options)
        guarded = Guard(app, config, (), studio=True)
        proxied = Proxied(guarded, config.trusted_proxies, config.root_path)

        async def plain(scope: Scope, receive: Receive, send: Send) -> None:
            scope.pop("extensions", None)  # of the client, for Starlette's templates
            await proxied(scope, receive, send)

        return TestClient(plain)

    with TestClient(app):
        yield client


COMPUTING = [
    f"{language}/gradio_api/{path}"
    for language in ("", "/zh")
    for path in ("run/predict", "queue/join", "upload", "call/x", "api/predict", "reset")
]


@pytest.mark.parametrize("path", COMPUTING)
@pytest.mark.parametrize("root", ["", "/faces"])
def test_what_the_studio_computes_counts_against_the_rate(
    with_studio: Callable[..., TestClient], path: str, root: str
) -> None:
    client = with_studio(rate_per_minute=2, root_path=root)
    asked = [client.post(root + path, json={}), client.get(root + path), client.post(root + path, json={})]
    assert [answer.status_code == 429 for answer in asked] == [False, False, True]
    assert "2 requests in a minute" in asked[2].json()["error"], "Gradio's page shows what is under 'error'"
    assert 1 <= int(asked[2].headers["retry-after"]) <= 30
    for free in ("/?lang=en", "/zh/", "/theme.css", "/config", "/gradio_api/info"):
        assert client.get(root + free).status_code == 200, free


def basic(password: str, user: str = "anyone") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize("path", ["/", "/zh/", "/config", "/theme.css", "/gradio_api/info", "/nothing"])
def test_keys_cover_the_studio_and_a_browser_can_show_one(
    with_studio: Callable[..., TestClient], path: str
) -> None:
    client = with_studio(api_keys=(KEY,))
    asked = client.get(path)
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith('Basic realm="facevae"')
    assert client.get(path, headers=basic("wrong")).status_code == 401
    assert client.get(path, headers=basic(KEY)).status_code == (404 if path == "/nothing" else 200)
    assert client.get(path, headers={"X-API-Key": KEY}).status_code != 401
    api = client.get("/v1/models", headers=basic(KEY))
    assert api.status_code == 401, "a page of another origin could ride on what the browser remembers"
    assert api.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False), ({"Sec-Fetch-Site": "same-origin"}, False), ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True), ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": "http://testserver"}, False), ({"Origin": "http://evil.example"}, True),
        ({"Origin": "null"}, True), ({"Origin": "http://testserver:81"}, True),
        ({"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"}, True),
    ],
)  # fmt: skip
def test_pages_of_others_cannot_ask_the_studio_in_a_visitors_name(
    with_studio: Callable[..., TestClient], headers: dict[str, str], refused: bool
) -> None:
    for keys in ((), (KEY,)):
        client = with_studio(api_keys=keys)
        answer = client.post("/gradio_api/reset", json={}, headers={**headers, **basic(KEY)})
        assert (answer.status_code == 403) == refused


def test_keys_cannot_be_guessed_at_speed_and_guessing_locks_out_nobody_who_was_there(
    tiny: FaceGenerator,
) -> None:
    client = client_of(tiny, api_keys=(KEY, "another-key-of-some-length"))
    assert client.get("/v1/models", headers={"X-API-Key": KEY}).status_code == 200
    guesses = [client.get("/v1/models", headers={"X-API-Key": f"guess {index}"}) for index in range(40)]
    assert [guess.status_code for guess in guesses] == [401] * 30 + [429] * 10
    assert "wrong API keys" in guesses[-1].json()["detail"]
    assert client.get("/v1/models", headers={"X-API-Key": KEY}).status_code == 200
    unseen = client.get("/v1/models", headers={"X-API-Key": "another-key-of-some-length"})
    assert unseen.status_code == 429, "the right guess would show, however fast one guesses"
    assert client.get("/v1/models").status_code == 401


def test_no_way_leads_around_the_keys(tiny: FaceGenerator) -> None:
    pytest.importorskip("gradio", reason="needs the extra 'studio'")
    with live(tiny, studio=True, api_keys=(KEY,)) as url:
        findings = attack("keys", url, KEY)
    assert sum(finding.tried for finding in findings) > 200
    assert not [finding for finding in findings if finding.got_through]


def test_failed_keys_count_against_the_rate(tiny: FaceGenerator) -> None:
    client = client_of(tiny, api_keys=(KEY,), rate_per_minute=5)
    for headers in ({"X-API-Key": "wrong"}, {}):
        for _ in range(5):
            client.get("/v1/models", headers=headers)
        assert client.get("/v1/models", headers=headers).status_code == 429
    assert client.get("/v1/models", headers={"X-API-Key": KEY}).status_code == 429, "not seen here before"


def test_requests_in_hand_of_one_client_are_bounded() -> None:
    """As those of a proxy are, whose connections are not."""

    async def act() -> list[int]:
        statuses: list[int] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(0.2)
            await PlainTextResponse("done")(scope, receive, send)

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def receive() -> Message:
            return {"type": "http.request"}

        guard = Guard(app, ServerConfig(connections_per_client=2), (), studio=True)
        path = "/gradio_api/queue/data"
        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "client": ("192.0.2.1", 1)}
        await asyncio.gather(*(guard(dict(scope), receive, send) for _ in range(3)))
        await guard(dict(scope), receive, send)
        return statuses

    assert asyncio.run(act()) == [429, 200, 200, 200]


def test_an_answer_of_the_studio_that_takes_too_long_is_given_up() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1)
        await PlainTextResponse("done")(scope, receive, send)

    client = TestClient(Guard(slow, ServerConfig(timeout_s=0.2), (), studio=True))
    answer = client.post("/gradio_api/run/predict", json={})
    assert answer.status_code == 503
    assert "longer than 0.2 s" in answer.json()["error"]
    assert client.get("/gradio_api/queue/data").status_code == 200, "a stream lasts as long as its page"


def test_origins_are_none_unless_named(service: TestClient, tiny: FaceGenerator) -> None:
    ours = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in service.get("/v1/models", headers=ours).headers
    below = client_of(tiny, cors_origins=("https://example.org",), root_path="/faces")
    client = client_of(tiny, cors_origins=("https://example.org",))
    for one in (client, below):
        allowed = one.get("/v1/models", headers=ours)
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
