"""facevae interpolate: from face to face, as a film or a strip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facevae.cli_bench import DeviceOption, ModelOption
from facevae.cli_generate import TruncationOption, UpscaleOption
from facevae.console import say, stages

FILM_STEPS, STRIP_STEPS = 48, 8
"""Steps from stop to stop when no number of frames is asked for."""


def interpolate(
    stops: Annotated[
        list[str], typer.Argument(help="Two or more: photos, latents (.npy) or seeds, in any mixture.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The film: .mp4, .gif, .webp, or .png for a strip.")
    ] = Path("morph.webp"),
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames", min=2, help=f"In all. Default: {FILM_STEPS} a leg, {STRIP_STEPS} in a strip."
        ),
    ] = None,
    fps: Annotated[float, typer.Option("--fps", min=1, max=100, help="Frames a second.")] = 24.0,
    loop: Annotated[bool, typer.Option("--loop", help="Back to the first stop at the end.")] = False,
    size: Annotated[
        int | None,
        typer.Option(
            "--size", min=16, max=2048, help="Side of the frames in px, resampled. Default: the model's."
        ),
    ] = None,
    model: ModelOption = "face64",
    truncation: TruncationOption = 1.0,
    upscale: UpscaleOption = False,
    device: DeviceOption = "auto",
) -> None:
    """From face to face at constant speed: photos, latents and seeds, as a film or a strip.

    `facevae interpolate me.jpg 7 faces/latents.npy --loop --out morph.mp4`

    A whole number is the face that `facevae generate --count 1 --seed NUMBER` makes.
    """
    from facevae.errors import ConfigError
    from facevae.generator import FaceGenerator
    from facevae.morph import check_film, morph, read_stops, resampled, stops_source, write_film

    kind = check_film(out)
    if kind == ".mp4" and size and size % 2:
        raise ConfigError(f"--size cannot be {size} in an mp4: its sides are even.")
    generator = FaceGenerator.from_pretrained(model, device)
    if upscale:
        generator.require_upscaler()
    with stages() as progress:
        latents, names = read_stops(generator, stops, truncation, lambda *counts: progress("stops", *counts))
        legs = len(latents) - (not loop)
        frames = frames or legs * (STRIP_STEPS if kind == ".png" else FILM_STEPS) + (not loop)
        result = morph(generator, latents, frames, loop, lambda *counts: progress("path", *counts))
    photos = generator.upscale(result.photos) if upscale else result.photos
    facts = {"model": generator.name, "job": "interpolate", "stops": names, "loop": loop}
    facts |= stops_source(stops)
    facts |= {"upscaled": True} if upscale else {}
    if size and size != photos.shape[1]:
        photos, facts = resampled(photos, size), {**facts, "resampled_px": size}
    write_film(out, photos, fps, **facts)
    say(f"{len(photos)} frames through {', '.join(names)}: {out}")
