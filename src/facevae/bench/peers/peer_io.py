"""What the peer scripts share: arguments, flips, the clock, timings and outputs written whole.

The scripts run in environments without facevae, so this needs numpy and the standard library alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Faces = NDArray[np.uint8]

HISTORY_POINTS = 50
PROGRESS_S = 15.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class PeerArguments:
    """What the bench asks of a peer."""

    method: str
    """One of the methods of the script."""
    train: Path
    """.npy of faces to train on: (N, H, H, 3) uint8, H a power of two from 32."""
    validation: Path
    """.npy of faces to reconstruct, like `train`."""
    out: Path
    """Folder of the outputs; made when absent."""
    minutes: float
    """Budget of training by the wall clock."""
    samples: int
    """Faces to draw."""
    seed: int
    """Seed of every random draw."""
    threads: int
    """CPU threads of the framework."""


def parse_arguments(methods: Sequence[str], argv: Sequence[str] | None = None) -> PeerArguments:
    """The command line of a peer script. Exits with 2 and the reason when it cannot be used."""
    parser = argparse.ArgumentParser(description="Train a peer method under a clock.")
    parser.add_argument("--method", choices=methods, default=methods[0])
    parser.add_argument("--train", type=Path, required=True, metavar="FACES.npy")
    parser.add_argument("--validation", type=Path, required=True, metavar="FACES.npy")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=15.0, help="training time, fractions allowed")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = PeerArguments(**vars(parser.parse_args(argv)))
    for name in ("minutes", "samples", "threads"):
        if getattr(given, name) <= 0:
            parser.error(f"--{name} is {getattr(given, name)}: expected more than 0")
    return given


def limit_threads(threads: int) -> None:
    """Hold the numeric libraries to `threads` threads. Call before the framework is imported."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)


def load_faces(path: Path) -> Faces:
    """(N, H, H, 3) uint8 from `path`. Raises ValueError when the file holds anything else."""
    faces = np.load(path, allow_pickle=False)
    _, height, width, channels = faces.shape if faces.ndim == 4 else (0, 0, 0, 0)
    square = height == width and height >= 32 and height & (height - 1) == 0
    if faces.dtype != np.uint8 or not square or channels != 3 or not len(faces):
        raise ValueError(
            f"{path} holds {faces.dtype} of shape {faces.shape}: expected uint8 of shape (N, H, H, 3) "
            "with N of at least 1 and H a power of two from 32"
        )
    return np.ascontiguousarray(faces)


def flip_half(faces: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Each face of (B, H, W, C) mirrored left to right with probability 1/2, drawn from `rng`."""
    chosen = rng.random(len(faces)) < 0.5
    flipped: NDArray[Any] = np.where(chosen[:, None, None, None], faces[:, :, ::-1], faces)
    return flipped


def to_uint8(unit: NDArray[Any]) -> Faces:
    """Any shape in 0..1, clamped, to 0..255, rounded to the nearest level.

    Raises ValueError when a value is not finite: the method diverged.
    """
    if not np.isfinite(unit).all():
        raise ValueError("the model gave pixels that are not finite: its training diverged")
    levels: NDArray[Any] = np.rint(np.clip(unit, 0.0, 1.0) * 255.0)
    return levels.astype(np.uint8)


class Clock:
    """The wall-clock budget of training: told of each step, it says when to stop and how it goes."""

    def __init__(
        self, minutes: float, now: Callable[[], float] = time.perf_counter, report: IO[str] = sys.stderr
    ) -> None:
        self.budget_s = 60.0 * minutes
        self.seen_images = 0
        self.train_seconds = 0.0
        self._now, self._report = now, report
        self._started: float | None = None
        self._reported = 0.0
        self._losses: list[tuple[int, float]] = []

    def start(self) -> None:
        """Begin to count; the first call counts, later ones change nothing."""
        if self._started is None:
            self._started = self._now()

    def step(self, images: int, loss: float) -> bool:
        """Count one training step of `images` images; True when the budget is used up."""
        self.start()
        self.seen_images += images
        self.train_seconds = self._now() - (self._started or 0.0)
        self._losses.append((self.seen_images, loss))
        if self.train_seconds - self._reported >= PROGRESS_S:
            self._reported = self.train_seconds
            print(
                f"{self.seen_images} images, {self.seen_images / self.train_seconds:.1f} images/s, "
                f"loss {loss:.2f}, {max(0.0, self.budget_s - self.train_seconds):.0f} s left",
                file=self._report,
                flush=True,
            )
        return self.train_seconds >= self.budget_s

    def loss_history(self) -> list[list[float]]:
        """At most 50 points [images seen, mean loss since the point before]."""
        parts = np.array_split(np.array(self._losses, dtype=np.float64).reshape(-1, 2), HISTORY_POINTS)
        return [[int(part[-1, 0]), float(part[:, 1].mean())] for part in parts if len(part)]


def peak_memory_mib() -> float | None:
    """The most resident memory of this process until now, in MiB; None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure_speed(
    sample: Callable[[int], object], encode: Callable[[Faces], object], faces: Faces, many: int
) -> dict[str, float]:
    """Timings after training: the median of 20 single samples; `many` faces sampled, and encoded, at once."""

    def seconds(work: Callable[[], object]) -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    faces = faces[:many]
    # The first call of each shape may compile.
    sample(1), sample(many), encode(faces)
    return {
        "sample_ms_for_one": 1000 * statistics.median(seconds(lambda: sample(1)) for _ in range(20)),
        "samples_per_s": many / seconds(lambda: sample(many)),
        "encode_per_s": len(faces) / seconds(lambda: encode(faces)),
    }


def write_npy(path: Path, faces: Faces) -> None:
    """Write an array whole or not at all."""
    with (temporary := _beside(path)).open("wb") as file:
        np.save(file, faces, allow_pickle=False)
    temporary.replace(path)


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write JSON whole or not at all. Raises ValueError when a number is not finite."""
    text = json.dumps(facts, indent=1, allow_nan=False)
    (temporary := _beside(path)).write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")
