"""What a source's files mean: for each layout, its photos, their split and their attributes.

A layout is one function from a `Tree` to a `Catalogue`. To add one, write it here, name it in
`LAYOUTS` and in `recognise`, and give it a sample in tests/data/test_layouts.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from facevae.data.labels import Packed, Row, canonical, pack, read_json, read_table, unpack
from facevae.data.prepare_config import LAYOUTS
from facevae.data.sources import Tree
from facevae.errors import ConfigError, DataError, did_you_mean

SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Folder names and labels that sources use for their splits."""


@dataclass
class Catalogue:
    """The photos of a source with what its labels say."""

    layout: str
    photos: list[str]
    """Names in the tree, in the order in which they are prepared."""
    describe: Callable[[str], tuple[str | None, Row]] = lambda _name: (None, {})
    """A photo's split, None when the source has none, and its canonical attributes."""
    orphans: dict[str, str] = field(default_factory=dict)
    """{name: reason} for labels whose photo is not there."""
    label_files: list[str] = field(default_factory=list)


def catalogue(tree: Tree, layout: str | None = None) -> Catalogue:
    """The tree read by the named layout, or by the one that its files show.

    Raises ConfigError for a layout that does not exist, DataError when the tree does not have it.
    """
    if layout is None:
        layout = recognise(tree)
    if layout not in LAYOUTS:
        raise ConfigError(
            f"there is no layout '{layout}'. There are: {', '.join(LAYOUTS)}.{did_you_mean(layout, LAYOUTS)}"
        )
    reader: Callable[[Tree], Catalogue] = {
        "folder": folder,
        "imagefolder": imagefolder,
        "celeba": celeba,
        "fairface": fairface,
        "utkface": utkface,
        "lfw": lfw,
        "ffhq": ffhq,
    }[layout]
    found = reader(tree)
    for name in tree.unreadable:
        found.orphans.setdefault(name, tree.unreadable[name])
    return found


def recognise(tree: Tree) -> str:
    """The name of the layout that the tree's files show; 'folder' when they show none."""
    if tree.find("list_attr_celeba.txt", "list_attr_celeba.csv"):
        return "celeba"
    if tree.find("fairface_label_train.csv", "fairface_label_val.csv"):
        return "fairface"
    if tree.find("metadata.csv", "metadata.jsonl", "metadata.parquet"):
        return "imagefolder"
    photos = tree.photos()
    if tree.find("ffhq-dataset-v2.json") or _mostly(photos, _FFHQ):
        return "ffhq"
    if _mostly(photos, _UTKFACE):
        return "utkface"
    if _mostly(photos, _LFW):
        return "lfw"
    tops = {name.split("/", 1)[0] for name in photos if "/" in name}
    if tops and tops <= set(SPLITS) and all("/" in name for name in photos):
        return "imagefolder"
    return "folder"


def folder(tree: Tree) -> Catalogue:
    """Photos without labels, nested as they come."""
    return Catalogue("folder", tree.photos())


def imagefolder(tree: Tree) -> Catalogue:
    """Hugging Face's ImageFolder: photos, split folders, and metadata.csv, .jsonl or .parquet beside them."""
    rows: dict[str, Packed] = {}
    shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
    label_files = tree.find("metadata.csv", "metadata.jsonl", "metadata.parquet")
    for label_file in label_files:
        base = PurePosixPath(label_file).parent
        for row in read_table(tree, label_file):
            name = row.pop("file_name", None) or row.pop("image", None)
            if not isinstance(name, str):
                raise DataError(f"{label_file} in {tree.name} has a row without 'file_name': {list(row)}")
            rows[str(base / name)] = pack(row, shapes)

    def describe(name: str) -> tuple[str | None, Row]:
        row = canonical(unpack(rows.get(name)), name)
        split = row.pop("split", None)
        return (SPLITS.get(str(split).lower()) if split else None) or _folder_split(name), row

    photos = tree.photos()
    return Catalogue("imagefolder", photos, describe, _orphans(rows, photos), label_files)


def celeba(tree: Tree) -> Catalogue:
    """CelebA: list_attr_celeba (40 attributes, 1 or -1) and list_eval_partition (0, 1, 2), text or CSV.

    Male gives gender, Smiling gives smile (1 or 0). Young is no age: it stays a column like the rest.
    """
    attribute_file = _needed(tree, "celeba", "list_attr_celeba.txt", "list_attr_celeba.csv")
    names, marks = _celeba_table(tree, attribute_file)
    label_files = [attribute_file, *tree.find("list_eval_partition.txt", "list_eval_partition.csv")[:1]]
    partition: dict[str, str] = {}
    for line in tree.text(label_files[1]).splitlines() if len(label_files) > 1 else ():
        words = line.replace(",", " ").split()
        if len(words) == 2 and words[1] in ("0", "1", "2"):
            partition[words[0]] = ("train", "validation", "test")[int(words[1])]

    def describe(name: str) -> tuple[str | None, Row]:
        # Photos may have been converted: 000001.png is labelled as 000001.jpg.
        base = PurePosixPath(name).with_suffix(".jpg").name
        values = marks.get(base)
        if values is None:
            return partition.get(base), {}
        row: Row = dict(zip(names, (float(value) for value in values), strict=True))
        row["gender"] = {1: "male", 0: "female"}.get(int(row.pop("male", -1.0)))  # type: ignore[arg-type]
        row["smile"] = row.pop("smiling", None)
        return partition.get(base), row

    photos = tree.photos()
    have = {PurePosixPath(name).with_suffix(".jpg").name for name in photos}
    orphans = {name: _NO_PHOTO for name in marks if name not in have}
    return Catalogue("celeba", photos, describe, orphans, label_files)


