"""facevae explore: what each latent means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facevae.cli_bench import DeviceOption
from facevae.console import say, stages


def explore(
    model: Annotated[str, typer.Argument(help="A shipped model, a folder that `train` wrote, or a Hub id.")],
    data: Annotated[Path, typer.Option("--data", help="A prepared dataset, or photos (prepared first).")],
    out: Annotated[Path, typer.Option("--out", help="Folder for atlas.html, atlas.json and pictures.")],
    directions: Annotated[
        int, typer.Option("--directions", min=1, help="Principal directions, and as many dimensions.")
    ] = 8,
    real: Annotated[
        bool, typer.Option("--real", help="Show real faces: on the map, and the nearest ones to samples.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Decides which faces are drawn and moved.")] = 0,
    device: DeviceOption = "auto",
) -> None:
    """An atlas of the latent space: directions and what they move, a map of the data.

    Without --real no real person is on the page: its faces are drawn from the model.
    """
    from facevae.explore.job import explore as job

    with stages() as progress:
        page = job(model, data, out, directions, real, seed, device, progress)
    say(f"Open {page}")
