"""Jobs beside the batches: short ones are not held up, few wait, those of clients that left are not done."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient

from facevae.generator import FaceGenerator
from facevae.server import ServerConfig, create_app
from facevae.server.costs import SHORT_S, Cost, Costs
from facevae.server.jobs import Jobs
from facevae.server.lanes import AbandonedError
from facevae.server.problems import BusyError
from tests.server.conftest import in_base64, picture_file

LONG = Cost("look watercolour", 100.0)
SHORT = Cost("photo")
PATIENCE_S = 60.0


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs(8, longest_s=60.0)
    yield jobs
    jobs.close()


class Held:
    """A look that is drawn for as long as wanted, in steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.ended, self.let_go = threading.Event(), threading.Event(), threading.Event()
        self.drawn, self.polls = 0, True
        monkeypatch.setattr("facevae.stylize.style.Stylist.draw", self.draw)

    def draw(self, photo: np.ndarray, progress: Callable[[int, int], None], *_: object) -> np.ndarray:
        self.drawn += 1
        self.begun.set()
        try:
            while not self.let_go.wait(0.01):
                if self.polls:
                    progress(0, 1)
        finally:
            self.ended.set()
        return photo


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(monkeypatch)
    yield held
    held.let_go.set()


@contextlib.contextmanager
def listening(app: Any) -> Iterator[str]:
    """The app on a real socket; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


@pytest.fixture(scope="session")
def large() -> bytes:
    """2048 x 2048 px: too long a job for the short queue in any look."""
    return picture_file(np.full((2048, 2048, 3), 128, np.uint8))


def long_request(large: bytes) -> dict[str, Any]:
    return {"photo": in_base64(large), "style": "watercolour"}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_long_job_holds_up_no_short_one_and_few_long_ones_are_in_hand(
    tiny: FaceGenerator, held: Held, real: bytes, large: bytes
) -> None:
    config = ServerConfig(studio=False, photos_at_once=8, timeout_s=PATIENCE_S)
    app = create_app(tiny, config)
    jobs: Jobs = app.state.service.engine.jobs
    with TestClient(app) as client, ThreadPoolExecutor(8) as pool:
        first = pool.submit(client.post, "/v1/stylize", json=long_request(large))
        assert held.begun.wait(PATIENCE_S)
        others = [pool.submit(client.post, "/v1/stylize", json=long_request(large)) for _ in range(2)]
        until(lambda: jobs.long.waiting == jobs.long.size)
        refused = client.post("/v1/stylize", json=long_request(large))
        short = client.post("/v1/reconstruct", json={"photo": in_base64(real)})
        edited = client.post("/v1/edit", json={"photo": in_base64(real), "changes": {"age": 70}})
        assert not first.done()
        held.let_go.set()
        assert [one.result().status_code for one in (first, *others)] == [200] * 3
    assert (short.status_code, edited.status_code) == (200, 200)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 2, "a long one takes longer than that to make room"


@pytest.mark.parametrize(("begun", "root_path"), [(True, ""), (False, ""), (True, "/faces")])
def test_what_a_client_that_left_had_asked_for_is_not_done(
    tiny: FaceGenerator, held: Held, large: bytes, caplog: pytest.LogCaptureFixture, begun: bool,
    root_path: str,
) -> None:  # fmt: skip
    app = create_app(tiny, ServerConfig(studio=False, timeout_s=PATIENCE_S, root_path=root_path))
    jobs: Jobs = app.state.service.engine.jobs
    with (
        caplog.at_level(logging.INFO, "facevae.access"),
        listening(app) as url,
        ThreadPoolExecutor(1) as pool,
    ):
        if not begun:
            other = pool.submit(httpx.post, f"{url}/v1/stylize", json=long_request(large), timeout=PATIENCE_S)
            assert held.begun.wait(PATIENCE_S)
        leaving = _ask_and_leave(
            url, long_request(large), lambda: held.begun.is_set() if begun else jobs.long.waiting == 1
        )
        assert leaving < PATIENCE_S
        if begun:
            assert held.ended.wait(10), "it is still worked for"
        else:
            until(lambda: jobs.long.waiting == 0)
            held.let_go.set()
            assert other.result().status_code == 200
        until(lambda: any(_status(record) == 499 for record in caplog.records))
    assert held.drawn == 1


def test_what_has_waited_too_long_is_not_begun(tiny: FaceGenerator, held: Held, large: bytes) -> None:
    app = create_app(tiny, ServerConfig(studio=False, timeout_s=1.5))
    held.polls = False  # or the first would make room a moment before the other's time is up
    with TestClient(app) as client, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/stylize", json=long_request(large)), range(2)))
        held.let_go.set()
    assert {answer.status_code for answer in answers} <= {503, 429}
    assert held.drawn <= 1


def _ask_and_leave(url: str, body: dict[str, Any], when: Callable[[], bool]) -> float:
    """Send a request, and close the connection once `when` is true; seconds between the two."""
    host, _, port = url.removeprefix("http://").partition(":")
    data = json.dumps(body).encode()
    head = f"POST /v1/stylize HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n"
    started = time.monotonic()
    with socket.create_connection((host, int(port))) as client:
        client.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + data)
        until(when)
    return time.monotonic() - started


def _status(record: logging.LogRecord) -> int:
    return int(json.loads(record.message)["status"])


@pytest.mark.parametrize(("lane", "cost"), [("short", SHORT), ("long", LONG)])
def test_retry_after_is_when_there_is_room(lane: str, cost: Cost) -> None:
    """Jobs of a known length, after one from which the length was learned."""
    length_s, jobs = 2.4, Jobs(4, longest_s=60.0)
    jobs.costs.learn(cost, SHORT_S if lane == "short" else length_s)

    def job(_: Any) -> None:
        time.sleep(length_s)

    workers = len(getattr(jobs, lane).workers)
    tickets = [jobs.submit(job, cost) for _ in range(workers)]
    until(lambda: getattr(jobs, lane).waiting == 0)
    tickets += [jobs.submit(job, cost) for _ in range(getattr(jobs, lane).size)]
    assert getattr(jobs, lane) is tickets[-1].lane
    with pytest.raises(BusyError) as busy:
        jobs.submit(job, cost)
    asked = time.monotonic()
    until(lambda: getattr(jobs, lane).waiting < getattr(jobs, lane).size)
    took_s = time.monotonic() - asked
    assert took_s / 2 <= busy.value.retry_after_s <= 2 * took_s + 1
    for ticket in tickets:
        ticket.abandon()
    jobs.close()


def test_a_wait_that_is_of_no_use_is_refused_with_the_time_that_it_is_too_long() -> None:
    jobs = Jobs(32, longest_s=60.0)
    jobs.costs.learn(LONG, 25.0)
    let_go = threading.Event()
    tickets = [jobs.submit(lambda _: let_go.wait(PATIENCE_S), LONG)]
    until(lambda: not jobs.long.waiting)
    tickets += [jobs.submit(lambda _: None, LONG) for _ in range(2)]
    with pytest.raises(BusyError) as busy:
        jobs.submit(lambda _: None, LONG)
    assert 10 <= busy.value.retry_after_s <= 15  # it would begin after 75 s, and may wait for 60
    let_go.set()
    for ticket in tickets:
        ticket.abandon()
    jobs.close()


def test_the_worker_of_long_jobs_helps_with_short_ones(jobs: Jobs) -> None:
    together = threading.Barrier(2)
    tickets = [jobs.submit(lambda _: together.wait(10), SHORT) for _ in range(2)]
    assert sorted(ticket.future.result(10) for ticket in tickets) == [0, 1]


def test_what_was_measured_corrects_what_was_guessed() -> None:
    costs, cost = Costs(), Cost("search", 2.0)
    for _ in range(10):
        costs.learn(cost, 6.0)
    assert costs.seconds(Cost("search", 1.0)) == pytest.approx(3.0)
    assert costs.seconds(Cost("look oil")) == costs.seconds(Cost("look pencil"))
    costs.learn(Cost("look oil"), 40.0)
    assert costs.seconds(Cost("look oil")) == 40.0 > costs.seconds(Cost("look pencil"))


def test_an_abandoned_job_that_was_overdue_makes_its_kind_a_long_one(jobs: Jobs) -> None:
    jobs.costs.learn(SHORT, 0.01)

    def endless(ticket: Any) -> None:
        while True:
            ticket.check()
            time.sleep(0.01)

    ticket = jobs.submit(endless, SHORT)
    time.sleep(0.5)
    ticket.abandon()
    with pytest.raises(AbandonedError):
        ticket.future.result(10)
    until(lambda: jobs.costs.seconds(SHORT) > 0.2)


OPERATIONS: dict[str, dict[str, Any]] = {
    "generate best of": {"path": "generate", "count": 2, "best_of": 3},
    "generate": {"path": "generate", "count": 3, "check": True},
    "describe": {"path": "describe", "text": "an old man", "best_of": 2},
    "encode": {"path": "encode", "photo": True},
    "reconstruct": {"path": "reconstruct", "photo": True},
    "reconstruct all": {"path": "reconstruct", "photo": True, "faces": "all"},
    "edit": {"path": "edit", "photo": True, "changes": {"age": 70}, "refine_steps": 3},
    "paste": {"path": "edit", "photo": True, "changes": {"age": 70}, "paste": True},
    "interpolate": {"path": "interpolate", "stops": [{"seed": 1}, {"seed": 2}], "frames": 4},
    "avatar": {"path": "avatar", "photo": True, "ages": [30], "expressions": [], "size_px": 64},
    "avatar of words": {"path": "avatar", "text": "an old man", "ages": [], "expressions": [], "size_px": 64},
    "artwork": {"path": "stylize", "photo": True, "art": True, "steps": 3, "side_px": 64},
    "largest face": {"path": "stylize", "photo": True, "style": "pencil", "faces": "largest"},
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_job_ends_when_nobody_waits(
    tiny: FaceGenerator, real: bytes, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each checks at least twice: the second check is told that nobody waits, and then it ends."""
    wish = dict(OPERATIONS[name])
    path = wish.pop("path")
    wish = {
        key: in_base64(real) if value is True and key in ("photo", "art") else value
        for key, value in wish.items()
    }
    ended: list[str] = []
    checks = 0

    def check(*_: object) -> None:
        nonlocal checks
        checks += 1
        if checks > 1:
            ended.append(path)
            raise AbandonedError("nobody waits")

    monkeypatch.setattr("facevae.server.lanes.Ticket.check", check)
    app = create_app(tiny, ServerConfig(studio=False))
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post(f"/v1/{path}", json=wish)
    assert answer.status_code == 500
    assert ended
