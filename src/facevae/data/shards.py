"""From finished parts to the dataset: duplicates out, splits, shards, metadata.parquet, rejects.csv.

One pass over the parts keeps about 150 bytes per face in memory (hashes and where its bytes are).
Everything is decided by the parts alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevae.data.prepare_config import PrepareConfig
from facevae.data.quality import HASH_BYTES, near_duplicates
from facevae.data.worker import CANONICAL, MEASURED
from facevae.errors import DataError, require

SPLITS = ("train", "validation", "test")
PERSON_COLUMNS = ("person", "identity", "person_id")
"""Columns by which sources say who is in a photo."""
ROW_GROUP = 5000
SHEET_FACES = 96
REJECTS_PER_REASON = 8

Row = dict[str, Any]


@dataclass
class Summary:
    """What dataset.json and the page tell about the faces written."""

    counts: Counter[str] = field(default_factory=Counter)
    shards: dict[str, list[Row]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    """{column: 'number' or 'text'} beyond those that prepare measures."""
    known: Counter[str] = field(default_factory=Counter)
    """{attribute: faces that have it}"""
    rejected: Counter[str] = field(default_factory=Counter)
    """{kind of reason: rejects}"""
    rejects: int = 0
    face_samples: list[tuple[str, bytes]] = field(default_factory=list)
    reject_samples: dict[str, list[tuple[str, str, bytes | None]]] = field(default_factory=dict)
    """{kind of reason: (file, reason, picture)}"""
    numbers: dict[str, bytearray] = field(default_factory=dict)
    """{column: its float32 values, end to end}"""
    words: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass
class Index:
    """Where each accepted face is in the parts, by order of the photos."""

    place: NDArray[np.int64]
    """(N, 3) part, first byte and length of its line."""
    sha: NDArray[np.uint8]  # (N, 32)
    repeats: dict[int, tuple[str, int]]
    """{face: (why it is dropped, the face that it repeats)}"""
    columns: dict[str, str]


def write_dataset(
    parts: Sequence[Path], orphans: dict[str, str], out: Path, config: PrepareConfig
) -> Summary:
    """Write shards, metadata.parquet and rejects.csv into `out`, from parts in the photos' order.

    Raises OSError when something cannot be written, DataError when no face is left.
    """
    index = read_parts(parts, config)
    summary = Summary(columns=index.columns)
    write_rejects(parts, index, orphans, out / "rejects.csv", summary)
    kept = [face for face in range(len(index.place)) if face not in index.repeats]
    if not kept:
        reasons = ", ".join(f"{count} {kind}" for kind, count in summary.rejected.most_common(5))
        raise DataError(f"not one usable face among the photos: {reasons}. See {out / 'rejects.csv'}.")
    # Sources are often sorted, by age for one. In the order of their hashes, every shard is a fair sample.
    kept.sort(key=lambda face: (index.sha[face].tobytes(), face))
    table = TableWriter(out / "metadata.parquet", index.columns)
    writers = {split: ShardWriter(out, split, config.shard_faces) for split in SPLITS}
    try:
        for face in kept:
            row, picture = read_face(parts, index, face)
            flat = flatten(row, index.columns, config)
            writers[flat["split"]].add(flat, picture, config.image_format)
            table.add(flat)
            observe(summary, flat, picture)
    finally:
        table.close()
        for writer in writers.values():
            writer.close()
    summary.shards = {split: writer.shards for split, writer in writers.items() if writer.shards}
    return summary


def read_parts(parts: Sequence[Path], config: PrepareConfig) -> Index:
    """All accepted faces of the parts, with the repeated ones marked."""
    place: list[tuple[int, int, int]] = []
    sha, phash, photos = bytearray(), bytearray(), []
    columns: dict[str, str] = {}
    for number, part in enumerate(parts):
        for start, length, row in part_lines(part):
            if "reason" in row:
                continue
            place.append((number, start, length))
            photos.append(row["index"])
            sha += bytes.fromhex(row["sha256"])
            phash += bytes.fromhex(row["phash"])
            for name, value in row["columns"].items():
                if name not in CANONICAL and name not in MEASURED and value is not None:
                    text = not isinstance(value, int | float)
                    if not text or _is_number(value):
                        columns.setdefault(name, "number")
                    else:
                        columns[name] = "text"
    digests = np.frombuffer(bytes(sha), dtype=np.uint8).reshape(-1, 32)
    hashes = np.frombuffer(bytes(phash), dtype=np.uint8).reshape(-1, HASH_BYTES)
    repeats = _repeats(digests, hashes, photos, config.near_duplicate_bits)
    places = np.array(place, dtype=np.int64).reshape(-1, 3)
    return Index(places, digests, repeats, dict(sorted(columns.items())))


def _repeats(
    digests: NDArray[np.uint8], hashes: NDArray[np.uint8], photos: list[int], bits: int | None
) -> dict[int, tuple[str, int]]:
    first: dict[bytes, int] = {}
    repeats: dict[int, tuple[str, int]] = {}
    for face in range(len(digests)):
        original = first.setdefault(digests[face].tobytes(), face)
        if photos[original] != photos[face]:
            repeats[face] = ("exact copy", original)
    if bits is not None:
        others = [face for face in range(len(digests)) if face not in repeats]
        for later, earlier in near_duplicates(hashes[others], bits).items():
            repeats[others[later]] = ("near duplicate", others[earlier])
    return repeats


def write_rejects(
    parts: Sequence[Path], index: Index, orphans: dict[str, str], path: Path, summary: Summary
) -> None:
    """rejects.csv: file, reason; in the order of the photos, then labels without photos."""
    face = 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file", "reason"))

        def reject(name: str, reason: str, picture: bytes | None) -> None:
            kind = reason.split(":")[0].split(" (face ")[0]
            table.writerow((name, reason))
            summary.rejects += 1
            summary.rejected[kind] += 1
            samples = summary.reject_samples.setdefault(kind, [])
            if len(samples) < REJECTS_PER_REASON:
                samples.append((name, reason, picture))

        for part in parts:
            for _, _, row in part_lines(part):
                if "reason" in row:
                    reject(row["file"], row["reason"], part_picture(part, row))
                    continue
                if face in index.repeats:
                    why, original = index.repeats[face]
                    twin = read_row(parts, index, original)["file"]
                    reject(row["file"], f"{why}: of {twin}", part_picture(part, row))
                face += 1
        for name, reason in orphans.items():
            reject(name, reason, None)


def flatten(row: Row, columns: dict[str, str], config: PrepareConfig) -> Row:
    """A part's row as it stands in the shards and in metadata.parquet, with its split decided."""
    split = row["split"]
    if split is None:
        share = int(split_digest(row)[:8], 16) / 2**32
        split = "validation" if share < config.validation_fraction else "train"
    head = {"key": row["key"], "split": split, "file": row["file"], "sha256": row["sha256"]}
    given = {name: _typed(row["columns"].get(name), kind) for name, kind in columns.items()}
    return {**head, **row["columns"], **given}


