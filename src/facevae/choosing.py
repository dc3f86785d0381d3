"""Which faces are kept: those in which the detector finds a face, and of several tries the one liked best.

The score is ours: the detector's confidence, 0 to 1; of a picture without a face, or when no detector is
asked, minus the root mean square of the latent, so that among those the most typical one is kept. Adding
more to the confidence was tried and left (docs/generate.md, the best of several).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facevae.data.detect import FaceDetector
from facevae.data.ray_engine import on_ray
from facevae.errors import ConfigError, MissingExtraError, install_command
from facevae.evaluation.pictures import faces_in_crop
from facevae.generator import Controls, FaceGenerator, Latents, Progress, Samples
from facevae.images import Photos
from facevae.models import find_model

MOST_REDRAWS = 8
"""Further tries of a face in which the detector finds none."""
NEXT_TRY = 2_654_435_769
"""Try k of a face draws with its seed + k times this: 2^32 over the golden ratio, because torch's generator
looks at the lowest 32 bits of a seed alone, and multiples of it lie far apart there: up to 100 tries of ten
million faces in a row have seeds of their own (Knuth, The Art of Computer Programming 3, section 6.4)."""
PEOPLE_AT_ONCE = 64
LISTS = ("redrawn", "scores", "found")


@dataclass(frozen=True)
class Chosen:
    """The faces kept, (N, ...) in each field."""

    samples: Samples
    """Their seeds are those of the tries kept: `sample(1, seed=seeds[i])` with its controls makes face i."""
    redrawn: list[int]
    """How often each was drawn again because the detector found no face."""
    scores: list[float]
    """The detector's confidence, 0 to 1; below 0 where it found no face or was not asked."""
    found: list[bool]
    """False for a face kept although the detector found none in any try. All True when not `checked`."""
    checked: bool
    """False when the faces were not shown to a detector."""

    def notes(self, best_of: int) -> list[dict[str, Any]]:
        """What faces.jsonl says of how each face was chosen."""
        return [
            ({"redrawn": redrawn, "face_found": found} if self.checked else {})
            | ({"best_of": best_of, "score": round(score, 4)} if best_of > 1 else {})
            for redrawn, score, found in zip(self.redrawn, self.scores, self.found, strict=True)
        ]

    def remarks(self, check: bool = True) -> list[str]:
        """What people are told of the choice. check: whether faces were to be shown to a detector."""
        again, faceless = sum(count > 0 for count in self.redrawn), self.found.count(False)
        told: list[str] = []
        if check and not self.checked:
            told.append(f"No face was checked: the detector needs {install_command('photos')}.")
        if again:
            told.append(
                f"{again} of them were drawn again: the detector found no face ('redrawn' in faces.jsonl)."
            )
        if faceless:
            told.append(
                f"In {faceless} of them it found none in any try: the best try was kept "
                "('face_found' is false)."
            )
        return told


@dataclass(frozen=True)
class _Try:
    """One person drawn once, under each of C requests."""

    seed: int
    photos: Photos  # (C, H, W, 3)
    latents: Latents  # (C, D)
    scores: NDArray[np.float64]  # (C,)
    found: NDArray[np.bool_]  # (C,)

    @property
    def rank(self) -> tuple[int, float]:
        """More pictures with a face first; then the mean of their scores."""
        return int(self.found.sum()), float(self.scores.mean())


_Draw = Callable[[Sequence[int], int], list[_Try]]
"""(people, try) to one _Try for each of these people."""


def choose_faces(
    generator: FaceGenerator,
    controls: Sequence[Controls],
    seed: int,
    truncation: float = 1.0,
    guidance: float | None = None,
    best_of: int = 1,
    progress: Progress | None = None,
    check: bool = True,
) -> Chosen:
    """One face for each of `controls`, each the best of `best_of` tries in which the detector finds a face.

    A face without one is drawn again up to MOST_REDRAWS times, then the best try is kept. Face i and all
    its tries are decided by seed + i; the first try is that of `FaceGenerator.sample`. Without the extra
    'photos', or with check=False, no detector is asked. progress: called with (faces done, faces in all).
    Raises ConfigError and ControlError as `FaceGenerator.sample`, and ConfigError for best_of below 1.
    """
    people = [[row] for row in controls]
    return choose_people(generator, people, seed, truncation, guidance, best_of, progress, check)


