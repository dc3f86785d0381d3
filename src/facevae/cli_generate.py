"""facevae generate: new faces, with what is asked of them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facevae.cli_bench import DeviceOption, EngineOption, ModelOption
from facevae.console import counting, say

if TYPE_CHECKING:
    from facevae.controls import Grid
    from facevae.images import Photos

SeedOption = Annotated[
    int | None, typer.Option("--seed", help="The same seed gives the same faces. Default: random.")
]
TruncationOption = Annotated[
    float, typer.Option("--truncation", help="0 < t <= 1: smaller is more typical and less diverse.")
]
AgeOption = Annotated[
    str | None, typer.Option("--age", help="Years: 60, a range 20..40, or several 20,40,60 for a grid.")
]
GenderOption = Annotated[
    str | None, typer.Option("--gender", help="female, male, or both for a grid: female,male.")
]
ExpressionOption = Annotated[
    str | None, typer.Option("--expression", help="neutral, happy, sad ...; several for a grid: happy,sad.")
]
SmileOption = Annotated[
    str | None, typer.Option("--smile", help="0 to 1: a number, a range, or several for a grid.")
]
GuidanceOption = Annotated[
    float | None,
    typer.Option(
        "--guidance", help="Above 1 the controls of the prior show more clearly. Default: the model's."
    ),
]
UpscaleOption = Annotated[
    bool, typer.Option("--upscale", help="At twice the size; for models with an upscaler.")
]

Runtime = Literal["torch", "onnx"]

COUNT, GRID_COUNT = 16, 4
"""Faces when no count is asked for; people of a grid."""


def generate(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures.")] = Path("faces"),
    count: Annotated[
        int | None,
        typer.Option(
            "--count", "-n", min=1, help=f"How many faces, {COUNT}; people of a grid, {GRID_COUNT}."
        ),
    ] = None,
    model: ModelOption = "face64",
    seed: SeedOption = None,
    truncation: TruncationOption = 1.0,
    age: AgeOption = None,
    gender: GenderOption = None,
    expression: ExpressionOption = None,
    smile: SmileOption = None,
    guidance: GuidanceOption = None,
    best_of: Annotated[
        int, typer.Option("--best-of", min=1, help="Draw each face so often and keep the one liked best.")
    ] = 1,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Draw faces again in which the detector finds none.")
    ] = True,
    upscale: UpscaleOption = False,
    device: DeviceOption = "auto",
    runtime: Annotated[
        Runtime, typer.Option("--runtime", help="onnx: by ONNX Runtime, on the CPU.")
    ] = "torch",
    engine: EngineOption = "local",
) -> None:
    """New faces: 00000.png ..., grid.png, latents.npy, faces.jsonl.

    Several values of a control give a grid of all combinations, the same people in each:

    `facevae generate --age 20,40,60 --gender female,male`
    """
    from facevae.choosing import choose_on_ray, choose_people
    from facevae.controls import check_request, draw_controls, grid_of, parse_several
    from facevae.data.ray_engine import check_engine
    from facevae.errors import ConfigError
    from facevae.generator import FaceGenerator
    from facevae.output import write_samples

    given = {"age": age, "gender": gender, "expression": expression, "smile": smile}
    # click keeps the options in the order in which they were typed.
    typed = {name: given[name] for name in context.params if given.get(name) is not None}
    grid, common = grid_of({name: parse_several(text or "", name) for name, text in typed.items()})
    if runtime == "onnx":
        if engine == "ray":
            raise ConfigError("--engine ray works with --runtime torch: leave one of them out.")
        from facevae.export import onnx_generator

        generator = onnx_generator(model)
    else:
        generator = FaceGenerator.from_pretrained(model, device)
    if upscale:
        generator.require_upscaler()
    requests = [{**common, **cell} for cell in grid.cells]
    for request in requests:
        check_request(request, generator.schema, "the options")
    start = secrets.randbelow(2**31) if seed is None else seed
    count = count or (COUNT if len(requests) == 1 else GRID_COUNT)
    people = list(zip(*(draw_controls(request, count, start) for request in requests), strict=True))
    with counting("faces") as progress:
        options = (people, start, truncation, guidance, best_of, progress, check)
        if check_engine(engine) == "ray":
            chosen = choose_on_ray(model, *options, device=device)
        else:
            chosen = choose_people(generator, *options)
    samples = chosen.samples
    if upscale:
        samples = replace(samples, photos=generator.upscale(samples.photos))
    write_samples(
        out, samples, generator.name, truncation,
        [own for person in people for own in person],
        generator.guidance_used(guidance) if generator.prior.schema.names else None,
        upscale,
        chosen.notes(best_of),
        _sheet(grid, samples.photos, samples.seeds) if len(requests) > 1 else None,
    )  # fmt: skip
    say(f"{len(samples.seeds)} faces in {out} (seed {start}); see {out / 'grid.png'}")
    for remark in chosen.remarks(check):
        say(remark)


def _sheet(grid: Grid, photos: Photos, seeds: list[int]) -> Photos:
    """The people one below the other, each a block of the grid's rows, up to GRID_MOST faces."""
    from facevae.output import GRID_MOST, labelled_tile

    rows, columns = len(grid.rows), len(grid.columns)
    people = max(1, min(len(photos), GRID_MOST) // (rows * columns))
    labels = [
        ", ".join(filter(None, (f"seed {seeds[person * rows * columns]}", row)))
        for person in range(people)
        for row in grid.row_labels
    ]
    return labelled_tile(photos[: people * rows * columns], labels, grid.column_labels)