def split_digest(row: Row) -> str:
    """The hex digits that decide a face's split: of its person where the source names one, so that nobody is
    in two splits; else of the photo's content, so that renaming or adding photos moves no face."""
    named = (str(row["columns"].get(name) or "").strip() for name in PERSON_COLUMNS)
    person = next(filter(None, named), "").encode("utf-8", "surrogatepass")
    return hashlib.sha256(person).hexdigest() if person else str(row["sha256"])


def read_row(parts: Sequence[Path], index: Index, face: int) -> Row:
    part, start, length = index.place[face].tolist()
    with open(parts[part].with_suffix(".jsonl"), "rb") as file:
        file.seek(start)
        return dict(json.loads(file.read(length)))


def read_face(parts: Sequence[Path], index: Index, face: int) -> tuple[Row, bytes]:
    row = read_row(parts, index, face)
    picture = part_picture(parts[int(index.place[face, 0])], row)
    assert picture is not None
    return row, picture


def observe(summary: Summary, row: Row, picture: bytes) -> None:
    """Count a face for dataset.json and the page."""
    summary.counts[row["split"]] += 1
    if len(summary.face_samples) < SHEET_FACES:
        summary.face_samples.append((row["key"], picture))
    for name in CANONICAL:
        if row[name] is not None:
            summary.known[name] += 1
    for name in ("gender", "expression"):
        summary.words.setdefault(name, Counter())[row[name] or "not known"] += 1
    for name in ("age", "smile", "yaw", "sharpness", "face_px"):
        value = row.get(name)
        if value is not None:
            summary.numbers.setdefault(name, bytearray()).extend(np.float32(value).tobytes())


