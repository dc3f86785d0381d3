"""Killed, stopped, starved of disk and memory, cheated of time: every job ends as if nothing had been.

A few of each; `facevae bench faults` does as many as docs/reliability.md tells of.
"""

from __future__ import annotations

import random

import pytest

from facevae.bench.faults import Row, Site, cheat, damage, fill, kill, starve, stop
from facevae.errors import ConfigError


def well(row: Row) -> None:
    assert not row.wrong
    assert row.same == row.runs > 0
    assert row.hit > 0, "the fault never met the job at work"


@pytest.mark.parametrize("job", ["prepare", "train", "augment"])
def test_killed_at_a_random_moment_it_ends_with_the_same_bytes(site: Site, job: str) -> None:
    well(kill(site, job, 2 if job == "prepare" else 1, random.Random(job), least=0.3))


@pytest.mark.parametrize("job", ["train", "prepare"])
def test_ctrl_c_and_sigterm_end_it_with_a_word_of_how_to_go_on(site: Site, job: str) -> None:
    well(stop(site, job, 2, random.Random(1)))


@pytest.mark.parametrize("job", ["prepare", "train", "augment"])
def test_a_full_disk_is_told_and_with_room_it_goes_on_to_the_same_bytes(site: Site, job: str) -> None:
    try:
        row = fill(site, job, 1, random.Random(job))
    except ConfigError as error:
        pytest.skip(str(error))
    well(row)


def test_a_damaged_checkpoint_is_told_and_the_one_before_gives_the_same_weights(site: Site) -> None:
    well(damage(site, 2, random.Random(0)))


def test_clocks_that_go_back_change_nothing(site: Site) -> None:
    well(cheat(site, 1, random.Random(0)))


def test_too_little_memory_makes_smaller_passes_of_the_same_step(site: Site) -> None:
    row, furthest = starve(site, [9])
    well(row)
    assert furthest < 1e-3
