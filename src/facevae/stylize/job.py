"""Faces and photos in a style, as files."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facevae.errors import ConfigError, DataError, FaceVAEError
from facevae.generator import FaceGenerator
from facevae.images import Photos, tile
from facevae.output import free_name, write_lines
from facevae.provenance import BESIDE_PHOTO, EDITED, FILTERED, write_png
from facevae.stylize.decoder_style import DecoderStyle, save_style
from facevae.stylize.fit import Artworks, FitConfig, fit_decoder_style, read_artworks
from facevae.stylize.sizes import FACE_PX, lanczos, largest_face_px, resized_face, resized_photo
from facevae.stylize.style import Stylist
from facevae.stylize.transfer import keep_colours

if TYPE_CHECKING:
    from facevae.data.detect import FaceDetector

FACES = ("whole", "largest", "all")
GRID_MOST = 64
Progress = Callable[[str, int, int], None]
Models = Callable[[], FaceGenerator]
"""Loads the model when it is needed: looks and artworks on photos need none."""


@dataclass(frozen=True)
class Subject:
    """One picture to draw, and what is known of it."""

    name: str
    original: Photos  # (H, W, 3) uint8
    size: str
    """How the original came to its size, in words."""
    facts: dict[str, Any]
    latent: Any = None
    """(D,) float32 where a decoder's style is to draw it."""


