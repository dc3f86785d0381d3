"""The jobs that faults are tried on: commands, what of their results must not differ, and their processes.

A process is forked from one with torch loaded, so that a moment to kill it at is one in which it works.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import json
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

TRAINED = {
    "images": 160, "batch_size": 16, "log_images": 32, "checkpoint_images": 32, "checkpoint_minutes": "none",
    "kl_warmup_images": 40, "perceptual_weight": 0.5, "adversary_weight": 0.3, "adversary_images": 96,
    "prior": "gmm", "gmm_components": 2,
}  # fmt: skip
"""10 steps with a checkpoint every second one; the adversary joins in after the sixth."""
ALONE = {**TRAINED, "adversary_weight": 0, "precision": "fp32"}
"""Without what looks at a whole batch, and in one precision: what may be compared when passes are smaller."""
CHUNKS = {"facevae.data.prepare": 4, "facevae.augment.job": 4}
"""Smaller chunks than in earnest, so that a short job has many."""
PRELOADED = [__name__, "facevae.cli", "facevae.train", "facevae.features", *CHUNKS]


@dataclass(frozen=True)
class Job:
    """A command, and the files of its result that must not differ by a bit."""

    command: Callable[[Path, Path], list[str]]
    """(folder with photos/ and data/, result) to the arguments of facevae."""
    compared: tuple[str, ...]
    marker: str
    """The file that says that a result is whole."""


def _training(fields: dict[str, Any]) -> Callable[[Path, Path], list[str]]:
    sets = [part for name, value in fields.items() for part in ("--set", f"{name}={value}")]
    return lambda root, out: ["train", str(root / "data"), "--out", str(out), "--preset", "tiny",
                              "--device", "cpu", *sets]  # fmt: skip


def _preparing(workers: int) -> Callable[[Path, Path], list[str]]:
    return lambda root, out: ["prepare", str(root / "photos"), str(out), "--size", "64",
                              "--workers", str(workers)]  # fmt: skip


WEIGHTS = ("model/*.safetensors", "checkpoints/*/*.safetensors")
JOBS = {
    "prepare": Job(_preparing(1), ("*",), "dataset.json"),
    "prepare, two workers": Job(_preparing(2), ("*",), "dataset.json"),
    "train": Job(_training(TRAINED), WEIGHTS, "model/config.json"),
    "train alone": Job(_training(ALONE), WEIGHTS, "model/config.json"),
    "augment": Job(
        lambda root, out: ["augment", str(root / "data"), str(out), "--count", "32", "--device", "cpu"],
        ("*",), "dataset.json",
    ),
}  # fmt: skip


def digests(job: str, out: Path) -> dict[str, str]:
    """{file: SHA-256} of what must not differ, and of a run what it logged of each step."""
    files = {path for pattern in JOBS[job].compared for path in out.glob(pattern) if path.is_file()}
    found = {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    metrics = out / "metrics.jsonl"
    if metrics.is_file():
        rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
        found["metrics.jsonl"] = str([{**row, "images_per_s": None} for row in rows])
    return found


def at_the_end(found: dict[str, str]) -> dict[str, str]:
    """Those of `digests` that do not hang on when checkpoints were written: a stop adds one."""
    kept = sorted(name for name in found if name.startswith("checkpoints/"))
    newest = kept[-1].rsplit("/", 1)[0] if kept else ""
    return {
        name: value
        for name, value in found.items()
        if name != "metrics.jsonl" and (name not in kept or name.startswith(newest))
    }


def leftovers(out: Path) -> list[str]:
    """Temporary files and folders that should be gone."""
    return [path.name for path in out.rglob("*") if path.name.endswith(".tmp") or path.name == ".work"]


def room(out: Path) -> int:
    """Bytes that the files of a folder take on a disk of pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in out.rglob("*") if path.is_file())


def work(arguments: list[str], job: str, out: str, trick: str, amount: int) -> None:
    """A job's process: run the command, disturbed by `trick`."""
    said = os.open(f"{out}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 2)
    # What a shell starts in the background inherits a SIGINT that is ignored, and so would the job.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    for module, chunk in CHUNKS.items():
        importlib.import_module(module).CHUNK = chunk  # type: ignore[attr-defined]
    {"disk": _on_a_small_disk, "clock": _with_wild_clocks, "memory": _with_little_memory, "": _run}[trick](
        arguments, job, Path(out), amount
    )


def _run(arguments: list[str], job: str, out: Path, amount: int) -> None:
    del job, out, amount
    sys.exit(_facevae(arguments))


def _facevae(arguments: list[str]) -> int:
    """The command's exit code."""
    sys.argv = ["facevae", *arguments]
    try:
        runpy.run_module("facevae", run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _on_a_small_disk(arguments: list[str], job: str, out: Path, amount: int) -> None:
    """Run on a disk of `amount` bytes, then again with room; the answer goes into a file beside `out`."""
    answer: dict[str, Any] = {"bytes": amount}
    try:
        _mount(out, amount)
        answer["code"] = _facevae(arguments)
        answer["marker"] = (out / JOBS[job].marker).exists()
        _mount(out, 2**30, again=True)
        answer["again"] = _facevae(arguments)
        answer |= {"digests": digests(job, out), "leftovers": leftovers(out)}
    except PermissionError as error:
        answer["refused"] = str(error)
    answer["shown"] = Path(f"{out}.txt").read_text(encoding="utf-8", errors="replace")
    Path(f"{out}.json").write_text(json.dumps(answer), encoding="utf-8")


def _mount(folder: Path, size: int, again: bool = False) -> None:
    """A tmpfs of `size` bytes at `folder` that this process alone sees. Raises PermissionError."""
    new_mounts, remount, private = (
        0x20000,
        32,
        0x4000 | 1 << 18,
    )  # CLONE_NEWNS, MS_REMOUNT, MS_REC | MS_PRIVATE
    libc = ctypes.CDLL(None, use_errno=True)
    folder.mkdir(exist_ok=True)
    options, target = f"size={max(4096, size)}".encode(), os.fsencode(folder)
    fine = again or (not libc.unshare(new_mounts) and not libc.mount(b"none", b"/", None, private, None))
    if not fine or libc.mount(b"tmpfs", target, b"tmpfs", remount if again else 0, options):
        raise PermissionError(os.strerror(ctypes.get_errno()))


def _with_wild_clocks(arguments: list[str], job: str, out: Path, amount: int) -> None:
    """Every twentieth look at a clock finds it `amount` seconds further back."""
    looks = [0]

    def wild(real: Callable[[], float]) -> Callable[[], float]:
        def now() -> float:
            looks[0] += 1
            return real() - amount * (looks[0] // 20)

        return now

    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, wild(getattr(time, name)))
    _run(arguments, job, out, amount)


def _with_little_memory(arguments: list[str], job: str, out: Path, amount: int) -> None:
    """The networks take `amount` faces at once; more is answered as a full GPU answers."""
    from facevae.model import FaceVAE

    forward = FaceVAE.forward

    def limited(self: FaceVAE, x: torch.Tensor, *rest: Any) -> Any:
        if len(x) > amount:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return forward(self, x, *rest)

    with contextlib.ExitStack() as end:
        FaceVAE.forward = limited  # type: ignore[method-assign, assignment]
        end.callback(setattr, FaceVAE, "forward", forward)
        _run(arguments, job, out, amount)
