"""Bounded queues, the threads that work them off, and when there will be room again."""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from facevae.errors import FaceVAEError
from facevae.server.costs import Cost, Costs
from facevae.server.problems import BusyError, StoppingError

W = TypeVar("W")
LONGEST_WAIT_S = 600
"""The most that Retry-After says."""


class AbandonedError(FaceVAEError):
    """Nobody waits for this job any more."""


@dataclass(eq=False)
class Ticket(Generic[W]):
    """A work, and the promise of its result."""

    work: W
    cost: Cost
    lane: Lane[W]
    future: Future[Any] = field(default_factory=Future)
    abandoned: threading.Event = field(default_factory=threading.Event)

    def check(self, *_: object) -> None:
        """Raise AbandonedError when nobody waits any more; fits where a job wants to report its progress."""
        if self.abandoned.is_set():
            raise AbandonedError("nobody waits for this job any more")

    def abandon(self) -> None:
        """Nobody waits any more: end it at its next check, or never begin."""
        self.abandoned.set()
        self.future.cancel()
        self.lane.drop(self)


class Lane(Generic[W]):
    """A bounded queue, worked off in the order of arrival by the workers that know it."""

    def __init__(self, name: str, size: int, costs: Costs, longest_s: float = math.inf) -> None:
        """size: tickets that may wait. longest_s: the wait, in seconds, beyond which waiting is of no use."""
        self.name, self.size, self.costs, self.longest_s = name, size, costs, longest_s
        self.workers: list[Worker] = []
        self.queue: deque[Ticket[W]] = deque()
        self.closing = False

    @property
    def waiting(self) -> int:
        return len(self.queue)

    def submit(self, work: W, cost: Cost) -> Ticket[W]:
        """Accept a work. Raises BusyError when the queue is full, StoppingError when it is closed."""
        ticket = Ticket(work, cost, self)
        with self._changed:
            if self.closing:
                raise StoppingError("the service is stopping and takes no more requests")
            room_s = self._seconds_to_room()
            if room_s > 0:
                wait_s = whole_seconds(room_s)
                raise BusyError(
                    f"{len(self.queue)} requests wait already: there should be room in {wait_s} s.", wait_s
                )
            self.queue.append(ticket)
            for worker in self.workers:
                worker.start()
            self._changed.notify_all()
        return ticket

    def drop(self, ticket: Ticket[W]) -> None:
        """Take a ticket out of the queue, where it still waits."""
        with self._changed:
            if ticket in self.queue:
                self.queue.remove(ticket)

    def close(self) -> None:
        """Accept nothing more; its workers finish what was accepted, and end."""
        with self._changed:
            self.closing = True
            self._changed.notify_all()

    @property
    def _changed(self) -> threading.Condition:
        return self.workers[0].changed

    def _seconds_to_room(self) -> float:
        """Until one more is accepted; 0 for now."""
        free_s = [worker.seconds_left for worker in self.workers if worker.serves_next(self)]
        heapq.heapify(free_s)
        first_s = free_s[0]
        for ticket in self.queue:
            heapq.heapreplace(free_s, free_s[0] + self.costs.seconds(ticket.cost))
        late_s = free_s[0] - self.longest_s if self.queue else 0.0
        return max(first_s, late_s, 1e-3) if len(self.queue) >= self.size else max(late_s, 0.0)


class Worker:
    """A thread that takes from the first of its lanes that has something waiting."""

    def __init__(
        self,
        name: str,
        lanes: Sequence[Lane[Any]],
        run: Callable[[Sequence[Ticket[Any]]], None],
        take: Callable[[deque[Ticket[Any]]], list[Ticket[Any]]] = lambda queue: [queue.popleft()],
        changed: threading.Condition | None = None,
    ) -> None:
        """take: removes from the queue what is worked on next, one or more, for `run`.

        changed: shared by workers that share a lane.
        """
        self.lanes, self.changed = lanes, changed or threading.Condition()
        self._run, self._take = run, take
        self._running: tuple[float, float] | None = None
        """When the present work began, and the seconds it was expected to take."""
        for lane in lanes:
            lane.workers.append(self)
        self._thread = threading.Thread(target=self._loop, name=f"facevae-{name}", daemon=True)

    def start(self) -> None:
        """Begin, if it has not yet; `changed` is held."""
        if self._thread.ident is None:
            self._thread.start()

    def join(self) -> None:
        """Wait for its end, which comes when its lanes are closed and empty."""
        if self._thread.ident is not None:
            self._thread.join()

    def serves_next(self, lane: Lane[Any]) -> bool:
        """Whether it takes from this lane when it is done: nothing waits in those it prefers."""
        return not any(one.queue for one in self.lanes[: self.lanes.index(lane)])

    @property
    def seconds_left(self) -> float:
        """Of its present work; 0 when it has none. What is overdue is expected to take as long again."""
        running = self._running
        if running is None:
            return 0.0
        began, expected_s = running
        return abs(expected_s - (time.monotonic() - began))

    def _loop(self) -> None:
        while True:
            with self.changed:
                while not (lane := next((one for one in self.lanes if one.queue), None)):
                    self._running = None
                    if all(one.closing for one in self.lanes):
                        return
                    self.changed.wait()
                tickets = [one for one in self._take(lane.queue) if one.future.set_running_or_notify_cancel()]
                self._running = time.monotonic(), sum(lane.costs.seconds(one.cost) for one in tickets)
            if tickets:
                self._work(lane, tickets)

    def _work(self, lane: Lane[Any], tickets: Sequence[Ticket[Any]]) -> None:
        began, expected_s = self._running or (time.monotonic(), 0.0)
        self._run(tickets)
        took_s = time.monotonic() - began
        # What ended early tells at most that its kind takes longer than was thought.
        if took_s > expected_s or not any(_failed(one) for one in tickets):
            units = sum(one.cost.units for one in tickets)
            lane.costs.learn(Cost(tickets[0].cost.kind, units), took_s)


def run_jobs(tickets: Sequence[Ticket[Callable[[Ticket[Any]], Any]]]) -> None:
    """For a lane of functions: call each with its ticket."""
    for ticket in tickets:
        try:
            ticket.check()
            ticket.future.set_result(ticket.work(ticket))
        except Exception as error:
            ticket.future.set_exception(error)


def whole_seconds(seconds: float) -> int:
    """As Retry-After says it."""
    return min(max(math.ceil(seconds), 1), LONGEST_WAIT_S)


def _failed(ticket: Ticket[Any]) -> bool:
    try:
        return ticket.future.exception(0) is not None
    except (CancelledError, TimeoutError):
        return True