def stylize_photos(
    photos: Sequence[Path],
    out: Path,
    stylist: Stylist,
    load: Models,
    faces: str | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Draw each photo into `out`; one row per picture, and one with 'error' for a photo that failed.

    faces: 'whole' (the default of looks and artworks), or 'largest' (the default of decoder styles) or 'all'
    for the aligned faces alone. Writes NAME.png, NAME-pair.png (original | styled) and stylized.jsonl.
    load: gives the model. progress: called with (stage, done, in all). Raises ConfigError for `faces` that a
    style cannot have, and CheckpointError for the style of another model, before any photo.
    """
    from facevae.data.detect import FaceDetector
    from facevae.data.photos import read_photo

    faces = _check_faces(faces, stylist)
    generator = stylist.styled(load()) if stylist.kind == "decoder" else None
    detector = FaceDetector() if faces != "whole" or stylist.kind == "look" else None
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    for done, path in enumerate(photos):
        if progress:
            progress("photos", done, len(photos))
        try:
            for subject in _subjects(path.stem, read_photo(path), faces, detector, generator):
                subject = replace(subject, name=free_name(subject.name, taken, ("-pair",)))
                rows.append({"photo": str(path)} | _draw(subject, out, stylist, generator, progress))
        except FaceVAEError as error:
            rows.append({"photo": str(path), "error": str(error)})
    if progress:
        progress("photos", len(photos), len(photos))
    write_lines(out / "stylized.jsonl", rows)
    return rows


def stylize_new_faces(
    count: int,
    out: Path,
    stylist: Stylist,
    generator: FaceGenerator,
    seed: int | None = None,
    truncation: float = 1.0,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Draw `count` new faces into `out`: 00000.png and 00000-pair.png ..., grid.png, stylized.jsonl.

    Face i is that of `generate` with seed + i, in the style. seed: None draws one. Raises ConfigError as
    `FaceGenerator.sample` does, CheckpointError for the style of another model.
    """
    drawing = stylist.styled(generator)
    seed = secrets.randbelow(2**31) if seed is None else seed
    samples = generator.sample(count, seed, truncation=truncation)
    rows = []
    for index, (photo, latent) in enumerate(zip(samples.photos, samples.latents, strict=True)):
        if progress:
            progress("faces", index, count)
        original, size = resized_face(generator, photo, FACE_PX)
        facts = {"model": drawing.name, "seed": samples.seeds[index], "truncation": truncation}
        subject = Subject(f"{index:05d}", original, size, facts, latent)
        rows.append(_draw(subject, out, stylist, drawing, progress))
    if progress:
        progress("faces", count, count)
    _write_grid(out, rows)
    write_lines(out / "stylized.jsonl", rows)
    return rows


def train_style(
    folder: Path,
    out: Path,
    generator: FaceGenerator,
    config: FitConfig | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> tuple[DecoderStyle, Artworks]:
    """Teach the generator's decoder the style of a folder of artworks; the style is written to `out`.

    out: STYLE.safetensors. name: of the style; None: the file's. Raises ConfigError for another suffix,
    DataError for a folder without artworks.
    """
    if out.suffix != ".safetensors":
        raise ConfigError(f"the style's file cannot be '{out}': expected a name that ends in .safetensors.")
    artworks = read_artworks(folder, generator.size_px, progress)
    style = fit_decoder_style(generator, artworks, name or out.stem, config, progress)
    save_style(out, style)
    return style, artworks


def _check_faces(faces: str | None, stylist: Stylist) -> str:
    decoder = stylist.kind == "decoder"
    faces = faces or ("largest" if decoder else "whole")
    allowed = FACES[1:] if decoder else FACES
    if faces not in allowed:
        raise ConfigError(f"--faces cannot be '{faces}' with this style: expected {', '.join(allowed)}.")
    return faces


def _subjects(
    name: str, photo: Photos, faces: str, detector: FaceDetector | None, generator: FaceGenerator | None
) -> Iterator[Subject]:
    """What is to be drawn of a photo. Raises DataError when faces are asked for and there is none."""
    if detector is None or faces == "whole":
        whole, size = resized_photo(photo)
        face_px = detector and largest_face_px(whole, detector)
        yield Subject(name, whole, size, {"face_px": round(face_px, 1)} if face_px else {})
        return
    from facevae.data.align import align

    found = detector.detect(photo, every=faces == "all")[: None if faces == "all" else 1]
    if not found:
        raise DataError(f"no face found in a photo of {photo.shape[1]} x {photo.shape[0]} px")
    for index, face in enumerate(found):
        original = align(photo, face.landmarks_px, FACE_PX)
        facts: dict[str, Any] = {"box_px": [round(float(edge), 1) for edge in face.box_px]}
        latent = None
        if generator is not None:
            latent = generator.encode(align(photo, face.landmarks_px, generator.size_px)[None])[0]
            facts["model"] = generator.name
        one = name if len(found) == 1 else f"{name}-{index}"
        yield Subject(one, original, f"aligned to {FACE_PX} px", facts, latent)


def _draw(
    subject: Subject, out: Path, stylist: Stylist, generator: FaceGenerator | None, progress: Progress | None
) -> dict[str, Any]:
    started = time.monotonic()
    size = subject.size
    if stylist.kind == "decoder" and generator is not None:
        face = generator.decode(np.asarray(subject.latent)[None])[0]
        drawn, size = resized_face(generator, face, FACE_PX)
        drawn = keep_colours(drawn, subject.original) if stylist.keeps_colours else drawn
    else:
        steps = partial(progress, "steps of a picture") if progress else None
        drawn = stylist.draw(subject.original, steps, subject.facts.get("face_px"))
        if stylist.kind == "artwork":
            size += f", drawn at {drawn.shape[1]} x {drawn.shape[0]} px"
    facts = {"job": "stylize", **subject.facts, **stylist.facts()}
    file, pair = f"{subject.name}.png", f"{subject.name}-pair.png"
    alone, beside = _sources(subject, stylist)
    write_png(out / file, drawn, **facts, **alone)
    original = lanczos(subject.original, drawn.shape[1], drawn.shape[0])
    write_png(out / pair, tile(np.stack([original, drawn]), columns=2), **facts, **beside)
    seconds = round(time.monotonic() - started, 2)
    return {"file": file, "pair": pair, **facts, "width": drawn.shape[1], "height": drawn.shape[0],
            "size": size, "seconds": seconds}  # fmt: skip


def _sources(subject: Subject, stylist: Stylist) -> tuple[dict[str, str], dict[str, str]]:
    """What the picture and the pair say of how they were made: out of a model's face or out of a photo."""
    if "seed" in subject.facts:
        return {}, {}
    return (FILTERED, FILTERED) if stylist.kind == "look" else (EDITED, BESIDE_PHOTO)


def _write_grid(out: Path, rows: Sequence[dict[str, Any]]) -> None:
    from facevae.data.photos import read_photo

    shown = np.stack([read_photo(out / row["file"]) for row in rows[:GRID_MOST]])
    facts = {key: rows[0][key] for key in ("job", "model", "seed", "style", "kind", "strength")}
    write_png(out / "grid.png", tile(shown, int(np.ceil(np.sqrt(len(shown))))), **facts)
