"""Face detectors for several threads: OpenCV's network is for one at a time."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facevae.generator import Progress

if TYPE_CHECKING:
    from facevae.data.detect import Face, FaceDetector


class Detectors:
    """As many detectors as are used at once, each by one thread at a time.

    The first is made when it is asked for, so that a service without the extra 'photos' starts.
    """

    def __init__(self) -> None:
        self._idle: SimpleQueue[FaceDetector] = SimpleQueue()

    def detect(
        self, image: NDArray[np.uint8], every: bool = True, progress: Progress | None = None
    ) -> list[Face]:
        """As `FaceDetector.detect`."""
        from facevae.data.detect import FaceDetector

        try:
            detector = self._idle.get_nowait()
        except Empty:
            detector = FaceDetector()
        try:
            return detector.detect(image, every, progress)
        finally:
            self._idle.put(detector)
