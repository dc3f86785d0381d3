"""Figures that need labelled faces: control, disentanglement, balance and fairness."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facevae.attributes import AGE, CONTROLS, Attribute, Value
from facevae.evaluation.pictures import figure
from facevae.evaluation.real import RealFaces, Rows, StageProgress, silent
from facevae.generator import FaceGenerator
from facevae.images import Photos
from facevae.metrics.control import control_rows, leakage_matrix
from facevae.metrics.disentanglement import dci, mig, mutual_information_map, sap
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.fairness import by_group, group_of, worst_to_best
from facevae.metrics.frechet import frechet_distance
from facevae.metrics.probes import CategoryProbe, Probe, fit_probes

CONTROL_FACES = 250
"""Faces made for each value asked of a control, at most."""
GUIDED_FACES = 2000
"""Faces made with the controls of real ones, at most."""
ASKED_AGES = (5.0, 25.0, 45.0, 65.0)
AUDITED = ("gender", "age", "race")
LEAST_KNOWN = 50
"""Faces with a known attribute below which nothing is measured by it."""


def real_probes(real: RealFaces, seed: int) -> dict[str, Probe]:
    """A linear probe for each attribute that the data knows, fitted to its training faces."""
    return fit_probes(
        real.train_places, real.train_rows, real.validation_places, real.validation_rows, CONTROLS, seed
    )


def probe_facts(probes: Mapping[str, Probe]) -> dict[str, Any]:
    """How well each probe does on real faces that it was not fitted to."""
    return {name: _facts(probe) for name, probe in probes.items()}


def control_figures(
    generator: FaceGenerator,
    probes: Mapping[str, Probe],
    real: RealFaces,
    extractor: FeatureExtractor,
    count: int,
    seed: int,
    progress: StageProgress = silent,
    guidance: float | None = None,
) -> tuple[dict[str, Any], dict[str, Photos]]:
    """Section 'control', and for its sheet the first faces of each request, {'age 25': (12, H, W, 3)}.

    `count` faces are made for each value of each control, with the same noise. guidance: of a prior with
    controls; the model's own unless given. Deterministic for a seed.
    """
    if not generator.schema.names:
        return {
            "absent": "this model has no controls (train or `facevae prior` with --condition-on to add them)"
        }, {}
    asked = [
        (attribute.name, value)
        for attribute in generator.schema.attributes
        for value in _values(attribute, probes.get(attribute.name))
    ]
    features, shown = [], {}
    for done, (name, value) in enumerate(asked):
        photos = generator.sample(count, seed, {name: value}, guidance=guidance).photos
        features.append((name, value, extractor.places(photos)))
        shown[f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"] = photos[:12]
        progress("controls asked for", done + 1, len(asked))
    rows = control_rows(features, probes, real.validation_places, real.validation_rows)
    leakage = _leakage(generator, asked, probes, extractor, count, seed, guidance)
    return {"rows": [row._asdict() for row in rows], "leakage": leakage}, shown


def guidance_figures(
    generator: FaceGenerator,
    real: RealFaces,
    extractor: FeatureExtractor,
    free: Tensor,
    seed: int,
    progress: StageProgress = silent,
    guidance: float | None = None,
) -> dict[str, Any]:
    """What asking costs, for section 'control': samples with the controls of real faces beside free ones.

    free: (N, F) features of samples for which nothing was asked, as `FaceGenerator.sample` draws them; all
    have GUIDED_FACES of them, or N. The controls are those of the reference's faces, drawn by `seed`, what is
    not known of each left out; a prior with controls is asked for them with `guidance` and without (1).
    Empty for a model without controls.
    """
    names = generator.schema.names
    if not names:
        return {}
    count = min(GUIDED_FACES, len(free))
    faces = np.random.default_rng(seed).choice(real.reference, count)
    controls = [{name: real.train_rows[face].get(name) for name in names} for face in faces]
    reference = real.train_features[real.reference]

    def distance(strength: float | None) -> dict[str, Any]:
        photos = generator.sample(count, seed, controls, guidance=strength).photos
        features = extractor(photos, partial(progress, "features of controlled samples"))
        return figure(frechet_distance(reference, features), count)

    figures = {
        "frechet_free": figure(frechet_distance(reference, free[:count]), count),
        "frechet_guided": distance(guidance),
    }
    if generator.prior.schema.names:
        figures["frechet_unguided"] = distance(1.0)
        return {"guidance": generator.guidance_used(guidance), **figures}
    return figures


def disentanglement_figures(latents: Tensor, rows: Rows) -> dict[str, Any]:
    """Whether single dimensions of the posterior means (N, D) carry single attributes."""
    labels = {name: column for name, column in _label_columns(rows).items() if _known(column) >= LEAST_KNOWN}
    if not labels:
        return {"absent": f"fewer than {LEAST_KNOWN} faces of this data have a known attribute"}
    count = len(latents)
    figures = {f"mig_{name}": figure(mig(latents, {name: labels[name]}), count) for name in labels}
    figures |= {f"sap_{name}": figure(sap(latents, {name: labels[name]}), count) for name in labels}
    for name, value in dci(latents, labels)._asdict().items():
        figures[f"dci_{name}"] = figure(value, count)
    information = mutual_information_map(latents, labels)
    return {
        **figures,
        "mutual_information_nats": {name: values.tolist() for name, values in information.items()},
    }


def balance_figures(places: Tensor, probes: Mapping[str, Probe], real: RealFaces) -> dict[str, Any]:
    """Shares of each class among samples and among real validation faces, both as the probe reads them.

    places: (N, P) of the samples.
    """
    section: dict[str, Any] = {}
    for name, probe in probes.items():
        if not isinstance(probe, CategoryProbe) and name != AGE.name:
            continue
        read = {"data": _classes(probe, real.validation_places), "samples": _classes(probe, places)}
        classes = sorted({str(label) for labels in read.values() for label in labels})
        section[name] = {
            label: {side: float((labels == label).mean()) for side, labels in read.items()}
            for label in classes
        }
    return section


def fairness_figures(
    rows: Rows, figures: Mapping[str, tuple[NDArray[np.floating], Literal["higher", "lower"]]]
) -> dict[str, Any]:
    """{figure: {attribute: rows per group and the worst group's share of the best's}} over real faces.

    figures: {name: (one value per face of `rows`, which direction is better)}. Attributes without two
    groups of at least 20 faces are left out.
    """
    section: dict[str, Any] = {}
    for name, (values, better) in figures.items():
        for attribute in AUDITED:
            table = by_group(values, rows, attribute)
            if len(table) > 1:
                section.setdefault(name, {})[attribute] = {
                    "rows": [{"group": g.group, "count": g.count, "value": g.value} for g in table],
                    "worst_to_best": worst_to_best(table, better),
                }
    return section or {"absent": "no group of the data has 20 faces with a known gender, age or race"}


def control_fairness(section: Mapping[str, Any]) -> dict[str, Any]:
    """How alike the categories of each control come out when asked for: agreement by category."""
    table: dict[str, Any] = {}
    for row in section.get("rows", ()):
        if row["agreement"] is not None:
            entry = {"group": str(row["asked"]), "count": row["count"], "value": row["agreement"]}
            table.setdefault(row["control"], {"rows": []})["rows"].append(entry)
    for entry in table.values():
        values = [row["value"] for row in entry["rows"]]
        entry["worst_to_best"] = min(values) / max(values) if max(values) > 0 else 0.0
    return table


def _facts(probe: Probe) -> dict[str, Any]:
    if isinstance(probe, CategoryProbe):
        return {
            "kind": "category", "accuracy": probe.accuracy, "balanced_accuracy": probe.balanced_accuracy,
            "chance": probe.chance, "count": probe.count,
        }  # fmt: skip
    return {
        "kind": "number", "mae": probe.mean_absolute_error, "chance": probe.chance_error,
        "pearson": probe.pearson_r, "count": probe.count,
    }  # fmt: skip


def _values(attribute: Attribute, probe: Probe | None) -> list[str | float]:
    if isinstance(probe, CategoryProbe):
        return [attribute.categories[index] for index in probe.known]
    if attribute.categories:
        return list(attribute.categories)
    if attribute.name == AGE.name:
        return list(ASKED_AGES)
    spread = attribute.high - attribute.low
    return [attribute.low + share * spread for share in (0.1, 0.9)]


def _leakage(
    generator: FaceGenerator,
    asked: list[tuple[str, str | float]],
    probes: Mapping[str, Probe],
    extractor: FeatureExtractor,
    count: int,
    seed: int,
    guidance: float | None,
) -> dict[str, dict[str, float]]:
    """Every control from its first value to its last, the others kept at their first, the noise the same."""
    ends: dict[str, list[str | float]] = {}
    for name, value in asked:
        ends.setdefault(name, []).append(value)
    base: dict[str, Value] = {name: values[0] for name, values in ends.items()}

    def features(controls: Mapping[str, Value]) -> Tensor:
        return extractor.places(generator.sample(count, seed, controls, guidance=guidance).photos)

    changed = {name: features({**base, name: values[-1]}) for name, values in ends.items()}
    return leakage_matrix(features(base), changed, probes)


def _label_columns(rows: Rows) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    for attribute in CONTROLS:
        values = [row.get(attribute.name) for row in rows]
        if attribute.categories:
            columns[attribute.name] = np.array([value or None for value in values], dtype=object)
        else:
            columns[attribute.name] = np.array(
                [np.nan if value is None else value for value in values], dtype=np.float64
            )
    return columns


def _known(column: NDArray[Any]) -> int:
    return sum(value is not None and value == value for value in column)


def _classes(probe: Probe, features: Tensor) -> NDArray[np.str_]:
    if isinstance(probe, CategoryProbe):
        return np.array(probe.attribute.categories)[probe.predict(features)]
    ages = np.clip(probe.predict(features), AGE.low, AGE.high)
    return np.array([group_of({AGE.name: float(age)}, AGE.name) for age in ages])
