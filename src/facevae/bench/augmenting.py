"""Is made data of use? A classifier learnt from few real faces, with and without faces that a model makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevae.attributes import AGE, Value, is_missing
from facevae.augment.making import vary
from facevae.augment.plan import AGE_GROUP, class_of
from facevae.bench.classifiers import CLASSIFIERS, Seen, make_classifier
from facevae.bench.results import markdown
from facevae.data.dataset import FaceDataset, read_rows
from facevae.engine import keep_freed_memory
from facevae.errors import ConfigError, ControlError, DataError, did_you_mean
from facevae.evaluation.real import StageProgress, silent
from facevae.generator import FaceGenerator
from facevae.images import Photos
from facevae.metrics.probes import balanced_accuracy
from facevae.run import prepared

STEP = 0.5
"""How far variations lie from their face, as in `facevae augment`."""
ALONE, VARIED, NEWLY = "real faces alone", "and variations of them", "and new faces"
CONDITIONS = (ALONE, VARIED, NEWLY)
COLUMNS = (AGE_GROUP, "expression", "gender")

Codes = NDArray[np.int64]
Rows = Sequence[Mapping[str, Value]]
Figures = dict[str, Any]


@dataclass(frozen=True)
class AugmentPlan:
    """How much is learnt from, and judged by."""

    by: str = AGE_GROUP
    """What the classifier tells: age_group, expression or gender."""
    per_class: tuple[int, ...] = (20, 50)
    """Real faces of each class that it learns from."""
    made_per_class: int = 100
    """Faces of each class that the model adds."""
    seeds: int = 5
    """Draws of the real faces, each with its own made faces and its own training."""
    classifiers: tuple[str, ...] = tuple(CLASSIFIERS)
    validation_faces: int = 1000
    """Held-out real faces that it is judged by, at most."""

    def __post_init__(self) -> None:
        if self.by not in COLUMNS:
            near = did_you_mean(self.by, COLUMNS)
            raise ConfigError(f"by cannot be '{self.by}': expected one of {', '.join(COLUMNS)}.{near}")
        for name in ("made_per_class", "seeds", "validation_faces"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} cannot be {getattr(self, name)}: expected 1 or more")
        if not self.per_class or min(self.per_class) < 4:
            raise ConfigError("per_class needs numbers of 4 or more, such as 20,50")


@dataclass(frozen=True)
class Labelled:
    """The training faces and the held-out ones, with their classes."""

    names: list[str]
    faces: FaceDataset
    rows: Rows
    codes: Codes  # (N,) -1 where the class is not known or too rare
    held_out: Photos
    held_out_codes: Codes


def augment_bench(
    data: str | Path,
    model: str | Path = "face64",
    plan: AugmentPlan | None = None,
    device: str = "auto",
    progress: StageProgress = silent,
) -> list[Figures]:
    """Accuracy on held-out real faces: one row per classifier, number of real faces, condition and seed.

    Every seed draws its real faces anew, the fewer among the more; variations are of the fewest, and new
    faces take the labels of the fewest. The model itself may have been trained on all of the training faces:
    what is shown is the use of a generator that is there already. Deterministic on one machine. Raises
    ControlError for a model without the control, DataError when the data has too few labelled faces.
    """
    plan = plan or AugmentPlan()
    keep_freed_memory()
    generator = FaceGenerator.from_pretrained(model, device)
    _check_control(generator, plan.by)
    labelled = load_labelled(prepared(Path(data)), generator.size_px, plan)
    classifiers = {name: make_classifier(name, generator.device) for name in plan.classifiers}
    judged = {name: one.see(labelled.held_out) for name, one in classifiers.items()}
    rows: list[Figures] = []
    total = plan.seeds * len(classifiers)
    for seed in range(plan.seeds):
        progress("draws of real faces, learnt from", seed * len(classifiers), total)
        real = draw_faces(labelled, plan, seed)
        made = make_faces(generator, labelled, real[min(plan.per_class)], plan, seed)
        for done, (name, classifier) in enumerate(classifiers.items()):
            added = {how: Seen(classifier.see(photos), codes) for how, (photos, codes) in made.items()}
            for count, chosen in real.items():
                own = Seen(classifier.see(labelled.faces.read(chosen.tolist())), labelled.codes[chosen])
                for condition in CONDITIONS:
                    predict = classifier.learn(own, added.get(condition), len(labelled.names), seed)
                    right = _scores(predict(judged[name]), labelled.held_out_codes)
                    rows.append({"classifier": name, "per_class": count, "condition": condition,
                                 "seed": seed, **right})  # fmt: skip
            progress("draws of real faces, learnt from", seed * len(classifiers) + done + 1, total)
    return [{**row, "classes": len(labelled.names), "judged_by": len(labelled.held_out)} for row in rows]


def load_labelled(data: Path, size_px: int, plan: AugmentPlan) -> Labelled:
    """The classes with enough training faces, and up to `validation_faces` held-out faces of them."""
    rows, others = read_rows(data, "train"), read_rows(data, "validation")
    words = [class_of(row, (plan.by,)) for row in rows]
    most = max(plan.per_class)
    names = sorted({word for word in words if word is not None and words.count(word) >= most})
    if len(names) < 2:
        raise DataError(
            f"{data} has fewer than two classes of '{plan.by}' with {most} training faces each: "
            "learn from fewer (--per-class), or prepare more labelled photos."
        )
    judged = _codes([class_of(row, (plan.by,)) for row in others], names)
    known = np.flatnonzero(judged >= 0)
    if not len(known):
        raise DataError(f"{data} has no validation face with a known '{plan.by}' to judge by.")
    known = np.random.default_rng(0).permutation(known)[: plan.validation_faces]
    photos = FaceDataset(data, "validation", size_px).read(known.tolist())
    return Labelled(
        names, FaceDataset(data, "train", size_px), rows, _codes(words, names), photos, judged[known]
    )


def draw_faces(labelled: Labelled, plan: AugmentPlan, seed: int) -> dict[int, Codes]:
    """{faces per class: positions of the training faces drawn}, the fewer among the more."""
    random = np.random.default_rng((seed, 1))
    orders = [
        random.permutation(np.flatnonzero(labelled.codes == code)) for code in range(len(labelled.names))
    ]
    return {count: np.concatenate([order[:count] for order in orders]) for count in sorted(plan.per_class)}


def make_faces(
    generator: FaceGenerator, labelled: Labelled, real: Codes, plan: AugmentPlan, seed: int
) -> dict[str, tuple[Photos, Codes]]:
    """{condition: made faces and their classes}, `made_per_class` of each, from the real faces' labels."""
    random, start = np.random.default_rng((seed, 2)), 1 + seed * 1_000_000
    by_class = [real[labelled.codes[real] == code] for code in range(len(labelled.names))]
    sources = np.concatenate([random.choice(own, plan.made_per_class) for own in by_class])
    controls = [_controls(generator, labelled.rows[source]) for source in sources]
    latents = generator.encode(labelled.faces.read(sources.tolist()), controls)
    seeds = [start + place for place in range(len(sources))]
    varied = generator.decode(vary(generator, latents, seeds, STEP, controls), controls)
    new = generator.sample(len(sources), start, controls).photos
    codes = labelled.codes[sources]
    return {VARIED: (varied, codes), NEWLY: (new, codes)}


