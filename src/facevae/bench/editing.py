"""Edits of validation faces, judged by evaluate's probes: what changes as asked, what stays, who stays."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facevae.attributes import AGE, GENDER, SMILE
from facevae.bench.editing_references import reference_figures
from facevae.edit import (
    WAYS,
    Change,
    Way,
    apply_changes,
    edit_latents,
    editable,
    keep_detail,
    read_attributes,
)
from facevae.edit.mechanisms import decoder_controls, require_reader
from facevae.errors import ConfigError
from facevae.evaluation.labels import real_probes
from facevae.evaluation.real import RealFaces, Rows, StageProgress, load_real_faces, silent
from facevae.generator import Controls, FaceGenerator, Latents
from facevae.images import Photos
from facevae.metrics.extractor import FeatureExtractor, Seen, identity_cosine
from facevae.metrics.probes import NumberProbe, Probe, labels_of
from facevae.run import prepared

YEARS = 20.0
"""The difference in age that is asked for, up and down."""
TIMED = 7
"""Edits of one face whose median time is told."""


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    label: str
    way: Way
    detail: float = 0.0


SETTINGS = (
    Setting("search", WAYS["search"]),
    Setting("search, detail 1", WAYS["search"], 1.0),
    Setting("direction", Way("direction")),
    Setting("direction, strength 1.5", Way("direction", 1.5)),
    Setting("direction, strength 2", Way("direction", 2.0)),
    Setting("flow, plain inversion", Way("flow", difference=False, corrected="no")),
    Setting("flow, guidance 2", Way("flow", guidance=2.0, corrected="no")),
    Setting("flow, guidance 2, all corrected", Way("flow", guidance=2.0)),
    Setting("flow, guidance 2, all corrected, strength 1.5", Way("flow", 1.5, 2.0)),
    Setting("cvae", Way("cvae")),
    Setting("direction, strength 1.5, detail 1", Way("direction", 1.5), 1.0),
)


class Task(NamedTuple):
    """What is asked of some of the faces."""

    name: str
    change: Change
    faces: NDArray[np.int64]


@dataclass
class Bench:
    """The validation faces that are edited, and the eyes that judge them."""

    generator: FaceGenerator
    extractor: FeatureExtractor
    probes: Mapping[str, Probe]
    centre: Tensor  # (F,) mean of the real faces' features
    photos: Photos  # (N, H, W, 3)
    rows: Rows
    latents: Latents  # (N, D)
    own: list[Controls]
    reconstructions: Photos  # (N, H, W, 3)
    seen: dict[float, Seen] = field(default_factory=dict)
    """The unedited faces, by the share of detail kept: 0 the reconstructions', 1 the photos'."""
    decoded: dict[tuple[Way, str], Photos] = field(default_factory=dict)
    """Edits by way and task, which settings share that differ in detail alone."""

    @classmethod
    def of(
        cls, generator: FaceGenerator, extractor: FeatureExtractor, real: RealFaces, count: int, seed: int
    ) -> Bench:
        chosen = np.random.default_rng(seed).permutation(len(real.validation))[:count]
        photos = real.validation[chosen]
        latents = generator.encode(photos)
        own = read_attributes(generator, latents)
        told = decoder_controls(generator, own, own, "flow")
        if generator.model.config.schema.width:
            latents = generator.encode(photos, told)
        return cls(
            generator, extractor, real_probes(real, seed), real.validation_features.mean(dim=0), photos,
            [real.validation_rows[face] for face in chosen], latents, own, generator.decode(latents, told),
        )  # fmt: skip

    def unedited(self, detail: float) -> Seen:
        """The faces before an edit that keeps so much of the photos' detail."""
        if detail not in self.seen:
            plain = _detailed(self.photos, self.reconstructions, self.reconstructions, detail)
            self.seen[detail] = self.extractor.look(plain)
        return self.seen[detail]

    def cosine(self, a: Tensor, b: Tensor) -> float:
        return float(identity_cosine(a, b, self.centre).mean())


def editing_bench(
    model: str | Path,
    data: Path,
    count: int = 500,
    seed: int = 0,
    device: str = "auto",
    settings: Sequence[Setting] = SETTINGS,
    progress: StageProgress = silent,
) -> dict[str, Any]:
    """{'rows': one per setting that the model has, 'references': what they are to be held against, 'faces'}.

    The first `count` validation faces of a random order by `seed` are reconstructed and edited: age up and
    down by YEARS, smile to 1 where it is read below 0.5 and to 0 elsewhere. Deterministic but for seconds.
    Raises ConfigError for fewer than 2 faces, CheckpointError for a model without reader.
    """
    if count < 2:
        raise ConfigError(f"the bench needs 2 faces or more, got {count}")
    generator = FaceGenerator.from_pretrained(model, device)
    require_reader(generator)
    extractor = FeatureExtractor(generator.device)
    real = load_real_faces(prepared(data), generator.size_px, count, seed, extractor, progress)
    bench = Bench.of(generator, extractor, real, count, seed)
    can = [one for one in settings if {AGE.name, SMILE.name} & set(editable(generator, one.way).names)]
    rows = []
    for done, setting in enumerate(can):
        rows.append(setting_row(bench, setting))
        progress("ways to edit", done + 1, len(can))
    return {"rows": rows, "references": reference_figures(bench, real, seed), "faces": len(bench.photos)}


