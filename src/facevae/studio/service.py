"""What all visitors of the studio share: the model, the queues of answers, the limits of uploads."""

from __future__ import annotations

import contextvars
import copy
import time
from collections.abc import Callable
from concurrent.futures import wait
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from facevae.data.photos import Photo
from facevae.errors import FaceVAEError
from facevae.generator import FaceGenerator
from facevae.server.costs import Cost
from facevae.server.detectors import Detectors
from facevae.server.jobs import Jobs
from facevae.server.lanes import AbandonedError, Ticket
from facevae.server.problems import BusyError
from facevae.server.uploads import UploadLimits, read_photo
from facevae.studio.files import FileLimits, Files
from facevae.studio.meter import IdentityMeter
from facevae.studio.own_folder import new_part
from facevae.studio.states import Memory

T = TypeVar("T")

MOST_WAITING = 32
"""Answers that may wait for those that are computed; one more is refused at once."""
LONGEST_WAIT_S = 60.0
"""How long an answer may take, its wait included, where the studio has queues of its own."""
LOOK_EVERY_S = 0.5
"""How often it is seen whether a visitor who waits is still there."""
TICKET: contextvars.ContextVar[Ticket[Any]] = contextvars.ContextVar("ticket")
"""Of the answer that is being computed."""


class TookTooLongError(FaceVAEError):
    """An answer was given up."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the answer took longer than {seconds:g} s, and was given up")
        self.seconds = seconds


class Service:
    """The model and what goes with it, for both languages and all visitors."""

    def __init__(
        self,
        generator: FaceGenerator,
        folder: Path | None = None,
        limits: UploadLimits | None = None,
        room: FileLimits | None = None,
        jobs: Jobs | None = None,
    ) -> None:
        """folder: of the model's card and reports; None takes the one that the generator was loaded from.
        room: of files on the disk. jobs: queues that are shared with others, who close them; None for its
        own."""
        self.generator = copy.copy(generator)
        if not isinstance(generator.__dict__.get("detector"), Detectors):
            self.generator.__dict__["detector"] = Detectors()
        self.folder, self.limits = folder or generator.folder, limits or UploadLimits()
        self._own = None if jobs else Jobs(MOST_WAITING, LONGEST_WAIT_S)
        self.jobs: Jobs = jobs or self._own  # type: ignore[assignment]  # one of the two is there
        self.files = Files(new_part(), room)
        self.memory = Memory()

    @cached_property
    def meter(self) -> IdentityMeter:
        return IdentityMeter(self.generator)

    def photo(self, data: bytes) -> Photo:
        """An upload as (H, W, 3) uint8, by the guard of the REST service. Raises DataError, saying why."""
        return read_photo(data, self.limits)

    def compute(
        self, answer: Callable[[], T], long: bool = False, left: Callable[[], bool] = lambda: False
    ) -> T:
        """The answer, once it is its turn: among the short ones, or among those that take long.

        left: whether the visitor has gone; then what waits is dropped and what runs ends at its next
        `report`. So it is when both together take longer than the queue's `longest_s`. Raises BusyError when
        too many wait or the wait is too long, TookTooLongError, and what the answer raises.
        """
        context = contextvars.copy_context()

        def job(ticket: Ticket[Any]) -> T:
            context.run(TICKET.set, ticket)
            return context.run(answer)

        ticket, asked = self.jobs.submit(job, Cost("films" if long else "studio"), long), time.monotonic()
        while not wait([ticket.future], LOOK_EVERY_S).done:
            begun, late = ticket.future.running(), time.monotonic() - asked > ticket.lane.longest_s
            if not late and not left():
                continue
            ticket.abandon()
            if not late:
                raise AbandonedError("the visitor has left")
            raise TookTooLongError(ticket.lane.longest_s) if begun else BusyError("the wait is too long")
        result: T = ticket.future.result()
        return result

    def close(self) -> None:
        """Finish what was accepted, end the threads that are its own, and delete its files."""
        if self._own:
            self._own.close()
        self.files.close()
