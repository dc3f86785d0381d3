"""The process that decodes what strangers send: bounded, and replaced when it dies."""

from __future__ import annotations

import io
import os
import signal
import struct
import time
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from facevae.errors import ConfigError, DataError
from facevae.server.uploads import (
    PhotoReader,
    TooLargeError,
    UnknownFormatError,
    UploadLimits,
    format_of,
    read_photo,
)
from tests.server.conftest import picture_file

SMALL = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


@pytest.fixture(scope="module")
def reader() -> Iterator[PhotoReader]:
    reader = PhotoReader(UploadLimits(most_bytes=300_000, most_pixels=1_000_000, most_frames=3, seconds=20))
    yield reader
    reader.close()


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says it is so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + chunk(b"IEND", b"")
    )


def animated(frames: int) -> bytes:
    buffer = io.BytesIO()
    pictures = [Image.fromarray(np.full((8, 8, 3), 20 * index, np.uint8)) for index in range(frames)]
    pictures[0].save(buffer, "PNG", save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG", "AVIF"])
def test_the_formats_that_are_taken_are_read(reader: PhotoReader, kind: str) -> None:
    grey = np.full((16, 24, 3), 130, np.uint8)
    photo = reader.read(picture_file(grey, kind))
    assert photo.shape == grey.shape
    assert np.abs(photo.astype(int) - grey).max() <= 3
    assert photo.flags.writeable


def test_the_studio_reads_in_the_same_way() -> None:
    np.testing.assert_array_equal(read_photo(picture_file(SMALL, "PNG")), SMALL)
    with pytest.raises(TooLargeError):
        read_photo(picture_file(SMALL, "PNG"), UploadLimits(most_bytes=10))


@pytest.mark.parametrize(
    ("data", "error", "part"),
    [
        (b"", UnknownFormatError, "empty"),
        (picture_file(SMALL, "GIF"), UnknownFormatError, "JPEG, PNG, WebP, AVIF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", UnknownFormatError, "expected"),
        (b"RIFF\x00\x00\x00\x00AVI ", UnknownFormatError, "expected"),
        (b"\x89PNG\r\n\x1a\n" + bytes(400_000), TooLargeError, "300,000"),
        (bomb(60_000, 60_000), DataError, "too many pixels"),
        (bomb(1001, 1000), DataError, "too many pixels: 1,001 x 1,000"),
        (animated(5), DataError, "too many frames: 5, at most 3"),
        (picture_file(np.tile(SMALL, (9, 9, 1)), "PNG")[:60], DataError, "damaged"),
    ],
    ids=lambda value: value[:8].hex() if isinstance(value, bytes) else None,
)  # fmt: skip
def test_what_is_no_photo_is_refused_and_the_next_is_read(
    reader: PhotoReader, data: bytes, error: type[DataError], part: str
) -> None:
    with pytest.raises(error, match=part):
        reader.read(data)
    np.testing.assert_array_equal(reader.read(picture_file(SMALL, "PNG")), SMALL)


def test_a_process_that_dies_is_replaced(reader: PhotoReader) -> None:
    reader.read(picture_file(SMALL, "PNG"))
    first = reader.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    np.testing.assert_array_equal(reader.read(picture_file(SMALL, "PNG")), SMALL)
    assert reader.pid != first


def test_a_process_that_takes_too_long_is_killed() -> None:
    reader = PhotoReader(UploadLimits(seconds=0.5))
    try:
        reader.read(picture_file(SMALL, "PNG"))
        pid = reader.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(DataError, match=r"longer than 0.5 s"):
            reader.read(picture_file(SMALL, "PNG"))
        assert time.monotonic() - started < 10
        np.testing.assert_array_equal(reader.read(picture_file(SMALL, "PNG")), SMALL)
    finally:
        reader.close()


def test_memory_is_bounded() -> None:
    reader = PhotoReader(UploadLimits(memory_bytes=300 * 2**20))
    large = np.zeros((5000, 5000, 3), np.uint8)
    try:
        with pytest.raises(DataError, match="memory"):
            reader.read(picture_file(large, "PNG"))
        np.testing.assert_array_equal(reader.read(picture_file(SMALL, "PNG")), SMALL)
    finally:
        reader.close()


def test_formats_are_told_by_their_first_bytes() -> None:
    assert format_of(b"\x00\x00\x00\x1cftypavif\x00\x00") == "AVIF"
    assert format_of(b"\x00\x00\x00\x1cftypheic\x00\x00") is None
    with pytest.raises(ConfigError, match="GIF"):
        UploadLimits(formats=("GIF",))