def fairface(tree: Tree) -> Catalogue:
    """FairFace: fairface_label_train.csv and fairface_label_val.csv with file, age, gender, race."""
    label_files = tree.find("fairface_label_train.csv", "fairface_label_val.csv")
    if not label_files:
        _needed(tree, "fairface", "fairface_label_train.csv")
    rows: dict[str, Packed] = {}
    shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
    for label_file in label_files:
        base = PurePosixPath(label_file).parent
        for row in read_table(tree, label_file):
            rows[str(base / str(row.pop("file", "")))] = pack(row, shapes)

    def describe(name: str) -> tuple[str | None, Row]:
        return _folder_split(name), canonical(unpack(rows.get(name)), name)

    photos = tree.photos()
    return Catalogue("fairface", photos, describe, _orphans(rows, photos), label_files)


def utkface(tree: Tree) -> Catalogue:
    """UTKFace: the labels are in the names, [age]_[gender]_[race]_[time].jpg.chip.jpg.

    Some of its files lack a label; those faces have no attributes.
    """
    races = ("White", "Black", "Asian", "Indian", "Others")

    def describe(name: str) -> tuple[str | None, Row]:
        match = _UTKFACE.search(name)
        if not match:
            return None, {}
        row = canonical({"age": match[1], "gender": ("male", "female")[int(match[2])]}, name)
        return None, {**row, "race": races[int(match[3])]}

    return Catalogue("utkface", tree.photos(), describe)


def lfw(tree: Tree) -> Catalogue:
    """LFW: a folder per person, Name_Surname/Name_Surname_0001.jpg. The person is kept as a column."""

    def describe(name: str) -> tuple[str | None, Row]:
        match = _LFW.search(name)
        return None, {"person": match[1].replace("_", " ")} if match else {}

    return Catalogue("lfw", tree.photos(), describe)


def ffhq(tree: Tree) -> Catalogue:
    """FFHQ: numbered PNGs in folders of 1000; ffhq-dataset-v2.json gives splits and licences when there.

    Of images1024x1024 and thumbnails128x128, the first is taken when both are there.
    """
    photos = [name for name in tree.photos() if "in-the-wild" not in name]
    if any("images1024x1024" in name for name in photos):
        photos = [name for name in photos if "thumbnails128x128" not in name]
    label_files = tree.find("ffhq-dataset-v2.json")[:1]
    labels: dict[str, tuple[str | None, str | None, str | None]] = {}
    if label_files:
        for key, entry in read_json(tree, label_files[0]).items():
            if not (key.isdecimal() and isinstance(entry, dict)):
                raise DataError(
                    f"{label_files[0]} in {tree.name} has an entry {key!r:.40} that is no photo's: expected "
                    "numbers, each with an object."
                )
            about = entry.get("metadata")
            texts = [
                about.get(name) if isinstance(about, dict) else None for name in ("license", "photo_url")
            ]
            licence, url = (text if isinstance(text, str) else None for text in texts)
            labels[f"{int(key[:9]):05d}"] = (SPLITS.get(str(entry.get("category", ""))), licence, url)

    def describe(name: str) -> tuple[str | None, Row]:
        split, licence, url = labels.get(PurePosixPath(name).stem, (None, None, None))
        row: Row = {"photo_licence": licence, "photo_url": url}
        return split, {column: value for column, value in row.items() if value}

    have = {PurePosixPath(name).stem for name in photos}
    orphans = {f"{key}.png": _NO_PHOTO for key in labels if key not in have}
    return Catalogue("ffhq", photos, describe, orphans, label_files)


_NO_PHOTO = "label without a photo"
_UTKFACE = re.compile(r"(?:^|/)(\d{1,3})_([01])_([0-4])_\d+\.[^/]+$")
_LFW = re.compile(r"(?:^|/)([^/]+)/\1_\d{4}\.\w+$")
_FFHQ = re.compile(r"(?:^|/)\d{5}/\d{5}\.png$")


def _mostly(names: list[str], pattern: re.Pattern[str]) -> bool:
    """True when at least 9 of 10 names match: real downloads hold a few oddly named files."""
    return bool(names) and sum(bool(pattern.search(name)) for name in names) >= 0.9 * len(names)


def _folder_split(name: str) -> str | None:
    """The split named by the outermost folder that names one."""
    return next((SPLITS[part.lower()] for part in name.split("/")[:-1] if part.lower() in SPLITS), None)


def _needed(tree: Tree, layout: str, *file_names: str) -> str:
    found = tree.find(*file_names)
    if not found:
        raise DataError(f"{tree.name} is not laid out as {layout}: it has no {' or '.join(file_names)}")
    return found[0]


def _orphans(rows: Iterable[str], photos: list[str]) -> dict[str, str]:
    have = set(photos)
    return {name: _NO_PHOTO for name in rows if name not in have}


def _celeba_table(tree: Tree, name: str) -> tuple[list[str], dict[str, bytes]]:
    """(attribute names in lower case, {file: one byte per attribute, 1 or 0})."""
    lines = tree.text(name).splitlines()
    if name.endswith(".csv"):
        lines = [line.replace(",", " ") for line in lines]
        header, body = lines[0].split()[1:] if lines else [], lines[1:]
    else:
        header, body = lines[1].split() if len(lines) > 1 else [], lines[2:]
    marks: dict[str, bytes] = {}
    for number, line in enumerate(body, start=len(lines) - len(body) + 1):
        words = line.split()
        if not words:
            continue
        if len(words) != len(header) + 1:
            raise DataError(
                f"{name}, line {number}: {len(words) - 1} attributes where its header names {len(header)}"
            )
        marks[words[0]] = bytes(word == "1" for word in words[1:])
    return [attribute.lower() for attribute in header], marks
