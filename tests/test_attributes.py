"""Attributes: ages in every form, encoding, masks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevae.attributes import AGE, EXPRESSION, GENDER, SMILE, Schema, parse_age
from facevae.errors import ControlError, DataError, FaceVAEError

SCHEMA = Schema((AGE, GENDER, EXPRESSION))


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("31", (31, 31)), (7, (7, 7)), ("3-9", (3, 9)), ("20 – 29", (20, 29)), ("70+", (70, 100)),
        ("more than 70", (70, 100)), ("116", (100, 100)), ("", None), (None, None), (math.nan, None),
    ],
)  # fmt: skip
def test_ages_are_read_in_every_form(text: str | float | None, interval: tuple[float, float] | None) -> None:
    assert parse_age(text) == interval


@given(st.text(max_size=20))
def test_any_text_is_an_age_or_a_data_error(text: str) -> None:
    try:
        interval = parse_age(text)
    except DataError:
        return
    assert interval is None or (interval[0] >= 0 and interval[1] <= 100)


def test_missing_values_are_masked_and_known_ones_flagged() -> None:
    row = SCHEMA.encode({"age": 50.0, "gender": None})
    assert row == [0.0, 1.0, 0.0, 0.0, 0.0, *[0.0] * (len(EXPRESSION.categories) + 1)]
    assert len(row) == SCHEMA.width


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"smile": 0.5}, "It has: age, gender, expression"),
        ({"gender": "man"}, "one of: female, male"),
        ({"expression": "hapy"}, "Did you mean 'happy'"),
        ({"age": 200.0}, "between 0 and 100 years"),
        ({"age": "old"}, "must be a number"),
    ],
)
def test_impossible_controls_say_what_there_is(controls: dict[str, str | float], message: str) -> None:
    with pytest.raises(ControlError, match=message):
        SCHEMA.check(controls)


def test_unconditional_schema_says_that_it_has_no_control() -> None:
    with pytest.raises(ControlError, match="It has none"):
        Schema().check({"age": 3.0})


def test_schema_survives_json() -> None:
    assert Schema.from_json(SCHEMA.to_json()) == SCHEMA


@given(
    st.dictionaries(
        st.sampled_from(["age", "gender", "expression", "smile"]), st.text(max_size=8) | st.floats()
    )
)
def test_any_controls_are_encoded_or_refused(controls: dict[str, str | float]) -> None:
    schema = Schema((AGE, GENDER, EXPRESSION, SMILE))
    try:
        row = schema.encode(controls)
    except FaceVAEError:
        return
    assert len(row) == schema.width
    assert all(math.isfinite(value) for value in row)
