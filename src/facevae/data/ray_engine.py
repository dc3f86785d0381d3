"""Work in many processes or on many machines, by Ray Data: what the local engines do, to the same bytes.

    items -> waves -> Ray Data: one item a block, workers that loaded what they need -> results, written here

Ray starts a worker that died again and gives its items to others; since only this process writes, and each
result once, nothing is lost or doubled. A wave bounds what can lie in Ray's memory at any time.
"""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from facevae.errors import ConfigError, DataError, require
from facevae.files import atomic_file

ENGINES = ("local", "ray")
WAVE = 1024
"""Items handed to Ray at once: of 64 photos at 128 px, their results take about 0.4 GB."""

Item = dict[str, Any]


class PartWriter(Protocol):
    """Made once in every worker; writes `part`.bin and `part`.jsonl for a job."""

    def write(self, job: Any, part: Path) -> None: ...


class PartWorker:
    """Runs in Ray's processes: a job to the two files of its part, sent home as bytes."""

    def __init__(self, maker: type, arguments: tuple[Any, ...]) -> None:
        self.maker: PartWriter = maker(*arguments)

    def __call__(self, item: Item) -> Item:
        with tempfile.TemporaryDirectory(prefix="facevae-part-") as folder:
            part = Path(folder) / "part"
            self.maker.write(item["job"], part)
            lines, pictures = (part.with_suffix(kind).read_bytes() for kind in (".jsonl", ".bin"))
        return {"number": item["number"], "lines": lines, "pictures": pictures}


def make_parts(
    maker: type,
    arguments: tuple[Any, ...],
    jobs: Iterable[tuple[int, Path, str]],
    workers: int | None,
    cpus: int,
) -> Iterator[int]:
    """Have `maker(*arguments)` write every (number, part, job); yields the numbers as they are done.

    maker: a PartWriter. The job is text. cpus: cores that one worker takes. Parts are renamed into place
    when they are whole, `.jsonl` last.
    """
    places: dict[int, Path] = {}

    def items() -> Iterator[Item]:
        for number, part, job in jobs:
            places[number] = part
            yield {"number": number, "job": job}

    for done in on_ray(PartWorker, (maker, arguments), items(), workers, cpus):
        part = places.pop(int(done["number"]))
        for kind in ("pictures", "lines"):
            with atomic_file(part.with_suffix(".bin" if kind == "pictures" else ".jsonl")) as temporary:
                temporary.write_bytes(done[kind])
        yield int(done["number"])


def on_ray(
    worker: type, arguments: tuple[Any, ...], items: Iterable[Item], workers: int | None, cpus: int = 1
) -> Iterator[Item]:
    """worker(*arguments)(item) for every item, in any order, drawn as they are needed.

    workers: processes at once; None takes as many as the cluster's cores allow. Values are numbers, text
    and bytes. Raises MissingExtraError without the extra 'ray'.
    """
    with _session() as ray:
        cores = int(ray.cluster_resources().get("CPU", 1))
        cpus = min(cpus, cores)
        most = max(1, cores // cpus)
        waves = iter(items)
        while wave := list(itertools.islice(waves, WAVE)):
            pool = ray.data.ActorPoolStrategy(size=min(workers or most, most, len(wave)))
            made = ray.data.from_items(wave, override_num_blocks=len(wave)).map(
                worker, fn_constructor_args=arguments, compute=pool, num_cpus=cpus
            )
            try:
                yield from made.iter_rows()
            except ray.exceptions.RayError as error:
                reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
                raise DataError(
                    f"the work on Ray failed: {reason[0]}. Run the same command to go on."
                ) from error


def check_engine(engine: str) -> str:
    """The engine itself. Raises ConfigError for another name, MissingExtraError without the extra 'ray'."""
    if engine not in ENGINES:
        raise ConfigError(f"--engine cannot be '{engine}': expected one of {', '.join(ENGINES)}.")
    if engine == "ray":
        require("ray.data", "ray", "working on Ray")
    return engine


@contextmanager
def _session() -> Iterator[Any]:
    """Ray: the session there is, the cluster at RAY_ADDRESS, or one here that ends with the job."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    ray = require("ray", "ray", "working on Ray")
    require("ray.data", "ray", "working on Ray")
    ours = not ray.is_initialized()
    if ours:
        local = {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
        try:
            ray.init(log_to_driver=False, logging_level=logging.WARNING, **local)
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = os.environ.get("RAY_ADDRESS", "this machine")
            raise ConfigError(f"Ray cannot be reached or started at {where}: {error}") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it warns of its own defaults
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()
