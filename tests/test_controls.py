"""What can be asked of new faces, and how ranges and several values become controls of single faces."""

from __future__ import annotations

import pytest

from facevae.attributes import Schema
from facevae.controls import (
    Wanted,
    check_request,
    draw_controls,
    grid_of,
    parse_number_or_range,
    parse_several,
)
from facevae.errors import ControlError

SCHEMA = Schema.from_names(["age", "gender", "expression", "yaw"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60", 60.0),
        (" 0.8 ", 0.8),
        ("20..40", (20.0, 40.0)),
        ("20-40", (20.0, 40.0)),
        ("20 – 40.5", (20.0, 40.5)),
        ("-0.3..0.2", (-0.3, 0.2)),
        ("-0.3--0.1", (-0.3, -0.1)),
        ("30..30", 30.0),
    ],
)
def test_numbers_and_ranges_are_read(text: str, expected: object) -> None:
    assert parse_number_or_range(text, "age") == expected


@pytest.mark.parametrize("text", ["soon", "", "20..", "20..30..40", "nan", "1e9999", "40..20"])
def test_what_is_no_number_is_told_with_the_way_to_write_one(text: str) -> None:
    with pytest.raises(ControlError, match=r"age cannot be .*(a range such as 20\.\.40|write 20\.\.40)"):
        parse_number_or_range(text, "age")


def test_several_values_keep_their_order() -> None:
    assert parse_several("60, 20..30,40", "age") == [60.0, (20.0, 30.0), 40.0]
    assert parse_several("male,female", "gender") == ["male", "female"]
    with pytest.raises(ControlError, match="a value is missing"):
        parse_several("20,,40", "age")


def test_a_face_draws_its_controls_by_its_own_seed_alone() -> None:
    request: dict[str, Wanted] = {"age": (20.0, 40.0), "gender": "female"}
    faces = draw_controls(request, 200, seed=10)
    ages = [face["age"] for face in faces]
    assert all(isinstance(age, float) and 20 <= age <= 40 for age in ages)
    assert all(face["gender"] == "female" for face in faces)
    assert draw_controls(request, 1, seed=12) == faces[2:3]
    assert [face["age"] for face in draw_controls({"smile": (0.0, 1.0), **request}, 200, 10)] == ages
    below = sum(isinstance(age, float) and age < 30 for age in ages)
    assert 70 < below < 130  # uniform: 100 expected, standard deviation 7


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"glasses": "yes"}, "no control 'glasses'.*It has: age, gender, expression, yaw"),
        ({"age": (90.0, 120.0)}, "age cannot be 120.*between 0 and 100 years"),
        ({"yaw": (-2.0, 0.0)}, "yaw cannot be -2"),
        ({"gender": (0.0, 1.0)}, "gender cannot be a range.*female, male"),
        ({"expression": "hapy"}, "one of: neutral, happy.*Did you mean 'happy'"),
        ({"age": "old"}, "age must be a number"),
    ],
)
def test_impossible_requests_list_what_there_is(request_: dict[str, Wanted], message: str) -> None:
    with pytest.raises(ControlError, match=message):
        check_request(request_, SCHEMA, "the options")


def test_possible_requests_pass() -> None:
    check_request({"age": (0.0, 100.0), "gender": "male", "yaw": None}, SCHEMA)


def test_several_values_make_every_combination_in_the_order_asked() -> None:
    grid, common = grid_of({"age": [20.0, (40.0, 60.0)], "smile": [0.5], "gender": ["male", "female"]})
    assert common == {"smile": 0.5}
    assert grid.row_labels == ["age 20", "age 40..60"]
    assert grid.column_labels == ["male", "female"]
    assert grid.cells == [
        {"age": 20.0, "gender": "male"},
        {"age": 20.0, "gender": "female"},
        {"age": (40.0, 60.0), "gender": "male"},
        {"age": (40.0, 60.0), "gender": "female"},
    ]
    turned, _ = grid_of({"gender": ["male", "female"], "age": [20.0, 40.0, 60.0]})
    assert (turned.row_labels, len(turned.columns)) == (["male", "female"], 3)
    three, _ = grid_of({"age": [1.0, 2.0], "gender": ["male", "female"], "expression": ["sad", "happy"]})
    assert three.row_labels == ["age 1, male", "age 1, female", "age 2, male", "age 2, female"]
    one, common = grid_of({"age": [30.0]})
    assert (one.cells, common) == ([{}], {"age": 30.0})
