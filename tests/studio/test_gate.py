"""What the gate before Gradio lets through, and in which form."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from facevae.server.uploads import UploadLimits
from facevae.studio.answers import MOST_AWAITED, Answers
from facevae.studio.files import FileLimits, Files
from facevae.studio.gate import COOKIE, Gate

META = {"_type": "gradio.FileData"}
NUMBER = 2
"""The function with a text, a number and photos."""


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """In place of Gradio: tells what reaches it."""
    body = await Request(scope, receive).body()
    told = {"path": scope["path"], "query": scope["query_string"].decode(), "body": body.decode("latin-1")}
    await JSONResponse(told)(scope, receive, send)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    text, number, drop = (object.__new__(kind) for kind in (gr.Textbox, gr.Number, gr.File))
    blocks: Any = SimpleNamespace(
        fns={0: SimpleNamespace(inputs=[]), NUMBER: SimpleNamespace(inputs=[text, number, drop])},
        _queue=SimpleNamespace(pending_messages_per_session={}, pending_event_ids_session={}),
    )
    files = Files(tmp_path, FileLimits(2**20, 2**19))
    return Gate(echo, blocks, Answers(blocks), files, UploadLimits(most_bytes=2**17))


@pytest.fixture
def client(gate: Gate) -> TestClient:
    return TestClient(gate)


def sent(client: TestClient, data: Any, **more: Any) -> Any:
    """The answer to a call of the function."""
    body = {"data": data, "fn_index": NUMBER, "session_hash": "page", **more}
    return client.post("/gradio_api/queue/join", json=body)


def reached(answer: Any) -> Any:
    """The body that reaches Gradio."""
    assert answer.status_code == 200, answer.text
    return json.loads(answer.json()["body"])


def upload(client: TestClient, data: bytes = b"photo", name: str = "me.png") -> Any:
    return client.post("/gradio_api/upload", files={"files": (name, data)})


def test_only_what_is_known_of_a_call_reaches_gradio(client: TestClient) -> None:
    path = upload(client).json()[0]
    photo = {
        "path": path,
        "url": "http://a.b/c",
        "is_stream": True,
        "meta": META,
        "orig_name": "../x",
        "more": 1,
    }
    more = {"batched": True, "simple_format": True, "event_id": "x", "oauth_token": "x", "trigger_id": 5,
            "event_data": {"index": 3, "value": photo}}  # fmt: skip
    body = reached(sent(client, ["text", [1, 2.5, None, True], [photo]], **more))
    assert body["data"] == [
        "text",
        [1, 2.5, None, True],
        [{"path": path, "orig_name": "me.png", "meta": META}],
    ]
    assert body["event_data"] == {"index": 3}
    assert set(body) == {"data", "fn_index", "session_hash", "trigger_id", "event_data"}


@pytest.mark.parametrize(
    "value",
    [{}, {"path": "/etc/passwd", "meta": META}, [{"path": "/etc/passwd"}], [["deep"]], {"a": {"path": "x"}},
     float("inf"), float("nan"), 10**400, -(2**60), list(range(100))],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_plain_value_is_refused(client: TestClient, value: Any, place: int) -> None:
    data: list[Any] = ["text", 1, None]
    data[place] = value
    body = json.dumps({"data": data, "fn_index": NUMBER, "session_hash": "page"})
    answer = client.post("/gradio_api/run/predict", content=body)
    assert answer.status_code == 422
    assert f"input {place + 1} of function {NUMBER}" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/dev/zero", "http://a.b/c.png", "file:///etc/passwd", "", None, 3]
)
def test_a_file_input_takes_nothing_but_an_upload(client: TestClient, path: Any) -> None:
    upload(client)
    for value in ({"path": path, "meta": META}, [{"path": path, "meta": META}], "/etc/passwd", 3, True):
        assert sent(client, ["text", 1, value]).status_code == 422


def test_a_link_in_the_folder_of_uploads_is_no_upload(client: TestClient) -> None:
    own = Path(upload(client).json()[0])
    link = own.parent / "link.png"
    link.symlink_to("/etc/passwd")
    assert sent(client, ["text", 1, {"path": str(link), "meta": META}]).status_code == 422
    assert sent(client, ["text", 1, {"path": f"{own.parent}/../{own.parent.name}/me.png"}]).status_code == 422


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"null", b"[" * 100_000, b'{"data": 3, "fn_index": 2, "session_hash": "a"}',
     b'{"data": [], "fn_index": 2, "session_hash": "a"}', b'{"data": [], "fn_index": 7, "session_hash": "a"}',
     b'{"data": [], "fn_index": true, "session_hash": "a"}', b'{"data": [], "fn_index": 0}',
     b'{"data": [], "fn_index": 0, "session_hash": {}}', b"1" * 10_000, b'{"a": "\xff"}'],
)  # fmt: skip
def test_what_is_no_call_is_refused(client: TestClient, body: bytes) -> None:
    assert client.post("/gradio_api/run/predict", content=body).status_code == 422


def test_a_call_is_bounded(client: TestClient) -> None:
    assert client.post("/gradio_api/queue/join", content=b" " * 300_000).status_code == 413


def test_a_page_is_known_by_its_visitor_too(gate: Gate) -> None:
    one, other = TestClient(gate), TestClient(gate)
    names = [reached(sent(client, ["", 1, None]))["session_hash"] for client in (one, other, one)]
    assert names[0] == names[2] != names[1]
    assert "session_not_found" in one.get("/gradio_api/queue/data?session_hash=page").text
    gate.answers._queue.pending_messages_per_session[names[0]] = []
    assert "session_not_found" in other.get("/gradio_api/queue/data?session_hash=page").text
    stream = one.get("/gradio_api/queue/data?session_hash=page&more=1").json()["query"]
    assert stream == f"session_hash={names[0]}"
    assert one.get("/gradio_api/heartbeat/page").json()["path"] == f"/gradio_api/heartbeat/{names[0]}"
    cancelled = one.post(
        "/gradio_api/cancel", json={"session_hash": "page", "fn_index": 2, "event_id": "ab12"}
    )
    assert reached(cancelled)["session_hash"] == names[0]
    assert one.post("/gradio_api/reset", json={"event_id": "ab12"}).status_code == 200
    assert one.cookies[COOKIE] not in names[0]


def test_a_page_that_awaits_too_much_waits(client: TestClient, gate: Gate) -> None:
    name = reached(sent(client, ["", 1, None]))["session_hash"]
    gate.answers._queue.pending_event_ids_session[name] = set(range(MOST_AWAITED))
    assert sent(client, ["", 1, None]).status_code == 429
    assert sent(client, ["", 1, None], session_hash="another page").status_code == 200


@pytest.mark.parametrize("key", ["", "short", "a" * 44, "../" * 14 + "a", "ä" * 43])
def test_what_is_no_visitor_gets_another_key(gate: Gate, key: str) -> None:
    answer = TestClient(gate).get("/", headers={"cookie": f"{COOKIE}={key}".encode()})
    assert len(answer.cookies[COOKIE]) == 43
    assert "httponly; samesite=lax" in answer.headers["set-cookie"].lower()


def test_a_visitor_keeps_the_cookie_and_https_keeps_it_to_itself(gate: Gate) -> None:
    client = TestClient(gate, base_url="https://faces.example")
    first = client.get("/").headers
    assert first["set-cookie"].endswith("Secure")
    assert first["cache-control"] == "no-store"
    assert "set-cookie" not in client.get("/").headers
    assert "set-cookie" not in TestClient(gate).get("/assets/index.js").headers


def test_a_frame_of_another_site_has_a_cookie_of_its_own(gate: Gate) -> None:
    gate.framed = True
    cookie = TestClient(gate, base_url="https://faces.hf.space").get("/").headers["set-cookie"]
    assert "SameSite=None; Partitioned; Secure" in cookie


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://testserver"}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "https://public.example"}, 200),
        ({"origin": "https://public.example", "x-forwarded-host": "public.example"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver:81"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_another_origin_can_neither_upload_nor_call(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    files = {"files": ("me.png", b"photo")}
    assert client.post("/gradio_api/upload", files=files, headers=headers).status_code == status
    body = {"data": [], "fn_index": 0, "session_hash": "page"}
    assert client.post("/gradio_api/queue/join", json=body, headers=headers).status_code == status


def test_an_upload_is_fetched_and_used_by_its_visitor_alone(gate: Gate) -> None:
    one, other = TestClient(gate), TestClient(gate)
    path = upload(one).json()[0]
    assert one.get(f"/gradio_api/file={path}").status_code == 200
    assert other.get(f"/gradio_api/file={path}").status_code == 404
    assert sent(other, ["", 1, {"path": path, "meta": META}]).status_code == 422
    for elsewhere in ("/etc/passwd", f"{path}/..", path.rpartition("/")[0]):
        assert one.get(f"/gradio_api/file={elsewhere}").status_code == 404


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"files": {"files": ("a.png", bytes(2**17 + 1))}}, 413),
        ({"files": [("files", ("a.png", bytes(2**17)))] * 5}, 413),
        ({"files": [("files", ("a.png", b""))] * 33}, 400),
        ({"content": b"no form"}, 422),
        ({"content": b"--b", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"data": {"files": "text"}}, 422),
    ],
)
def test_an_upload_that_cannot_be_taken_is_told_and_leaves_nothing(
    client: TestClient, gate: Gate, request_: dict[str, Any], status: int, tmp_path: Path
) -> None:
    answer = client.post("/gradio_api/upload", **request_)
    assert answer.status_code == status
    assert answer.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert gate.files.taken_bytes() == 0


def test_a_full_disk_says_when_to_come_again(gate: Gate) -> None:
    for _ in range(7):
        assert upload(TestClient(gate), bytes(2**16)).status_code == 200
    answer = upload(TestClient(gate), bytes(2**16))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1200"
    assert "20 minutes" in answer.text


@pytest.mark.parametrize(
    ("method", "route"),
    [("POST", "/"), ("POST", "/gradio_api/component_server"), ("GET", "/gradio_api/call/x"),
     ("GET", "/gradio_api/proxy=https://a.hf.space/x"), ("POST", "/gradio_api/run/other"),
     ("GET", "/monitoring"), ("POST", "/gradio_api/stream/x"), ("GET", "/gradio_api/deep_link")],
)  # fmt: skip
def test_what_the_page_does_not_ask_for_is_not_there(client: TestClient, method: str, route: str) -> None:
    assert client.request(method, route).status_code == 404
