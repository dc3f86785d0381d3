"""Memory that `facevae prepare --engine ray` takes, for few and for many photos.

python scripts/ray_memory.py [--photos 400 1600] [--wave 8]

Prepares so many variations of scikit-image's astronaut on a Ray of two workers, `wave` parts of 64 photos
at a time, and prints the peaks of this process, of the workers together and of Ray's object store, in MiB.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import ray
from PIL import Image

from facevae.bench.preparing import varied_faces
from facevae.data import ray_engine
from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig

STORE_BYTES = 200_000_000


def resident_mib(pid: int) -> float:
    """Resident memory of a process that it does not share, in MiB; 0 when it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0.0
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE") / 2**20


def workers() -> list[int]:
    """Processes of Ray that are at work on parts or wait for them."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::") and b"PartWorker" in title:
            found.append(int(pid))
    return found


def watch(peaks: dict[str, float], stop: threading.Event) -> None:
    while not stop.wait(0.5):
        total, free = (
            place.get("object_store_memory", 0.0)
            for place in (ray.cluster_resources(), ray.available_resources())
        )
        now = {
            "this process": resident_mib("self"),
            "workers": sum(resident_mib(pid) for pid in workers()),
            "object store": (total - free) / 2**20,
        }
        for name, value in now.items():
            peaks[name] = max(peaks.get(name, 0.0), value)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, nargs="+", default=[400, 1600])
    parser.add_argument("--wave", type=int, default=8)
    chosen = parser.parse_args()
    ray_engine.WAVE = chosen.wave
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=STORE_BYTES)
    for photos in chosen.photos:
        with tempfile.TemporaryDirectory() as folder:
            album = Path(folder) / "photos"
            album.mkdir()
            for number, photo in enumerate(varied_faces(photos, 224)):
                Image.fromarray(photo).save(album / f"{number:06d}.jpg", quality=92)
            peaks: dict[str, float] = {}
            stop = threading.Event()
            watcher = threading.Thread(target=watch, args=(peaks, stop))
            watcher.start()
            started = time.monotonic()
            result = prepare(album, Path(folder) / "out", PrepareConfig(), engine="ray")
            seconds = time.monotonic() - started
            stop.set()
            watcher.join()
        figures = ", ".join(f"{name} {value:.0f} MiB" for name, value in peaks.items())
        print(
            f"{photos} photos, {result.faces} faces, {photos / seconds:.0f} photos/s: {figures}", flush=True
        )


if __name__ == "__main__":
    main()
