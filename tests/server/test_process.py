"""`facevae serve` as people run it: a process of its own, on face64, ended by a signal."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.server.conftest import shown

ROOT = Path(__file__).parents[2]
pytest.importorskip("uvicorn", reason="needs the extra 'serve'")


@contextlib.contextmanager
def serving(*options: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """A process on a free port, and a client of it."""
    command = [sys.executable, "-m", "facevae", "serve", "--port", "0", "--no-studio", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert address, said + process.stderr.read()
        with httpx.Client(base_url=address[0], timeout=120) as client:
            yield client, process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


def test_a_photo_is_reconstructed_and_aged_and_the_end_waits_for_the_last_answer(real: bytes) -> None:
    answers: list[httpx.Response] = []
    with serving("--device", "cpu") as (client, process):
        assert client.get("/v1/ready").json() == {"status": "ready"}
        pair = client.post(
            "/v1/reconstruct", files={"photo": ("me.jpg", real)}, headers={"Accept": "image/png"}
        )
        assert shown(pair.content).shape == (64, 130, 3)
        aged = client.post(
            "/v1/edit",
            files={"photo": ("me.jpg", real)},
            data={"options": json.dumps({"changes": {"age": 70}, "paste": True, "format": "jpeg"})},
        ).json()
        (face,) = aged["faces"]
        before, after = (shown(base64.b64decode(face[name]["data"])) for name in ("reconstruction", "edited"))
        assert face["asked"]["age"] == 70 > face["own"]["age"]
        assert np.abs(before.astype(int) - after).mean() > 1, "nothing was edited"
        assert shown(base64.b64decode(aged["pasted"]["data"])).shape == (512, 512, 3)

        def ask() -> None:
            stops = [{"seed": seed} for seed in range(8)]
            answers.append(client.post("/v1/interpolate", json={"stops": stops, "frames": 120}))

        last = threading.Thread(target=ask)
        last.start()
        with httpx.Client(base_url=client.base_url, timeout=60) as probe:
            while "facevae_requests_in_hand 2.0" not in probe.get("/v1/metrics").text:
                time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        last.join(120)
        assert [answer.status_code for answer in answers] == [200]
        assert len(answers[0].json()["frames"]) == 120
        assert process.wait(60) == 0
        assert process.stdout is not None
        lines = [json.loads(line) for line in process.stdout.read().splitlines()]
    assert {"request_id", "client", "method", "path", "status", "ms"} <= set(lines[0])
    assert lines[-1]["path"] == "/v1/interpolate"


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--port", "0", "--cors", "*"], "a CORS origin cannot be"),
        (["--runtime", "tflite"], "expected torch or onnx"),
        (["--host", "203.0.113.7"], "cannot serve at 203.0.113.7"),
        (["--api-keys", "/nothing/here"], "cannot read the API keys"),
    ],
)
def test_what_cannot_be_served_is_told_at_once(options: list[str], part: str) -> None:
    command = [sys.executable, "-m", "facevae", "serve", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_that_is_taken_is_told() -> None:
    from facevae.errors import ConfigError
    from facevae.server.run import open_socket

    with open_socket("127.0.0.1", 0) as first, pytest.raises(ConfigError, match="it is taken"):
        open_socket("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_answers_do_not_wait_for_the_acknowledgement_of_those_before(host: str) -> None:
    from facevae.server.run import open_socket

    set_on: list[int] = []

    async def connect() -> None:
        accepted = asyncio.Event()

        class Noting(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                connection = transport.get_extra_info("socket")
                set_on.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()
                accepted.set()

        with open_socket(host, 0) as listener:
            server = await asyncio.get_running_loop().create_server(Noting, sock=listener)
            _, writer = await asyncio.open_connection(host, listener.getsockname()[1])
            await asyncio.wait_for(accepted.wait(), 10)
            writer.close()
            server.close()

    if host == "::1" and not socket.has_ipv6:
        pytest.skip("needs IPv6")
    asyncio.run(connect())
    assert set_on[0], "TCP_NODELAY is not set: every answer of a kept connection takes 40 ms longer"


def test_the_process_that_decodes_ends_with_the_service(real: bytes) -> None:
    with serving("--device", "cpu") as (client, process):
        assert client.post("/v1/encode", files={"photo": ("me.jpg", real)}).status_code == 200
        tasks = Path(f"/proc/{process.pid}/task")
        if not tasks.exists():
            pytest.skip("needs Linux")
        children = [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]
        assert children
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 30
        while any(_lives(child) for child in children):
            assert time.monotonic() < deadline, "the process that decodes was left behind"
            time.sleep(0.05)


def _lives(pid: str) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


HADOLINT = shutil.which("hadolint") or shutil.which(Path(sys.executable).with_name("hadolint"))


@pytest.mark.skipif(HADOLINT is None, reason="needs hadolint")
def test_the_container_is_as_hadolint_wants_it() -> None:
    hadolint = str(HADOLINT)
    result = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
