"""One chunk of photos into one part of the result: what every process of `prepare` does.

A part is two files. `00012.bin` holds pictures end to end; `00012.jsonl` has one line per face or
reject, in the order of the photos, and is renamed into place last: a part that has it is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevae.attributes import Value
from facevae.data.align import align, apply, similarity_to_template
from facevae.data.detect import Face, FaceDetector
from facevae.data.photos import decode_photo
from facevae.data.prepare_config import PrepareConfig
from facevae.data.quality import Measures, fault, measure, perceptual_hash, sharpness
from facevae.data.sources import Span, read_span
from facevae.errors import DataError, require

CANONICAL = ("age", "age_low", "age_high", "gender", "expression", "smile", "yaw")
MEASURED = (
    *("key", "split", "file", "sha256", "landmarks", "photo_landmarks_px", "photo_width", "photo_height"),
    *("sharpness", "face_px", "score", "misfit", "disagreement", "outside"),
)
"""Columns that prepare writes itself; a source's column of that name becomes `<name>_given`."""

THUMB_PX = 96
THUMBS_PER_REASON = 8
"""Pictures of rejects kept per chunk and kind of reason, for the page."""


@dataclass(frozen=True)
class Task:
    """One photo to prepare."""

    index: int
    """Its position among the source's photos."""
    name: str
    span: Span
    split: str | None
    attributes: dict[str, Value]


class Workbench:
    """What a worker keeps between photos: its options and its detector."""

    def __init__(self, config: PrepareConfig) -> None:
        self.config = config
        cv2 = require("cv2", "photos", "preparing photos")
        cv2.setNumThreads(1)
        self.detector = None if config.aligned else FaceDetector(config.min_score)

    def prepare_chunk(self, tasks: Sequence[Task], part: Path) -> None:
        """Write `part`.bin and `part`.jsonl. Raises OSError when they cannot be written."""
        write_part(part, self._rows(tasks))

    def _rows(self, tasks: Sequence[Task]) -> Iterator[tuple[dict[str, Any], bytes | None]]:
        thumbs: dict[str, int] = {}
        for task in tasks:
            for row, image in self._prepare(task):
                if "reason" not in row and image is not None:
                    yield row, encode(image, self.config.image_format)
                    continue
                kind = row["reason"].split(":")[0]
                thumbs[kind] = thumbs.get(kind, 0) + 1
                shown = image is not None and thumbs[kind] <= THUMBS_PER_REASON
                yield row, thumbnail(image) if image is not None and shown else None

    def _prepare(self, task: Task) -> Iterator[tuple[dict[str, Any], NDArray[np.uint8] | None]]:
        """(row, picture) for each face of a photo, and for each reason why there is none or one less."""
        reject = {"index": task.index, "file": task.name}
        image: NDArray[np.uint8] | None = None
        try:
            data = read_span(task.span)
            image = decode_photo(data)
            digest = hashlib.sha256(data).hexdigest()
            faces = self._aligned(image) if self.detector is None else self._found(image)
            for number, (face, crop, measures) in enumerate(faces):
                reason = fault(self._with_given_yaw(measures, task), self.config)
                if reason is not None:
                    which = f" (face {number + 1} of {len(faces)})" if len(faces) > 1 else ""
                    yield {**reject, "reason": reason + which}, crop
                    continue
                row = self._row(task, number, digest, face, crop, measures, image.shape[:2])
                yield row, crop
        except DataError as error:
            yield {**reject, "reason": str(error)}, image

    def _found(self, image: NDArray[np.uint8]) -> list[tuple[Face | None, NDArray[np.uint8], Measures]]:
        assert self.detector is not None
        height, width = image.shape[:2]
        if min(height, width) < self.config.min_face_px:
            raise DataError(f"photo too small: {width} x {height} px, at least {self.config.min_face_px}")
        every = self.config.faces == "all"
        faces = self.detector.detect(image, every=every)
        if not faces:
            raise DataError("no face found")
        found: list[tuple[Face | None, NDArray[np.uint8], Measures]] = []
        for face in faces if every else faces[:1]:
            crop = align(image, face.landmarks_px, self.config.size_px)
            found.append((face, crop, measure(face, crop, height, width)))
        return found

    def _aligned(self, image: NDArray[np.uint8]) -> list[tuple[Face | None, NDArray[np.uint8], Measures]]:
        height, width = image.shape[:2]
        if height != width:
            raise DataError(f"not square: {width} x {height} px, an aligned face is square")
        if height < self.config.min_face_px:
            raise DataError(f"photo too small: {width} x {height} px, at least {self.config.min_face_px}")
        size = (self.config.size_px, self.config.size_px)
        crop = image
        if image.shape[:2] != size:
            crop = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
        return [(None, crop, Measures(sharpness(image)))]

    def _with_given_yaw(self, measures: Measures, task: Task) -> Measures:
        given = task.attributes.get("yaw")
        if measures.yaw is not None or not isinstance(given, float):
            return measures
        return Measures(measures.sharpness, yaw=given)

    def _row(
        self,
        task: Task,
        number: int,
        digest: str,
        face: Face | None,
        crop: NDArray[np.uint8],
        measures: Measures,
        shape: tuple[int, ...],
    ) -> dict[str, Any]:
        """The face's metadata, canonical columns first, and what only the writing of shards needs."""
        measured = {name: _short(value) for name, value in asdict(measures).items()}
        given = {
            f"{name}_given" if name in MEASURED or (name == "yaw" and face is not None) else name: value
            for name, value in task.attributes.items()
        }
        columns: dict[str, Any] = {name: given.pop(name, None) for name in CANONICAL}
        columns.update({name: value for name, value in measured.items() if value is not None})
        if face is not None:
            points = apply(similarity_to_template(face.landmarks_px, 1), face.landmarks_px)
            columns["landmarks"] = [_short(float(v)) for v in points.ravel()]
            columns["photo_landmarks_px"] = [_short(float(v)) for v in face.landmarks_px.ravel()]
        columns["photo_height"], columns["photo_width"] = shape
        key = f"{task.index:08d}" + (f"-{number}" if self.config.faces == "all" else "")
        return {
            "index": task.index,
            "key": key,
            "split": task.split,
            "file": task.name,
            "sha256": digest,
            "phash": perceptual_hash(crop).hex(),
            "columns": {**columns, **given},
        }


