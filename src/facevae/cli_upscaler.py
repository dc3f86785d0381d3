"""facevae train-upscaler: faces at twice the size that a model makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facevae.cli_bench import DeviceOption
from facevae.console import say


def train_upscaler(
    data: Annotated[
        Path, typer.Argument(help="Faces of twice the model's size: a prepared dataset, or photos.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Run folder. The same one again resumes the run.")],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model to serve: name or folder. Default: real faces alone."),
    ] = None,
    images: Annotated[int | None, typer.Option("--images", help="How many faces to see in all.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="How long to train, instead of --images.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides weights, order and degradation.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any field of the configuration: name=value (docs/upscaler.md)."),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Train an upscaler, 2x: from the 64 px of a model to 128 px. It is written to RUN/upscaler.

    It learns on real faces of 128 px and their halves, and on what the model makes, so that samples and
    reconstructions come out as clear as photos:

    `facevae train-upscaler DATA128 --out RUN --model face64 --minutes 60`

    Look at RUN/sheets on the way: input, bicubic, upscaled, real. Stopped with Ctrl-C or killed, the same
    command goes on. Then `scripts/ship.py` puts RUN/upscaler into a model, and `facevae generate --upscale`
    uses it.
    """
    from facevae.config import parse_settings
    from facevae.train_upscaler import train_upscaler as job
    from facevae.upscaler_config import UpscalerConfig

    given: dict[str, Any] = {"images": images, "minutes": minutes}
    fields = {name: value for name, value in given.items() if value is not None}
    folder = job(
        data, out, model, {"seed": seed, **fields, **parse_settings(settings or [], UpscalerConfig)}, device
    )
    say(f"The upscaler is in {folder}; its sheets are in {out / 'sheets'}.")
