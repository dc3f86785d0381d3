"""Figures per group."""

from __future__ import annotations

import math

import pytest
import torch

from facevae.errors import DataError
from facevae.metrics.fairness import GroupRow, by_group, group_of, worst_to_best


@pytest.mark.parametrize(
    ("age", "group"),
    [(0.0, "0-9"), (9.9, "0-9"), (10.0, "10-19"), (31, "30-39"), (59.9, "50-59"), (60.0, "60+"), (99, "60+"),
     (None, None), (math.nan, None)],
)  # fmt: skip
def test_ages_fall_into_decades(age: float | None, group: str | None) -> None:
    assert group_of({"age": age}, "age") == group


def test_categories_are_their_own_groups_and_other_numbers_none() -> None:
    row = {"gender": "female", "smile": 0.3, "race": ""}
    assert [group_of(row, name) for name in ("gender", "smile", "race", "absent")] == [
        "female", None, None, None,
    ]  # fmt: skip


def test_groups_have_their_own_means_and_small_ones_are_left_out() -> None:
    rows = [{"gender": "male"}] * 20 + [{"gender": "female"}] * 30 + [{"gender": None}] * 40
    rows += [{"gender": "other"}] * 19
    values = torch.cat([torch.full((20,), 1.0), torch.full((30,), 2.0), torch.full((59,), 9.0)])
    assert by_group(values, rows, "gender") == [
        GroupRow("gender", "female", 30, 2.0), GroupRow("gender", "male", 20, 1.0),
    ]  # fmt: skip
    assert [row.group for row in by_group(values, rows, "gender", least=19)] == ["female", "male", "other"]


def test_a_figure_for_each_face_is_needed() -> None:
    with pytest.raises(DataError, match="2 faces"):
        by_group([1.0, 2.0, 3.0], [{}, {}], "age")


def table(*values: float) -> list[GroupRow]:
    return [GroupRow("gender", str(index), 20, value) for index, value in enumerate(values)]


def test_worst_to_best_is_one_for_equals_and_falls_with_the_gap() -> None:
    for better in ("higher", "lower"):
        assert worst_to_best(table(3.0, 3.0), better) == 1.0
        assert worst_to_best(table(0.0, 0.0), better) == 1.0
        assert worst_to_best(table(1.0, 2.0, 4.0), better) == 0.25
        assert math.isnan(worst_to_best(table(1.0), better))
    with pytest.raises(DataError, match="0 or more"):
        worst_to_best(table(-1.0, 2.0), "higher")