def write_part(part: Path, rows: Iterable[tuple[dict[str, Any], bytes | None]]) -> None:
    """Write `part`.bin, the pictures, then `part`.jsonl, each row with where its picture is ('at').

    Both are written aside and renamed when they are whole. Raises OSError when they cannot be written.
    """
    lines, pictures = (part.with_name(f".{part.name}.{os.getpid()}.{kind}.tmp") for kind in ("jsonl", "bin"))
    try:
        with open(pictures, "wb") as images, open(lines, "w", encoding="utf-8") as table:
            for row, picture in rows:
                if picture is not None:
                    row["at"] = [images.tell(), len(picture)]
                    images.write(picture)
                table.write(json.dumps(row, ensure_ascii=False) + "\n")
            for file in (images, table):
                file.flush()
                os.fsync(file.fileno())
        os.replace(pictures, part.with_suffix(".bin"))
        os.replace(lines, part.with_suffix(".jsonl"))
    finally:
        for leftover in (lines, pictures):
            leftover.unlink(missing_ok=True)


def encode(crop: NDArray[np.uint8], image_format: str) -> bytes:
    """A crop as WebP of quality 95 or as PNG."""
    buffer = io.BytesIO()
    if image_format == "webp":
        # Method 2: 4, the default, takes three times as long for 3 % smaller files.
        Image.fromarray(crop).save(buffer, "WEBP", quality=95, method=2)
    else:
        Image.fromarray(crop).save(buffer, "PNG")
    return buffer.getvalue()


def thumbnail(image: NDArray[np.uint8]) -> bytes:
    """A small WebP of a rejected photo or crop, its longer side THUMB_PX."""
    buffer = io.BytesIO()
    picture = Image.fromarray(image)
    picture.thumbnail((THUMB_PX, THUMB_PX), reducing_gap=2.0)
    picture.save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def serve() -> None:
    """Work on what the parent process writes to standard input, line by line, until it closes it.

    A process of its own rather than a fork or a pool: it ends by itself when its parent is killed,
    and a script that calls `prepare` needs no `if __name__ == "__main__"`.
    """
    replies = sys.stdout
    bench = Workbench(PrepareConfig(**json.loads(sys.stdin.readline())))
    for line in sys.stdin:
        chunk = json.loads(line)
        tasks = [Task(i, name, Span(**span), split, row) for i, name, span, split, row in chunk["tasks"]]
        try:
            # Libraries that print must not be taken for replies.
            with contextlib.redirect_stdout(sys.stderr):
                bench.prepare_chunk(tasks, Path(chunk["part"]))
            reply: dict[str, Any] = {"done": True}
        except OSError as error:
            reply = {"error": error.strerror or str(error), "errno": error.errno}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        serve()
