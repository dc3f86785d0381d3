"""Linear probes on features whose labels are known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from facevae.attributes import AGE, EXPRESSION, GENDER, SMILE, YAW
from facevae.metrics.probes import (
    CategoryProbe,
    NumberProbe,
    fit_probes,
    labels_of,
    recall_at,
    value_at,
)

Rows = list[dict[str, str | float | None]]


def faces(count: int, seed: int, noise: float = 0.3) -> tuple[Tensor, Rows]:
    """(count, 20) features that hold gender, expression and age linearly, off-centre and of odd scales."""
    rng = np.random.default_rng(seed)
    gender, expression = rng.integers(0, 2, count), rng.choice([0, 0, 0, 1, 2], count)
    age = rng.uniform(5, 90, count)
    features = rng.normal(0, noise, (count, 20))
    features[:, 0] += gender
    features[np.arange(count), 1 + expression] += 1
    features[:, 4] += age / 30
    features = features * rng.permutation(np.geomspace(0.1, 10, 20)) + 5
    rows: Rows = [
        {
            "gender": None if index % 7 == 0 else GENDER.categories[g],
            "expression": EXPRESSION.categories[e],
            "age": math.nan if index % 5 == 0 else float(a),
        }
        for index, (g, e, a) in enumerate(zip(gender, expression, age, strict=True))
    ]
    return torch.from_numpy(features).float(), rows


ALL, ALL_ROWS = faces(2100, seed=0)
TRAIN, TRAIN_ROWS, TEST, TEST_ROWS = ALL[:1500], ALL_ROWS[:1500], ALL[1500:], ALL_ROWS[1500:]


def test_separable_features_are_read_right() -> None:
    probes = fit_probes(TRAIN, TRAIN_ROWS, TEST, TEST_ROWS, (GENDER, EXPRESSION, AGE))
    gender, expression, age = probes["gender"], probes["expression"], probes["age"]
    assert isinstance(gender, CategoryProbe)
    assert isinstance(expression, CategoryProbe)
    assert isinstance(age, NumberProbe)
    assert (gender.name, expression.name, age.name) == ("gender", "expression", "age")
    assert gender.balanced_accuracy > 0.9
    assert expression.balanced_accuracy > 0.85
    assert expression.known == (0, 1, 2)
    neutral = sum(row["expression"] == "neutral" for row in TEST_ROWS)
    assert expression.chance == pytest.approx(neutral / len(TEST_ROWS))
    assert age.pearson_r > 0.9
    assert age.mean_absolute_error < 10 < age.chance_error
    assert gender.count == sum(row["gender"] is not None for row in TEST_ROWS)


def test_readings_are_categories_and_units_of_the_label() -> None:
    probes = fit_probes(TRAIN, TRAIN_ROWS, TEST, TEST_ROWS, (GENDER, AGE))
    read = probes["gender"].predict(TEST)
    labels = labels_of(TEST_ROWS, GENDER)
    labelled = ~np.isnan(labels)
    assert (read[labelled] == labels[labelled]).mean() == pytest.approx(probes["gender"].accuracy)
    ages = probes["age"].predict(TEST)
    assert ages.mean() == pytest.approx(47.5, abs=4)


def test_shuffled_labels_are_read_at_chance() -> None:
    order = np.random.default_rng(1).permutation(len(ALL))
    rows = [ALL_ROWS[i] for i in order]
    probes = fit_probes(TRAIN, rows[:1500], TEST, rows[1500:], (GENDER, EXPRESSION, AGE))
    gender, expression, age = probes["gender"], probes["expression"], probes["age"]
    assert isinstance(gender, CategoryProbe)
    assert isinstance(expression, CategoryProbe)
    assert isinstance(age, NumberProbe)
    assert gender.balanced_accuracy == pytest.approx(1 / 2, abs=0.07)
    assert expression.balanced_accuracy == pytest.approx(1 / 3, abs=0.07)
    assert age.pearson_r == pytest.approx(0, abs=0.12)
    assert age.mean_absolute_error == pytest.approx(age.chance_error, rel=0.1)


def test_real_faces_near_a_value_say_what_regression_shrinks() -> None:
    blurred, rows = faces(2100, seed=2, noise=2.0)
    probe = fit_probes(blurred[:1500], rows[:1500], blurred[1500:], rows[1500:], (AGE,))["age"]
    assert isinstance(probe, NumberProbe)
    young, old = (value_at(probe, blurred[1500:], rows[1500:], age) for age in (10.0, 85.0))
    assert 15 < young < 47.5 < old < 80
    assert math.isnan(value_at(probe, TEST, TEST_ROWS, 300.0))


def test_recall_is_the_share_of_a_category_read_right() -> None:
    probe = fit_probes(TRAIN, TRAIN_ROWS, TEST, TEST_ROWS, (EXPRESSION,))["expression"]
    assert isinstance(probe, CategoryProbe)
    recalls = [recall_at(probe, TEST, TEST_ROWS, name) for name in ("neutral", "happy", "sad")]
    assert np.mean(recalls) == pytest.approx(probe.balanced_accuracy)
    assert math.isnan(recall_at(probe, TEST, TEST_ROWS, "angry"))


def test_attributes_with_few_labels_or_one_value_get_no_probe() -> None:
    train: Rows = [{**row, "smile": 0.5, "yaw": 0.1 if i < 49 else None} for i, row in enumerate(TRAIN_ROWS)]
    test: Rows = [{**row, "smile": 0.5, "yaw": 0.1} for row in TEST_ROWS]
    assert list(fit_probes(TRAIN, train, TEST, test, (SMILE, YAW, GENDER))) == ["gender"]
    unlabelled: Rows = [{} for _ in TEST_ROWS]
    assert fit_probes(TRAIN, train, TEST, unlabelled, (GENDER,)) == {}


def test_rare_categories_are_not_learnt() -> None:
    train: Rows = [{**row, "expression": "angry"} if i < 9 else row for i, row in enumerate(TRAIN_ROWS)]
    test: Rows = [{**row, "expression": "angry"} if i < 9 else row for i, row in enumerate(TEST_ROWS)]
    probe = fit_probes(TRAIN, train, TEST, test, (EXPRESSION,))["expression"]
    assert isinstance(probe, CategoryProbe)
    assert [EXPRESSION.categories[index] for index in probe.known] == ["neutral", "happy", "sad"]
    assert probe.count == len(TEST) - 9


def test_probes_repeat_for_a_seed() -> None:
    first, second = (fit_probes(TRAIN, TRAIN_ROWS, TEST, TEST_ROWS, (AGE,), seed=4) for _ in range(2))
    assert np.array_equal(first["age"].predict(TEST), second["age"].predict(TEST))


def test_what_sits_in_one_place_is_read_though_the_mean_over_places_hides_it() -> None:
    channels, side = 8, 8
    rng = np.random.default_rng(3)
    gender, shade = rng.integers(0, 2, 1000), rng.normal(0, 5, (1000, channels, 1, 1))
    activations = rng.normal(0, 0.5, (1000, channels, side, side)) + shade
    activations[:, 0, 2, 3] += gender
    activations[:, 0, 5, 4] -= gender
    rows: Rows = [{"gender": GENDER.categories[g]} for g in gender]
    places = torch.from_numpy(activations).flatten(1).half()
    pooled = torch.from_numpy(activations.mean(axis=(2, 3))).float()
    seen, averaged = (
        fit_probes(x[:800], rows[:800], x[800:], rows[800:], (GENDER,))["gender"] for x in (places, pooled)
    )
    assert isinstance(seen, CategoryProbe)
    assert isinstance(averaged, CategoryProbe)
    assert seen.balanced_accuracy > 0.8
    assert averaged.balanced_accuracy < 0.6
    assert (seen.predict(places[800:]) == gender[800:]).mean() == pytest.approx(seen.accuracy)