class ShardWriter:
    """Writes one split's faces to numbered tars of at most `most` faces, with the same bytes every time."""

    def __init__(self, out: Path, split: str, most: int) -> None:
        self.out, self.split, self.most = out, split, most
        self.shards: list[Row] = []
        self._tar: tarfile.TarFile | None = None

    def add(self, row: Row, picture: bytes, suffix: str) -> None:
        if self._tar is None:
            name = f"{self.split}-{len(self.shards):05d}.tar"
            self.shards.append({"file": name, "faces": 0, "bytes": 0})
            self._tar = tarfile.open(self.out / name, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        self._member(f"{row['key']}.{suffix}", picture)
        self._member(f"{row['key']}.json", json.dumps(row, ensure_ascii=False).encode())
        self.shards[-1]["faces"] += 1
        if self.shards[-1]["faces"] == self.most:
            self.close()

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()
            self.shards[-1] |= described(self.out / self.shards[-1]["file"], self.shards[-1]["faces"])
            self._tar = None

    def _member(self, name: str, data: bytes) -> None:
        assert self._tar is not None
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))


def described(shard: Path, faces: int) -> Row:
    """What dataset.json says of a shard: by it a reader knows whether what it has got is whole."""
    with shard.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": shard.name, "faces": faces, "bytes": shard.stat().st_size, "sha256": digest}


class TableWriter:
    """Writes metadata.parquet in row groups, with the columns known beforehand."""

    def __init__(self, path: Path, columns: dict[str, str]) -> None:
        self._pyarrow = require("pyarrow", "photos", "writing metadata.parquet")
        parquet = require("pyarrow.parquet", "photos", "writing metadata.parquet")
        text, number = self._pyarrow.string(), self._pyarrow.float64()
        kinds = {"number": number, "text": text}
        points = self._pyarrow.list_(self._pyarrow.float32())
        schema = dict.fromkeys(("key", "split", "file", "sha256"), text)
        schema |= {name: text if name in ("gender", "expression") else number for name in CANONICAL}
        schema |= dict.fromkeys((name for name in MEASURED if name not in schema), number)
        schema |= {"landmarks": points, "photo_landmarks_px": points}
        schema |= {name: kinds[kind] for name, kind in columns.items()}
        self._schema = self._pyarrow.schema(list(schema.items()))
        self._file = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == ROW_GROUP:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._file.close()

    def _flush(self) -> None:
        self._file.write_table(self._pyarrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


def part_lines(part: Path) -> Iterator[tuple[int, int, Row]]:
    """(first byte, length, row) of each line of a part."""
    start = 0
    with open(part.with_suffix(".jsonl"), "rb") as file:
        for line in file:
            yield start, len(line), json.loads(line)
            start += len(line)


def part_picture(part: Path, row: Row) -> bytes | None:
    if "at" not in row:
        return None
    start, length = row["at"]
    with open(part.with_suffix(".bin"), "rb") as file:
        file.seek(start)
        return file.read(length)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _typed(value: Any, kind: str) -> Any:
    if value is None:
        return None
    return float(value) if kind == "number" else str(value)
