"""Draw the pictures of docs/generate.md and docs/interpolate.md again.

python scripts/pictures_generate.py [MODEL [GUIDANCE]]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from skimage.data import astronaut

from facevae import FaceGenerator
from facevae.choosing import choose_faces, choose_people
from facevae.controls import draw_controls, grid_of
from facevae.images import tile
from facevae.morph import LatentPath, morph, resampled, step_lengths, write_film
from facevae.output import labelled_tile
from facevae.provenance import write_png

OUT = Path(__file__).parent.parent / "docs" / "images"
AGES = [10.0, 25.0, 45.0, 70.0]
EXPRESSIONS = ["neutral", "happy", "sad", "angry", "surprised"]
PEOPLE, BEST_OF, SEED = 3, 4, 20


def controls_pictures(faces: FaceGenerator, guidance: float | None) -> None:
    for name, asked in (
        ("controls-age", {"gender": ["female", "male"], "age": AGES}),
        ("controls-expression", {"expression": EXPRESSIONS}),
    ):
        grid, _ = grid_of(asked)
        cells = [draw_controls(cell, PEOPLE, SEED) for cell in grid.cells]
        chosen = choose_people(faces, list(zip(*cells, strict=True)), SEED, guidance=guidance)
        seeds = chosen.samples.seeds[:: len(cells)]
        rows = [", ".join(filter(None, (f"seed {seed}", row))) for seed in seeds for row in grid.row_labels]
        sheet = labelled_tile(chosen.samples.photos, rows, grid.column_labels)
        write_png(
            OUT / f"{name}.png", sheet, model=faces.name, seed=SEED, guidance=faces.guidance_used(guidance)
        )


def best_of_picture(faces: FaceGenerator) -> None:
    rows = [choose_faces(faces, [{}] * 10, SEED, best_of=tries).samples.photos for tries in (1, BEST_OF)]
    sheet = labelled_tile(np.concatenate(rows), ["one try", f"best of {BEST_OF}"], [""] * 10)
    write_png(OUT / "best-of.png", sheet, model=faces.name, seed=SEED, best_of=BEST_OF)


def morph_picture(faces: FaceGenerator) -> None:
    seeds = choose_faces(faces, [{}] * 2, SEED).samples
    stops = np.concatenate([faces.reconstruct(astronaut())[0].latent[None], seeds.latents])
    names = ["astronaut", *(f"seed {seed}" for seed in seeds.seeds)]
    facts = {"model": faces.name, "job": "interpolate", "stops": names}
    write_png(OUT / "interpolate.png", tile(morph(faces, stops, 24).photos, 12), **facts)
    film = morph(faces, stops, 72, loop=True)
    write_film(OUT / "interpolate.webp", resampled(film.photos, 128), **facts)
    even = step_lengths(film.photos)
    closed = np.concatenate([stops, stops[:1]])
    plain = step_lengths(faces.decode(LatentPath(faces, closed)(np.linspace(0, 3, 73)[:-1])))
    for name, steps in (("constant speed", even), ("equal steps of latents", plain)):
        print(f"{name}: longest step {steps.max() / steps.min():.2f} times the shortest")


def main(model: str = "face64", guidance: float | None = None) -> None:
    faces = FaceGenerator.from_pretrained(model, device="cpu")
    if {"age", "gender", "expression"} <= set(faces.schema.names):
        controls_pictures(faces, guidance)
    best_of_picture(faces)
    morph_picture(faces)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(float, sys.argv[2:]))
