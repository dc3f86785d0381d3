"""An atlas of a model's latent space: atlas.html, atlas.json and the pictures of both."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import facevae
from facevae.checkpoint import write_json
from facevae.engine import keep_freed_memory
from facevae.evaluation.codes import encode_split, sampled_latents
from facevae.evaluation.labels import probe_facts, real_probes
from facevae.evaluation.pictures import without_nan
from facevae.evaluation.real import RealFaces, StageProgress, load_real_faces, silent
from facevae.evaluation.speed import machine
from facevae.explore.directions import (
    Direction,
    Effect,
    active_dimensions,
    aggregate_posterior,
    face_readings,
    leakage_of,
    measure_effects,
    name_of,
    principal_directions,
)
from facevae.explore.landscape import Plane, coloured_views, map_cells, map_picture
from facevae.explore.page import Atlas, Strip, write_atlas_page
from facevae.generator import FaceGenerator, Latents
from facevae.images import Photos, tile
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.latent import active_units
from facevae.provenance import write_png
from facevae.run import prepared

MAP_FACES = 4000
"""Training faces whose latents make the aggregate posterior and the map."""
MAP_SAMPLES = 3000
"""Draws of the prior from which the map's pictures are chosen."""
BASE_FACES = 64
"""Draws of the prior that each direction moves, to see what it changes."""
STOPS = (-3, -2, -1, 0, 1, 2, 3)
"""Standard deviations at which a direction is shown."""
SHOWN_SAMPLES, NEIGHBOURS = 12, 3
REFERENCE_FACES = 1000


