"""What `undo` goes back to: one step per gesture, not per pixel that a slider was dragged over."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Generic, TypeVar

GESTURE_SECONDS = 1.0
"""Changes of one control that follow each other faster are one step."""
MOST_STEPS = 100

T = TypeVar("T")


@dataclass
class History(Generic[T]):
    """The present, and what was before it."""

    present: T
    past: list[T] = field(default_factory=list)
    _control: str = ""
    _changed_at: float = 0.0

    def change(self, to: T, control: str, now: float | None = None) -> None:
        """Make `to` the present. control: what was moved; now: seconds of a clock that only runs forwards."""
        now = time.monotonic() if now is None else now
        same = control == self._control and now - self._changed_at < GESTURE_SECONDS
        self._control, self._changed_at = control, now
        if to == self.present:
            return
        if not (same and self.past):
            self.past = [*self.past, self.present][-MOST_STEPS:]
        self.present = to

    def undo(self) -> bool:
        """Go back one step; False when there is none."""
        self._control = ""
        if not self.past:
            return False
        self.present = self.past.pop()
        return True
