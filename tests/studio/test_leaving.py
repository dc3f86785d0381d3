"""Visitors who leave while something long is made for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from facevae.generator import FaceGenerator
from facevae.morph import Morph
from facevae.server.costs import Cost
from facevae.server.jobs import Jobs
from facevae.studio import mount_studio

PATIENCE_S = 60.0


def ask_for_a_film(client: httpx.Client, visitor: str) -> None:
    """Press the button of the tab Morph."""
    config: dict[str, Any] = client.get("/config").json()
    button = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "fv-morph-do")
    call = next(one for one in config["dependencies"] if [button, "click"] in one["targets"])
    body = {"data": ["1, 2", None, 24, 128, True], "fn_index": call["id"], "session_hash": visitor}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200


@pytest.mark.filterwarnings("ignore:.*is deprecated")  # Gradio's own, of pandas
def test_a_film_ends_when_its_visitor_leaves_and_meanwhile_sliders_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(_: Any, stops: Any, frames: int, loop: bool, progress: Callable[..., None]) -> Morph:
        assert (len(stops), frames, loop) == (2, 24, True)
        begun.set()
        try:
            while True:
                progress(1, 2)
                time.sleep(0.01)
        finally:
            ended.set()

    monkeypatch.setattr("facevae.studio.morphing.morph", endless)
    jobs = Jobs(8, longest_s=PATIENCE_S)
    app = mount_studio(FastAPI(), FaceGenerator.from_pretrained("face64", "cpu"), jobs=jobs)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
            ask_for_a_film(client, "leaving")
            with client.stream("GET", "/gradio_api/queue/data?session_hash=leaving"):
                assert begun.wait(PATIENCE_S)
                assert not ended.is_set()
                assert jobs.submit(lambda _: 7, Cost("studio")).future.result(PATIENCE_S) == 7
            assert ended.wait(PATIENCE_S), "the film is still made"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        jobs.close()
