"""Guessing API keys, and ways around them, of a service that has some."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator

from target import Finding, Target

OPEN = ("/v1/health", "/v1/ready", "/v1/docs", "/v1/openapi.json")
CLOSED = (
    "/", "/zh/", "/config", "/theme.css", "/gradio_api/info", "/gradio_api/app_id", "/gradio_api/queue/data",
    "/gradio_api/file=/etc/passwd", "/gradio_api/startup-events", "/v1/models", "/v1/metrics",
    "//v1/models", "/v1//models", "/./v1/models", "/v1/health/../models", "/v1/health%2f..%2fmodels",
    "/V1/models", "/v1/models/", "/v1/models%00", "/%76%31/models", "/v1/health/", "/v1/docs/x",
)  # fmt: skip
GUESSES = 200


def attack(target: Target) -> Iterator[Finding]:
    """200 guesses in a row, and every path without a key. Nothing is tried where no key is asked for."""
    with target.client(with_key=False) as client:
        if client.get(target.url + "/v1/models").status_code != 401:
            yield Finding("API keys", 0, 0, "the service asks for none")
            return
        opened = [path for path in CLOSED if client.get(target.url + path).status_code == 200]
        opened += [
            f"POST {path}"
            for path in (
                "/gradio_api/run/predict",
                "/gradio_api/queue/join",
                "/gradio_api/upload",
                "/v1/generate",
            )
            if client.post(target.url + path, json={}).status_code not in (401, 403, 404, 405, 429)
        ]
        yield Finding("paths without a key", len(CLOSED) + 4, len(opened), ", ".join(opened))
        began = time.monotonic()
        answers = [
            client.get(
                target.url + ("/v1/models", "/", "/v1/models")[index % 3], headers=_guess(index)
            ).status_code
            for index in range(GUESSES)
        ]
        looked_at = sum(status != 429 for status in answers)
        seconds = time.monotonic() - began
        most = 31 + int(seconds / 2)
        detail = f"{looked_at} in {seconds:.1f} s"
        yield Finding("guesses of a key beyond 30 a minute", GUESSES, max(0, looked_at - most), detail)
        told = {re.sub(r"\d+", "", client.get(target.url + path).text) for path in OPEN[:2]}
        yield Finding(
            "probes refused while keys are guessed",
            2,
            sum("alive" not in t and "ready" not in t for t in told),
        )
    if target.key:
        with target.client(with_key=False) as client:
            password = base64.b64encode(f"x:{target.key}".encode()).decode()
            basic = client.get(target.url + "/v1/models", headers={"Authorization": f"Basic {password}"})
            yield Finding("the API takes what a browser remembers", 1, int(basic.status_code == 200))


def _guess(index: int) -> dict[str, str]:
    guess = f"a-guess-of-some-length-{index}"
    basic = base64.b64encode(f"x:{guess}".encode()).decode()
    return ({"X-API-Key": guess}, {"Authorization": f"Basic {basic}"}, {"Authorization": f"Bearer {guess}"})[
        index % 3
    ]
