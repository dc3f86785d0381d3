"""facevae augment: more, or balanced, training data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facevae.cli_bench import DeviceOption, EngineOption, ModelOption
from facevae.console import counting, say


def augment(
    data: Annotated[Path, typer.Argument(help="A prepared dataset, or photos (prepared first).")],
    out: Annotated[Path, typer.Argument(help="Folder for the larger one. Run again, it goes on.")],
    model: ModelOption = "face64",
    by: Annotated[
        str, typer.Option("--by", help="Columns that make the classes, such as gender,age_group.")
    ] = "",
    target: Annotated[
        int | None, typer.Option("--target", help="Fill every class up to so many training faces.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", "-n", help="Make so many in all, for the smallest classes first.")
    ] = None,
    balance: Annotated[bool, typer.Option("--balance", help="Fill every class up to the largest.")] = False,
    variations: Annotated[
        int, typer.Option("--variations", help="Variations of each real face, at most.")
    ] = 2,
    share_new: Annotated[
        float, typer.Option("--share-new", help="Share of made faces that are new: 0 to 1.")
    ] = 0.5,
    step: Annotated[
        float, typer.Option("--step", help="How far variations lie from their face: 0 to 1.")
    ] = 0.5,
    truncation: Annotated[
        float, typer.Option("--truncation", help="Of new faces: 0 < t <= 1, smaller is more typical.")
    ] = 1.0,
    guidance: Annotated[
        float | None, typer.Option("--guidance", help="Of new faces: above 1 labels show more clearly.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Make a picture again in which no face is found.")
    ] = True,
    name: Annotated[str | None, typer.Option("--name", help="Name of the larger dataset.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same faces.")] = 0,
    device: DeviceOption = "auto",
    engine: EngineOption = "local",
) -> None:
    """A labelled dataset made larger or balanced: new faces of each class, and variations of real ones.

    `facevae augment DATA OUT --by gender,age_group --target 500` fills every class up to 500 training faces.
    The validation split is copied untouched. OUT is a prepared dataset like any other: `facevae train OUT`.
    """
    from facevae.augment.config import AugmentConfig

    config = AugmentConfig(
        by=tuple(part.strip() for part in by.split(",") if part.strip()),
        target=target, count=count, balance=balance, variations=variations, share_new=share_new, step=step,
        truncation=truncation, guidance=guidance, check_faces=check, name=name, seed=seed,
    )  # fmt: skip
    from facevae.augment.job import augment as job

    with counting("faces") as progress:
        result = job(data, out, config, model, device, progress, engine)
    if result.unchanged:
        say(f"{out} was made already, from the same data with the same options: nothing changed.")
    kinds = ", ".join(
        f"{result.kinds.get(kind, 0):,} {label}"
        for kind, label in (("real", "real"), ("new", "new"), ("variation", "variations"))
    )
    say(f"{result.counts.get('train', 0):,} training faces ({kinds}); {result.rejects:,} pictures rejected.")
    for row in result.classes:
        if row["short"]:
            say(f"{row['name']}: {row['short']:,} short. Raise --variations or --share-new.")
    say(f"Look at {out / 'made.png'} and {out / 'prepared.html'}")