def choose_people(
    generator: FaceGenerator,
    people: Sequence[Sequence[Controls]],
    seed: int,
    truncation: float = 1.0,
    guidance: float | None = None,
    best_of: int = 1,
    progress: Progress | None = None,
    check: bool = True,
) -> Chosen:
    """As `choose_faces`, each person shown under C requests with one seed, which is chosen for all of them.

    people[i]: the C controls of person i, as many for everybody. The N faces are ordered person by person.
    """
    if best_of < 1:
        raise ConfigError(f"best_of must be 1 or more, got {best_of}")
    if not people:
        raise ConfigError("there must be one face or more, got no controls")
    detector = _detector() if check else None

    kept: list[_Try] = []
    redrawn: list[int] = []
    each = len(people[0])

    def report() -> None:
        if progress:
            progress(len(kept) * each, len(people) * each)

    def draw(which: Sequence[int], attempt: int) -> list[_Try]:
        tries: list[_Try] = []
        for run in _runs(which):
            report()
            rows = [people[index] for index in run]
            first = seed + run[0] + attempt * NEXT_TRY
            tries += _draw_people(generator, rows, first, truncation, guidance, detector)
        return tries

    for start in range(0, len(people), PEOPLE_AT_ONCE):
        which = range(start, min(start + PEOPLE_AT_ONCE, len(people)))
        chosen, again = _choose(draw, which, best_of)
        kept, redrawn = kept + chosen, redrawn + again
    report()
    return _chosen(kept, redrawn, detector is not None)


def choose_on_ray(
    model: str | Path,
    people: Sequence[Sequence[Controls]],
    seed: int,
    truncation: float = 1.0,
    guidance: float | None = None,
    best_of: int = 1,
    progress: Progress | None = None,
    check: bool = True,
    device: str = "auto",
) -> Chosen:
    """`choose_people` with a model's folder or shipped name, by Ray's processes: the same faces.

    Raises as it does, and MissingExtraError without the extra 'ray'.
    """
    options, threads = (seed, truncation, guidance, best_of, check), torch.get_num_threads()
    facts = (threads, str(find_model(model).resolve()), device, options)
    starts = range(0, len(people), PEOPLE_AT_ONCE)
    items = ({"start": at, "people": json.dumps(people[at : at + PEOPLE_AT_ONCE])} for at in starts)
    done: dict[int, Chosen] = {}
    for row in on_ray(PeopleChooser, facts, items, None, threads):
        done[row["start"]] = _unpacked(row)
        if progress:
            progress(sum(len(one.found) for one in done.values()), len(people) * len(people[0]))
    parts = [done[at] for at in starts]
    photos, latents = (np.concatenate([getattr(one.samples, name) for one in parts])
                       for name in ("photos", "latents"))  # fmt: skip
    samples = Samples(photos, latents, [one for part in parts for one in part.samples.seeds])
    lists = {name: [value for part in parts for value in getattr(part, name)] for name in LISTS}
    return Chosen(samples, checked=parts[0].checked, **lists)


class PeopleChooser:
    """A worker of Ray: chooses faces for one chunk of people after another, with the caller's threads."""

    def __init__(
        self, threads: int, model: str, device: str, options: tuple[int, float, float | None, int, bool]
    ) -> None:
        torch.set_num_threads(threads)
        self.generator, self.options = FaceGenerator.from_pretrained(model, device), options

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        seed, truncation, guidance, best_of, check = self.options
        people = json.loads(item["people"])
        first = seed + int(item["start"])
        chosen = choose_people(self.generator, people, first, truncation, guidance, best_of, None, check)
        facts = {"seeds": chosen.samples.seeds, "checked": chosen.checked, "side": self.generator.size_px}
        facts |= {name: getattr(chosen, name) for name in LISTS}
        return {"start": item["start"], "photos": chosen.samples.photos.tobytes(),
                "latents": chosen.samples.latents.tobytes(), "facts": json.dumps(facts)}  # fmt: skip


