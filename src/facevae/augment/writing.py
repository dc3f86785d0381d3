"""Real faces as they are and made ones among them: shards, metadata.parquet, rejects.csv.

Pictures and rows of real faces are copied, never encoded again; shards of the other splits byte by byte.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facevae.data.quality import HASH_BYTES
from facevae.data.shards import (
    SPLITS,
    Index,
    ShardWriter,
    Summary,
    TableWriter,
    described,
    observe,
    part_lines,
    part_picture,
    write_rejects,
)
from facevae.data.shelf import read_shard
from facevae.data.worker import CANONICAL, MEASURED

REAL = "real"
ADDED = {"kind": "text", "made_by": "text", "seed": "number", "source_key": "text"}
"""Columns of every face: real, new or variation; the model, the seed and the varied face of made ones."""

Row = dict[str, Any]


@dataclass(frozen=True)
class RealFace:
    """A face of the old dataset: its metadata, and where its picture is."""

    key: str
    row: Row
    shard: Path
    start: int
    length: int

    def picture(self) -> bytes:
        """The picture's bytes as they stand in the shard."""
        with self.shard.open("rb") as file:
            file.seek(self.start)
            return file.read(self.length)


def read_split(data: Path, split: str) -> list[RealFace]:
    """The faces of a split in the order of FaceDataset. Raises DataError for a damaged shard.

    A column with the name of one in ADDED is kept as `<name>_given`.
    """
    faces = []
    for shard in sorted(data.glob(f"{split}-*.tar")):
        places, rows = read_shard(shard)
        for key, (start, length) in places.items():
            given = {f"{name}_given" if name in ADDED else name: value for name, value in rows[key].items()}
            head = {"key": key, "split": split, "file": given.get("file") or key}
            head["sha256"] = given.get("sha256") or hashlib.sha256(key.encode()).hexdigest()
            canonical = {name: given.get(name) for name in CANONICAL}
            faces.append(RealFace(key, {**head, **canonical, **given, **head}, shard, start, length))
    return faces


def source_columns(splits: Mapping[str, Sequence[RealFace]]) -> dict[str, str]:
    """{column: 'number' or 'text'} beyond those that `prepare` measures, by their values."""
    kinds: dict[str, str] = {}
    for faces in splits.values():
        for face in faces:
            for name, value in face.row.items():
                if name in CANONICAL or name in MEASURED or value is None:
                    continue
                number = isinstance(value, int | float) and kinds.get(name) != "text"
                kinds[name] = "number" if number else "text"
    return dict(sorted(kinds.items()))


def write_augmented(
    splits: Mapping[str, Sequence[RealFace]],
    parts: Sequence[Path],
    out: Path,
    columns: Mapping[str, str],
    suffix: str,
    shard_faces: int,
) -> Summary:
    """Write shards, metadata.parquet and rejects.csv into `out`; returns what was written.

    splits: the old dataset's faces. parts: of made ones, as `write_part` leaves them. suffix: of real
    pictures' names. Real and made training faces stand in the order of their hashes.
    """
    summary = Summary(columns=dict(columns))
    table = TableWriter(out / "metadata.parquet", dict(columns))
    try:
        summary.shards = {
            "train": _write_train(splits["train"], parts, out, suffix, shard_faces, table, summary)
        }
        for split in SPLITS[1:]:
            for face in splits.get(split, ()):
                table.add(_real_row(face))
                observe(summary, _real_row(face), face.picture())
            shards = _copied(splits.get(split, ()), out)
            summary.shards |= {split: shards} if shards else {}
    finally:
        table.close()
    nothing = np.empty((0, 3), np.int64), np.empty((0, HASH_BYTES), np.uint8)
    write_rejects(parts, Index(*nothing, {}, {}), {}, out / "rejects.csv", summary)
    return summary


def _write_train(
    real: Sequence[RealFace],
    parts: Sequence[Path],
    out: Path,
    suffix: str,
    shard_faces: int,
    table: TableWriter,
    summary: Summary,
) -> list[Row]:
    """The shards of the training split, real and made faces in the order of their hashes."""
    writer = ShardWriter(out, "train", shard_faces)
    try:
        for _, _, face, (part, made) in sorted(_entries(real, parts), key=lambda entry: entry[:2]):
            if face is not None:
                row, picture, kind = _real_row(face), face.picture(), suffix
            else:
                row = {name: value for name, value in made.items() if name != "at"}
                picture, kind = part_picture(part, made) or b"", "png"
            writer.add(row, picture, kind)
            table.add(row)
            observe(summary, row, picture)
    finally:
        writer.close()
    return writer.shards


def _entries(
    real: Sequence[RealFace], parts: Sequence[Path]
) -> list[tuple[str, str, RealFace | None, tuple[Path, Row]]]:
    """(hash, key, real face or None, part and row of a made one) of every training face."""
    entries: list[tuple[str, str, RealFace | None, tuple[Path, Row]]] = [
        (face.row["sha256"], face.key, face, (Path(), {})) for face in real
    ]
    for part in parts:
        rows = [row for _, _, row in part_lines(part) if "reason" not in row]
        entries += [(row["sha256"], row["key"], None, (part, row)) for row in rows]
    return entries


def _real_row(face: RealFace) -> Row:
    return {**face.row, "kind": REAL, "made_by": None, "seed": None, "source_key": None}


def _copied(faces: Sequence[RealFace], out: Path) -> list[Row]:
    """The shards of these faces, copied as they are."""
    counts: dict[Path, int] = {}
    for face in faces:
        counts[face.shard] = counts.get(face.shard, 0) + 1
    for shard in counts:
        shutil.copyfile(shard, out / shard.name)
    return [described(shard, count) for shard, count in counts.items()]
