"""Linear probes: what can be read off a face by the judge's eyes, learnt from real, labelled faces.

A probe errs. What it gets right on held-out real faces is measured with it and belongs beside every
figure that it gives on generated ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facevae.attributes import Attribute, Value, is_missing
from facevae.errors import require

Numbers = NDArray[np.float64]
Seen = NDArray[np.float32]
"""(N, Q) features as a `_Plane` projects them."""

LEAST_TRAIN, LEAST_TEST = 50, 10
"""Labelled faces below which an attribute gets no probe."""
LEAST_PER_CATEGORY = 10
"""Training faces below which a category is not learnt: balanced weights would make each one a law."""
INVERSE_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
RIDGE_PENALTIES = (1e2, 1e3, 3e3, 1e4, 1e5)
COMPONENTS = 1024
"""Principal components of the features that are looked at: of more, the rest is noise and takes long."""
COMPONENT_FACES = 20_000
"""Training faces that they are found on, at most."""
CHOSEN_ON = 0.2
"""Share of the training faces on which the penalty is chosen."""
NEAR = 0.05
"""Share of a number's range that counts as near on either side: 5 years for ages."""


@dataclass(frozen=True)
class LinearMap:
    """features @ weights + bias; weights (F, K), bias (K,) float64."""

    weights: Numbers
    bias: Numbers

    def __call__(self, features: Tensor) -> Numbers:
        """(N, F) to (N, K)."""
        return self.of(features.detach().float().cpu().numpy())

    def of(self, features: Seen) -> Numbers:
        scores: Numbers = features @ self.weights + self.bias
        return scores


@dataclass(frozen=True)
class CategoryProbe:
    """Reads a category. Scores are on held-out real faces, 0..1."""

    attribute: Attribute
    scores: LinearMap
    known: tuple[int, ...]
    """Indices into `attribute.categories` that were frequent enough to learn, one per score."""
    count: int
    """Held-out faces that the figures below rest on."""
    accuracy: float
    balanced_accuracy: float
    """Mean over categories of the share read right: rare ones count as much as common ones."""
    chance: float
    """Accuracy of always saying the commonest category; balanced accuracy's chance is 1 / len(known)."""

    @property
    def name(self) -> str:
        return self.attribute.name

    def predict(self, features: Tensor) -> NDArray[np.int64]:
        """(N, F) to (N,) indices into `attribute.categories`."""
        known: NDArray[np.int64] = np.asarray(self.known, dtype=np.int64)
        read: NDArray[np.int64] = known[self.scores(features).argmax(axis=1)]
        return read


@dataclass(frozen=True)
class NumberProbe:
    """Reads a number in the attribute's unit. Figures are on held-out real faces."""

    attribute: Attribute
    reading: LinearMap
    count: int
    """Held-out faces that the figures below rest on."""
    mean_absolute_error: float
    chance_error: float
    """Mean absolute error of always saying the training faces' median."""
    pearson_r: float
    """Correlation of reading and label, -1..1; NaN when either never varies."""

    @property
    def name(self) -> str:
        return self.attribute.name

    def predict(self, features: Tensor) -> Numbers:
        """(N, F) to (N,) float64."""
        return self.reading(features)[:, 0]


Probe = CategoryProbe | NumberProbe


