"""Interruptions: killed at any time, a full disk, a worker that dies, two runs at once."""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from facevae.data import shards
from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig
from facevae.errors import DataError

module = importlib.import_module("facevae.data.prepare")  # the name itself is the function
ONE = PrepareConfig(workers=1)
RUN = """
import importlib, sys
from facevae.data.prepare_config import PrepareConfig
module = importlib.import_module("facevae.data.prepare")
module.CHUNK = 4
module.prepare(sys.argv[1], sys.argv[2], PrepareConfig(workers=2))
"""


def snapshot(out):
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def start(source, out):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(source), str(out)], stderr=subprocess.PIPE, text=True
    )


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.005)


def parts(out):
    return sorted(path.name for path in out.glob(".work/parts/*.jsonl"))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 4)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory, vary):
    from PIL import Image

    root = tmp_path_factory.mktemp("crowd")
    for seed in range(40):
        Image.fromarray(vary(seed)).save(root / f"{seed:02d}.jpg", quality=95)
    return root


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, crowd):
    out = tmp_path_factory.mktemp("whole") / "out"
    prepare(crowd, out, ONE)
    return snapshot(out)


def test_killed_three_times_it_ends_with_the_same_bytes(crowd, uninterrupted, tmp_path):
    out = tmp_path / "out"
    for kills in range(3):
        process = start(crowd, out)
        wait_for(lambda n=2 + 2 * kills, p=process: len(parts(out)) >= n or p.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert parts(out)
        assert not (out / "dataset.json").exists()
    done = len(parts(out))
    result = prepare(crowd, out, ONE)
    assert result.resumed_photos >= 4 * done > 0
    assert snapshot(out) == uninterrupted


@pytest.mark.parametrize("at", ["train-00000.tar", "prepared.html", "dataset.json"])
def test_stopped_among_the_last_renames_it_ends_with_the_same_bytes(
    crowd, uninterrupted, tmp_path, at, monkeypatch
):
    out = tmp_path / "out"
    real = os.replace

    def stop(source, target):
        if os.path.basename(target) == at and os.path.dirname(target) == str(out):
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(crowd, out, ONE)
    monkeypatch.undo()
    assert not (out / "dataset.json").exists()
    monkeypatch.setattr(module, "CHUNK", 4)
    assert prepare(crowd, out, ONE).resumed_photos == 40
    assert snapshot(out) == uninterrupted


def test_workers_end_when_their_parent_is_killed(crowd, tmp_path):
    out = tmp_path / "out"
    process = start(crowd, out)
    wait_for(lambda: parts(out) or process.poll() is not None)
    children = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and parent_of(pid) == process.pid]
    process.kill()
    process.communicate()
    assert len(children) == 2
    wait_for(lambda: not any(alive(pid) for pid in children))
    assert not any(alive(pid) for pid in children)


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_full_disk_says_what_remains_and_the_next_run_goes_on(crowd, uninterrupted, tmp_path, monkeypatch):
    out = tmp_path / "out"
    real = module.write_dataset

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_dataset", full)
    with pytest.raises(DataError, match=r"the disk is full\. About 40 photos are done.*run the same command"):
        prepare(crowd, out, ONE)
    assert not (out / "dataset.json").exists()
    monkeypatch.setattr(module, "write_dataset", real)
    assert prepare(crowd, out, ONE).resumed_photos == 40
    assert snapshot(out) == uninterrupted


def test_a_disk_that_is_full_in_a_worker_is_reported_for_real(crowd, tmp_path):
    """A limit on the size of files makes the kernel itself refuse the workers' writes."""
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(crowd), str(out)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit_files,
    )
    _, errors = process.communicate(timeout=60)
    assert "the disk is full" in errors
    assert "run the same command" in errors
    assert not (out / "dataset.json").exists()
    assert prepare(crowd, out, ONE).faces == 40


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_worker_that_dies_is_named_with_its_photos(crowd, tmp_path, monkeypatch):
    monkeypatch.setattr("facevae.data.crew.sys.executable", "/bin/false")
    with pytest.raises(DataError, match=r"a worker died \(exit code 1\) between 00\.jpg|04\.jpg"):
        prepare(crowd, tmp_path / "out", PrepareConfig(workers=2))


def test_two_runs_at_once_are_refused(crowd, tmp_path):
    def again(*_args):
        prepare(crowd, tmp_path / "out", ONE)

    with pytest.raises(DataError, match="another facevae prepare is at work"):
        prepare(crowd, tmp_path / "out", ONE, progress=again)


def test_an_interrupted_run_is_not_continued_with_other_options(crowd, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(module, "write_dataset", lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare(crowd, out, ONE)
    monkeypatch.setattr(module, "write_dataset", shards.write_dataset)
    with pytest.raises(DataError, match="the beginning of a dataset of another source or other options"):
        prepare(crowd, out, PrepareConfig(size_px=64))
    job = json.loads((out / ".work" / "job.json").read_text())
    assert job["prepare"]["size_px"] == 128
