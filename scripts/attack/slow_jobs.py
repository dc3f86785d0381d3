"""Jobs that take long: do they hold others up, are they done for clients that left, is Retry-After honest?"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
from PIL import Image
from target import Finding, Target

STEPS = 150
"""Of painting after an artwork: the longest job that one request can ask for."""
SHORT_LIMIT_S = 4.0
"""Within so much, or five times what it takes on an idle service, a short job must be answered."""
PROBES = 6
MOST_LONG = 16
"""Long jobs after which the queue should be full."""


def attack(target: Target) -> Iterator[Finding]:
    """The findings; the service is busy for a minute or two."""
    with target.client() as client:
        short = short_job(client)
        began = time.monotonic()
        client.post("/v1/reconstruct", json=short)
        limit_s = max(SHORT_LIMIT_S, 5 * (time.monotonic() - began))
        yield held_up(target, short, limit_s)
        yield worked_on(target, client)
        yield dishonest(target, client)


def short_job(client: httpx.Client) -> dict[str, Any]:
    """A reconstruction of the photo that the description of the service shows."""
    paths = client.get("/v1/openapi.json").json()["paths"]
    content = paths["/v1/reconstruct"]["post"]["requestBody"]["content"]
    example: dict[str, Any] = content["application/json"]["example"]
    return example


def long_job(steps: int = STEPS, side_px: int = 384) -> dict[str, Any]:
    """A picture painted after itself."""
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").resize((640, 640)).save(buffer, "JPEG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    return {"photo": picture, "art": picture, "steps": steps, "side_px": side_px}


def held_up(target: Target, short: dict[str, Any], limit_s: float) -> Finding:
    """Short jobs while the queue is full of long ones, whose clients then leave."""
    late: list[str] = []
    with contextlib.ExitStack() as stack:
        for _ in range(PROBES):
            stack.enter_context(asked(target, long_job()))
        time.sleep(1)
        for _ in range(PROBES):
            began = time.monotonic()
            with target.client() as client:
                answer = client.post("/v1/reconstruct", json=short)
            took_s = time.monotonic() - began
            if answer.status_code != 200 or took_s > limit_s:
                late.append(f"{answer.status_code} after {took_s:.1f} s, at most {limit_s:.1f}")
    return Finding("a short job among long ones", PROBES, len(late), late[0] if late else "")


def worked_on(target: Target, client: httpx.Client) -> Finding:
    """Whether the service lets go of long jobs whose clients left: those begun, and those that wait."""
    deadline = time.monotonic() + target.patience_s
    while in_hand(client) > 1 and time.monotonic() < deadline:  # of the attack before
        time.sleep(0.5)
    for _ in range(3):
        with asked(target, long_job()):
            time.sleep(1)
    time.sleep(3)
    left = max(in_hand(client) - 1, 0)  # the one that asks is in hand itself
    return Finding("a job whose client left", 3, left, f"{left} still in hand after 3 s" if left else "")


def dishonest(target: Target, client: httpx.Client) -> Finding:
    """Fill the queue of long jobs, then compare Retry-After with when one more is accepted."""
    name = "Retry-After off by more than a factor of two"
    job = long_job()
    client.post("/v1/stylize", json=long_job(40, 256))  # so that the service knows how long they take
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_LONG):
            refused = stack.enter_context(asked(target, job)).refused()
            if refused is not None:
                break
        else:
            return Finding(name, 0, 0, f"{MOST_LONG} long jobs were accepted, none was refused")
        began = again = time.monotonic()
        while again - began < target.patience_s:
            with asked(target, job) as more:
                if more.refused() is None:
                    break
            again = time.monotonic()
            time.sleep(0.25)
        took_s = again - began
        found = int(not took_s / 2 - 1 <= refused <= 2 * took_s + 1)
    return Finding(name, 1, found, f"it said {refused} s, and there was room after {took_s:.1f} s")


class Asked:
    """A request for a long job on a socket of its own, whose answer is not waited for."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def refused(self, within_s: float = 2.0) -> int | None:
        """What Retry-After says of a refusal; None when none came."""
        self.connection.settimeout(within_s)
        try:
            head = self.connection.recv(4096).decode("latin-1")
        except TimeoutError:
            return None
        found = re.search(r"^retry-after: (\d+)", head, re.M | re.I)
        return int(found[1]) if found else None


@contextlib.contextmanager
def asked(target: Target, job: dict[str, Any]) -> Iterator[Asked]:
    """The job asked for; at the end the client leaves."""
    body = json.dumps(job).encode()
    head = [
        "POST /v1/stylize HTTP/1.1", f"Host: {target.address[0]}", "Content-Type: application/json",
        f"Content-Length: {len(body)}", *([f"X-API-Key: {target.key}"] if target.key else []),
    ]  # fmt: skip
    with socket.create_connection(target.address, timeout=10) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        yield Asked(connection)


def in_hand(client: httpx.Client) -> int:
    """Requests that the service works on, this one included."""
    text = client.get("/v1/metrics").text
    return int(float(re.findall(r"^facevae_requests_in_hand (\S+)", text, re.M)[0]))