def fit_probes(
    train_features: Tensor,
    train_rows: Sequence[Mapping[str, Value]],
    test_features: Tensor,
    test_rows: Sequence[Mapping[str, Value]],
    attributes: Sequence[Attribute],
    seed: int = 0,
) -> dict[str, Probe]:
    """One probe per attribute that the rows label well enough, by name.

    train_features, test_features: (N, F) and (M, F) float from one extractor; rows: metadata of the same
    faces, values missing where unknown. Categories by logistic regression with balanced weights, numbers
    by ridge regression, on standardised features; the penalty is the best on a fifth of the training faces.
    Left out: attributes with fewer than 50 labelled faces in training or 10 in test, or with one value;
    and categories with fewer than 10 training faces, whose test faces are then not scored either.
    Deterministic for a seed. Raises MissingExtraError without the extra 'evaluate'.
    Source: Alain and Bengio 2017 (linear classifier probes).
    """
    probes: dict[str, Probe] = {}
    plane, seen, held_out_seen = None, np.empty(0, np.float32), np.empty(0, np.float32)
    for attribute in attributes:
        train_y, test_y = labels_of(train_rows, attribute), labels_of(test_rows, attribute)
        if attribute.categories:
            counts = {y: int((train_y == y).sum()) for y in np.unique(train_y[~np.isnan(train_y)])}
            rare = [y for y, count in counts.items() if count < LEAST_PER_CATEGORY]
            train_y[np.isin(train_y, rare)] = np.nan
            test_y[~np.isin(test_y, train_y)] = np.nan
        train, test = np.flatnonzero(~np.isnan(train_y)), np.flatnonzero(~np.isnan(test_y))
        if len(train) < LEAST_TRAIN or len(test) < LEAST_TEST or np.ptp(train_y[train]) == 0:
            continue
        if plane is None:
            plane = _Plane.fit(train_features, seed)
            seen, held_out_seen = plane.project(train_features), plane.project(test_features)
        fit = _fit_categories if attribute.categories else _fit_numbers
        probes[attribute.name] = fit(
            attribute, seen[train], train_y[train], held_out_seen[test], test_y[test], seed, plane
        )
    return probes


def labels_of(rows: Sequence[Mapping[str, Value]], attribute: Attribute) -> Numbers:
    """(N,) float64: indices into the attribute's categories or numbers; NaN where missing or no category."""
    labels = np.full(len(rows), np.nan)
    for index, row in enumerate(rows):
        value = row.get(attribute.name)
        if is_missing(value):
            continue
        if not attribute.categories:
            labels[index] = float(value)  # type: ignore[arg-type]
        elif value in attribute.categories:
            labels[index] = attribute.categories.index(str(value))
    return labels


def value_at(
    probe: NumberProbe, features: Tensor, rows: Sequence[Mapping[str, Value]], value: float
) -> float:
    """Mean of what the probe reads on real faces whose label is near `value`: the fair thing to compare with,
    because regression shrinks its readings to the mean.

    features: (N, F) of faces that the probe was not fitted to; rows: their metadata. Near is within 5 % of
    the attribute's range. Returns a number in the attribute's unit, NaN with no face near.
    """
    attribute = probe.attribute
    near = np.abs(labels_of(rows, attribute) - value) <= NEAR * (attribute.high - attribute.low)  # (N,)
    return float(probe.predict(features[near.nonzero()[0]]).mean()) if near.any() else float("nan")


def recall_at(
    probe: CategoryProbe, features: Tensor, rows: Sequence[Mapping[str, Value]], category: str
) -> float:
    """Share of the real faces of this category that the probe reads as such, 0..1; NaN with no such face.

    features: (N, F) of faces that the probe was not fitted to; rows: their metadata.
    """
    index = probe.attribute.categories.index(category)
    members = np.flatnonzero(labels_of(rows, probe.attribute) == index)
    return float((probe.predict(features[members]) == index).mean()) if len(members) else float("nan")


def _fit_categories(
    attribute: Attribute, x: Seen, y: Numbers, test_x: Seen, test_y: Numbers, seed: int, plane: _Plane
) -> CategoryProbe:
    linear = require("sklearn.linear_model", "evaluate", f"the probe of {attribute.name}")
    threads = require("threadpoolctl", "evaluate", f"the probe of {attribute.name}")

    def fit(inputs: Seen, targets: Numbers, c: float) -> LinearMap:
        # Its own tolerance ends lbfgs long before 1000 steps on standardised features.
        model = linear.LogisticRegression(C=c, class_weight="balanced", tol=1e-3, max_iter=1000)
        with threads.threadpool_limits(1):  # half the time of two beside other work
            model.fit(inputs, targets)
        if len(model.classes_) == 2:  # sklearn keeps the second one's scores alone
            return LinearMap(
                np.concatenate([-model.coef_, model.coef_]).T, np.append(-model.intercept_, model.intercept_)
            )
        return LinearMap(model.coef_.T, model.intercept_)

    known = np.unique(y)

    def score(scores: Numbers, targets: Numbers) -> float:
        return balanced_accuracy(known[scores.argmax(axis=1)], targets)

    scores = _best_fit(x, y, INVERSE_PENALTIES, fit, score, seed)
    right = known[scores.of(test_x).argmax(axis=1)]
    return CategoryProbe(
        attribute, plane.whole(scores), tuple(int(k) for k in known), len(test_y),
        accuracy=float((right == test_y).mean()),
        balanced_accuracy=balanced_accuracy(right, test_y),
        chance=max(float((test_y == k).mean()) for k in known),
    )  # fmt: skip


