"""Generated faces and reconstructions as files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facevae.errors import FaceVAEError
from facevae.files import atomic_file
from facevae.generator import Controls, FaceGenerator, Progress, Reconstruction, Samples
from facevae.images import Photos, tile
from facevae.provenance import BESIDE_PHOTO, write_png

GRID_MOST = 256
"""Faces in grid.png; more would make a picture that nobody can open."""
WRITE_THREADS = 4


def write_samples(
    out: Path,
    samples: Samples,
    model: str,
    truncation: float,
    controls: Controls | Sequence[Controls] | None = None,
    guidance: float | None = None,
    upscaled: bool = False,
    notes: Sequence[Mapping[str, Any]] | None = None,
    sheet: Photos | None = None,
) -> None:
    """Write 00000.png ..., grid.png, latents.npy and faces.jsonl (one line per face) into `out`.

    Line i names its file, seed, controls (and the guidance they were asked with, where there is one), that
    it was upscaled, where it was, and its latent: row i of latents.npy. controls: for all faces or one for
    each. notes: what else the line of each face says. sheet: (H, W, 3) uint8, grid.png itself; the faces in
    a square without it.
    """
    count = len(samples.seeds)
    each = [controls or {}] * count if controls is None or isinstance(controls, Mapping) else controls
    facts: dict[str, Any] = {"model": model, "truncation": truncation}
    facts |= {} if guidance is None else {"guidance": guidance}
    facts |= {"upscaled": True} if upscaled else {}
    rows = [
        {"seed": seed, **facts, "controls": dict(own)} for seed, own in zip(samples.seeds, each, strict=True)
    ]
    digits = max(5, len(str(count - 1)))
    names = [f"{index:0{digits}d}.png" for index in range(count)]
    out.mkdir(parents=True, exist_ok=True)

    def write(index: int) -> None:
        write_png(out / names[index], samples.photos[index], **rows[index])

    with ThreadPoolExecutor(WRITE_THREADS) as pool:
        list(pool.map(write, range(count)))
    shared = {name: value for name, value in each[0].items() if all(own.get(name) == value for own in each)}
    grid = _square(samples.photos[:GRID_MOST]) if sheet is None else sheet
    write_png(out / "grid.png", grid, **{**rows[0], "controls": shared})
    write_latents(out / "latents.npy", samples.latents)
    lines = [
        {"file": name, **row, "latent_file": "latents.npy", "latent_row": index, **note}
        for index, (name, row, note) in enumerate(zip(names, rows, notes or [{}] * count, strict=True))
    ]
    write_lines(out / "faces.jsonl", lines)


def _square(photos: Photos) -> Photos:
    return tile(photos, int(np.ceil(np.sqrt(len(photos)))))


def labelled_tile(
    photos: Photos, row_labels: Sequence[str], column_labels: Sequence[str], gap_px: int = 4
) -> Photos:
    """(R * C, H, W, 3) uint8, row by row, as one (H', W', 3) uint8 sheet with a name on each row and column.

    Black on white in Pillow's own font, as tall as fits faces of this size; columns are as wide as their
    faces or names.
    """
    height, width = photos.shape[1:3]
    font = ImageFont.load_default(size=max(11, height // 8))
    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    widths = [int(np.ceil(draw.textlength(name, font))) for name in (*row_labels, *column_labels)]
    left = max(widths[: len(row_labels)]) + 2 * gap_px
    step = max(width, *widths[len(row_labels) :]) + gap_px
    top = int(font.getbbox("Ag")[3]) + 2 * gap_px if any(column_labels) else 0
    size = (left + step * len(column_labels), top + (height + gap_px) * len(row_labels))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(column_labels):
        draw.text((left + column * step + step // 2, top // 2), name, "black", font, anchor="mm")
    for row, name in enumerate(row_labels):
        y = top + row * (height + gap_px)
        draw.text((left - gap_px, y + height // 2), name, "black", font, anchor="rm")
        for column in range(len(column_labels)):
            photo = Image.fromarray(photos[row * len(column_labels) + column])
            sheet.paste(photo, (left + column * step + (step - width) // 2, y))
    return np.asarray(sheet)


def reconstruct_files(
    generator: FaceGenerator,
    photos: Sequence[Path],
    out: Path,
    faces: str = "largest",
    progress: Progress | None = None,
    upscale: bool = False,
) -> list[dict[str, Any]]:
    """Reconstruct each photo into `out`; one row per face, and one with 'error' for a photo that failed.

    upscale: pictures of twice the size; the figures stay the model's own. Writes NAME.png (original |
    reconstruction), NAME.npy (the latent, (D,) float32), numbered when a photo has several faces or two
    photos share a name, and reconstructions.jsonl. Raises CheckpointError to upscale without an upscaler.
    """
    from facevae.data.photos import read_photo

    if upscale:
        generator.require_upscaler()
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    for done, path in enumerate(photos):
        if progress:
            progress(done, len(photos))
        try:
            photo = read_photo(path)
            results = generator.reconstruct(photo, faces)
        except FaceVAEError as error:
            rows.append({"photo": str(path), "error": str(error)})
            continue
        for index, result in enumerate(results):
            name = free_name(path.stem if len(results) == 1 else f"{path.stem}-{index}", taken)
            shown = upscaled_pair(generator, photo, result) if upscale else side_by_side(result)
            facts = {"model": generator.name, "job": "reconstruct", **({"upscaled": True} if upscale else {})}
            write_png(out / f"{name}.png", shown, **facts, **BESIDE_PHOTO)
            rows.append({"photo": str(path), **_write_figures(out, name, result)})
    write_lines(out / "reconstructions.jsonl", rows)
    return rows


def side_by_side(result: Reconstruction) -> Photos:
    """Original | reconstruction, (H, 2W + 2, 3) uint8."""
    return tile(np.stack([result.aligned, result.reconstruction]), columns=2)


def upscaled_pair(generator: FaceGenerator, photo: Photos, result: Reconstruction) -> Photos:
    """Original | reconstruction at twice the model's size, (2H, 4W + 2, 3) uint8; the original as the photo
    has it."""
    from facevae.data.align import align

    original = align(photo, result.face.landmarks_px, 2 * generator.size_px)
    return tile(np.stack([original, generator.upscale(result.reconstruction[None])[0]]), columns=2)


def write_latents(path: Path, latents: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    """Write float32 latents as .npy (no pickle), atomically."""
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, latents, allow_pickle=False)


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, atomically."""
    with atomic_file(path) as temporary:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        temporary.write_text("".join(lines), encoding="utf-8")


def _write_figures(out: Path, name: str, result: Reconstruction) -> dict[str, Any]:
    write_latents(out / f"{name}.npy", result.latent)
    return {
        "file": f"{name}.png",
        "latent_file": f"{name}.npy",
        "psnr_db": round(result.psnr_db, 3),
        "ssim": round(result.ssim, 4),
        "box_px": [round(float(edge), 1) for edge in result.face.box_px],
    }


def free_name(wanted: str, taken: set[str], beside: Sequence[str] = ()) -> str:
    """`wanted`, numbered if need be so that it, and it with each suffix of `beside`, is free; now taken."""
    name, number = wanted, 1
    while taken & (names := {name, *(f"{name}{suffix}" for suffix in beside)}):
        name, number = f"{wanted}-{number}", number + 1
    taken |= names
    return name
