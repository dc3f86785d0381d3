"""facevae avatar: one person at several ages, with several expressions, in several styles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facevae.cli_bench import DeviceOption, ModelOption
from facevae.console import say, stages


def avatar(
    who: Annotated[str, typer.Argument(help="A photo, or words in English or Chinese: 'a smiling old man'.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the portraits.")] = Path("avatars"),
    size: Annotated[int, typer.Option("--size", help="Side of the portraits, 64 to 1024 px.")] = 512,
    background: Annotated[
        str, typer.Option("--background", help="keep, transparent, or a colour such as #f2e6d9.")
    ] = "keep",
    format: Annotated[str, typer.Option("--format", help="png or webp.")] = "png",
    ages: Annotated[
        str | None,
        typer.Option("--ages", help="Years, such as 10,30,50,70 (the default); none for as is."),
    ] = None,
    expressions: Annotated[
        str | None,
        typer.Option("--expressions", help="Such as neutral,happy,surprised (the default); none for as is."),
    ] = None,
    styles: Annotated[
        str,
        typer.Option("--styles", help="photo, pencil, oil, watercolour, cartoon, artworks, style files."),
    ] = "photo,cartoon,pencil",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of a person from words. Default: random.")
    ] = None,
    truncation: Annotated[
        float, typer.Option("--truncation", help="Of a person from words: smaller is more typical.")
    ] = 0.7,
    detail: Annotated[
        float, typer.Option("--detail", help="0 to 1: share of a photo's own detail that is kept.")
    ] = 1.0,
    model: ModelOption = "face64",
    device: DeviceOption = "auto",
) -> None:
    """Square portraits of one person: every age with every expression in every style, and as is.

    `facevae avatar portrait.jpg --background transparent --size 512`

    `facevae avatar "a smiling old man" --seed 3 --styles photo,oil --format webp`

    Writes the portraits, contact-sheet.png, and manifest.json: each file's controls, style, resampling.
    """
    from facevae.avatar import AvatarConfig, make_avatars
    from facevae.controls import parse_several
    from facevae.generator import FaceGenerator

    years = None if ages is None else tuple(map(_years, parse_several(ages, "age") if _some(ages) else ()))
    moods = None
    if expressions is not None:
        moods = (
            tuple(str(one) for one in parse_several(expressions, "expression")) if _some(expressions) else ()
        )
    wanted = tuple(part.strip() for part in styles.split(",") if part.strip())
    config = AvatarConfig(size, background, format.lower(), years, moods, wanted, truncation, detail)
    generator = FaceGenerator.from_pretrained(model, device)
    with stages() as progress:
        manifest = make_avatars(generator, who, out, config, seed, progress)
    for phrase in (*manifest["identity"].get("not_understood", ()), *manifest["identity"].get("lacking", ())):
        say(f"Not shown, because the model has no control for it: {phrase}")
    if len(manifest["files"]) == len(wanted):
        say("Only as is: nothing was asked to change, or this model cannot change an age or expression.")
    rows = manifest["files"]
    ellipses = sum(row["mask"] == "ellipse" for row in rows)
    if ellipses:
        say(f"In {ellipses} portraits no border to the background was found: an ellipse is cut instead.")
    say(f"{len(rows)} portraits of {size} px in {out}; see {out / manifest['contact_sheet']}")
    say(f"How they came to their size: {rows[0]['resampling']}.")


def _some(text: str) -> bool:
    return text.strip().lower() not in ("", "none")


def _years(age: object) -> float:
    from facevae.errors import ControlError

    if not isinstance(age, float):
        raise ControlError("--ages cannot be a range: expected years such as 10,30,50,70.")
    return age
