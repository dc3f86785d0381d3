"""One model, and the threads that use it: one batches what passes the network, two do the jobs around it.

Each has a queue with a bound. What is accepted is done, also when the service is told to stop, unless nobody
waits for it any more.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from facevae.generator import FaceGenerator, Latents, Samples
from facevae.images import Photos
from facevae.server.batching import (
    Decode,
    Draw,
    Encode,
    Reconstruct,
    Reconstructed,
    Work,
    faces_of,
    run_together,
)
from facevae.server.costs import Cost
from facevae.server.detectors import Detectors
from facevae.server.jobs import Job, Jobs
from facevae.server.lanes import AbandonedError, Lane, Ticket, Worker

T = TypeVar("T")


class Engine:
    """The generator behind its lanes. Close it when done."""

    def __init__(
        self,
        generator: FaceGenerator,
        batch_size: int,
        queue_size: int,
        jobs_size: int,
        longest_s: float = 60.0,
        on_batch: Callable[[int, float], None] | None = None,
    ) -> None:
        """queue_size, jobs_size: what may wait for a batch, and short jobs that may wait. longest_s: the
        longest wait that is of use. on_batch: called with (faces, seconds) after each pass of the network.
        """
        self.generator = generator
        # Several threads find faces with one generator.
        generator.__dict__["detector"] = Detectors()
        self._batch_size, self._on_batch = batch_size, on_batch
        self.jobs = Jobs(jobs_size, longest_s)
        self.batches: Lane[Work] = Lane("batches", queue_size, self.jobs.costs, longest_s)
        self._batching = Worker("batches", [self.batches], self._run_batch, self._take_batch)
        self.closing = False

    async def draw(self, work: Draw) -> Samples:
        """New faces. Raises as `Lane.submit` and FaceGenerator.sample."""
        samples: Samples = await _result(self.submit(work))
        return samples

    async def decode(self, work: Decode) -> Photos:
        """(N, H, W, 3) faces. Raises as `Lane.submit` and FaceGenerator.decode."""
        photos: Photos = await _result(self.submit(work))
        return photos

    async def encode(self, work: Encode) -> Latents:
        """(N, D) latents. Raises as `Lane.submit` and FaceGenerator.encode."""
        latents: Latents = await _result(self.submit(work))
        return latents

    async def reconstruct(self, work: Reconstruct) -> Reconstructed:
        """Faces through the model and back. Raises as `Lane.submit`, FaceGenerator.encode and upscale."""
        reconstructed: Reconstructed = await _result(self.submit(work))
        return reconstructed

    async def do(self, job: Job[T], cost: Cost) -> T:
        """The result of a job. Raises as `Lane.submit` and the job."""
        result: T = await _result(self.jobs.submit(job, cost))
        return result

    def close(self) -> None:
        """Accept nothing more, finish what was accepted."""
        self.closing = True
        self.batches.close()
        self._batching.join()
        self.jobs.close()

    def submit(self, work: Work) -> Ticket[Work]:
        """Accept what passes the network. Raises as `Lane.submit`."""
        return self.batches.submit(work, Cost("pass", faces_of(work)))

    def _take_batch(self, waiting: deque[Ticket[Work]]) -> list[Ticket[Work]]:
        """The first in the queue, and those behind it while the batch has room."""
        first = waiting.popleft()
        batch, faces, left = [first], faces_of(first.work), []
        while waiting and faces < self._batch_size:
            ticket = waiting.popleft()
            if faces + faces_of(ticket.work) <= self._batch_size:
                batch.append(ticket)
                faces += faces_of(ticket.work)
            else:
                left.append(ticket)
        waiting.extendleft(reversed(left))
        return batch

    def _run_batch(self, tickets: Sequence[Ticket[Work]]) -> None:
        def check(*_: object) -> None:
            if all(ticket.abandoned.is_set() for ticket in tickets):
                raise AbandonedError("nobody waits for this pass any more")

        started = time.monotonic()
        try:
            results = run_together(self.generator, [ticket.work for ticket in tickets], check)
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


async def _result(ticket: Ticket[Any]) -> Any:
    try:
        return await asyncio.wrap_future(ticket.future)
    except asyncio.CancelledError:
        ticket.abandon()
        raise