def tasks(own: Sequence[Controls], can: Sequence[str]) -> list[Task]:
    """What is asked of faces with these attributes by a mechanism that can change those."""
    found = []
    everybody = np.arange(len(own))
    if AGE.name in can:
        found += [Task("age up", Change(AGE.name, YEARS, True), everybody),
                  Task("age down", Change(AGE.name, -YEARS, True), everybody)]  # fmt: skip
    if SMILE.name in can:
        smiling = np.array([float(row.get(SMILE.name) or 0) >= 0.5 for row in own])
        found += [Task("smile on", Change(SMILE.name, 1.0), everybody[~smiling]),
                  Task("smile off", Change(SMILE.name, 0.0), everybody[smiling])]  # fmt: skip
    return [task for task in found if len(task.faces)]


def setting_row(bench: Bench, setting: Setting) -> dict[str, Any]:
    """The figures of one setting: {'label', 'shares': {task: share}, ...}; None for what cannot be told."""
    schema = editable(bench.generator, setting.way)
    base, photos = bench.unedited(setting.detail), bench.unedited(1.0)
    shares: dict[str, float | None] = {}
    kept, moved, to_plain, to_photo = [], [], [], []
    for task in tasks(bench.own, schema.names):
        own = [bench.own[face] for face in task.faces]
        asked = [apply_changes(schema, row, [task.change])[0] for row in own]
        key = setting.way, task.name
        if key not in bench.decoded:
            bench.decoded[key] = decoded_edits(bench, setting.way, task.faces, own, asked)
        before_and_after = bench.reconstructions[task.faces], bench.decoded[key]
        features, places = bench.extractor.look(
            _detailed(bench.photos[task.faces], *before_and_after, setting.detail)
        )
        name, before = task.change.name, base.places[task.faces]
        shares[task.name] = _share_read(bench.probes.get(name), before, places, own, asked)
        to_plain.append(bench.cosine(features, bench.unedited(0.0).pooled[task.faces]))
        to_photo.append(bench.cosine(features, photos.pooled[task.faces]))
        if name == AGE.name and (probe := bench.probes.get(GENDER.name)):
            kept.append(float((probe.predict(places) == probe.predict(before)).mean()))
        if name == SMILE.name and (probe := bench.probes.get(AGE.name)):
            moved.append(float(np.abs(probe.predict(places) - probe.predict(before)).mean()))
    return {
        "label": setting.label, "shares": shares, "gender_kept": _mean(kept), "age_moved": _mean(moved),
        "cosine": _mean(to_plain), "cosine_photo": _mean(to_photo), "seconds": _seconds(bench, setting),
    }  # fmt: skip


def edited_faces(
    bench: Bench,
    setting: Setting,
    faces: NDArray[np.int64],
    own: Sequence[Controls],
    asked: Sequence[Controls],
) -> Photos:
    """The faces at these positions, edited; (n, H, W, 3) uint8."""
    decoded = decoded_edits(bench, setting.way, faces, own, asked)
    return _detailed(bench.photos[faces], bench.reconstructions[faces], decoded, setting.detail)


def decoded_edits(
    bench: Bench,
    way: Way,
    faces: NDArray[np.int64],
    own: Sequence[Controls],
    asked: Sequence[Controls],
) -> Photos:
    """The same as the model draws them, without detail of the photos."""
    moved = edit_latents(bench.generator, bench.latents[faces], own, asked, way)
    return bench.generator.decode(moved, decoder_controls(bench.generator, own, asked, way.mechanism))


def _share_read(
    probe: Probe | None,
    before: Tensor,
    after: Tensor,
    own: Sequence[Controls],
    asked: Sequence[Controls],
) -> float | None:
    """Share of the asked change that the probe reads, summed over faces; None without a probe."""
    if not isinstance(probe, NumberProbe):
        return None
    have, want = labels_of(own, probe.attribute), labels_of(asked, probe.attribute)
    read = probe.predict(after) - probe.predict(before)
    return float((read * np.sign(want - have)).sum() / max(float(np.abs(want - have).sum()), 1e-9))


def _detailed(photos: Photos, before: Photos, after: Photos, detail: float) -> Photos:
    if detail == 0:
        return after
    return np.stack([keep_detail(*three, detail) for three in zip(photos, before, after, strict=True)])


def _seconds(bench: Bench, setting: Setting) -> float:
    """Median time of one face's edit, from its aligned photo to the edited one."""
    schema = editable(bench.generator, setting.way)
    task = tasks(bench.own[:1], schema.names)[0]
    own = bench.own[:1]
    asked = [apply_changes(schema, own[0], [task.change])[0]]
    taken = []
    for _ in range(TIMED):
        started = time.perf_counter()
        bench.generator.encode(bench.photos[:1])
        edited_faces(bench, setting, np.arange(1), own, asked)
        taken.append(time.perf_counter() - started)
    return median(taken)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
