"""Draw the pictures of docs/stylize.md again, from generated faces, the astronaut and artworks made here.

python scripts/pictures_stylize.py WORK [--model NAME_OR_DIR] [--minutes 5 | --steps 400]
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from skimage.data import astronaut

from facevae import FaceGenerator
from facevae.images import tile
from facevae.looks import LOOKS
from facevae.provenance import BESIDE_PHOTO, write_png, write_webp
from facevae.stylize.fit import FitConfig
from facevae.stylize.job import train_style
from facevae.stylize.sizes import lanczos, resized_face
from facevae.stylize.style import Art, Stylist
from facevae.stylize.transfer import TransferConfig

OUT = Path(__file__).parent.parent / "docs" / "images"
SHOWN_PX = 192
ARTWORKS = 48
INKS = np.array([(18, 42, 78), (196, 44, 40), (104, 152, 162), (244, 226, 178)], np.float32)
"""Four inks of a printed poster, from dark to light, RGB."""
NIGHT = np.array([(16, 28, 84), (34, 74, 150), (92, 146, 190), (236, 200, 72), (250, 232, 160)], np.float32)


def poster(face: np.ndarray, seed: int) -> np.ndarray:
    """The (H, W, 3) face as a screen print of four inks with dark contours."""
    rng = np.random.default_rng(seed)
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    grey = cv2.addWeighted(grey, 0.4, cv2.equalizeHist(grey), 0.6, 0)
    grey = cv2.bilateralFilter(grey, 0, 30, 6).astype(np.float32) / 255
    tone = np.clip((grey + rng.normal(0, 0.03)) * len(INKS), 0, len(INKS) - 1e-3).astype(int)
    picture = INKS[tone]
    edges = cv2.Canny((grey * 255).astype(np.uint8), 60, 150)
    picture[cv2.dilate(edges, np.ones((3, 3), np.uint8)) > 0] = INKS[0]
    return np.rint(cv2.GaussianBlur(picture, (0, 0), 0.8)).clip(0, 255).astype(np.uint8)


def night(side_px: int, seed: int = 0) -> np.ndarray:
    """A (side, side, 3) canvas of brush strokes that follow a whirling field."""
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.normal(size=(side_px, side_px)).astype(np.float32), (0, 0), side_px / 12)
    light = cv2.GaussianBlur(rng.normal(size=(side_px, side_px)).astype(np.float32), (0, 0), side_px / 20)
    light = (np.argsort(np.argsort(light.ravel())) / light.size).reshape(light.shape)
    dy, dx = np.gradient(field)
    angle = np.arctan2(-dx, dy)  # along the field's contours
    canvas = np.full((side_px, side_px, 3), NIGHT[1], np.float32)
    for _ in range(side_px * 24):
        x, y = rng.uniform(0, side_px, 2)
        tone = np.clip(light[int(y), int(x)] * 5 + rng.normal(0, 0.45), 0, 4.999)
        colour = NIGHT[int(tone)] + rng.normal(0, 10, 3)
        points = [(x, y)]
        for _ in range(5):
            row, column = (int(np.clip(v, 0, side_px - 1)) for v in (y, x))
            x, y = x + 4 * np.cos(angle[row, column]), y + 4 * np.sin(angle[row, column])
            points.append((x, y))
        cv2.polylines(
            canvas, [np.int32(points)], False, colour.tolist(), int(rng.integers(2, 5)), cv2.LINE_AA
        )
    return canvas.clip(0, 255).astype(np.uint8)


def sheet(name: str, pictures: list[np.ndarray], columns: int, **facts: object) -> None:
    small = np.stack([lanczos(picture, SHOWN_PX, SHOWN_PX) for picture in pictures])
    write_webp(OUT / name, tile(small, columns), **facts)


def main(
    work: Path,
    model: Annotated[str, typer.Option()] = "face64",
    minutes: Annotated[float, typer.Option()] = 5.0,
    steps: Annotated[int | None, typer.Option()] = None,
    only: Annotated[str, typer.Option(help="looks, artwork, decoder")] = "looks,artwork,decoder",
) -> None:
    generator = FaceGenerator.from_pretrained(model, "cpu")
    facts = {"job": "stylize", "model": generator.name}
    samples = generator.sample(8, seed=0, truncation=0.7)
    large = [resized_face(generator, photo, 256)[0] for photo in samples.photos]
    portrait = np.ascontiguousarray(astronaut()[0:256, 96:352])
    if "looks" in only:
        drawn = [
            [picture, *(Stylist(look).draw(picture) for look in LOOKS)] for picture in (portrait, *large[:3])
        ]
        sheet("stylize-looks.webp", [one for row in drawn for one in row], 5, **facts, **BESIDE_PHOTO)
    if "artwork" in only:
        art = night(256)
        stylist = Stylist(Art("night", art), transfer=TransferConfig())
        half = Stylist(Art("night", art), strength=0.5)
        hues = Stylist(Art("night", art), keeps_colours=True)
        pictures = [art, portrait, half.draw(portrait), stylist.draw(portrait), hues.draw(portrait)]
        pictures += [art, large[0], half.draw(large[0]), stylist.draw(large[0]), hues.draw(large[0])]
        sheet("stylize-artwork.webp", pictures, 5, **facts, **BESIDE_PHOTO)
    if "decoder" in only:
        folder = work / "posters"
        faces = generator.sample(ARTWORKS, seed=1000, truncation=0.9)
        for index, photo in enumerate(faces.photos):
            picture = poster(resized_face(generator, photo, 256)[0], index)
            write_png(folder / f"{index:03d}.png", picture, **facts, seed=faces.seeds[index])
        config = FitConfig(None if steps else minutes, steps)
        style, artworks = train_style(folder, work / "poster.safetensors", generator, config)
        print(style.settings, (work / "poster.safetensors").stat().st_size)
        stylist = Stylist(style)
        styled = stylist.styled(generator)
        shown = styled.decode(samples.latents)
        (result,) = generator.reconstruct(astronaut())
        drawn = styled.decode(result.latent[None])[0]
        top = [*artworks.pictures[:8], *samples.photos[:7], result.aligned, *shown[:7], drawn]
        sheet("stylize-decoder.webp", top, 8, **facts, **BESIDE_PHOTO)


if __name__ == "__main__":
    typer.run(main)
