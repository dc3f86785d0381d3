"""Generated faces and reconstructions as files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from facevae.errors import FaceVAEError
from facevae.files import atomic_file
from facevae.generator import FaceGenerator, Progress, Reconstruction, Samples
from facevae.images import Photos, tile
from facevae.provenance import write_png

GRID_MOST = 256
"""Faces in grid.png; more would make a picture that nobody can open."""
WRITE_THREADS = 4


def write_samples(
    out: Path,
    samples: Samples,
    model: str,
    truncation: float,
    controls: Mapping[str, Any] | None = None,
    guidance: float | None = None,
    upscaled: bool = False,
) -> None:
    """Write 00000.png ..., grid.png, latents.npy and faces.jsonl (one line per face) into `out`.

    Line i names its file, seed, controls (and the guidance they were asked with, where there is one), that
    it was upscaled, where it was, and its latent: row i of latents.npy.
    """
    facts = {"model": model, "truncation": truncation, "controls": dict(controls or {})}
    facts |= {} if guidance is None else {"guidance": guidance}
    facts |= {"upscaled": True} if upscaled else {}
    digits = max(5, len(str(len(samples.seeds) - 1)))
    names = [f"{index:0{digits}d}.png" for index in range(len(samples.seeds))]
    out.mkdir(parents=True, exist_ok=True)

    def write(index: int) -> None:
        write_png(out / names[index], samples.photos[index], **facts, seed=samples.seeds[index])

    with ThreadPoolExecutor(WRITE_THREADS) as pool:
        list(pool.map(write, range(len(names))))
    shown = samples.photos[:GRID_MOST]
    columns = int(np.ceil(np.sqrt(len(shown))))
    write_png(out / "grid.png", tile(shown, columns), **facts, seed=samples.seeds[0])
    write_latents(out / "latents.npy", samples.latents)
    rows = [
        {"file": name, "seed": seed, **facts, "latent_file": "latents.npy", "latent_row": row}
        for row, (name, seed) in enumerate(zip(names, samples.seeds, strict=True))
    ]
    write_lines(out / "faces.jsonl", rows)


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
            name = _free_name(path.stem if len(results) == 1 else f"{path.stem}-{index}", taken)
            shown = upscaled_pair(generator, photo, result) if upscale else side_by_side(result)
            facts = {"model": generator.name, "job": "reconstruct", **({"upscaled": True} if upscale else {})}
            write_png(out / f"{name}.png", shown, **facts)
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


def _free_name(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    taken.add(name)
    return name