def explore(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    directions: int = 8,
    real: bool = False,
    seed: int = 0,
    device: str = "auto",
    progress: StageProgress = silent,
) -> Path:
    """Draw the latent space of `model`, as the faces of `data` fill it; returns `out`/atlas.html.

    model: a shipped name, a folder or a Hub id. data: a prepared dataset, or photos (prepared first).
    directions: so many principal directions of the aggregate posterior, and as many of its most active
    dimensions, are shown and measured. real: real faces on the map, and the real faces nearest to samples;
    without it no real person is on the page. Beside the page stand atlas.json and pictures/. Deterministic
    for a seed on one machine. Raises any FaceVAEError.
    """
    started, out = time.perf_counter(), Path(out)
    keep_freed_memory()
    generator = FaceGenerator.from_pretrained(model, device)
    extractor = FeatureExtractor(generator.device)
    data = prepared(Path(data))
    faces = load_real_faces(data, generator.size_px, REFERENCE_FACES, seed, extractor, progress)
    atlas = draw_atlas(generator, extractor, data, faces, out, directions, real, seed, progress)
    atlas.figures["made"] = {
        "date": datetime.date.today().isoformat(), "facevae_version": facevae.__version__,
        "machine": machine(), "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip
    write_json(out / "atlas.json", without_nan(atlas.figures))
    return write_atlas_page(out / "atlas.html", atlas)


def draw_atlas(
    generator: FaceGenerator,
    extractor: FeatureExtractor,
    data: Path,
    faces: RealFaces,
    out: Path,
    directions: int,
    real: bool,
    seed: int,
    progress: StageProgress,
) -> Atlas:
    """Measure and decode all that the page shows; pictures of generated faces go to `out`/pictures too."""
    codes = encode_split(generator, data, "train", faces.train_indices[:MAP_FACES], progress)
    centre, covariance = aggregate_posterior(codes.mean, codes.logvar)
    ways = principal_directions(covariance, directions)
    ways += active_dimensions(covariance, codes.mean, codes.logvar, directions)
    probes, base = real_probes(faces, seed), sampled_latents(generator, BASE_FACES, seed).numpy()
    effects = measure_effects(generator, ways, face_readings(probes, faces), base, extractor, progress)
    latents = codes.mean.numpy()
    plane = Plane.fit(latents, np.stack([way.vector for way in ways[: min(2, directions)]]), seed)
    rows = faces.train_rows[: len(latents)]
    own = faces.train if real else None
    figures = {
        "format_version": 1,
        "model": {"name": generator.name, "size_px": generator.size_px, "latent_dim": generator.latent_dim,
                  "prior": generator.prior.kind, "active_units": active_units(codes.mean)},
        "data": faces.facts(),
        "settings": {"seed": seed, "faces": len(latents), "base_faces": BASE_FACES, "stops": list(STOPS),
                     "real": real, "extractor": extractor.identity},
        "probes": probe_facts(probes),
        "directions": [_direction_facts(*pair) for pair in zip(ways, effects, strict=True)],
        "map": {"method": "PCA", "variance_shares": plane.shares, "bounds": plane.bounds},
    }  # fmt: skip
    return Atlas(
        figures=figures,
        strips=_strips(generator, ways, effects, centre, base, out),
        map=_map(generator, plane, latents, own, seed, out),
        views=coloured_views(plane.place(latents), rows, plane.bounds),
        nearest=_nearest(generator, faces, extractor, seed) if real else None,
    )


def _direction_facts(direction: Direction, effects: Sequence[Effect]) -> dict[str, Any]:
    return {
        "kind": direction.kind, "index": direction.index, "variance_share": direction.share,
        "kl_nats": direction.kl_nats, "std": float(np.linalg.norm(direction.vector)),
        "name": name_of(effects), "leakage": leakage_of(effects),
        "also": [effect.text() for effect in effects if effect.named][1:],
        "effects_per_std": {
            effect.reading.name: {
                "change": effect.per_std * effect.reading.scale,
                "standard_error": effect.error * effect.reading.scale,
                "unit": effect.reading.unit, "in_spreads_of_real_faces": effect.strength,
            } for effect in effects
        },
    }  # fmt: skip


def _strips(
    generator: FaceGenerator,
    ways: Sequence[Direction],
    effects: Sequence[Sequence[Effect]],
    centre: NDArray[np.float64],
    base: Latents,
    out: Path,
) -> list[Strip]:
    """Each direction from -3 to 3 standard deviations, through the centre and through one drawn face."""
    starts = np.stack([centre.astype(np.float32), base[0]])
    strips = []
    for direction, found in zip(ways, effects, strict=True):
        stops = np.array(STOPS, dtype=np.float32)[None, :, None] * direction.vector  # (1, S, D)
        latents = (starts[:, None] + stops).reshape(-1, generator.latent_dim)
        sheet = tile(generator.decode(latents), len(STOPS))
        name = f"{direction.kind}-{direction.index + (direction.kind == 'principal')}"
        write_png(out / "pictures" / f"{name}.png", sheet, model=generator.name, job="explore")
        strips.append(Strip(direction, list(found), sheet))
    return strips


def _map(
    generator: FaceGenerator,
    plane: Plane,
    latents: Latents,
    own: Photos | None,
    seed: int,
    out: Path,
) -> Photos:
    """The plane as one picture: real faces of `own` where given, else decoded draws of the prior."""
    if own is None:
        latents = sampled_latents(generator, MAP_SAMPLES, seed + BASE_FACES).numpy()
    cells = map_cells(plane.place(latents), plane.bounds)
    chosen = list(cells.values())
    photos = generator.decode(latents[chosen]) if own is None else own[chosen]
    sheet = map_picture(list(cells), photos)
    if own is None:  # a picture of real faces is not a generated one, and stays in the page alone
        write_png(out / "pictures" / "map.png", sheet, model=generator.name, job="explore")
    return sheet


def _nearest(generator: FaceGenerator, faces: RealFaces, extractor: FeatureExtractor, seed: int) -> Photos:
    """A row of samples over rows of the training faces nearest to each, as the judge sees them."""
    samples = generator.sample(SHOWN_SAMPLES, seed + 2).photos
    distances = torch.cdist(extractor(samples), faces.train_features)  # (12, N)
    order = distances.topk(min(NEIGHBOURS, len(faces.train)), dim=1, largest=False).indices.numpy()
    neighbours = [faces.train[order[:, place]] for place in range(order.shape[1])]
    return tile(np.concatenate([samples, *neighbours]), SHOWN_SAMPLES)
