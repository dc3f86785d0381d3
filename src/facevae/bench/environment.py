"""Environments for peers: a venv of its own for each framework, made on demand and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from facevae.bench.peers.peer_io import THREAD_VARIABLES
from facevae.errors import ConfigError, TrainingError
from facevae.files import cache_folder

PeerName = Literal["keras", "pythae"]

PEERS = Path(__file__).parent / "peers"
"""Folder of the peers' scripts and of NAME.txt, the packages of each environment, pinned."""

TAIL_LINES = 15


def environment_folder(name: PeerName, home: Path | None = None) -> Path:
    """Where the environment `name` belongs: a path that changes with its requirement file.

    `home` stands for FACEVAE_CACHE (~/.cache/facevae unless set).
    """
    digest = hashlib.sha256((PEERS / f"{name}.txt").read_bytes()).hexdigest()[:12]
    return (home or cache_folder()) / "peers" / f"{name}-{digest}"


def is_complete(folder: Path) -> bool:
    """Whether the environment in `folder` was made to its end and its python still stands."""
    return (folder / "complete").is_file() and _python(folder).exists()


def peer_environment(name: PeerName, home: Path | None = None) -> Path:
    """The python of the environment `name`, made first when it is absent or half made.

    Making it downloads packages and takes minutes; a line on stderr says so. Raises ConfigError with the
    end of the output and a remedy when it cannot be made.
    """
    folder = environment_folder(name, home)
    if is_complete(folder):
        return _python(folder)
    print(f"making the environment of {name} in {folder} (minutes, once)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _make(name, folder, [sys.executable, "-m", "venv", str(folder)])
    pip = [str(_python(folder)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q"]
    _make(name, folder, [*pip, "-r", str(PEERS / f"{name}.txt")])
    (folder / "complete").touch()
    return _python(folder)


def run_command(command: Sequence[str], threads: int, log: Path, cpus: list[int] | None) -> None:
    """Run a command to its end, away from this process's Python settings.

    threads: what OMP_NUM_THREADS and its like are set to. log: where its output is appended. cpus: the CPUs
    it may use (Linux alone; None leaves them as they are). Raises TrainingError with the end of the log when
    it fails.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            # The interpreter is still starting: every thread that it makes later inherits these CPUs.
            if cpus is not None and sys.platform == "linux":
                os.sched_setaffinity(process.pid, cpus)
            status = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if status:
        fault = TrainingError(f"'{' '.join(command)}' ended with status {status}. The end of {log}:")
        fault.add_note(_tail(log.read_text(encoding="utf-8", errors="replace")))
        raise fault


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _make(name: PeerName, folder: Path, command: list[str]) -> None:
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if result.returncode:
        fault = ConfigError(
            f"the environment of the peer {name} could not be made in {folder}: "
            f"'{' '.join(command)}' ended with status {result.returncode}. "
            "It needs Python's venv module, a package index that pip can reach, and about 2 GB of disk; run "
            f"the same command again once they are there, or bench without {name}. The end of what it said:"
        )
        fault.add_note(_tail(result.stdout.decode(errors="replace")))
        raise fault


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])
