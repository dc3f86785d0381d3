"""facevae edit: the faces of photos, older, younger, smiling, serious ..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from facevae.cli_bench import DeviceOption, ModelOption
from facevae.console import cell, say, stages


def edit(
    photos: Annotated[list[Path], typer.Argument(help="Photos; each face is found and aligned.")],
    age: Annotated[
        str | None, typer.Option("--age", help="Years: 60; or a difference: +20, -10.", metavar="YEARS")
    ] = None,
    gender: Annotated[str | None, typer.Option("--gender", help="female or male.")] = None,
    expression: Annotated[
        str | None, typer.Option("--expression", help="neutral, happy, sad, angry, surprised ...")
    ] = None,
    smile: Annotated[
        str | None,
        typer.Option("--smile", help="0 to 1: 0.8; or a difference: +0.3, -0.5.", metavar="SMILE"),
    ] = None,
    faces: Annotated[
        str, typer.Option("--faces", help="largest, all, or numbers such as 0,2, counted from the largest.")
    ] = "largest",
    paste: Annotated[
        bool, typer.Option("--paste", help="Also write the whole photo with the edited faces in it.")
    ] = False,
    refine: Annotated[
        int, typer.Option("--refine", min=0, help="Steps that bring the latent closer first, such as 200.")
    ] = 0,
    mechanism: Annotated[
        str, typer.Option("--mechanism", help="auto, quick, search, direction, flow or cvae (docs/edit.md).")
    ] = "auto",
    guidance: Annotated[
        float | None, typer.Option("--guidance", help="Of the mechanism flow: more changes more.")
    ] = None,
    detail: Annotated[
        float | None,
        typer.Option("--detail", help="0 to 1: share of the photo's own detail that is kept."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for pictures and latents.")] = Path("edited"),
    model: ModelOption = "face64",
    upscale: Annotated[
        bool, typer.Option("--upscale", help="Faces at twice the size; for models with an upscaler.")
    ] = False,
    device: DeviceOption = "auto",
) -> None:
    """Change the age, gender, expression or smile of the faces in photos.

    `facevae edit portrait.jpg --age +20 --paste`

    Writes original | reconstruction | edit, the edited face alone, its latent, and edits.jsonl with what was
    read off each face and asked of it.
    """
    from facevae.edit.files import edit_files
    from facevae.edit.pixels import DETAIL
    from facevae.generator import FaceGenerator

    changes = {"age": age, "gender": gender, "expression": expression, "smile": smile}
    chosen = parse_faces(faces)
    generator = FaceGenerator.from_pretrained(model, device)
    with stages() as progress:
        rows = edit_files(
            generator, photos, out, changes, chosen, mechanism, guidance, refine,
            DETAIL if detail is None else detail, paste, upscale, progress,
        )  # fmt: skip
    table = Table("photo", "picture", "read", "asked")
    for row in rows:
        if "error" in row:
            table.add_row(cell(row["photo"]), cell(row["error"], "red"))
            continue
        shown = (row["photo"], out / row["file"], _words(row["own"]), row["changes"])
        table.add_row(*(cell(one) for one in shown))
        for note in row.get("notes", ()):
            say(f"{row['photo']}: {note}")
    Console().print(table)
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def parse_faces(text: str) -> str | list[int]:
    """'largest' or 'all' as they are, '0,2' as [0, 2]. Raises ConfigError for anything else."""
    from facevae.errors import ConfigError

    parts = [part.strip() for part in text.split(",")]
    if text in ("largest", "all"):
        return text
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--faces cannot be '{text}': expected largest, all, or numbers such as 0,2.")
    return list(dict.fromkeys(int(part) for part in parts))


def _words(controls: dict[str, Any]) -> str:
    """'age 34, female, happy': what was read, in short."""
    parts = []
    for name, value in controls.items():
        parts.append(value if isinstance(value, str) else f"{name} {value:.{0 if name == 'age' else 2}f}")
    return ", ".join(parts)
