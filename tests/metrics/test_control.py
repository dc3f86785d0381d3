"""Controls judged by probes, on features that stand for generated faces."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from facevae.attributes import AGE, EXPRESSION, GENDER
from facevae.errors import DataError
from facevae.metrics.control import control_rows, leakage_matrix
from facevae.metrics.probes import Probe, fit_probes

Rows = list[dict[str, str | float | None]]


def faces(
    count: int, seed: int, gender: float | None = None, age: float | None = None
) -> tuple[Tensor, Rows]:
    """(count, 6) features: gender on the first, age / 100 on the second, noise on the rest."""
    rng = np.random.default_rng(seed)
    genders = rng.integers(0, 2, count) if gender is None else np.full(count, gender)
    ages = rng.uniform(0, 100, count)
    ages = ages if age is None else np.full(count, age)
    noise = rng.normal(0, 0.1, (count, 6))
    noise[:, 0] += genders
    noise[:, 1] += ages / 100
    rows: Rows = [
        {"gender": GENDER.categories[int(g)], "age": float(a)} for g, a in zip(genders, ages, strict=True)
    ]
    return torch.from_numpy(noise).float(), rows


@pytest.fixture(scope="module")
def real() -> tuple[Tensor, Rows]:
    return faces(400, seed=1)


@pytest.fixture(scope="module")
def probes(real: tuple[Tensor, Rows]) -> dict[str, Probe]:
    return fit_probes(*faces(1000, seed=0), *real, (GENDER, AGE))


def test_an_obeyed_control_reaches_what_real_faces_reach(
    probes: dict[str, Probe], real: tuple[Tensor, Rows]
) -> None:
    male, old = faces(100, 2, gender=1.0)[0], faces(100, 3, age=80.0)[0]
    gender, age = control_rows([("gender", "male", male), ("age", 80.0, old)], probes, *real)
    assert (gender.control, gender.asked, gender.count) == ("gender", "male", 100)
    assert gender.agreement == pytest.approx(1.0)
    assert gender.ceiling == pytest.approx(1.0)
    assert gender.read_mean is gender.read_std is gender.real_mean is None
    assert age.agreement is age.ceiling is None
    assert age.read_mean == pytest.approx(age.real_mean, abs=4)
    assert age.read_std == pytest.approx(10, abs=4)


def test_an_ignored_control_is_seen(probes: dict[str, Probe], real: tuple[Tensor, Rows]) -> None:
    drawn = faces(300, seed=4)[0]
    gender, age = control_rows([("gender", "female", drawn), ("age", 10.0, drawn)], probes, *real)
    assert gender.agreement == pytest.approx(0.5, abs=0.1)
    assert age.read_mean is not None
    assert age.real_mean is not None
    assert age.read_mean - age.real_mean > 30


def test_what_no_probe_can_judge_is_left_out(probes: dict[str, Probe], real: tuple[Tensor, Rows]) -> None:
    drawn = faces(10, seed=4)[0]
    assert control_rows([("smile", 0.5, drawn), ("gender", "unknown", drawn)], probes, *real) == []


def test_values_that_no_real_face_has_have_no_reference(probes: dict[str, Probe]) -> None:
    features, rows = faces(100, seed=5, gender=0.0, age=30.0)
    gender, age = control_rows(
        [("gender", "male", features), ("age", 90.0, features)], probes, features, rows
    )
    assert gender.ceiling is not None
    assert age.real_mean is not None
    assert math.isnan(gender.ceiling)
    assert math.isnan(age.real_mean)


def test_leakage_stands_in_the_columns_that_moved(probes: dict[str, Probe]) -> None:
    baseline = faces(300, seed=6, gender=0.0)[0]
    flipped, older, same = baseline.clone(), baseline.clone(), baseline.clone()
    flipped[:, 0] += 1
    older[:, 1] += 0.3
    older[:150, 0] += 1  # half of the faces change gender with age
    matrix = leakage_matrix(baseline, {"gender": flipped, "age": older, "none": same}, probes)
    assert matrix["gender"]["gender"] == pytest.approx(1.0)
    assert matrix["gender"]["age"] < 0.1
    assert matrix["age"]["gender"] == pytest.approx(0.5, abs=0.02)
    assert matrix["age"]["age"] == pytest.approx(1.0, abs=0.2)  # 30 years of a spread of 29
    assert matrix["none"] == {"gender": 0.0, "age": 0.0}


def test_faces_that_cannot_be_paired_are_refused(probes: dict[str, Probe]) -> None:
    with pytest.raises(DataError, match="'age' changed"):
        leakage_matrix(faces(10, seed=0)[0], {"age": faces(9, seed=0)[0]}, probes)


def test_a_category_that_the_probe_never_learnt_is_left_out(real: tuple[Tensor, Rows]) -> None:
    features, rows = faces(300, seed=7)
    named: Rows = [{"expression": "happy" if row["gender"] == "male" else "neutral"} for row in rows]
    probes = fit_probes(features[:200], named[:200], features[200:], named[200:], (EXPRESSION,))
    asked = [("expression", "angry", features), ("expression", "happy", features)]
    assert [row.asked for row in control_rows(asked, probes, *real)] == ["happy"]
