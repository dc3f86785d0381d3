"""Environments of peers: made once, made again when half made, and clear when they cannot be made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from facevae.bench import environment
from facevae.bench.environment import environment_folder, peer_environment, run_command
from facevae.errors import ConfigError, TrainingError


@pytest.fixture
def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of peers whose 'keras' needs a package that no index has, and a cache of its own."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "keras.txt").write_text("facevae-no-such-package==1.0\n")
    monkeypatch.setattr(environment, "PEERS", folder)
    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


@pytest.fixture
def ready(peers: Path) -> Path:
    """The folder of scripts, with a 'keras' environment that is this very python."""
    folder = environment_folder("keras")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "complete").touch()
    return peers


@pytest.mark.usefixtures("peers")
def test_failure_shows_what_pip_said_and_a_remedy() -> None:
    with pytest.raises(ConfigError) as failure:
        peer_environment("keras")
    message = str(failure.value)
    assert "facevae-no-such-package" in "".join(failure.value.__notes__)
    assert "package index" in message
    assert str(environment_folder("keras")) in message
    assert not environment.is_complete(environment_folder("keras"))


@pytest.mark.usefixtures("peers")
def test_half_made_environment_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = environment_folder("keras") / "stale"
    stale.parent.mkdir(parents=True)
    stale.touch()
    commands: list[list[str]] = []

    def fake_run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        (environment_folder("keras") / "bin").mkdir(exist_ok=True)
        (environment_folder("keras") / "bin" / "python").touch()
        return subprocess.CompletedProcess(command, 0, b"")

    monkeypatch.setattr(environment.subprocess, "run", fake_run)
    python = peer_environment("keras")
    assert not stale.exists()
    assert [command[2] for command in commands] == ["venv", "pip"]
    assert peer_environment("keras") == python
    assert len(commands) == 2


def test_other_requirements_are_another_environment(peers: Path, tmp_path: Path) -> None:
    before = environment_folder("keras")
    (peers / "keras.txt").write_text("numpy\n")
    assert environment_folder("keras") != before
    assert environment_folder("keras", tmp_path / "elsewhere").parent == tmp_path / "elsewhere" / "peers"


def test_run_sets_threads_and_cpus_and_appends_to_the_log(ready: Path, tmp_path: Path) -> None:
    (ready / "show.py").write_text(
        "import os, sys, time; time.sleep(0.3); "
        "print(sys.argv[1:], os.environ['OMP_NUM_THREADS'], sorted(os.sched_getaffinity(0)))\n"
        if sys.platform == "linux"
        else "import os, sys; print(sys.argv[1:], os.environ['OMP_NUM_THREADS'], [])\n"
    )
    cpus = sorted(os.sched_getaffinity(0))[:1] if sys.platform == "linux" else []
    log = tmp_path / "logs" / "peer.log"
    for _ in range(2):
        run_command([sys.executable, str(ready / "show.py"), "--seed", "3"], 1, log, cpus)
    assert log.read_text() == f"['--seed', '3'] 1 {cpus}\n" * 2


def test_failed_script_shows_the_end_of_its_log(ready: Path, tmp_path: Path) -> None:
    (ready / "fail.py").write_text("raise SystemExit('the faces are gone')\n")
    with pytest.raises(TrainingError, match="the faces are gone"):
        run_command([sys.executable, str(ready / "fail.py")], 1, tmp_path / "peer.log", None)
