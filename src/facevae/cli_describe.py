"""facevae describe: words, in English and Chinese, to faces."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from facevae.cli_bench import DeviceOption, ModelOption
from facevae.cli_generate import GuidanceOption, SeedOption, TruncationOption, UpscaleOption
from facevae.console import counting, say
from facevae.errors import ConfigError

_MOST_BYTES_A_CHARACTER = 4


def describe(
    text: Annotated[
        str, typer.Argument(help="One face in words: English, Chinese or both. - reads them.", metavar="TEXT")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures.")] = Path("described"),
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many faces.")] = 16,
    model: ModelOption = "face64",
    seed: SeedOption = None,
    truncation: TruncationOption = 1.0,
    guidance: GuidanceOption = None,
    best_of: Annotated[
        int, typer.Option("--best-of", min=1, help="Draw each face so often and keep the one liked best.")
    ] = 1,
    upscale: UpscaleOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what was understood, and what was not.")
    ] = False,
    device: DeviceOption = "auto",
) -> None:
    """Words to faces: age, gender, expression and smile, in English and Chinese.

    `facevae describe "a smiling old man"`

    `facevae describe "二十多岁、表情严肃的女性" --count 9`

    `echo "a smiling old man" | facevae describe -`

    It says what it understood, what it could not ("with glasses" has no control) and what contradicts what;
    description.json keeps it beside the faces.
    """
    from facevae.describe import describe_faces, understand, write_described
    from facevae.describe.faces import check_understood

    text = _read_text() if text == "-" else text
    description = check_understood(understand(text))
    if dry_run:
        _say_lines(description.summary())
        return
    from facevae.generator import FaceGenerator

    generator = FaceGenerator.from_pretrained(model, device)
    if upscale:
        generator.require_upscaler()
    _say_lines(description.against(generator.schema).summary())
    start = secrets.randbelow(2**31) if seed is None else seed
    with counting("faces") as progress:
        described = describe_faces(generator, text, count, start, truncation, guidance, best_of, progress)
    write_described(out, described, generator, truncation, guidance, best_of, upscale)
    say(f"{count} faces in {out} (seed {start}); see {out / 'grid.png'}")
    for remark in described.chosen.remarks():
        say(remark)


def _say_lines(text: str) -> None:
    for line in text.splitlines():
        say(line)


def _read_text() -> str:
    """The description on standard input, and no more of it than one may have."""
    from facevae.describe.description import MOST_CHARACTERS

    data = sys.stdin.buffer.read(_MOST_BYTES_A_CHARACTER * MOST_CHARACTERS + 1)
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        # Cut in the middle of a character, the text is too long in any case, and `understand` says so.
        if len(data) > _MOST_BYTES_A_CHARACTER * MOST_CHARACTERS:
            return data.decode("utf-8", "replace")
        raise ConfigError(
            "the description on standard input is not valid Unicode: give it in UTF-8."
        ) from None
