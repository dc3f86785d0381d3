"""Pictures that strangers send: limited before they are decoded, and decoded where they can do no harm."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from facevae.data.photos import Photo
from facevae.errors import ConfigError, DataError
from facevae.server.decode_worker import LONGEST_REPLY, read_message, read_pixels, write_message

SIGNATURES = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "WebP": (b"RIFF",),
    "AVIF": (b"ftypavif", b"ftypavis", b"ftypmif1"),
}
"""What a file of each format that is taken begins with; the brand of AVIF follows 4 bytes of length."""
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp", "AVIF": "image/avif"}
START_SECONDS = 60.0
"""Time that the process has to start, on a busy machine."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class UnknownFormatError(DataError):
    """An upload that is of none of the formats taken."""


class TooLargeError(DataError):
    """An upload with more bytes than are taken."""


@dataclass(frozen=True)
class UploadLimits:
    """What an upload may be and cost."""

    most_bytes: int = 10 * 2**20
    """Size of the files of one request together."""
    most_pixels: int = 25_000_000
    """Width times height, read off the header before decoding. Phones take 12 to 24 million."""
    most_frames: int = 100
    """Frames of an animation; the first is used. Counted without decoding."""
    formats: tuple[str, ...] = ("JPEG", "PNG", "WebP", "AVIF")
    """Formats taken, of those in SIGNATURES, told by the file's first bytes and not by its name."""
    seconds: float = 10.0
    """Time after which the process that decodes is killed."""
    memory_bytes: int = 1024 * 2**20
    """Address space of the process that decodes."""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.formats if name not in SIGNATURES]:
            raise ConfigError(f"uploads cannot be {unknown[0]}: expected some of {', '.join(SIGNATURES)}.")
        if min(self.most_bytes, self.most_pixels, self.most_frames, self.seconds) <= 0:
            raise ConfigError("the limits of uploads must be more than 0.")


def read_photo(data: bytes, limits: UploadLimits | None = None) -> Photo:
    """An uploaded picture as (H, W, 3) uint8 RGB, upright by its EXIF orientation, without its metadata.

    Decoded in a process that is shared by all who ask with these limits. Raises DataError, with the reason,
    for whatever is no usable picture: UnknownFormatError for a format that is not taken, TooLargeError for
    too many bytes.
    """
    return shared_reader(limits or UploadLimits()).read(data)


@lru_cache(maxsize=8)
def shared_reader(limits: UploadLimits) -> PhotoReader:
    """The reader with these limits; its process starts when it is first used."""
    reader = PhotoReader(limits)
    atexit.register(reader.close)
    return reader


class _Process(subprocess.Popen[bytes]):
    """With both pipes."""

    stdin: IO[bytes]
    stdout: IO[bytes]


class PhotoReader:
    """A process that decodes one picture after another, killed when one takes too long, and then restarted.

    For any number of threads, which take turns.
    """

    def __init__(self, limits: UploadLimits) -> None:
        self.limits = limits
        self._turn = threading.Lock()
        self._process: _Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process; None while there is none."""
        return self._process.pid if self._process else None

    def read(self, data: bytes) -> Photo:
        """As `read_photo`."""
        check_bytes(data, self.limits)
        with self._turn:
            return self._decoded(data)

    def close(self) -> None:
        """End the process; `read` starts another."""
        with self._turn:
            self._end()

    def _decoded(self, data: bytes) -> Photo:
        fresh = self._process is None
        try:
            return self._asked(data)
        except TimeoutError:
            raise DataError(f"this picture takes longer than {self.limits.seconds:g} s to decode") from None
        except (EOFError, OSError, ValueError):
            if fresh:
                raise DataError("this picture cannot be decoded: the process that tried died of it") from None
        return self._decoded(data)  # the process may have died of another: a new one decides

    def _asked(self, data: bytes) -> Photo:
        """What the process says; ends it and raises EOFError, OSError or ValueError when it does not."""
        most = self.limits.most_pixels
        wishes = json.dumps({"most_pixels": most, "most_frames": self.limits.most_frames}).encode()
        try:
            process = self._running()
            with self._watched(process, self.limits.seconds):
                write_message(process.stdin, wishes)
                write_message(process.stdin, data)
                reply = json.loads(read_message(process.stdout, LONGEST_REPLY))
                if "fault" not in reply:
                    height, width = reply["shape"]
                    if height * width > most:
                        raise EOFError
                    return read_pixels(process.stdout, height, width)
        except (EOFError, OSError, ValueError):
            self._end()
            raise
        raise DataError(f"cannot use this picture: {reply['fault']}")

    def _running(self) -> _Process:
        """The process, started if need be and ready."""
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = self._start()
            with self._watched(self._process, START_SECONDS):
                read_message(self._process.stdout, LONGEST_REPLY)
        return self._process

    @contextlib.contextmanager
    def _watched(self, process: _Process, seconds: float) -> Iterator[None]:
        """Kills the process when the time is over, and then raises TimeoutError."""
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            if late.is_set():
                raise TimeoutError from None

    def _start(self) -> _Process:
        """A process that finds this very facevae, whatever the caller's sys.path is, and no secrets."""
        home = str(Path(__file__).parents[2])
        path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
        return _Process(
            [sys.executable, "-m", "facevae.server.decode_worker", str(self.limits.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the service, which finishes what it has accepted
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # what was still to be written
                    pipe.close()


def check_bytes(data: bytes, limits: UploadLimits) -> None:
    """Raise TooLargeError or UnknownFormatError for what need not be decoded to be refused."""
    if len(data) > limits.most_bytes:
        raise TooLargeError(
            f"too large a file: {len(data):,} bytes, at most {limits.most_bytes:,}. Send a smaller picture."
        )
    if format_of(data) not in limits.formats:
        raise UnknownFormatError(
            f"{'an empty file' if not data else 'not a picture of a format that is taken'}: "
            f"expected {', '.join(limits.formats)}."
        )


def format_of(data: bytes) -> str | None:
    """The format by the first bytes, as SIGNATURES names it; None for another."""
    start = data[4:12] if data[4:8] == b"ftyp" else data[:8]
    for name, signatures in SIGNATURES.items():
        if start.startswith(signatures) and (name != "WebP" or data[8:12] == b"WEBP"):
            return name
    return None
