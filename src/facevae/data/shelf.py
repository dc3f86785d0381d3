"""The shards at hand: read whole, ahead of need, checked, held while they are in use, and no longer.

A shard that cannot be had or is damaged is tried again, then it stops the job, or is passed over and told.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facevae.attributes import Schema
from facevae.data.store import Store
from facevae.errors import DataError
from facevae.regular_files import open_regular

READ_THREADS = 4
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Between two tries of a shard; each wait is twice as long as the one before."""


@dataclass(frozen=True)
class BadShards:
    """What to do about a shard that cannot be read."""

    then: Literal["stop", "skip"] = "stop"
    """After the last try: raise DataError, or go on without its faces."""
    retries: int = 0


@dataclass(frozen=True)
class ShardFile:
    """A shard as dataset.json describes it; what it does not say is None and not checked."""

    name: str
    faces: int
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Shard:
    """A shard in memory: its bytes as they lie in the file, and where each face is in them."""

    name: str
    data: bytes
    pictures: NDArray[np.int64]  # (N, 2) first byte, length
    rows: NDArray[np.int64]  # (N, 2) the same of its metadata
    attributes: NDArray[np.float32] | None  # (N, A), None for an empty schema

    def picture(self, face: int) -> bytes:
        start, length = self.pictures[face].tolist()
        return self.data[start : start + length]

    def row(self, face: int) -> dict[str, Any]:
        start, length = self.rows[face].tolist()
        try:
            values = json.loads(self.data[start : start + length])
        except (ValueError, RecursionError) as error:
            raise DataError(f"the metadata of face {face} of {self.name} is damaged: {error}") from error
        if not isinstance(values, dict):
            raise DataError(f"the metadata of face {face} of {self.name} is damaged: it is no JSON object")
        return values


class Shelf:
    """At most `room` shards of `files`, the last used ones. Threads may share it."""

    def __init__(
        self, store: Store, files: Sequence[ShardFile], schema: Schema, bad: BadShards, room: int
    ) -> None:
        self.store, self.files, self.schema, self.policy, self.room = store, files, schema, bad, room
        self.passed_over: dict[int, str] = {}
        """{shard: reason} for those that are done without."""
        self.retried = 0
        """Tries after a first one that failed."""
        self.news: list[str] = []
        """What happened to shards, one sentence each, for whoever takes it."""
        self._held: OrderedDict[int, Future[Shard | None]] = OrderedDict()
        self._lock = threading.Lock()
        self._readers: ThreadPoolExecutor | None = None

    def take(self, number: int) -> Shard | None:
        """The shard, waited for; None when it is passed over. Raises DataError when a bad shard stops."""
        return self._ask(number).result()

    def expect(self, numbers: Iterable[int]) -> None:
        """Begin to read these shards, in this order, where they are not at hand."""
        for number in numbers:
            self._ask(number)

    def give_up(self, number: int, reason: str) -> None:
        """Pass this shard over from now on, or raise DataError, as the policy says."""
        name, tries = self.files[number].name, self.policy.retries + 1
        if self.policy.then == "stop":
            raise DataError(
                f"cannot use the shard {name} of {self.store.where}: {reason} (tried {tries}x). Put a good "
                "copy there and run the same command again, or go on without it: --set on_bad_shard=skip."
            )
        with self._lock:
            self._held.pop(number, None)
        if number not in self.passed_over:
            self.news.append(
                f"the shard {name} is passed over, faces of others stand in for its "
                f"{self.files[number].faces:,}: {reason}"
            )
        self.passed_over[number] = reason
        if len(self.passed_over) == len(self.files):
            raise DataError(f"not one shard of {self.store.where} can be used; the last: {name}: {reason}")

    def clear(self) -> None:
        """Hold no shard any more."""
        with self._lock:
            self._held.clear()

    def _ask(self, number: int) -> Future[Shard | None]:
        with self._lock:
            known = self._held.get(number)
            if known is None or (known.done() and known.exception() is not None):
                self._readers = self._readers or ThreadPoolExecutor(READ_THREADS, "shards")
                self._held[number] = self._readers.submit(self._read, number)
            self._held.move_to_end(number)
            while len(self._held) > self.room:
                self._held.popitem(last=False)
            return self._held[number]

    def _read(self, number: int) -> Shard | None:
        if number in self.passed_over:
            return None
        file, wait_s = self.files[number], FIRST_WAIT_S
        for attempt in range(self.policy.retries + 1):
            if attempt:
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                self.retried += 1
            try:
                shard = open_shard(file, self.store.read(file.name), self.schema)
            except (OSError, DataError) as error:
                reason = str(error)
                continue
            if attempt:
                self.news.append(f"the shard {file.name} was read at try {attempt + 1}: {reason}")
            return shard
        self.give_up(number, reason)
        return None


def open_shard(file: ShardFile, data: bytes, schema: Schema) -> Shard:
    """The faces of a shard's bytes. Raises DataError when they are not what `file` says."""
    if file.size is not None and len(data) != file.size:
        raise DataError(f"it is damaged: {len(data):,} bytes, {file.size:,} expected")
    if file.sha256 is not None and hashlib.sha256(data).hexdigest() != file.sha256:
        raise DataError("it is damaged: its checksum is not that of dataset.json")
    pictures, rows = members(io.BytesIO(data), file.name)
    if len(pictures) != file.faces:
        raise DataError(f"it is damaged: {len(pictures):,} faces, {file.faces:,} expected")
    places = np.array([[pictures[key], rows[key]] for key in pictures], dtype=np.int64).reshape(-1, 2, 2)
    shard = Shard(file.name, data, places[:, 0], places[:, 1], attributes=None)
    if not schema.width:
        return shard
    known = [schema.encode(shard.row(face), file.name) for face in range(file.faces)]
    attributes = np.array(known, dtype=np.float32).reshape(-1, schema.width)
    return Shard(file.name, data, shard.pictures, shard.rows, attributes)


def members(
    source: Path | io.BytesIO, name: str
) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """({key: (first byte, length)} of the pictures, the same of their metadata) of a shard, in its order.

    Raises DataError for what is no tar, cut short, or has a face without metadata.
    """
    pictures: dict[str, tuple[int, int]] = {}
    rows: dict[str, tuple[int, int]] = {}
    try:
        with (
            open_regular(source, None) if isinstance(source, Path) else source as file,
            tarfile.open(fileobj=file, mode="r:") as tar,
        ):
            for member in tar:
                key, _, kind = member.name.rpartition(".")
                (rows if kind == "json" else pictures)[key] = member.offset_data, max(0, member.size)
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
        raise DataError(f"the shard {name} is damaged: {error}. Prepare the dataset again.") from error
    if pictures.keys() != rows.keys():
        raise DataError(
            f"the shard {name} is damaged: {len(pictures)} faces and {len(rows)} metadata rows do not match."
        )
    return pictures, rows


def read_shard(shard: Path) -> tuple[dict[str, tuple[int, int]], dict[str, dict[str, Any]]]:
    """({key: (first byte, bytes)} of the pictures, {key: metadata row}) of one shard of this machine.

    Raises DataError for a damaged one.
    """
    pictures, rows = members(shard, str(shard))
    try:
        with open_regular(shard, None) as file:
            metadata = {}
            for key, (start, length) in rows.items():
                file.seek(start)
                metadata[key] = json.loads(file.read(length))
    except (OSError, ValueError) as error:
        raise DataError(f"the shard {shard} is damaged: {error}. Prepare the dataset again.") from error
    return pictures, metadata
