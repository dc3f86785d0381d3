"""How fast `prepare` is, and how much memory it takes, on this machine."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevae.data.photos import read_photo
from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig
from facevae.errors import DataError, require


def prepare_bench(
    photos: int = 2000, size_px: int = 224, workers: int | None = None, source: Path | None = None
) -> dict[str, Any]:
    """Prepare `photos` different photos of `size_px` with default options and tell what it took.

    source: a folder whose photos are taken, varied when it has fewer; None varies scikit-image's
    astronaut. Returns photos, faces, rejects, seconds, photos_per_second (start and end included),
    and peak_mib: the most memory (resident, MiB) that all processes together held; None where
    the system does not tell. Raises DataError for a source without usable photos.
    """
    with tempfile.TemporaryDirectory(prefix="facevae-bench-") as folder:
        album = Path(folder) / "photos"
        album.mkdir()
        for number, photo in enumerate(varied_faces(photos, size_px, source)):
            Image.fromarray(photo).save(album / f"{number:06d}.jpg", quality=92)
        with _peak_memory() as peak:
            start = time.perf_counter()
            result = prepare(album, Path(folder) / "out", PrepareConfig(workers=workers))
            seconds = time.perf_counter() - start
    return {
        "photos": photos,
        "size_px": size_px,
        "workers": workers or os.cpu_count(),
        "faces": result.faces,
        "rejects": result.rejects,
        "seconds": round(seconds, 1),
        "photos_per_second": round(photos / seconds, 1),
        "peak_mib": round(peak[0] / 2**20) if peak[0] else None,
    }


def varied_faces(count: int, size_px: int, source: Path | None = None) -> Iterator[NDArray[np.uint8]]:
    """`count` photos of `size_px`, (S, S, 3) uint8, no two of which are near duplicates.

    source: as in `prepare_bench`. The same each time.
    """
    originals = _originals(source, size_px)
    for number in range(count):
        yield _varied(originals[number % len(originals)], number, number >= len(originals))


def _originals(source: Path | None, size_px: int) -> list[NDArray[np.uint8]]:
    """At most 500 square photos of `size_px`."""
    if source is None:
        data = require("skimage.data", "demo", "making photos to measure with")
        return [_square(np.asarray(data.astronaut())[:240, 100:340], size_px)]
    found = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        try:
            found.append(_square(read_photo(path), size_px))
        except DataError:
            continue
        if len(found) == 500:
            break
    if not found:
        raise DataError(f"no usable photos in {source}")
    return found


def _square(photo: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    square = Image.fromarray(photo[top : top + side, left : left + side])
    return np.asarray(square.resize((size_px, size_px), Image.Resampling.LANCZOS))


def _varied(photo: NDArray[np.uint8], seed: int, lit: bool) -> NDArray[np.uint8]:
    """The photo; if `lit`, under blotches of light that make it no near duplicate of the original."""
    if not lit:
        return photo
    random = np.random.default_rng(seed)
    size = photo.shape[1], photo.shape[0]
    light = random.uniform(0.05, 1.0, (12, 12, 3)).astype(np.float32)
    bands = (Image.fromarray(light[:, :, c]).resize(size, Image.Resampling.BICUBIC) for c in range(3))
    lamps = [np.asarray(band) for band in bands]
    return np.asarray(np.clip(photo * np.stack(lamps, axis=2), 0, 255), dtype=np.uint8)


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """[bytes]: the most that this process and its children hold together, looked at every 50 ms."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            peak[0] = max(peak[0], _resident_bytes())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _resident_bytes() -> int:
    """Resident memory of this process and its children; 0 where there is no /proc."""
    own = str(os.getpid())
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if own in (process.name, parent):
                total += int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            continue
    return total
