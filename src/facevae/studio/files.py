"""The files of visitors: what each uploaded and was offered, how much of the disk it takes, and how long."""

from __future__ import annotations

import io
import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from facevae.server.problems import BusyError
from facevae.server.uploads import TooLargeError
from facevae.studio.own_folder import delete_part

LEAST_BYTES = 16 * 2**10
"""What a file counts at least: its entry on the disk and in memory costs too."""
ADDRESS_SHARE = 0.5
"""Of the total, for all visitors of one address: whoever discards cookies is many visitors."""


@dataclass(frozen=True)
class FileLimits:
    """How much of the disk the studio's uploads and files for downloading may take."""

    total_bytes: int = 200 * 2**20
    """Of all visitors together, uploads that are still on their way included."""
    visitor_bytes: int = 80 * 2**20
    """Of one visitor: eight photos of 10 MB, as many as Morph takes. The oldest make room for new ones."""
    keep_s: float = 1200.0
    """Time after which a file is deleted."""


SCOPE_KEY = "facevae.visitor"
"""Where a request's scope has its Visitor."""


class Visitor(NamedTuple):
    """Whose request it is."""

    key: str
    """The secret that his browser keeps as a cookie."""
    address: str


class Kept(NamedTuple):
    """A file on the disk."""

    visitor: Visitor
    path: Path
    size: int
    """Bytes that it counts."""
    made_at: float


class Files:
    """The files of all visitors of one studio, in both languages. For any number of threads."""

    def __init__(self, folder: Path, limits: FileLimits | None = None) -> None:
        """folder: in which each file has a folder of its own, whose name cannot be guessed."""
        self.folder, self.limits = folder, limits or FileLimits()
        self._kept: dict[str, Kept] = {}  # by path, the oldest first
        self._taken: Counter[str] = Counter()
        self._lock = threading.RLock()

    def keep(self, visitor: Visitor, name: str, data: bytes) -> str:
        """A file of this visitor; its path. Raises TooLargeError and BusyError when there is no room."""
        with self.taking(visitor) as take:
            take(max(len(data), LEAST_BYTES))
            return take.keep(name, io.BytesIO(data))

    def find(self, visitor: Visitor, path: object) -> Path | None:
        """The file of this visitor that is called exactly `path`; None where there is none."""
        with self._lock:
            kept = self._kept.get(path) if isinstance(path, str) else None
        own = kept is not None and secrets.compare_digest(kept.visitor.key, visitor.key)
        return kept.path if kept and own and kept.path.is_file() else None

    @contextmanager
    def taking(self, visitor: Visitor) -> Iterator[Take]:
        """Hold room for what is on its way: call the result with each further number of bytes.

        The call raises TooLargeError for more than a visitor may have at all and BusyError when others have
        taken the room; at the end all of it is let go.
        """
        take = Take(self, visitor)
        try:
            yield take
        finally:
            with self._lock:
                self._count(visitor, -take.size)

    def sweep(self) -> None:
        """Delete what is older than `keep_s`."""
        before = time.monotonic() - self.limits.keep_s
        with self._lock:
            for kept in [one for one in self._kept.values() if one.made_at < before]:
                self._delete(kept)

    def close(self) -> None:
        """Delete everything."""
        with self._lock:
            self._kept.clear()
            self._taken.clear()
            delete_part(self.folder)

    def taken_bytes(self) -> int:
        """By all visitors, what is on its way included."""
        return self._taken[""]

    def _make_room(self, visitor: Visitor, size: int, on_its_way: int) -> None:
        """Let `size` more bytes be counted, or raise."""
        limits = self.limits
        if on_its_way + size > limits.visitor_bytes:
            raise TooLargeError(
                f"too much at once: the files of one visitor may have {limits.visitor_bytes:,} bytes."
            )
        if self._lacking(visitor, size) > 0:
            self.sweep()
        lacking = self._lacking(visitor, size)
        own = [one for one in self._kept.values() if one.visitor.key == visitor.key] if lacking > 0 else []
        if lacking > sum(kept.size for kept in own):
            wait = int(limits.keep_s)
            raise BusyError(
                f"the studio's room for files is taken; files are deleted after {wait // 60} minutes. "
                "Try again later.", wait,
            )  # fmt: skip
        for kept in own:
            if lacking <= 0:
                break
            self._delete(kept)
            lacking -= kept.size

    def _lacking(self, visitor: Visitor, size: int) -> int:
        """Bytes by which `size` more are too many for the visitor, the address or all together."""
        limits = self.limits
        shares = {"": limits.total_bytes, f"key {visitor.key}": limits.visitor_bytes,
                  f"address {visitor.address}": int(limits.total_bytes * ADDRESS_SHARE)}  # fmt: skip
        return max(self._taken[name] + size - most for name, most in shares.items())

    def _count(self, visitor: Visitor, size: int) -> None:
        for name in ("", f"key {visitor.key}", f"address {visitor.address}"):
            self._taken[name] += size
            if name and self._taken[name] <= 0:
                del self._taken[name]

    def _delete(self, kept: Kept) -> None:
        del self._kept[str(kept.path)]
        self._count(kept.visitor, -kept.size)
        shutil.rmtree(kept.path.parent, ignore_errors=True)


class Take:
    """Room that is held for a file on its way."""

    def __init__(self, files: Files, visitor: Visitor) -> None:
        self.files, self.visitor, self.size = files, visitor, 0

    def __call__(self, size: int) -> None:
        """Hold `size` more bytes. Raises as `Files.taking` says."""
        with self.files._lock:
            self.files._make_room(self.visitor, size, self.size)
            self.files._count(self.visitor, size)
            self.size += size

    def keep(self, name: str, data: BinaryIO) -> str:
        """Write what has come as a file of the visitor's; its path. It counts until it is deleted."""
        path = self.files.folder / secrets.token_urlsafe(24) / plain_name(name)
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            shutil.copyfileobj(data, file)
        size = max(path.stat().st_size, LEAST_BYTES)
        with self.files._lock:
            handed_over = min(size, self.size)
            self.size -= handed_over
            self.files._count(self.visitor, size - handed_over)
            self.files._kept[str(path)] = Kept(self.visitor, path, size, time.monotonic())
        return str(path)


def plain_name(name: str) -> str:
    """The last part of a file's name, without what could mean something to a file system."""
    plain = re.sub(r"[^\w.\- ]", "_", re.split(r"[\\/]", name)[-1]).lstrip(". ")
    return plain[-60:] or "file"
