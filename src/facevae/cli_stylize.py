"""facevae stylize: artistic faces, and a model's decoder taught a style."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from facevae.cli_bench import DeviceOption, ModelOption
from facevae.console import cell, say, stages


def stylize(
    images: Annotated[list[Path] | None, typer.Argument(help="Photos, or none and --count.")] = None,
    style: Annotated[
        str | None,
        typer.Option("--style", help="pencil, oil, watercolour, cartoon, an artwork, or STYLE.safetensors."),
    ] = None,
    strength: Annotated[
        float, typer.Option("--strength", help="0 (the photo itself) to 1 (all of the style).")
    ] = 1.0,
    keep_colours: Annotated[
        bool, typer.Option("--keep-colours", help="The photo's hues with the style's brightness.")
    ] = False,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the pictures; with --train-style, the style's file.")
    ] = Path("stylized"),
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="So many new faces instead of photos.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides new faces. Default: random.")] = None,
    truncation: Annotated[
        float, typer.Option("--truncation", help="Of new faces: 0 < t <= 1, smaller is more typical.")
    ] = 1.0,
    faces: Annotated[
        str | None,
        typer.Option(
            "--faces",
            help="whole photo, or the largest or all faces, aligned. Default: whole; "
            "largest with STYLE.safetensors.",
        ),
    ] = None,
    side: Annotated[
        int, typer.Option("--side", help="With an artwork: longer side worked at, 64 to 512 px.")
    ] = 256,
    steps: Annotated[
        int | None,
        typer.Option("--steps", help="With an artwork: 150. With --train-style: instead of minutes."),
    ] = None,
    train_style: Annotated[
        Path | None, typer.Option("--train-style", help="A folder of 20 to 200 artworks to learn from.")
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", help="How long --train-style takes.")] = 5.0,
    model: ModelOption = "face64",
    device: DeviceOption = "auto",
) -> None:
    """Artistic faces: pencil, oil, watercolour, cartoon, after an artwork, or after a folder of artworks.

    `facevae stylize PHOTO --style watercolour`

    `facevae stylize PHOTO --style ART.jpg --strength 0.7`

    `facevae stylize --train-style ARTWORKS --out ink.safetensors --minutes 5`

    `facevae stylize --count 16 --seed 0 --style ink.safetensors`

    Writes NAME.png, NAME-pair.png (original | styled) and stylized.jsonl. A photo that fails stops no other.
    """  # fmt: skip
    if train_style is not None:
        _train(train_style, out, model, device, minutes, steps, seed or 0)
        return
    _check_wish(images, count, style)
    from facevae.generator import FaceGenerator
    from facevae.stylize.job import stylize_new_faces, stylize_photos
    from facevae.stylize.style import Stylist, find_style
    from facevae.stylize.transfer import TransferConfig

    transfer = TransferConfig(side_px=side, **({} if steps is None else {"steps": steps}))
    stylist = Stylist(find_style(style or ""), strength, keep_colours, transfer, device)
    with stages() as progress:
        if count is not None:
            generator = FaceGenerator.from_pretrained(model, device)
            rows = stylize_new_faces(count, out, stylist, generator, seed, truncation, progress)
        else:
            rows = stylize_photos(
                images or [],
                out,
                stylist,
                lambda: FaceGenerator.from_pretrained(model, device),
                faces,
                progress,
            )
    _show(rows, out)


def _check_wish(images: list[Path] | None, count: int | None, style: str | None) -> None:
    from facevae.errors import ConfigError

    if style is None:
        raise ConfigError(
            "--style is missing: pencil, oil, watercolour, cartoon, the file of an artwork, or a "
            "STYLE.safetensors made with --train-style."
        )
    if bool(images) == (count is not None):
        raise ConfigError("give photos, or --count for so many new faces: exactly one of the two.")


def _train(
    folder: Path, out: Path, model: str, device: str, minutes: float, steps: int | None, seed: int
) -> None:
    from facevae.generator import FaceGenerator
    from facevae.stylize.fit import FitConfig
    from facevae.stylize.job import train_style

    config = FitConfig(minutes if steps is None else None, steps, seed=seed)
    with stages() as progress:
        generator = FaceGenerator.from_pretrained(model, device)
        style, artworks = train_style(folder, out, generator, config, progress=progress)
    for file, reason in artworks.rejects:
        say(f"Left out {file}: {reason}")
    whole = len(artworks.pictures) - artworks.faces
    say(f"Learned from {artworks.faces} faces and {whole} whole artworks in {style.settings['steps']} steps.")
    say(f"The style is in {out} ({out.stat().st_size / 1e6:.2f} MB). "
        f"Use it with: facevae stylize PHOTO --style {out} --model {model}")  # fmt: skip


def _show(rows: list[dict[str, Any]], out: Path) -> None:
    table = Table("photo", "picture", "size", "s")
    for row in rows:
        source = cell(row.get("photo") or f"seed {row.get('seed')}")
        if "error" in row:
            table.add_row(source, cell(row["error"], "red"))
        else:
            shown = cell(out / row["file"])
            table.add_row(source, shown, f"{row['width']} x {row['height']}", f"{row['seconds']:.1f}")
    Console().print(table)
    if any("error" in row for row in rows):
        raise typer.Exit(1)
