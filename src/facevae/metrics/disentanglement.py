"""Whether single latent dimensions carry single attributes.

Latents are (N, D) float, posterior means as a rule; labels map an attribute to (N,) categories or numbers,
with None, '' or NaN where unknown. Faces without a label are left out for that attribute alone.
Plain VAEs score low on all three: disentanglement is neither needed for good faces nor found without
supervision (Locatello et al. 2019).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facevae.attributes import is_missing
from facevae.errors import require
from facevae.metrics.probes import balanced_accuracy

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]
Labels = Mapping[str, NDArray[Any]]

LASSO_PENALTIES = np.geomspace(0.3, 0.003, 9)


class DCI(NamedTuple):
    """0..1 each, higher is better."""

    disentanglement: float
    """1 when every latent dimension that matters serves one attribute."""
    completeness: float
    """1 when every attribute is carried by one latent dimension."""
    informativeness: float
    """1 when attributes are read from the latent without error, 0 at chance."""


def mutual_information_map(latents: Tensor, labels: Labels, bins: int = 20) -> dict[str, Numbers]:
    """I(z_j; attribute) of each latent dimension, by attribute: (D,) float64, nats, >= 0.

    From histograms: latents, and numbers of more than `bins` different values, fall into `bins` quantiles;
    categories and other numbers stay as they are. Independent variables come out above 0 by about
    (bins - 1) (values - 1) / (2 N) nats, so compare dimensions rather than read small values.
    Deterministic. Source: Chen et al. 2018 (beta-TCVAE), section 4.1, with histograms for the densities.
    """
    maps = {}
    for name, column in labels.items():
        known, codes = _codes(column, bins)
        z = _float64(latents)[known]  # (n, D)
        maps[name] = np.array([_mutual_information(_quantiles(line, bins), codes) for line in z.T])
    return maps


def mig(latents: Tensor, labels: Labels, bins: int = 20) -> float:
    """Mutual information gap: by how much the most informative dimension leads the second, mean over labels.

    Each gap is divided by the label's entropy. Returns 0..1: 1 when one dimension alone determines each
    attribute, 0 when the two best tell the same. NaN when no label varies; D >= 2. Deterministic.
    Source: Chen et al. 2018 (beta-TCVAE), equation 6.
    """
    gaps = []
    for name, information in mutual_information_map(latents, labels, bins).items():
        _, codes = _codes(labels[name], bins)
        entropy = _mutual_information(codes, codes)
        if entropy > 0:
            second, first = np.sort(information)[-2:]
            gaps.append((first - second) / entropy)
    return float(np.mean(gaps)) if gaps else float("nan")


def sap(latents: Tensor, labels: Labels) -> float:
    """Separated attribute predictability: the lead of the best single dimension, mean over labels.

    A dimension's score is R^2 of a line for numbers, and for categories the balanced accuracy of as many
    thresholds as there are categories, set on every other face and scored on the rest. Returns 0..1, in
    practice far below 1 - 1 / categories; NaN when no label varies; D >= 2. Deterministic.
    Raises MissingExtraError without the extra 'evaluate'. Source: Kumar et al. 2018 (DIP-VAE), section 3.
    """
    gaps = []
    for column in labels.values():
        known, targets, categorical = _targets(column)
        z = _float64(latents)[known]  # (n, D)
        if len(np.unique(targets)) < 2:
            continue
        if categorical:
            scores = np.array([_threshold_accuracy(line, targets) for line in z.T])
        else:
            scores = (_standard(z).T @ _standard(targets) / len(z)) ** 2  # (D,)
        second, first = np.sort(scores)[-2:]
        gaps.append(first - second)
    return float(np.mean(gaps)) if gaps else float("nan")


def dci(latents: Tensor, labels: Labels) -> DCI:
    """Disentanglement, completeness and informativeness from sparse linear predictors of the labels.

    The importance of dimension j for an attribute is the sum of the absolute weights that a lasso gives to
    standardised latents when it predicts the standardised number, or each category's indicator with
    faces weighted so that categories count alike; every other face fits it, its penalty by cross-validation.
    Informativeness is the mean over labels, on the other faces, of R^2 for numbers, and for categories of
    the balanced accuracy rescaled to 0 at chance (ours: the paper reports errors). With a single label
    disentanglement is 1 by definition; all are NaN when no label varies. Deterministic.
    Raises MissingExtraError without the extra 'evaluate'.
    Source: Eastwood and Williams 2018, section 2; non-linear dependence is not seen.
    """
    columns, scores = [], []
    for column in labels.values():
        known, targets, categorical = _targets(column)
        if len(np.unique(targets)) < 2:
            continue
        importance, score = _lasso(_standard(_float64(latents)[known]), targets, categorical)
        columns.append(importance)
        scores.append(score)
    if not columns:
        return DCI(float("nan"), float("nan"), float("nan"))
    matrix = np.stack(columns, axis=1)  # (D, A)
    total = max(float(matrix.sum()), 1e-12)
    disentanglement = (_concentration(matrix) * matrix.sum(axis=1)).sum() / total
    return DCI(float(disentanglement), float(_concentration(matrix.T).mean()), float(np.mean(scores)))


def _float64(latents: Tensor) -> Numbers:
    return latents.detach().double().cpu().numpy()


def _standard(columns: Numbers) -> Numbers:
    scaled: Numbers = (columns - columns.mean(axis=0)) / (columns.std(axis=0) + 1e-12)
    return scaled


def _targets(column: NDArray[Any]) -> tuple[Codes, Numbers, bool]:
    """Indices of labelled faces, their labels as numbers, and whether those are codes of categories."""
    known = np.array([i for i, value in enumerate(column.tolist()) if not is_missing(value)], dtype=np.int64)
    values = column[known].tolist()
    if any(isinstance(value, str) for value in values):
        _, codes = np.unique([str(value) for value in values], return_inverse=True)
        return known, codes.astype(np.float64), True
    return known, np.array(values, dtype=np.float64), False


def _codes(column: NDArray[Any], bins: int) -> tuple[Codes, Codes]:
    """Indices of labelled faces, and their labels as categories or quantiles 0, 1, ..."""
    known, targets, _ = _targets(column)
    values, codes = np.unique(targets, return_inverse=True)
    return known, codes.astype(np.int64) if len(values) <= bins else _quantiles(targets, bins)


def _quantiles(values: Numbers, bins: int) -> Codes:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _mutual_information(a: Codes, b: Codes) -> float:
    """I(a; b) of the histogram of two codes, (n,) each, in nats; the entropy for a = b."""
    columns = int(b.max()) + 1
    joint = np.bincount(a * columns + b, minlength=(int(a.max()) + 1) * columns).reshape(-1, columns) / len(a)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return max(0.0, float((joint[seen] * np.log(joint[seen] / independent[seen])).sum()))


def _threshold_accuracy(line: Numbers, targets: Numbers) -> float:
    tree = require("sklearn.tree", "evaluate", "the SAP score")
    model = tree.DecisionTreeClassifier(
        max_leaf_nodes=len(np.unique(targets)), class_weight="balanced", random_state=0
    )
    model.fit(line[::2, None], targets[::2])
    return balanced_accuracy(model.predict(line[1::2, None]), targets[1::2])


def _lasso(z: Numbers, targets: Numbers, categorical: bool) -> tuple[Numbers, float]:
    """(D,) importances on standardised z (n, D), and the score on every other face, 0..1."""
    linear = require("sklearn.linear_model", "evaluate", "the DCI scores")
    exceptions = require("sklearn.exceptions", "evaluate", "the DCI scores")
    classes, codes, counts = np.unique(targets, return_inverse=True, return_counts=True)
    weights = (len(targets) / len(classes) / counts)[codes] if categorical else np.ones(len(targets))
    wanted = (targets[:, None] == classes).astype(np.float64) if categorical else targets[:, None]
    importance, readings = np.zeros(z.shape[1]), []
    for column in _standard(wanted).T:
        model = linear.LassoCV(alphas=LASSO_PENALTIES, cv=3, max_iter=10_000)
        with warnings.catch_warnings():
            # With few faces the smallest penalties do not converge, and are not the ones chosen.
            warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
            model.fit(z[::2], column[::2], sample_weight=weights[::2])
        importance += np.abs(model.coef_)
        readings.append(model.predict(z[1::2]))
    if not categorical:
        error = np.square(_standard(targets)[1::2] - readings[0]).mean()
        return importance, float(max(0.0, 1 - error))
    chance = 1 / len(classes)
    right = balanced_accuracy(classes[np.argmax(readings, axis=0)], targets[1::2])
    return importance, max(0.0, (right - chance) / (1 - chance))


def _concentration(matrix: Numbers) -> Numbers:
    """1 - entropy of each row's shares, in units of its largest possible value; 0 for rows of zeros."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1e-12)
    entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1) / np.log(max(2, matrix.shape[1]))
    return np.where(totals[:, 0] > 0, 1 - entropy, 0.0)
