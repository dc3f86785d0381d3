"""Disentanglement scores on latents whose relation to the labels is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from facevae.metrics.disentanglement import dci, mig, mutual_information_map, sap

N = 2000
RNG = np.random.default_rng(0)
GENDER = RNG.integers(0, 2, N)
SMILE = RNG.normal(size=N)
AGE = RNG.uniform(0, 100, N)
LABELS: dict[str, np.ndarray[Any, Any]] = {
    "gender": np.where(GENDER == 1, "male", "female").astype(object), "smile": SMILE, "age": AGE,
}  # fmt: skip


def latents(noise: float = 0.01) -> Tensor:
    """(N, 8): one label on each of the first three, noise on the others."""
    z = np.random.default_rng(1).normal(size=(N, 8))
    for index, label in enumerate((GENDER * 2.0 - 1, SMILE, (AGE - 50) / 29)):
        z[:, index] = label + noise * z[:, index]
    return torch.from_numpy(z).float()


ALIGNED = latents()
INDEPENDENT = torch.randn(N, 8, generator=torch.Generator().manual_seed(2))
ROTATED = ALIGNED @ torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(3)))[0]


def test_information_of_a_latent_that_is_the_label_is_the_labels_entropy() -> None:
    maps = mutual_information_map(ALIGNED, LABELS)
    share = GENDER.mean()
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    # One of 20 quantiles holds both categories.
    assert maps["gender"][0] == pytest.approx(entropy, abs=math.log(2) / 20)
    assert maps["age"][2] == pytest.approx(math.log(20), abs=0.3)
    assert [int(line.argmax()) for line in maps.values()] == [0, 1, 2]
    # Chance: (bins - 1) (values - 1) / (2 N) nats.
    assert maps["gender"][3:].mean() == pytest.approx(19 / (2 * N), abs=0.003)


def test_information_of_gaussians_is_near_the_closed_form() -> None:
    correlation = 0.8
    noise = np.random.default_rng(4).normal(size=(2, 20_000))
    z = torch.from_numpy(np.stack([noise[0], noise[1]], axis=1))
    label = correlation * noise[0] + math.sqrt(1 - correlation**2) * noise[1]
    found = mutual_information_map(z, {"label": label})["label"]
    assert found[0] == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=0.05)


def test_missing_labels_are_left_out_for_that_label_alone() -> None:
    known = np.arange(N) % 3 != 0
    holes = {
        "gender": np.where(known, LABELS["gender"], None),
        "smile": np.where(known, SMILE, np.nan),
        "age": AGE,
    }
    few = mutual_information_map(ALIGNED, holes)
    assert few["gender"] == pytest.approx(
        mutual_information_map(ALIGNED[torch.from_numpy(known)], {"g": LABELS["gender"][known]})["g"]
    )
    assert np.array_equal(few["age"], mutual_information_map(ALIGNED, LABELS)["age"])
    assert mig(ALIGNED, holes) > 0.9


def test_one_dimension_per_label_scores_near_the_top() -> None:
    assert mig(ALIGNED, LABELS) > 0.9
    assert sap(ALIGNED, LABELS) > 0.7
    assert min(dci(ALIGNED, LABELS)) > 0.9


def test_independent_latents_score_near_nothing() -> None:
    assert mig(INDEPENDENT, LABELS) < 0.02
    assert sap(INDEPENDENT, LABELS) < 0.05
    assert dci(INDEPENDENT, LABELS).informativeness < 0.05


def test_rotation_costs_disentanglement_and_no_information() -> None:
    aligned, rotated = dci(ALIGNED, LABELS), dci(ROTATED, LABELS)
    assert mig(ROTATED, LABELS) < 0.2 * mig(ALIGNED, LABELS)
    assert sap(ROTATED, LABELS) < 0.5 * sap(ALIGNED, LABELS)
    assert rotated.disentanglement < 0.5 * aligned.disentanglement
    assert rotated.completeness < 0.5 * aligned.completeness
    assert rotated.informativeness > 0.85


def test_two_dimensions_for_one_label_are_disentangled_and_incomplete() -> None:
    z = ALIGNED.clone()
    z[:, 3:] = 0.0
    z[:, 3] = z[:, 1] + torch.randn(N, generator=torch.Generator().manual_seed(5))
    z[:, 1] += torch.randn(N, generator=torch.Generator().manual_seed(6))
    scores = dci(z, LABELS)
    assert scores.disentanglement > 0.9
    assert scores.completeness < 0.92
    assert mig(z, LABELS) < 0.75


def test_labels_that_never_vary_give_no_score() -> None:
    constant = {"gender": np.array(["female"] * N, dtype=object)}
    assert math.isnan(mig(ALIGNED, constant))
    assert math.isnan(sap(ALIGNED, constant))
    assert all(math.isnan(score) for score in dci(ALIGNED, constant))


def test_scores_repeat() -> None:
    assert dci(ROTATED, LABELS) == dci(ROTATED, LABELS)
    assert sap(ROTATED, LABELS) == sap(ROTATED, LABELS)
