"""Checkpoints, folders and parts against damage and kills at every point, without a process."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
import torch

from facevae.bench.faults import spoil
from facevae.checkpoint import list_checkpoints, load_newest_checkpoint, save_checkpoint
from facevae.files import atomic_folder, remove_leftovers


class Killed(BaseException):
    """Nothing after it runs: what SIGKILL does, but for the process."""


def save(folder: Path, seen: int, keep: int = 2) -> None:
    tensors = {"model": {"w": torch.full((40,), float(seen))}, "ema": {"w": torch.zeros(3)}}
    save_checkpoint(folder, tensors, {"seen_images": seen, "step": seen, "rate": 0.25}, keep)


@pytest.mark.parametrize("seed", range(60))
def test_any_cut_or_flipped_bit_is_noticed_and_the_checkpoint_before_used(tmp_path: Path, seed: int) -> None:
    for seen in (1, 2):
        save(tmp_path, seen)
    draw = random.Random(seed)
    spoil(draw.choice(sorted((tmp_path / f"{2:012d}").iterdir())), draw)
    found = load_newest_checkpoint(tmp_path)
    assert found is not None
    groups, state, problems = found
    assert len(problems) == 1, "the damage went unnoticed"
    assert state["seen_images"] == state["step"] == 1
    assert groups["model"]["w"].tolist() == [1.0] * 40


def test_a_checkpoint_of_the_version_without_a_sum_of_its_state_is_read(tmp_path: Path) -> None:
    save(tmp_path, 1)
    state = tmp_path / f"{1:012d}" / "state.json"
    lines = [line for line in state.read_text().splitlines() if "sha256_of_state" not in line]
    text = "\n".join(lines).replace('"format_version": 2', '"format_version": 1')
    state.write_text(text.replace("},\n}", "}\n}"))
    found = load_newest_checkpoint(tmp_path)
    assert found is not None
    assert found[2] == []


def renames_until(monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    """The process dies just before rename number `last`; what it would delete after it stays."""
    real, renames = Path.replace, [0]

    def replace(self: Path, target: Path) -> Path:
        renames[0] += 1
        if renames[0] >= last:
            raise Killed
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr("facevae.files.shutil.rmtree", lambda *_args, **_kwargs: None)


@pytest.mark.parametrize("rename", [1, 2, 3])
def test_killed_at_any_rename_a_folder_is_the_old_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rename: int
) -> None:
    def write(text: str) -> None:
        with atomic_folder(tmp_path / "model") as folder:
            (folder / "weights").write_text(text)

    write("old")
    with monkeypatch.context() as patch:
        renames_until(patch, rename)
        with contextlib.suppress(Killed):
            write("new")
    remove_leftovers(tmp_path)
    assert (tmp_path / "model" / "weights").read_text() == ("new" if rename == 3 else "old")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("rename", range(1, 5))
def test_killed_while_old_checkpoints_are_deleted_none_is_left_by_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rename: int
) -> None:
    for seen in (1, 2):
        save(tmp_path, seen)
    with monkeypatch.context() as patch:
        renames_until(patch, rename)
        with contextlib.suppress(Killed):
            save(tmp_path, 3)
    remove_leftovers(tmp_path)
    found = load_newest_checkpoint(tmp_path)
    assert found is not None
    assert found[2] == []
    assert found[1]["seen_images"] == (3 if rename > 2 else 2)
    assert all(len(list(path.iterdir())) == 3 for path in list_checkpoints(tmp_path))
