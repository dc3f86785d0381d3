"""Files and folders that are written whole or not at all. No torch, so that pages and workers may use it."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Where things are kept that can be made again: FACEVAE_CACHE, or ~/.cache/facevae."""
    return Path(os.environ.get("FACEVAE_CACHE", Path.home() / ".cache" / "facevae"))


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        flush(temporary)
        temporary.replace(path)
        _flush_names(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that replaces it when the block ends without an error.

    Killed between the two renames of that, the one that was there is put back by `remove_leftovers`, and by
    the next `atomic_folder` for the same path.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    previous = path.with_name(f".{path.name}.{os.getpid()}.old.tmp")
    _put_back(path.parent, path.name)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                flush(file)
        if path.exists():
            path.replace(previous)
        temporary.replace(path)
        _flush_names(path.parent)
    finally:
        _put_back(path.parent, path.name)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """Delete a folder so that, killed on the way, no half of it is left under its name."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    path.replace(aside)
    shutil.rmtree(aside, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files and folders that a killed process left in `folder`."""
    _put_back(folder)
    for path in folder.glob(".*.tmp") if folder.is_dir() else ():
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def flush(file: Path) -> None:
    """Have the system write a file's bytes to the disk, so that a power cut after a rename loses nothing."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of room: the disk's, the user's share of it, or a file's."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _put_back(folder: Path, name: str | None = None) -> None:
    """Folders, or the one of this name, that were moved away for new ones which never came."""
    pattern = ".*.old.tmp" if name is None else f".{glob.escape(name)}.*.old.tmp"
    for previous in folder.glob(pattern) if folder.is_dir() else ():
        path = folder / previous.name[1:].rsplit(".", 3)[0]
        if not path.exists():
            previous.replace(path)


def _flush_names(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system can open a folder
        flush(folder)