def parse_counts(text: str) -> tuple[int, ...]:
    """(20, 50) from '20,50'. Raises ConfigError for another form."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"per-class cannot be '{text}': expected numbers of faces, such as 20,50") from None


def summarised(rows: Sequence[Figures]) -> list[Figures]:
    """Over seeds: means, standard deviations, and the gain over real faces alone, seed by seed."""
    summary: list[Figures] = []
    groups = list(dict.fromkeys((row["classifier"], row["per_class"], row["condition"]) for row in rows))
    for classifier, count, condition in groups:
        own, alone = (
            [row for row in rows if (row["classifier"], row["per_class"], row["condition"]) == key]
            for key in ((classifier, count, condition), (classifier, count, ALONE))
        )
        figures: Figures = {"classifier": classifier, "per_class": count, "condition": condition}
        for name in ("accuracy", "balanced_accuracy"):
            values = np.array([row[name] for row in own])
            gains = values - np.array([row[name] for row in alone])
            for key, numbers in ((name, values), (f"{name}_gain", gains)):
                figures[key] = float(numbers.mean())
                figures[f"{key}_std"] = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
        summary.append(figures)
    return summary


def augment_text(rows: Sequence[Figures], plan: AugmentPlan, model: str) -> str:
    """Markdown: what was learnt and judged, and the table."""
    classes, judged = rows[0]["classes"], rows[0]["judged_by"]
    header = ["classifier", "real faces per class", "learnt from", "balanced accuracy", "gain", "accuracy"]
    table = [header]
    for row in summarised(rows):
        first = row["condition"] == ALONE
        gain = "–" if first else _percent(row, "balanced_accuracy_gain", sign="+")
        table.append([CLASSIFIERS[row["classifier"]], str(row["per_class"]), row["condition"],
                      _percent(row, "balanced_accuracy"), gain, _percent(row, "accuracy")])  # fmt: skip
    return (
        f"`{plan.by}` in {classes} classes (chance of the balanced accuracy: {100 / classes:.1f} %), model "
        f"`{model}`, {plan.made_per_class} made faces per class; judged by {judged:,} held-out real faces. "
        f"Mean ± standard deviation over {plan.seeds} seeds, in %; the gain is taken seed by seed.\n\n"
        + markdown(table, texts=3)
    )


def _percent(row: Figures, name: str, sign: str = "") -> str:
    return f"{100 * row[name]:{sign}.1f} ± {100 * row[f'{name}_std']:.1f}"


def _scores(read: Codes, codes: Codes) -> Figures:
    return {
        "accuracy": float((read == codes).mean()),
        "balanced_accuracy": balanced_accuracy(read, codes),
    }


def _codes(words: Sequence[str | None], names: Sequence[str]) -> Codes:
    places = {name: place for place, name in enumerate(names)}
    return np.array([-1 if word is None else places.get(word, -1) for word in words], dtype=np.int64)


def _controls(generator: FaceGenerator, row: Mapping[str, Value]) -> dict[str, Value]:
    return {name: row[name] for name in generator.schema.names if not is_missing(row.get(name))}


def _check_control(generator: FaceGenerator, by: str) -> None:
    control = AGE.name if by == AGE_GROUP else by
    if control not in generator.schema.names:
        has = ", ".join(generator.schema.names) or "none"
        raise ControlError(
            f"the model '{generator.name}' has no control '{control}', so it cannot make faces of each "
            f"'{by}'. It has: {has}. Fit a prior with it: facevae prior MODEL DATA --out NEW "
            f"--condition-on {control}"
        )
