"""A folder that a job fills: claimed, gone on with after an interruption, and never mixed with another job's.

The job works in OUT/.work, which is removed at the end; OUT/dataset.json marks a finished one. What a job
is about is {section: {name: value}}, and stands in dataset.json too.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facevae.errors import DataError
from facevae.files import atomic_file, flush, is_full
from facevae.regular_files import MOST_TEXT_BYTES, read_regular

About = Mapping[str, Mapping[str, Any]]


def claim(out: Path, work: Path) -> None:
    """Make `out` and `work`, or raise DataError when `out` holds something that no such job wrote."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file: name a folder for the prepared dataset")
    if out.exists() and not work.exists() and not (out / "dataset.json").exists() and any(out.iterdir()):
        raise DataError(f"{out} holds other files: name a new or empty folder for the prepared dataset")
    work.mkdir(parents=True, exist_ok=True)


def tidy(out: Path, work: Path, fresh: bool) -> None:
    """Leave no trace of a call that began nothing: a wrong source, or a dataset that is there already."""
    if (out / "dataset.json").exists() or not (work / "job.json").exists():
        shutil.rmtree(work, ignore_errors=True)
    if fresh and out.exists() and not any(out.iterdir()):
        out.rmdir()


def same_job(work: Path, about: About, out: Path) -> None:
    """Note in `work` what is being made; raise DataError when it is at something else already."""
    job = work / "job.json"
    if job.exists():
        refuse_other(_read(job, f"Delete {out} to start over."), about, f"{out} holds the beginning of")
        return
    with atomic_file(job) as temporary:
        temporary.write_text(json.dumps(about), encoding="utf-8")


def finished(out: Path, about: About, command: str) -> dict[str, Any]:
    """dataset.json of the dataset that is there already; DataError when it is another one or not whole."""
    remedy = f"Delete {out} and {command} it again."
    info = _read(out / "dataset.json", remedy)
    refuse_other(info, about, f"{out} holds")
    try:
        shards = [(out / shard["file"], shard["bytes"]) for each in info["shards"].values() for shard in each]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{out / 'dataset.json'} is damaged ({error!r}). {remedy}") from error
    for path, size in shards:
        if not path.exists() or path.stat().st_size != size:
            raise DataError(f"{path} is missing or damaged. {remedy}")
    return info


def refuse_other(there: About, about: About, what: str) -> None:
    """Raise DataError, saying what differs, when `there` is about something else."""
    sections = [there.get(section) for section in about]
    before = {name: value for part in sections if isinstance(part, Mapping) for name, value in part.items()}
    now = {name: value for section in about.values() for name, value in section.items()}
    differ = [
        f"{name} {before.get(name)!r} there, {now[name]!r} asked for"
        for name in now
        if before.get(name) != now[name] and name not in ("digest", "fingerprint")
    ]
    if not differ and before.get("fingerprint") != now["fingerprint"]:
        differ = ["the source's files or labels have changed"]
    if differ:
        raise DataError(
            f"{what} a dataset of another source or other options ({'; '.join(differ)}). "
            "Name another folder, or delete it."
        )


def move_in(final: Path, out: Path) -> None:
    """Rename the files of `final` into `out`, dataset.json last: it marks a finished dataset."""
    for path in sorted(final.iterdir(), key=lambda path: (path.name == "dataset.json", path.name)):
        flush(path)
        os.replace(path, out / path.name)


@contextmanager
def disk_errors(out: Path, items: str, per_part: int) -> Iterator[None]:
    """Errors of the disk as DataError that says what is kept and how to go on."""
    work = out / ".work"
    try:
        yield
    except OSError as error:
        done = per_part * len(list((work / "parts").glob("[0-9]*.jsonl")))
        what = "the disk is full" if is_full(error) else (error.strerror or str(error))
        remedy = "free some space and" if is_full(error) else "then"
        raise DataError(
            f"cannot write the dataset to {out}: {what}. About {done:,} {items} are done and kept in "
            f"{work}; {remedy} run the same command to go on."
        ) from error


def _read(path: Path, remedy: str) -> dict[str, Any]:
    try:
        values = json.loads(read_regular(path, MOST_TEXT_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}). {remedy}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} is damaged: it holds no JSON object. {remedy}")
    return values


@contextmanager
def locked(work: Path, command: str) -> Iterator[None]:
    """Hold `work` for this process; DataError when another holds it. Ends with the process, even killed."""
    try:
        import fcntl
    except ImportError:  # Windows: two runs at once waste work and still write the same parts
        yield
        return
    with open(work / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"another facevae {command} is at work in {work.parent}: wait for it") from None
        yield
