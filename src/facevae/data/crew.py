"""The processes that prepare photos: each takes the next chunk when it is done with one."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from facevae.data.prepare_config import PrepareConfig
from facevae.data.ray_engine import make_parts
from facevae.data.sources import Span
from facevae.data.worker import Task, Workbench
from facevae.errors import DataError

Chunk = tuple[int, Path, list[Task]]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


class Crew:
    """`workers` processes of one thread each; with one worker, this process does the work itself."""

    def __init__(self, config: PrepareConfig, workers: int) -> None:
        self.config, self.workers = config, workers

    def run(self, chunks: Iterator[Chunk]) -> Iterator[int]:
        """The numbers of the chunks as they are done, in any order; chunks are drawn as they are needed.

        Raises OSError when a worker cannot write its part, DataError when one dies.
        """
        if self.workers == 1:
            yield from self._alone(chunks)
        else:
            yield from self._together(chunks)

    def _alone(self, chunks: Iterator[Chunk]) -> Iterator[int]:
        bench: Workbench | None = None
        for number, part, tasks in chunks:
            bench = bench or Workbench(self.config)
            bench.prepare_chunk(tasks, part)
            yield number

    def _together(self, chunks: Iterator[Chunk]) -> Iterator[int]:
        done: queue.Queue[int | BaseException | None] = queue.Queue()
        turn, stop = threading.Lock(), threading.Event()

        def next_chunk() -> Chunk | None:
            with turn:
                return None if stop.is_set() else next(chunks, None)

        processes = [self._start() for _ in range(self.workers)]
        threads = []
        for process in processes:
            thread = threading.Thread(target=_attend, args=(process, next_chunk, done), daemon=True)
            thread.start()
            threads.append(thread)
        try:
            running = self.workers
            while running:
                # A short wait, so that Ctrl-C is heard.
                try:
                    message = done.get(timeout=0.5)
                except queue.Empty:
                    continue
                if message is None:
                    running -= 1
                elif isinstance(message, BaseException):
                    raise message
                else:
                    yield message
        finally:
            stop.set()
            for process in processes:
                process.kill()
            for thread in threads:
                thread.join(timeout=10)
            for process in processes:
                _close(process)

    def _start(self) -> subprocess.Popen[str]:
        """A worker that has its options; it finds this very facevae whatever the caller's sys.path is."""
        home = str(Path(__file__).parents[2])
        path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path}
        process = subprocess.Popen(
            [sys.executable, "-m", "facevae.data.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment, "PYTHONIOENCODING": "utf-8:surrogatepass"},
            text=True,
            encoding="utf-8",
            errors="surrogatepass",
            start_new_session=True,  # Ctrl-C is for the parent, which then ends its workers
        )
        _send(process.stdin, asdict(self.config))
        return process


class RayCrew:
    """As Crew, on Ray: processes of this machine, or of every machine that sees the photos' paths."""

    def __init__(self, config: PrepareConfig) -> None:
        self.config = config

    def run(self, chunks: Iterator[Chunk]) -> Iterator[int]:
        """As Crew.run. A worker that dies is replaced, and its chunk done again."""
        jobs = ((number, part, json.dumps(_rows(tasks))) for number, part, tasks in chunks)
        return make_parts(PhotoParts, (asdict(self.config),), jobs, self.config.workers, cpus=1)


class PhotoParts:
    """What a worker of Ray does for RayCrew."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.bench = Workbench(PrepareConfig(**config))

    def write(self, job: str, part: Path) -> None:
        self.bench.prepare_chunk(
            [Task(i, name, Span(**span), split, row) for i, name, span, split, row in json.loads(job)], part
        )


def _rows(tasks: list[Task]) -> list[Any]:
    return [(t.index, t.name, asdict(t.span), t.split, t.attributes) for t in tasks]


def _attend(process: subprocess.Popen[str], next_chunk: Any, done: queue.Queue[Any]) -> None:
    """Hand chunks to one worker until there are none; put each number done, an error, or None at the end."""
    try:
        while (chunk := next_chunk()) is not None:
            number, part, tasks = chunk
            _send(process.stdin, {"part": str(part), "tasks": _rows(tasks)})
            assert process.stdout is not None
            answer = process.stdout.readline()
            if not answer:
                code = process.wait()
                raise DataError(
                    f"a worker died (exit code {code}) between {tasks[0].name} and {tasks[-1].name}. Exit "
                    "code -9 is usually too little memory: use fewer workers. "
                    "Run the same command to go on."
                )
            reply = json.loads(answer)
            if "error" in reply:
                raise OSError(reply["errno"], reply["error"])
            done.put(number)
        done.put(None)
    except BaseException as error:
        done.put(error)


def _send(pipe: IO[str] | None, message: Any) -> None:
    assert pipe is not None
    with contextlib.suppress(BrokenPipeError):  # it has died, which the missing answer tells
        pipe.write(json.dumps(message) + "\n")
        pipe.flush()


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()
