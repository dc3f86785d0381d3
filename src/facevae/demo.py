"""facevae demo: every job once, on one page, in about a minute."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig
from facevae.errors import require
from facevae.generator import FaceGenerator
from facevae.images import tile
from facevae.output import reconstruct_files, write_samples
from facevae.pages import image_uri, write_page
from facevae.provenance import write_png
from facevae.train import train

SHEET_FACES = 48
MORPH_STOPS, MORPH_FRAMES = 4, 12
TRAIN_FACES = 1200
TRAIN_IMAGES, SHEET_IMAGES = 24_000, 6_000
TRAIN_SETTINGS = {"images": TRAIN_IMAGES, "checkpoint_images": SHEET_IMAGES, "checkpoint_minutes": None}


@dataclass(frozen=True)
class Section:
    """One part of the page: a command, what it made, and how long that took."""

    title: str
    command: str
    text: str
    picture: str  # data URI
    seconds: float
    link: str | None = None


def run_demo(out: Path, model: str = "face64", device: str = "auto") -> Path:
    """Write `out`/index.html and the files behind it; returns the page. Needs the extra 'demo'."""
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    generator = FaceGenerator.from_pretrained(model, device)
    sections = []
    for step in (_new_faces, _reconstruction, _morph, _training):
        started = time.perf_counter()
        title, command, text, picture, link = step(out, generator, device)
        seconds = time.perf_counter() - started
        console.print(f"{title}: {seconds:.0f} s", highlight=False)
        sections.append(Section(title, command, text, image_uri(picture, "png"), seconds, link))
    return write_page(
        out / "index.html", "demo.html", sections=sections, model=generator.name, size_px=generator.size_px
    )


Made = tuple[str, str, str, Image.Image, str | None]


def _new_faces(out: Path, generator: FaceGenerator, device: str) -> Made:
    del device
    samples = generator.sample(SHEET_FACES, seed=0, truncation=0.8)
    write_samples(out / "faces", samples, generator.name, 0.8)
    return (
        "New faces",
        f"facevae generate --count {SHEET_FACES} --seed 0 --truncation 0.8 --out faces",
        "Nobody's faces: drawn from the prior, decoded. Each file's metadata says that it is AI-generated.",
        Image.fromarray(tile(samples.photos, 12)),
        "faces/grid.png",
    )


def _reconstruction(out: Path, generator: FaceGenerator, device: str) -> Made:
    del device
    skimage = require("skimage.data", "demo", "the demo's photograph")
    photo = out / "astronaut.png"
    Image.fromarray(skimage.astronaut()).save(photo)
    row = reconstruct_files(generator, [photo], out / "reconstructed")[0]
    with Image.open(out / "reconstructed" / row["file"]) as picture:
        pair = picture.convert("RGB").resize(
            (4 * picture.width, 4 * picture.height), Image.Resampling.LANCZOS
        )
    return (
        "A photo through the model",
        "facevae reconstruct astronaut.png --out reconstructed",
        f"Eileen Collins (NASA, public domain): found, aligned, encoded to {generator.latent_dim} numbers, "
        f"decoded. PSNR {row['psnr_db']:.1f} dB, SSIM {row['ssim']:.2f}.",
        pair,
        None,
    )


def _morph(out: Path, generator: FaceGenerator, device: str) -> Made:
    del device
    stops = generator.sample(MORPH_STOPS, seed=7, truncation=0.8).latents
    path = generator.interpolate(stops, MORPH_FRAMES * (MORPH_STOPS - 1))
    strip = tile(generator.decode(path), MORPH_FRAMES)
    write_png(out / "morph.png", strip, model=generator.name, seed=7)
    return (
        "From face to face",
        "FaceGenerator.from_pretrained('face64').interpolate(latents, frames=36)",
        f"The path through {MORPH_STOPS} latents: every point on it is a face.",
        Image.fromarray(strip),
        "morph.png",
    )


def _training(out: Path, generator: FaceGenerator, device: str) -> Made:
    photos, data, run = out / "photos", out / "data", out / "run"
    photos.mkdir(exist_ok=True)
    for index, face in enumerate(generator.sample(TRAIN_FACES, seed=1000).photos):
        write_png(photos / f"{index:05d}.png", face, model=generator.name, seed=1000 + index)
    config = PrepareConfig(size_px=32, aligned=True, name="sampled faces", near_duplicate_bits=None)
    prepare(photos, data, config)
    train(data, run, "tiny", TRAIN_SETTINGS, device)
    sheets = sorted((run / "sheets").glob("*.png"))
    pictures = []
    for sheet in (sheets[0], sheets[-1]):
        with Image.open(sheet) as picture:
            pictures.append(np.asarray(picture.convert("RGB")))
    gap = np.full((8, pictures[0].shape[1], 3), 255, dtype=np.uint8)
    both = Image.fromarray(np.concatenate([pictures[0], gap, pictures[1]]))
    return (
        "Training",
        "facevae prepare photos data --size 32 --aligned --name 'sampled faces' "
        "--set near_duplicate_bits=none\nfacevae train data --out run --preset tiny "
        f"--images {TRAIN_IMAGES} --checkpoint-images {SHEET_IMAGES}",
        f"A VAE of 32 px trained from nothing on {TRAIN_FACES} faces sampled from {generator.name}. "
        f"Two sheets, after {int(sheets[0].stem):,} and {int(sheets[-1].stem):,} images: "
        "originals, reconstructions, samples.",
        both.resize((2 * both.width, 2 * both.height), Image.Resampling.LANCZOS),
        "run/run.html",
    )
