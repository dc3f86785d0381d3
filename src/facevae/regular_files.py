"""Files of others, opened only when they are regular files of a size that can be: a pipe under the name of a
file would be waited for, and a device read without end."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

MOST_WEIGHT_BYTES = 4 * 2**30
"""Size of a file of weights, and of a shard; face64 has 17 MB, and the largest preset 0.5 GB."""
MOST_TEXT_BYTES = 16 * 2**20
"""Size of JSON, a card, a list."""
_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}  # fmt: skip


def open_regular(path: Path, most_bytes: int | None) -> io.BufferedReader:
    """The file at `path`, links followed, to be read as bytes; None for a file of any size.

    Raises OSError for what is absent, no regular file or larger, without waiting for it.
    """
    check_regular(path, most_bytes)
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # the caller closes it
    try:
        _check(os.fstat(file.fileno()), path, most_bytes)  # of what was opened: names can change hands
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, most_bytes: int) -> bytes:
    """The bytes of the file at `path`. Raises OSError as `open_regular`."""
    with open_regular(path, most_bytes) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:  # it grew, or is of a kind that tells no size
        raise _too_large(path, len(data), most_bytes)
    return data


def check_regular(path: Path, most_bytes: int | None) -> None:
    """Raise OSError as `open_regular`, for a file that a library opens by its name."""
    _check(os.stat(path), path, most_bytes)


def _check(info: os.stat_result, path: Path, most_bytes: int | None) -> None:
    if not stat.S_ISREG(info.st_mode):
        kind = _KINDS.get(stat.S_IFMT(info.st_mode), "something else")
        raise OSError(
            errno.EINVAL, f"it is {kind}, expected a regular file: put the file itself there", str(path)
        )
    if most_bytes is not None and info.st_size > most_bytes:
        raise _too_large(path, info.st_size, most_bytes)


def _too_large(path: Path, size: int, most_bytes: int) -> OSError:
    return OSError(errno.EINVAL, f"it has {size:,} bytes or more, expected at most {most_bytes:,}", str(path))


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
