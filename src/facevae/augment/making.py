"""One chunk of a plan into labelled, checked faces."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from facevae.attributes import AGE, Value, is_missing
from facevae.augment.config import AugmentConfig
from facevae.augment.plan import NEW, Order
from facevae.augment.writing import RealFace, read_split
from facevae.data.quality import measure, sharpness
from facevae.data.worker import CANONICAL, write_part
from facevae.flow import FlowPrior
from facevae.generator import Controls, FaceGenerator, Latents, Progress
from facevae.images import Photos
from facevae.provenance import EDITED, png_bytes

if TYPE_CHECKING:
    from facevae.data.detect import FaceDetector


class Maker:
    """Makes the faces of a plan, checked and labelled."""

    def __init__(
        self,
        generator: FaceGenerator,
        real: Sequence[RealFace],
        size_px: int,
        config: AugmentConfig,
        total: int,
    ) -> None:
        self.generator, self.real, self.size_px = generator, real, size_px
        self.config, self.total = config, total
        self._detector: FaceDetector | None = None
        if config.check_faces:
            from facevae.data.detect import FaceDetector

            self._detector = FaceDetector()

    def rows(self, orders: Sequence[Order]) -> Iterator[tuple[dict[str, Any], bytes | None]]:
        """(row, PNG) of each face of a chunk, and of each picture in which there is no face."""
        pending = list(orders)
        for attempt in range(self.config.tries):
            faceless = []
            for order, photo in zip(pending, self._photos(pending, attempt), strict=True):
                row = self._row(order, photo, attempt)
                picture = png_bytes(photo, **self._facts(order, attempt))
                if "reason" in row:
                    faceless.append(order)
                else:
                    row["sha256"] = hashlib.sha256(picture).hexdigest()
                yield row, picture
            pending = faceless
            if not pending:
                break

    def seed(self, order: Order, attempt: int) -> int:
        """Every picture's own: `sample(1, seed, controls)` makes a new face again."""
        return self.config.seed + order.index + attempt * self.total

    def controls(self, order: Order) -> dict[str, Value]:
        """What the source's labels ask of the model: those that it knows."""
        row = self.real[order.source].row
        return {name: row[name] for name in self.generator.schema.names if not is_missing(row.get(name))}

    def _photos(self, orders: Sequence[Order], attempt: int) -> Photos:
        """(N, S, S, 3) at the dataset's size, in the order asked."""
        side = self.generator.size_px
        photos = np.empty((len(orders), side, side, 3), dtype=np.uint8)
        new = [place for place, order in enumerate(orders) if order.kind == NEW]
        for run in _runs(new, [orders[place].index for place in new]):
            controls = [self.controls(orders[place]) for place in run]
            seed = self.seed(orders[run[0]], attempt)
            options = (controls, self.config.truncation, self.config.guidance)
            photos[run] = self.generator.sample(len(run), seed, *options).photos
        varied = [place for place, order in enumerate(orders) if order.kind != NEW]
        if varied:
            photos[varied] = self._variations([orders[place] for place in varied], attempt)
        return fitted(self.generator, photos, self.size_px)

    def _variations(self, orders: Sequence[Order], attempt: int) -> Photos:
        size_px = self.generator.size_px
        real = [open_picture(self.real[order.source].picture(), size_px) for order in orders]
        controls = [self.controls(order) for order in orders]
        seeds = [self.seed(order, attempt) for order in orders]
        latents = self.generator.encode(np.stack(real), controls)
        return self.generator.decode(
            vary(self.generator, latents, seeds, self.config.step, controls), controls
        )

    def _row(self, order: Order, photo: Photos, attempt: int) -> dict[str, Any]:
        """The face's metadata, or the reason why there is none."""
        key = f"{order.kind}-{order.index:08d}"
        found = self._detector.detect(photo, every=False) if self._detector else []
        if self._detector and not found:
            reason = f"no face found: in try {attempt + 1}, seed {self.seed(order, attempt)}"
            return {"file": f"{key}.png", "reason": reason}
        row: dict[str, Any] = {"key": key, "split": "train", "file": f"{key}.png", "sha256": None}
        row |= dict.fromkeys(CANONICAL) | self._labels(order)
        if found:
            measures = asdict(measure(found[0], photo, self.size_px, self.size_px))
            row |= {name: round(value, 4) for name, value in measures.items() if value is not None}
            points = found[0].landmarks_px.ravel().tolist()
            row["landmarks"] = [round(value / self.size_px, 4) for value in points]
        else:
            row["sharpness"] = round(sharpness(photo), 4)
        facts = self._facts(order, attempt)
        return {**row, "kind": order.kind, "made_by": facts["model"], "seed": facts["seed"],
                "source_key": facts.get("source_key")}  # fmt: skip

    def _labels(self, order: Order) -> dict[str, Value]:
        """A variation's are all of its source's; a new face's are what it was made with."""
        source, names = self.real[order.source].row, set(self.controls(order))
        if order.kind != NEW:
            names |= set(CANONICAL) - {"yaw"}
        if AGE.name in names:
            names |= {"age_low", "age_high"}
        labels: dict[str, Value] = {name: source.get(name) for name in CANONICAL if name in names}
        if order.kind != NEW:
            labels |= {name: source[name] for name in self.config.by if name in source}
        return labels

    def _facts(self, order: Order, attempt: int) -> dict[str, Any]:
        facts = {"model": self.generator.name, "job": "augment", "kind": order.kind,
                 "seed": self.seed(order, attempt), "controls": self.controls(order)}  # fmt: skip
        if order.kind == NEW:
            return facts
        return {**facts, "source_key": self.real[order.source].key, **EDITED}


