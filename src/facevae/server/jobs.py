"""What takes longer than a face through the network: short jobs, and long ones that never block them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from facevae.server.costs import SHORT_S, Cost, Costs
from facevae.server.lanes import Lane, Ticket, Worker, run_jobs, whole_seconds

T = TypeVar("T")
Job = Callable[[Ticket[Any]], T]
"""A job calls ticket.check() between its steps, to end early when nobody waits any more."""


class Jobs:
    """Two queues, and a worker for each; that of the long ones does short ones while no long one waits."""

    def __init__(self, size: int, longest_s: float) -> None:
        """size: short jobs that may wait; of long ones a quarter as many. longest_s: the longest wait that is
        of use."""
        self.costs, changed = Costs(), threading.Condition()
        self.short: Lane[Job[Any]] = Lane("short", size, self.costs, longest_s)
        self.long: Lane[Job[Any]] = Lane("long", max(1, size // 4), self.costs, longest_s)
        self.workers = [
            Worker("short", [self.short], run_jobs, changed=changed),
            Worker("long", [self.long, self.short], run_jobs, changed=changed),
        ]

    def submit(self, job: Job[Any], cost: Cost, long: bool = False) -> Ticket[Job[Any]]:
        """Accept a job. long: whatever its cost. Raises as `Lane.submit`."""
        lane = self.long if long or self.costs.seconds(cost) > SHORT_S else self.short
        return lane.submit(job, cost)

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until the first of the present jobs is done."""
        return whole_seconds(min([left for one in self.workers if (left := one.seconds_left)], default=0.0))

    def close(self) -> None:
        """Accept nothing more, finish what was accepted."""
        for lane in (self.short, self.long):
            lane.close()
        for worker in self.workers:
            worker.join()
