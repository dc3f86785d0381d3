"""One model, and the two threads that use it: one batches what passes the network, one does the long jobs.

Each has a queue with a bound. What is accepted is done, also when the service is told to stop.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from facevae.data.detect import Face, FaceDetector
from facevae.errors import FaceVAEError
from facevae.generator import FaceGenerator, Latents, Samples
from facevae.images import Photos
from facevae.server.batching import Decode, Draw, Encode, Work, faces_of, go_together, run_together
from facevae.server.problems import BusyError, StoppingError

W = TypeVar("W")
T = TypeVar("T")


class AbandonedError(FaceVAEError):
    """Nobody waits for this job any more."""


@dataclass(eq=False)
class Ticket(Generic[W]):
    """A work, and the promise of its result."""

    work: W
    future: Future[Any] = field(default_factory=Future)
    abandoned: threading.Event = field(default_factory=threading.Event)

    def check(self, *_: object) -> None:
        """Raise AbandonedError when nobody waits any more; fits where a job wants to report its progress."""
        if self.abandoned.is_set():
            raise AbandonedError("nobody waits for this job any more")


class Lane(Generic[W]):
    """A bounded queue and the one thread that works it off."""

    def __init__(
        self,
        name: str,
        size: int,
        run: Callable[[Sequence[Ticket[W]]], None],
        take: Callable[[deque[Ticket[W]]], list[Ticket[W]]],
    ) -> None:
        """size: tickets that may wait. take: removes from the queue what is worked on next, one or more."""
        self.size = size
        self._run, self._take = run, take
        self._waiting: deque[Ticket[W]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._seconds = 0.05
        """Running mean of a ticket's time, for Retry-After."""
        self._thread = threading.Thread(target=self._loop, name=f"facevae-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def submit(self, work: W) -> Ticket[W]:
        """Accept a work. Raises BusyError when the queue is full, StoppingError when it is closed."""
        ticket = Ticket(work)
        with self._changed:
            if self._closing:
                raise StoppingError("the service is stopping and takes no more requests")
            if len(self._waiting) >= self.size:
                seconds = math.ceil(self._seconds * len(self._waiting))
                raise BusyError(
                    f"{len(self._waiting)} requests wait already, as many as may. Try again later.",
                    min(max(seconds, 1), 60),
                )
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """Accept nothing more, finish what was accepted."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _loop(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    return
                tickets = self._take(self._waiting)
            tickets = [ticket for ticket in tickets if ticket.future.set_running_or_notify_cancel()]
            if tickets:
                started = time.monotonic()
                self._run(tickets)
                each = (time.monotonic() - started) / len(tickets)
                self._seconds += 0.1 * (each - self._seconds)


class Engine:
    """The generator behind its two lanes. Close it when done."""

    def __init__(
        self,
        generator: FaceGenerator,
        batch_size: int,
        queue_size: int,
        jobs_size: int,
        on_batch: Callable[[int, float], None] | None = None,
    ) -> None:
        """on_batch: called with (faces, seconds) after each pass of the network."""
        self.generator = generator
        # The studio's threads and the jobs' thread find faces with one generator.
        generator.__dict__["detector"] = SharedDetector()
        self._batch_size, self._on_batch = batch_size, on_batch
        self.batches: Lane[Work] = Lane("batches", queue_size, self._run_batch, self._take_batch)
        self.jobs: Lane[Callable[[Ticket[Any]], Any]] = Lane(
            "jobs", jobs_size, _run_jobs, lambda waiting: [waiting.popleft()]
        )
        self.closing = False

    async def draw(self, work: Draw) -> Samples:
        """New faces. Raises as `Lane.submit` and FaceGenerator.sample."""
        samples: Samples = await _result(self.batches.submit(work))
        return samples

    async def decode(self, work: Decode) -> Photos:
        """(N, H, W, 3) faces. Raises as `Lane.submit` and FaceGenerator.decode."""
        photos: Photos = await _result(self.batches.submit(work))
        return photos

    async def encode(self, work: Encode) -> Latents:
        """(N, D) latents. Raises as `Lane.submit` and FaceGenerator.encode."""
        latents: Latents = await _result(self.batches.submit(work))
        return latents

    async def do(self, job: Callable[[Ticket[Any]], T]) -> T:
        """The result of a long job, one at a time. Raises as `Lane.submit` and the job.

        job(ticket) may call ticket.check() to end early when nobody waits any more.
        """
        result: T = await _result(self.jobs.submit(job))
        return result

    def close(self) -> None:
        """Accept nothing more, finish what was accepted."""
        self.closing = True
        self.batches.close()
        self.jobs.close()

    def _take_batch(self, waiting: deque[Ticket[Work]]) -> list[Ticket[Work]]:
        """The first in the queue, and those behind it that go with it while the batch has room."""
        first = waiting.popleft()
        batch, faces, left = [first], faces_of(first.work), []
        while waiting and faces < self._batch_size:
            ticket = waiting.popleft()
            fits = faces + faces_of(ticket.work) <= self._batch_size
            if fits and go_together(first.work, ticket.work):
                batch.append(ticket)
                faces += faces_of(ticket.work)
            else:
                left.append(ticket)
        waiting.extendleft(reversed(left))
        return batch

    def _run_batch(self, tickets: Sequence[Ticket[Work]]) -> None:
        started = time.monotonic()
        try:
            results = run_together(self.generator, [ticket.work for ticket in tickets])
        except Exception as error:
            if len(tickets) == 1:
                tickets[0].future.set_exception(error)
                return
            for ticket in tickets:  # one of them is at fault: the others shall not suffer
                self._run_batch([ticket])
            return
        faces = sum(faces_of(ticket.work) for ticket in tickets)
        if self._on_batch:
            self._on_batch(faces, time.monotonic() - started)
        for ticket, result in zip(tickets, results, strict=True):
            ticket.future.set_result(result)


def _run_jobs(tickets: Sequence[Ticket[Callable[[Ticket[Any]], Any]]]) -> None:
    for ticket in tickets:
        try:
            ticket.future.set_result(ticket.work(ticket))
        except Exception as error:
            ticket.future.set_exception(error)


async def _result(ticket: Ticket[Any]) -> Any:
    try:
        return await asyncio.wrap_future(ticket.future)
    except asyncio.CancelledError:
        ticket.abandoned.set()
        raise


class SharedDetector:
    """A detector for any number of threads, which take turns: OpenCV's network is for one at a time.

    Made when it is first asked, so that a service without the extra 'photos' starts.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._detector: FaceDetector | None = None

    def detect(self, image: NDArray[np.uint8], every: bool = True) -> list[Face]:
        """As `FaceDetector.detect`."""
        with self._turn:
            self._detector = self._detector or FaceDetector()
            return self._detector.detect(image, every)