def _unpacked(row: dict[str, Any]) -> Chosen:
    facts = json.loads(row["facts"])
    side, seeds = facts["side"], facts["seeds"]
    photos = np.frombuffer(row["photos"], np.uint8).reshape(len(seeds), side, side, 3)
    latents = np.frombuffer(row["latents"], np.float32).reshape(len(seeds), -1)
    lists = {name: facts[name] for name in LISTS}
    return Chosen(Samples(photos, latents, seeds), checked=facts["checked"], **lists)


def _choose(draw: _Draw, which: range, best_of: int) -> tuple[list[_Try], list[int]]:
    """The try kept of each of these people, and how many it took beyond `best_of`."""
    best = dict(zip(which, draw(which, 0), strict=True))
    redrawn = dict.fromkeys(which, 0)
    for attempt in range(1, best_of + MOST_REDRAWS):
        again = attempt >= best_of
        pending = [index for index in which if not (again and best[index].found.all())]
        if not pending:
            break
        for index, new in zip(pending, draw(pending, attempt), strict=True):
            best[index] = max(best[index], new, key=lambda one: one.rank)
            redrawn[index] += again
    return list(best.values()), list(redrawn.values())


def _draw_people(
    generator: FaceGenerator,
    rows: Sequence[Sequence[Controls]],
    seed: int,
    truncation: float,
    guidance: float | None,
    detector: FaceDetector | None,
) -> list[_Try]:
    """People with seeds from `seed` on, under the C controls of each row."""
    cells = []
    for controls in zip(*rows, strict=True):
        samples = generator.sample(len(rows), seed, controls, truncation, guidance)
        scores = _scores(samples, detector)
        cells.append((samples.photos, samples.latents, scores, (scores > 0) | (detector is None)))
    photos, latents, scores, found = (np.stack(part, axis=1) for part in zip(*cells, strict=True))
    return [
        _Try(seed + index, photos[index], latents[index], scores[index], found[index])
        for index in range(len(rows))
    ]


def _scores(samples: Samples, detector: FaceDetector | None) -> NDArray[np.float64]:
    """(N,) confidences of the largest face found in each picture; below 0 for none or without a detector."""
    typicality = np.asarray(-np.sqrt(np.square(samples.latents).mean(axis=1)), dtype=np.float64)
    if detector is None:
        return typicality
    found = [faces_in_crop(photo, detector) for photo in samples.photos]
    return np.array(
        [faces[0].score if faces else least for faces, least in zip(found, typicality, strict=True)]
    )


def _chosen(kept: Sequence[_Try], redrawn: Sequence[int], checked: bool) -> Chosen:
    each = len(kept[0].photos)
    samples = Samples(
        np.concatenate([one.photos for one in kept]),
        np.concatenate([one.latents for one in kept]),
        [one.seed for one in kept for _ in range(each)],
    )
    return Chosen(
        samples,
        [count for count in redrawn for _ in range(each)],
        [float(score) for one in kept for score in one.scores],
        [bool(found) for one in kept for found in one.found],
        checked,
    )


def _detector() -> FaceDetector | None:
    """None where the extra 'photos' is not installed: generating needs the core alone."""
    try:
        return FaceDetector()
    except MissingExtraError:
        return None


def _runs(which: Sequence[int]) -> list[list[int]]:
    """[0, 1, 4, 5] to [[0, 1], [4, 5]]: neighbours are drawn in one batch."""
    runs: list[list[int]] = []
    for index in which:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs
