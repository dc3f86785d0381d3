"""Slow, silent and many connections, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from facevae.generator import FaceGenerator
from facevae.server import ServerConfig, connections
from facevae.server.problems import BusyError
from facevae.server.reading import Reading
from facevae.server.uploads import UploadLimits
from tests.conftest import attack
from tests.server.conftest import live


def opened(url: str, data: bytes = b"") -> socket.socket:
    parts = urlsplit(url)
    made = socket.create_connection((parts.hostname, parts.port), timeout=20)
    made.sendall(data)
    return made


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    told = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            told += part
    return told


HASTY = """
import sys
from facevae.server import ServerConfig
from facevae.server.run import run_service
limits = {"head_s": 1.0, "body_s": 2.0, "connections_per_client": 40, "photos_at_once": 4}
run_service(sys.argv[1], ServerConfig(studio=False, device="cpu", **limits), port=0, access_log=False)
"""


@pytest.fixture(scope="module")
def hasty(steerable: Path) -> Iterator[str]:
    """A service in a process of its own that waits a second for heads and two for bodies."""
    command = [sys.executable, "-c", HASTY, str(steerable)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
            assert address
            yield address[0]
        finally:
            process.kill()


def test_slow_clients_hold_nothing_and_health_answers(hasty: str) -> None:
    findings = attack("slow_clients", hasty)
    probes = [finding for finding in findings if "/v1/health" in finding.attack]
    assert len(probes) == len(findings) / 2
    assert not [finding for finding in findings if finding.got_through and finding not in probes]
    # None is late on an idle machine. On a busy one a few are; without the reserve nearly all of them.
    assert not [finding for finding in probes if finding.got_through > finding.tried / 2]


def test_a_head_that_comes_slowly_is_answered_408(hasty: str) -> None:
    with opened(hasty, b"GET /v1/health HTTP/1.1\r\nHost: x\r\nX: ") as slow:
        assert all_of(slow).startswith(b"HTTP/1.1 408 ")
    with opened(hasty) as silent:
        assert all_of(silent) == b""


def test_a_body_that_comes_slowly_is_answered_408_and_closed(hasty: str) -> None:
    head = b"POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20"
    began = time.monotonic()
    with opened(hasty, head + b"\r\n\r\n{") as slow:
        told = all_of(slow)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in told
    assert time.monotonic() - began < 10


def test_the_rest_of_a_refused_body_is_not_read_for_ever(hasty: str) -> None:
    """A refusal before the body is whole leaves the connection open, but no longer than a head may take."""
    with opened(hasty, b"POST /v1/health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n") as slow:
        began = time.monotonic()
        slow.settimeout(0.2)
        while time.monotonic() - began < 15:
            try:
                slow.sendall(b"a")
                if not slow.recv(65536):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert time.monotonic() - began < 10


def test_connections_beyond_those_of_one_address_get_probes_alone(tiny: FaceGenerator) -> None:
    with live(tiny, connections_per_client=3) as url, contextlib.ExitStack() as kept:
        for _ in range(3):
            kept.enter_context(opened(url))
        time.sleep(0.2)
        assert httpx.get(f"{url}/v1/health").status_code == 200
        assert httpx.get(f"{url}/v1/ready").headers["connection"] == "close"
        refused = httpx.get(f"{url}/v1/models")
        assert refused.status_code == 429
        assert "--trust-proxy" in refused.json()["detail"]
    proxy = ("127.0.0.0/8",)
    with live(tiny, connections_per_client=3, trusted_proxies=proxy) as url, contextlib.ExitStack() as kept:
        for _ in range(6):
            kept.enter_context(opened(url))
        assert httpx.get(f"{url}/v1/models").status_code == 200


def test_where_all_places_are_taken_the_one_that_waits_longest_goes(
    tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facevae.server.run.MOST_CONNECTIONS", 4)
    with live(tiny) as url, contextlib.ExitStack() as kept:
        idle = [kept.enter_context(opened(url)) for _ in range(4)]
        time.sleep(0.2)
        assert httpx.get(f"{url}/v1/models").status_code == 200
        assert all_of(idle[0]) == b""
        idle[1].sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert all_of(idle[1]).startswith(b"HTTP/1.1 200")


def test_an_answer_that_is_not_read_is_given_up(tiny: FaceGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WRITE_GRACE_S", 0.5)
    monkeypatch.setattr(connections, "LEAST_RATE", 2**40)
    given_up: list[int] = []
    abort = connections.Connection.abort
    monkeypatch.setattr(
        connections.Connection, "abort", lambda self: (given_up.append(self.unsent), abort(self))
    )
    with live(tiny) as url, contextlib.ExitStack() as kept:
        deaf = kept.enter_context(socket.socket())
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        parts = urlsplit(url)
        deaf.connect((parts.hostname, parts.port))
        deaf.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        deadline = time.monotonic() + 20
        while not given_up and time.monotonic() < deadline:
            time.sleep(0.05)
        assert httpx.get(f"{url}/v1/health").status_code == 200
    assert given_up
    assert given_up[0] > 0


def test_half_read_uploads_of_one_client_leave_room_for_others() -> None:
    reading = Reading(ServerConfig(photos_at_once=4, uploads=UploadLimits(most_bytes=2**20)))

    async def upload(client: str, count: int) -> None:
        """A body of as many MiB that is read until then, and then goes on to be read."""
        left = count

        async def receive() -> dict[str, object]:
            nonlocal left
            if not left:
                await asyncio.Event().wait()
            left -= 1
            return {"type": "http.request", "body": bytes(2**20), "more_body": True}

        await reading.whole({"type": "http", "headers": []}, receive, reading.largest, client)

    async def act() -> None:
        held = [asyncio.create_task(upload(client, 2)) for client in ("a", "b")]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):
            await upload("a", 1)
        for task in held:
            task.cancel()
        await asyncio.wait(held)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(upload("a", 2), 0.1)

    asyncio.run(act())


def test_the_largest_unread_answers_go_when_all_together_are_too_many() -> None:
    class Held:
        """A connection with so many bytes unsent."""

        peer = address = "192.0.2.1"
        waiting_since, alive = None, True

        def __init__(self, unsent: int) -> None:
            self.unsent = unsent

        def abort(self) -> None:
            self.alive = False

    registry = connections.Connections(ServerConfig(), 10)
    held: list[Any] = [Held(size * 2**20) for size in (10, 200, 90, 50)]
    for one in held:
        assert registry.add(one) is None
    registry.bound_unsent()
    assert [one.alive for one in held] == [True, False, True, True]


def test_there_are_no_more_connections_than_files() -> None:
    pytest.importorskip("resource", reason="Windows counts otherwise")
    code = (
        "import resource as r; from facevae.server.run import most_connections as most\n"
        "for hard in (4096, 300):\n"
        "    r.setrlimit(r.RLIMIT_NOFILE, (64, hard)); print(most(), r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["1000 1232", "68 300"]
