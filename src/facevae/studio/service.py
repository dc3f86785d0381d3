"""What all visitors of the studio share: the model, the turn to compute, the limits of uploads."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from facevae.data.photos import Photo
from facevae.errors import FaceVAEError
from facevae.generator import FaceGenerator
from facevae.models import SHIPPED, shipped_models
from facevae.server.uploads import UploadLimits, read_photo
from facevae.studio.meter import IdentityMeter

MOST_WAITING = 32
"""Answers that may wait for the one that is computed; one more is refused at once."""


class BusyError(FaceVAEError):
    """Too many answers are waited for already."""


class Turn:
    """One computation at a time, since two would only make each other late, and a bounded number waiting."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(most_waiting + 1)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Waits for its turn. Raises BusyError when too many wait already."""
        if not self._places.acquire(blocking=False):
            raise BusyError("too many people are waiting for this machine: try again in a moment")
        try:
            with self._lock:
                yield
        finally:
            self._places.release()


class Service:
    """The model and what goes with it, for both languages and all visitors."""

    def __init__(
        self, generator: FaceGenerator, folder: Path | None = None, limits: UploadLimits | None = None
    ) -> None:
        """folder: the model's own, for its card and reports; None finds that of a shipped model by name."""
        # A copy has a face detector of its own: one detector serves one thread at a time.
        self.generator = copy.copy(generator)
        self.generator.__dict__.pop("detector", None)
        if folder is None and generator.name in shipped_models():
            folder = SHIPPED / generator.name
        self.folder, self.limits, self.turn = folder, limits or UploadLimits(), Turn()
        self.temporary: Path | None = None
        """Where files for downloading are put; None: the system's place for temporary files."""

    @cached_property
    def meter(self) -> IdentityMeter:
        return IdentityMeter(self.generator)

    def photo(self, data: bytes) -> Photo:
        """An upload as (H, W, 3) uint8, by the guard of the REST service. Raises DataError, saying why."""
        return read_photo(data, self.limits)