class FaceParts:
    """A Maker in a worker of Ray, which reads the model and the data for itself.

    threads: as many as the caller has, since the last bit of a sum depends on them.
    """

    def __init__(
        self,
        threads: int,
        model: str,
        device: str,
        data: str,
        size_px: int,
        config: AugmentConfig,
        total: int,
    ) -> None:
        torch.set_num_threads(threads)
        generator = FaceGenerator.from_pretrained(model, device)
        self.maker = Maker(generator, read_split(Path(data), "train"), size_px, config, total)

    def write(self, job: str, part: Path) -> None:
        write_part(part, self.maker.rows(orders_of(job)))


def orders_of(job: str) -> list[Order]:
    """The orders of a chunk, from the text that travels to its worker."""
    return [Order(**row) for row in json.loads(job)]


def vary(
    generator: FaceGenerator,
    latents: Latents,
    seeds: Sequence[int],
    step: float,
    controls: Controls | Sequence[Controls] | None = None,
) -> Latents:
    """(N, D) latents near those given, (N, D): `step` 0 keeps them, 1 leaves little or nothing of them.

    With a flow prior the latent's noise under its controls is turned on its sphere towards fresh noise,
    by the angle whose sine is `step`, so that the neighbour is as likely as the latent itself. With other
    priors `step` times the difference of two of its draws, over the root of 2, is added. Face i is random by
    seeds[i] alone.
    """
    draws = [torch.Generator().manual_seed(seed) for seed in seeds]
    noise = torch.stack([torch.randn(2, generator.latent_dim, generator=draw) for draw in draws])  # (N, 2, D)
    z, prior = torch.from_numpy(latents), generator.prior
    if not isinstance(prior, FlowPrior):
        choice = torch.stack([torch.rand(2, generator=draw) for draw in draws], dim=1)  # (2, N)
        first, second = (prior.sample(noise[:, one], choice[one]) for one in (0, 1))
        return (z + step * (first - second) / 2**0.5).numpy()
    rows = [controls or {}] if controls is None or isinstance(controls, Mapping) else list(controls)
    known = torch.tensor([prior.schema.encode(row) for row in rows * (len(z) // len(rows))])
    turned = (1 - step**2) ** 0.5 * prior.invert(z, known) + step * noise[:, 0]
    return prior.sample(turned, noise.new_zeros(len(z)), 1.0, known).numpy()


def fitted(
    generator: FaceGenerator, photos: Photos, size_px: int, progress: Progress | None = None
) -> Photos:
    """(N, H, W, 3) faces at `size_px`: through the model's upscaler where that fits, else resampled.

    progress: of the upscaler, called with (faces done, faces in all).
    """
    if photos.shape[1] == size_px:
        return photos
    if generator.upscaler is not None and photos.shape[1] * 2 == size_px:
        return generator.upscale(photos, progress)
    size = (size_px, size_px)
    return np.stack([np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in photos])


def open_picture(picture: bytes, size_px: int) -> Photos:
    """(S, S, 3) uint8 of a picture's bytes, resampled where it is of another size."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    if image.size != (size_px, size_px):
        image = image.resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _runs(places: Sequence[int], indices: Sequence[int]) -> Iterator[list[int]]:
    """The places whose indices follow one another, together: they are sampled at once."""
    run: list[int] = []
    last = -1
    for place, index in zip(places, indices, strict=True):
        if run and index != last + 1:
            yield run
            run = []
        run.append(place)
        last = index
    if run:
        yield run
