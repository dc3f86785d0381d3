"""What no client should send, to `facevae serve` with its studio; and what its logs keep of it."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from facevae.generator import FaceGenerator
from facevae.server import ServerConfig, create_app
from facevae.server.logs import WithoutMessages
from tests.conftest import attack

CANARY = "the-words-of-somebody"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a service with its studio, and the file that all it says goes to."""
    pytest.importorskip("gradio")
    log = tmp_path_factory.mktemp("live") / "log.txt"
    command = [sys.executable, "-W", "ignore", "-m", "facevae", "serve", "--port", "0", "--device", "cpu"]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        while not (address := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield address[0], log
    finally:
        process.kill()
        process.wait()


def test_what_no_client_should_send_is_refused_by_every_route(live: tuple[str, Path]) -> None:
    findings = attack("malformed", live[0])
    assert {one.attack: one.detail for one in findings if one.got_through} == {}
    assert all(one.tried for one in findings)


def test_no_input_of_a_client_is_in_the_logs(live: tuple[str, Path]) -> None:
    url, log = live
    with httpx.Client(base_url=url, timeout=120, headers={"X-Mine": CANARY, "Cookie": CANARY}) as client:
        for path, methods in client.get("/v1/openapi.json").json()["paths"].items():
            for method, operation in methods.items():
                _send_canaries(client, path, method, operation)
        for path in (f"/v1/{CANARY}", f"/{CANARY}", f"/gradio_api/file={CANARY}", f"/assets/{CANARY}"):
            client.get(path)
            client.request(CANARY, path)
        _send_canaries_to_studio(client)
    logged = log.read_text()
    assert logged.count('"/v1/edit"') > 5
    assert CANARY not in logged, logged[max(0, logged.index(CANARY) - 1500) :][:2000]


def _send_canaries(client: httpx.Client, path: str, method: str, operation: dict[str, Any]) -> None:
    headers = [{name: CANARY} for name in ("Accept", "Authorization", "X-API-Key", "User-Agent", "Referer")]
    content = operation.get("requestBody", {}).get("content", {})
    example = content.get("application/json", {}).get("example", {})
    client.request(method, f"{path}?{CANARY}={CANARY}", headers={"Content-Type": CANARY})
    client.request(CANARY, path, json=example)
    for extra in headers:
        client.request(method, path, json=[CANARY] if example else None, headers=extra)
    for name in example:
        client.request(method, path, json={**example, name: CANARY})
        client.request(method, path, json={**example, name: {CANARY: [CANARY]}})
    client.request(method, path, json={**example, CANARY: CANARY})
    if "multipart/form-data" in content:
        picture = (f"{CANARY}.png", CANARY.encode(), f"image/{CANARY}")
        options = json.dumps({CANARY: CANARY})
        client.request(method, path, files={"photo": picture}, data={"options": options})
        client.request(method, path, files={CANARY: picture}, data={CANARY: CANARY})


def _send_canaries_to_studio(client: httpx.Client) -> None:
    """To each function of the page, in place of each input: text, and what looks like a file."""
    client.post("/gradio_api/upload", files={"files": (f"{CANARY}.png", b"x")})
    client.post("/gradio_api/run/predict", json={"data": [CANARY], "fn_index": CANARY})
    client.post("/gradio_api/queue/join", json={"data": CANARY, "session_hash": CANARY, "fn_index": 10**6})
    file = {"path": f"/tmp/{CANARY}", "url": CANARY, "meta": {"_type": "gradio.FileData"}}
    for call in client.get("/config").json()["dependencies"]:
        for value in (CANARY, file, {CANARY: CANARY}, [CANARY, CANARY]):
            body = {"data": [value] * len(call["inputs"]), "fn_index": call["id"], "session_hash": CANARY}
            client.post("/gradio_api/run/predict", json=body)
    for call in client.get("/config").json()["dependencies"]:
        body = {"data": [file] * len(call["inputs"]), "fn_index": call["id"], "session_hash": CANARY}
        client.post("/gradio_api/queue/join", json=body)
    with (
        contextlib.suppress(httpx.ReadTimeout),
        client.stream("GET", f"/gradio_api/queue/data?session_hash={CANARY}", timeout=10) as lines,
    ):
        for line in lines.iter_lines():
            if "close_stream" in line:
                break


def test_a_fault_of_ours_is_logged_with_its_place_and_without_what_was_asked(
    tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(text: str) -> None:
        raise RuntimeError(text) from ValueError(text)

    monkeypatch.setattr("facevae.server.routes.faces.understand", broken)
    client = TestClient(create_app(tiny, ServerConfig(studio=False)))
    answer = client.post("/v1/describe", json={"text": CANARY})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text
    assert CANARY not in caplog.text
    assert re.search(r"RuntimeError, raised at\n.*test_malformed.py:\d+ in broken", caplog.text, re.S)
    assert "ValueError" in caplog.text


def test_what_libraries_log_of_an_exception_is_without_its_message() -> None:
    try:
        raise ExceptionGroup(CANARY, [ValueError(CANARY)])
    except ExceptionGroup as error:
        record = logging.LogRecord(
            "uvicorn.error", logging.ERROR, "", 1, "failed", None, (type(error), error, None)
        )
        told = WithoutMessages().format(record)
    assert CANARY not in told
    assert "ValueError" in told
