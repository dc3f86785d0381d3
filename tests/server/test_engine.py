"""Requests that share a pass of the network: the same faces as alone, none lost, few waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from facevae.choosing import choose_faces
from facevae.errors import DataError
from facevae.generator import FaceGenerator
from facevae.server import ServerConfig, create_app
from facevae.server.batching import Decode, Draw, Encode, Reconstruct, Work, run_together
from facevae.server.costs import Cost
from facevae.server.engine import Engine
from facevae.server.problems import BusyError, StoppingError

Row = dict[str, Any]
OLD: Row = {"age": 70.0, "gender": "male"}


@pytest.fixture
def make_engine(tiny: FaceGenerator) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(batch_size: int = 32, queue_size: int = 64, jobs_size: int = 4, **options: Any) -> Engine:
        engines.append(Engine(tiny, batch_size, queue_size, jobs_size, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def test_a_batched_face_is_the_face_alone(tiny: FaceGenerator) -> None:
    latents = tiny.sample(3, 40).latents
    works: list[Work] = [
        Draw([7], [OLD], 0.7, 2.0), Draw([900, 3], [{}, {"smile": 1.0}], 0.7, 2.0), Draw([7], [{}], 1.0, 1.0),
        Decode(latents, [{}] * 3),
    ]  # fmt: skip
    together = run_together(tiny, works)
    for work, result in zip(works, together, strict=True):
        (alone,) = run_together(tiny, [work])
        first, second = (one if isinstance(work, Decode) else one.photos for one in (result, alone))
        assert np.abs(first.astype(int) - second).max() <= 1
    expected = tiny.sample(1, 7, OLD, 0.7, 2.0)
    np.testing.assert_array_equal(run_together(tiny, works[:1])[0].photos, expected.photos)


def test_photos_read_together_are_read_as_alone(tiny: FaceGenerator, astronaut: np.ndarray) -> None:
    photos, (alone,) = tiny.sample(3, 1).photos, tiny.reconstruct(astronaut)
    works = [
        Encode(photos[:1]),
        Draw([7], [OLD]),
        Reconstruct([alone.face], alone.aligned[None]),
        Encode(photos[1:]),
    ]
    first, drawn, made, rest = run_together(tiny, works)
    np.testing.assert_allclose(np.concatenate([first, rest]), tiny.encode(photos), atol=1e-5)
    assert np.abs(drawn.photos.astype(int) - tiny.sample(1, 7, OLD, 1.0, 1.0).photos).max() <= 1
    assert np.abs(made.shown[0].astype(int) - alone.reconstruction).max() <= 1
    assert made.faces[0].psnr_db == pytest.approx(alone.psnr_db, abs=0.05)


def test_threads_that_share_a_model_make_what_one_alone_makes(
    make_engine: Callable[..., Engine], tiny: FaceGenerator, astronaut: np.ndarray
) -> None:
    make_engine()  # gives the model its detectors
    tasks: list[Callable[[], np.ndarray]] = [
        lambda: tiny.sample(4, 3, OLD, 0.7, 2.0).photos,
        lambda: tiny.reconstruct(astronaut)[0].face.landmarks_px,
        lambda: tiny.edit(astronaut, {"age": 70}, refine_steps=4)[0].edited,
        lambda: choose_faces(tiny, [OLD] * 4, seed=5).samples.photos,
    ]
    expected = [task() for task in tasks]
    with ThreadPoolExecutor(4) as pool:
        for made, alone in zip(pool.map(lambda task: task(), tasks), expected, strict=True):
            np.testing.assert_array_equal(made, alone)


@pytest.mark.parametrize(("batch_size", "passes"), [(4, [1, 4, 4]), (1, [1] * 9)])
def test_what_waits_is_done_together_up_to_the_size(
    make_engine: Callable[..., Engine], batch_size: int, passes: list[int]
) -> None:
    sizes: list[int] = []
    engine = make_engine(batch_size, on_batch=lambda faces, _: sizes.append(faces))
    with _held(engine):
        first = engine.submit(Draw([0], [{}]))
        while engine.batches.waiting:
            pass
        rest = [engine.submit(Draw([seed], [{}])) for seed in range(1, 9)]
    faces = [ticket.future.result(30).photos for ticket in (first, *rest)]
    assert sizes == passes
    assert len({face.tobytes() for face in faces}) == 9


def test_one_that_fails_fails_alone(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()
    with _held(engine):
        tickets = [engine.submit(Draw([seed], [{}])) for seed in range(3)]
        broken = engine.submit(Decode(np.zeros((1, 5), np.float32), [{}]))
    assert [len(ticket.future.result(30).photos) for ticket in tickets] == [1, 1, 1]
    with pytest.raises((DataError, ValueError)):
        broken.future.result(30)


def test_a_full_queue_says_when_to_come_again(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(queue_size=2)
    with _held(engine):
        accepted = [engine.submit(Draw([0], [{}]))]
        while engine.batches.waiting:
            pass
        accepted += [engine.submit(Draw([0], [{}])) for _ in range(2)]
        with pytest.raises(BusyError) as busy:
            engine.submit(Draw([0], [{}]))
        assert busy.value.retry_after_s >= 1
    assert all(ticket.future.result(30) for ticket in accepted)


def test_closing_finishes_what_was_accepted(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()
    with _held(engine):
        tickets = [engine.submit(Draw([seed], [{}])) for seed in range(5)]
        closing = threading.Thread(target=engine.close)
        closing.start()
    closing.join(30)
    assert all(ticket.future.done() for ticket in tickets)
    with pytest.raises(StoppingError):
        engine.submit(Draw([0], [{}]))


def test_a_full_service_answers_429_and_a_slow_one_503(tiny: FaceGenerator) -> None:
    app = create_app(tiny, ServerConfig(studio=False, queue_size=1, timeout_s=1.5))
    engine: Engine = app.state.service.engine

    async def ask(begun: threading.Event) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            first = asyncio.create_task(client.post("/v1/generate", json={}))
            while not begun.is_set():
                await asyncio.sleep(0.01)
            rest = [client.post("/v1/generate", json={}) for _ in range(3)]
            return list(await asyncio.gather(first, *rest))

    with TestClient(app), _held(engine) as begun:
        answers = asyncio.run(ask(begun))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [429, 429, 503, 503]  # one in the pass, one waiting, no room for two
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    assert {answer.json()["status"] for answer in answers} == {429, 503}


def test_a_job_that_nobody_waits_for_ends(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()
    ended = threading.Event()

    def endless(ticket: Any) -> None:
        try:
            while True:
                ticket.check()
        finally:
            ended.set()

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await engine.do(endless, Cost("photo"))

    asyncio.run(impatient())
    assert ended.wait(10)


class _held:
    """While it lasts, the pass of the network does not end."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.let_go, self.begun = engine, threading.Event(), threading.Event()

    def __enter__(self) -> threading.Event:
        """Set once a pass has begun."""
        run = self.engine._batching._run

        def held(tickets: Any) -> None:
            self.begun.set()
            self.let_go.wait(30)
            run(tickets)

        self.engine._batching._run = held
        return self.begun

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