def _fit_numbers(
    attribute: Attribute, x: Seen, y: Numbers, test_x: Seen, test_y: Numbers, seed: int, plane: _Plane
) -> NumberProbe:
    linear = require("sklearn.linear_model", "evaluate", f"the probe of {attribute.name}")

    def fit(inputs: Seen, targets: Numbers, alpha: float) -> LinearMap:
        model = linear.Ridge(alpha).fit(inputs, targets)
        return LinearMap(model.coef_[:, None], np.atleast_1d(model.intercept_))

    def score(readings: Numbers, targets: Numbers) -> float:
        return -float(np.square(readings[:, 0] - targets).mean())

    reading = _best_fit(x, y, RIDGE_PENALTIES, fit, score, seed)
    read = reading.of(test_x)[:, 0]
    varies = np.ptp(read) > 0 and np.ptp(test_y) > 0
    return NumberProbe(
        attribute, plane.whole(reading), len(test_y),
        mean_absolute_error=float(np.abs(read - test_y).mean()),
        chance_error=float(np.abs(np.median(y) - test_y).mean()),
        pearson_r=float(np.corrcoef(read, test_y)[0, 1]) if varies else float("nan"),
    )  # fmt: skip


def balanced_accuracy(read: NDArray[np.generic], labels: NDArray[np.generic]) -> float:
    """Mean over the labels' categories of the share read right; (N,) each, N >= 1, to 0..1."""
    return float(np.mean([(read[labels == label] == label).mean() for label in np.unique(labels)]))


def _best_fit(
    x: Seen,
    y: Numbers,
    penalties: Sequence[float],
    fit: Callable[[Seen, Numbers, float], LinearMap],
    score: Callable[[Numbers, Numbers], float],
    seed: int,
) -> LinearMap:
    """The map fitted to all of x (N, Q) with the penalty that does best on a share of it."""
    order = np.random.default_rng(seed).permutation(len(x))
    chosen_on, fitted_to = np.split(order, [max(1, int(CHOSEN_ON * len(x)))])

    def held_out_score(penalty: float) -> float:
        return score(fit(x[fitted_to], y[fitted_to], penalty).of(x[chosen_on]), y[chosen_on])

    return fit(x, y, max(penalties, key=held_out_score))


@dataclass(frozen=True)
class _Plane:
    """Standardised features seen along their first principal components, all on one scale: a penalty then
    holds back the components in which faces hardly differ."""

    centre: Seen  # (F,)
    axes: Seen  # (F, Q)

    @classmethod
    def fit(cls, features: Tensor, seed: int) -> _Plane:
        """Of (N, F) training features. Deterministic for a seed."""
        decomposition = require("sklearn.decomposition", "evaluate", "the probes")
        chosen = np.sort(np.random.default_rng(seed).permutation(len(features))[:COMPONENT_FACES])
        x = features[torch.from_numpy(chosen)].float().cpu().numpy()
        centre, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
        x = (x - centre) / spread
        count = min(COMPONENTS, len(x) - 1, x.shape[1])
        solver = "full" if count == x.shape[1] else "randomized"
        pca = decomposition.PCA(count, svd_solver=solver, iterated_power=2, random_state=seed).fit(x)
        scale = float(np.sqrt(pca.explained_variance_.mean())) or 1.0
        return cls(centre, (pca.components_ / spread / scale).T.astype(np.float32))

    def project(self, features: Tensor) -> Seen:
        """(N, F) to (N, Q), some thousand faces at a time."""
        starts = range(0, len(features), 2048)
        parts = [features[start : start + 2048].float().cpu().numpy() - self.centre for start in starts]
        seen: Seen = np.concatenate([part @ self.axes for part in parts])
        return seen

    def whole(self, seen: LinearMap) -> LinearMap:
        """The same map on features as they come."""
        weights = self.axes.astype(np.float64) @ seen.weights
        return LinearMap(weights, seen.bias - self.centre.astype(np.float64) @ weights)
