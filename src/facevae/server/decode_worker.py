"""The process that decodes uploads: it has no network, no torch, little memory and no right to write files.

Started and ended by `facevae.server.uploads.PhotoReader`. A message is its length as 8 bytes, then its bytes.
In: the limits as JSON, then the picture. Out: once {} when it is ready; then JSON that says the fault, or the
shape, which the pixels follow.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import sys
import warnings
from typing import IO, Any

import numpy as np
from PIL import Image

from facevae.data.photos import FORMATS, Photo, decode_photo
from facevae.errors import DataError

LENGTH = struct.Struct(">Q")
LONGEST_REPLY = 4096


def write_message(file: IO[bytes], data: bytes | memoryview) -> None:
    """Write one message."""
    file.write(LENGTH.pack(len(data)))
    file.write(data)
    file.flush()


def read_message(file: IO[bytes], longest: int | None = None) -> bytes:
    """Read one message. Raises EOFError when the other side is gone, or sends more than `longest` bytes."""
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    if longest is not None and length > longest:
        raise EOFError
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return data


def read_pixels(file: IO[bytes], height: int, width: int) -> Photo:
    """Read a picture, (H, W, 3) uint8. Raises EOFError when the other side is gone."""
    photo = np.empty((height, width, 3), dtype=np.uint8)
    view = photo.data.cast("B")
    while view:
        count = file.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        view = view[count:]
    return photo


def decode(data: bytes, limits: dict[str, Any]) -> Photo:
    """The first frame as (H, W, 3) uint8, upright. Raises DataError for what the limits refuse."""
    _check_frames(data, limits["most_frames"])
    return decode_photo(data, limits["most_pixels"])


def _check_frames(data: bytes, most: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                frames = getattr(image, "n_frames", 1)
        except Exception:  # decode_photo says what is wrong
            return
    if frames > most:
        raise DataError(f"too many frames: {frames:,}, at most {most:,}")


def limit_process(memory_bytes: int) -> None:
    """Bound this process's memory, forbid it to write files or to leave a core; where the system can."""
    try:
        import resource
    except ImportError:
        return
    limits = {
        resource.RLIMIT_AS: memory_bytes, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0,
    }  # fmt: skip
    for which, most in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))


def _fault(error: Exception) -> str:
    """In words. decode_photo takes a lack of memory, as all that decoders raise, for damage."""
    if isinstance(error, MemoryError) or "MemoryError" in str(error):
        return "decoding takes more memory than allowed"
    return str(error)


def serve() -> None:
    """Answer until the other side closes the pipe, which it also does by dying."""
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    Image.preinit()
    Image.init()  # all plug-ins are loaded before the limits hold
    limit_process(int(sys.argv[1]))
    write_message(replies, b"{}")
    while True:
        limits = json.loads(read_message(requests))
        data = read_message(requests)
        try:
            photo = decode(data, limits)
        except (DataError, MemoryError) as error:
            write_message(replies, json.dumps({"fault": _fault(error)}).encode())
            continue
        write_message(replies, json.dumps({"shape": photo.shape[:2]}).encode())
        replies.write(photo.data.cast("B"))
        replies.flush()
        del photo, data


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, EOFError, KeyboardInterrupt):
        serve()
