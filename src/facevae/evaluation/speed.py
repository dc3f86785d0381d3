"""How fast a model is, and what it takes, on the device used."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from facevae.evaluation.pictures import figure
from facevae.generator import FaceGenerator
from facevae.images import Photos

TIMED_FACES = 512
TIMED_SINGLES = 20

_PEAK = (
    "import resource; from facevae import FaceGenerator; import sys; "
    "FaceGenerator.from_pretrained(sys.argv[1], sys.argv[2]).sample(512); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)


def speed_figures(generator: FaceGenerator, folder: str, photos: Photos) -> dict[str, Any]:
    """Images/s in batches and ms for one, sampling and encoding, latents and conversion to uint8 included.

    photos: (N, H, W, 3) uint8 to encode. Memory is the peak of a fresh process that loads the model from
    `folder` and samples 512 faces; left out where the system does not tell.
    """
    some = photos[:TIMED_FACES]
    one = photos[:1]
    generator.sample(64)

    def milliseconds(call: Callable[[], object]) -> dict[str, Any]:
        return figure(1000 * median_seconds(call, TIMED_SINGLES), TIMED_SINGLES)

    sampling = median_seconds(lambda: generator.sample(TIMED_FACES), 3)
    encoding = median_seconds(lambda: generator.encode(some), 3)
    section: dict[str, Any] = {
        "samples_per_s": figure(TIMED_FACES / sampling, TIMED_FACES),
        "encode_per_s": figure(len(some) / encoding, len(some)),
        "sample_ms_for_one": milliseconds(lambda: generator.sample(1)),
        "encode_ms_for_one": milliseconds(lambda: generator.encode(one)),
        "device": str(generator.device),
        "threads": torch.get_num_threads(),
    }  # fmt: skip
    peak = _peak_memory_mib(folder, str(generator.device))
    return section if peak is None else {**section, "peak_memory_mib": figure(peak, 1)}


def machine() -> str:
    """Processor, cores and system, for people."""
    name = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        models = re.findall(r"^model name\s*:\s*(.+)$", facts.read_text(encoding="utf-8"), re.M)
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, torch {torch.__version__}"


def median_seconds(call: Callable[[], object], times: int, untimed: int = 0) -> float:
    """Median seconds of `times` calls, after `untimed` ones."""
    for _ in range(untimed):
        call()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _peak_memory_mib(folder: str, device: str) -> float | None:
    if os.name != "posix":
        return None
    command = [sys.executable, "-c", _PEAK, folder, device]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        return None
    kib = float(result.stdout) / (1024 if sys.platform == "darwin" else 1)
    return kib / 1024
