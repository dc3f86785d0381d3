"""Labels as sources write them: tables in CSV, JSON lines or Parquet, and columns under one name and unit."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from facevae.attributes import EXPRESSION, Value, is_missing, parse_age
from facevae.data.sources import Tree
from facevae.errors import DataError, require

Row = dict[str, Value]
Packed = tuple[tuple[str, ...], tuple[Value, ...]]

_EXPRESSIONS = {
    "happiness": "happy",
    "smile": "happy",
    "sadness": "sad",
    "anger": "angry",
    "surprise": "surprised",
    "disgust": "disgusted",
    "fear": "fearful",
} | {name: name for name in EXPRESSION.categories}
_GENDERS = {"female": "female", "woman": "female", "f": "female", "male": "male", "man": "male", "m": "male"}


def canonical(row: Mapping[str, Value], source: str) -> Row:
    """A source's columns under facevae's names and units; what cannot be read is missing, never guessed.

    age or age_group -> age (years, the middle), age_low, age_high; gender, expression, smile and yaw in
    the values of `attributes`. An unreadable value is kept as `<column>_given`; other columns stay.
    """
    out: Row = {}
    for column, value in row.items():
        name = column.strip().lower()
        if is_missing(value):
            continue
        reader = _READERS.get(name)
        if reader is None:
            out[name] = value
            continue
        read = reader(value, source)
        if read is None:
            out[f"{name}_given"] = str(value)
        else:
            out.update(read)
    return out


def _read_age(value: Value, source: str) -> Row | None:
    try:
        bounds = parse_age(value, source)
    except DataError:
        return None
    if bounds is None:
        return None
    low, high = bounds
    return {"age": (low + high) / 2, "age_low": low, "age_high": high}


def _read_word(name: str, words: Mapping[str, str]) -> Callable[[Value, str], Row | None]:
    def read(value: Value, _source: str) -> Row | None:
        word = words.get(str(value).strip().lower())
        return None if word is None else {name: word}

    return read


def _read_number(name: str, low: float, high: float) -> Callable[[Value, str], Row | None]:
    def read(value: Value, _source: str) -> Row | None:
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return None
        return {name: number} if low <= number <= high else None

    return read


def read_table(tree: Tree, name: str) -> Iterator[Row]:
    """The rows of a CSV, JSON-lines or Parquet file. Raises DataError for one that is damaged."""
    if name.endswith(".parquet"):
        parquet = require("pyarrow.parquet", "photos", "reading metadata.parquet")
        data = tree.read(name)
        try:
            for batch in parquet.ParquetFile(io.BytesIO(data)).iter_batches():
                yield from map(_plain, batch.to_pylist())
        except Exception as error:  # damaged files raise what the bytes happen to ask for
            raise DataError(
                f"{name} in {tree.name} is not a Parquet file that can be read: {error}"
            ) from None
    elif name.endswith(".jsonl"):
        for number, line in enumerate(io.StringIO(tree.text(name)), start=1):
            if line.strip():
                yield _plain(_json_object(line, f"{name}, line {number},"))
    else:
        try:
            yield from map(_plain, csv.DictReader(io.StringIO(tree.text(name))))
        except csv.Error as error:
            raise DataError(f"{name} in {tree.name} is not a CSV table: {error}") from None


def read_json(tree: Tree, name: str) -> dict[str, Any]:
    """The object in a JSON file. Raises DataError when it holds anything else."""
    return _json_object(tree.text(name), f"{name} in {tree.name}")


def _json_object(text: str, where: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise DataError(f"{where} holds no JSON object with named values: {text:.60}")
    return values


def _plain(row: Mapping[Any, Any]) -> Row:
    """A row's texts and numbers, fit to be written anywhere; values of other kinds are missing.

    A CSV row longer than its header has the rest under None: it is left out.
    """
    return {_clean(key): _known(value) for key, value in row.items() if isinstance(key, str)}


def _known(value: Any) -> Value:
    if isinstance(value, str):
        return _clean(value)
    try:
        return value if isinstance(value, int | float) and math.isfinite(value) else None
    except OverflowError:  # a whole number of more than 300 digits
        return None


def _clean(text: str) -> str:
    """Halves of characters, which JSON can hold and no file can, are shown escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def pack(row: Row, shapes: dict[tuple[str, ...], tuple[str, ...]]) -> Packed:
    """A row without its own copy of columns and repeated words: dicts of a million rows take gigabytes."""
    values = tuple(sys.intern(value) if isinstance(value, str) else value for value in row.values())
    return shapes.setdefault(tuple(row), tuple(row)), values


def unpack(packed: Packed | None) -> Row:
    return dict(zip(*packed, strict=True)) if packed else {}


_READERS: dict[str, Callable[[Value, str], Row | None]] = {
    "age": _read_age,
    "age_group": _read_age,
    "gender": _read_word("gender", _GENDERS),
    "sex": _read_word("gender", _GENDERS),
    "expression": _read_word("expression", _EXPRESSIONS),
    "emotion": _read_word("expression", _EXPRESSIONS),
    "smile": _read_number("smile", 0.0, 1.0),
    "yaw": _read_number("yaw", -0.5, 0.5),
}
