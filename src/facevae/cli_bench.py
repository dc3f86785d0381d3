"""facevae bench: this machine's speed, and other methods on the same faces."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from facevae.console import print_rows, say, stages

bench_app = typer.Typer(
    no_args_is_help=True, help="Measure speed on this machine, and against other methods."
)

ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A shipped model's name, or the folder of a trained model.")
]
DocsOption = Annotated[
    Path | None,
    typer.Option("--docs", help="A Markdown page to write the result into, under its date and command."),
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="ray: on many processes or machines (docs/streaming.md)."),
]


@bench_app.command("quality")
def bench_quality(
    data: Annotated[Path, typer.Option("--data", help="A prepared dataset, or photos (prepared first).")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for every method's result. The same one again goes on.")
    ],
    minutes: Annotated[float, typer.Option("--minutes", help="Training time of each run.")] = 15.0,
    samples: Annotated[int, typer.Option("--samples", help="Faces that each method is judged by.")] = 5000,
    size: Annotated[
        int, typer.Option("--size", help="Side of the faces in px; pythae's networks want 64.")
    ] = 64,
    methods: Annotated[
        str | None, typer.Option("--methods", help="Some of them, such as pca,small,gan. Default: all.")
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", help="Runs of the methods whose stability is shown (small and gan).")
    ] = 3,
    side_by_side: Annotated[
        int, typer.Option("--side-by-side", help="Runs at once, each on its share of the cores.")
    ] = 1,
    judge_only: Annotated[
        bool, typer.Option("--judge-only", help="Train nothing: judge the runs that are done.")
    ] = False,
    docs: DocsOption = None,
) -> None:
    """PCA, Keras, pythae, a GAN and facevae, trained alike on the same faces: one table, one sheet."""
    from facevae.bench.quality import METHODS, quality_bench
    from facevae.bench.quality_page import write_quality_page

    chosen = [name.strip() for name in methods.split(",")] if methods else list(METHODS)
    with stages() as progress:
        rows = quality_bench(
            data, out, minutes, samples, size, chosen, side_by_side, seeds, judge_only, progress
        )
    say(f"Open {write_quality_page(out, rows)}")
    record(docs, "quality", (out / "quality.md").read_text(encoding="utf-8"))


@bench_app.command("recipe")
def bench_recipe(
    data: Annotated[Path, typer.Argument(help="A prepared dataset, or photos (prepared first).")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for every row's run. The same one again goes on.")
    ],
    images: Annotated[int, typer.Option("--images", help="Faces that each row sees in training.")] = 120_000,
    samples: Annotated[int, typer.Option("--samples", help="Faces that each row is judged by.")] = 5000,
    rows: Annotated[
        str | None, typer.Option("--rows", help="Numbers or names, such as 0,1,no-adversary. Default: all.")
    ] = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Each row once for each of them, such as 0,1.")] = "0",
    preset: Annotated[str, typer.Option("--preset", help="What the rows change: small, tiny ...")] = "small",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="name=value for every row, such as size_px=32.")
    ] = None,
    judge_only: Annotated[
        bool, typer.Option("--judge-only", help="Train nothing: judge the rows that are trained.")
    ] = False,
    device: DeviceOption = "auto",
    docs: DocsOption = None,
) -> None:
    """The training recipe less one part at a time, each row on as many images: one table, a sheet a row."""
    from facevae.bench.recipe import KEYS, Plan, parse_seeds, recipe_bench
    from facevae.bench.recipe_page import recipe_text, write_recipe_page, write_strips
    from facevae.config import parse_settings

    plan = Plan(images, samples, preset, parse_settings(settings or []), device)
    chosen = [name.strip() for name in rows.split(",")] if rows else KEYS
    with stages() as progress:
        results = recipe_bench(data, out, plan, chosen, parse_seeds(seeds), judge_only, progress)
    say(f"See {write_recipe_page(out, results)}")
    if docs is not None:
        strips = write_strips(docs.parent / "images", results)
        addresses = {key: f"images/{name}" for key, name in strips.items()}
        record(docs, "ablation", recipe_text(out, results, addresses))


@bench_app.command("edit")
def bench_edit(
    model: Annotated[str, typer.Argument(help="A shipped model, a folder that `train` wrote, or a Hub id.")],
    data: Annotated[Path, typer.Option("--data", help="A prepared dataset, or photos (prepared first).")],
    faces: Annotated[int, typer.Option("--faces", help="Validation faces to edit.")] = 500,
    settings: Annotated[
        str | None,
        typer.Option("--only", help="Rows that begin so: direction, flow ... Default: all."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides which faces.")] = 0,
    device: DeviceOption = "auto",
    docs: DocsOption = None,
) -> None:
    """Every way to edit, judged by evaluate's probes: what changes as asked, what stays, who stays."""
    from facevae.bench.editing import SETTINGS, editing_bench
    from facevae.bench.editing_page import editing_text, write_pictures
    from facevae.errors import ConfigError
    from facevae.generator import FaceGenerator

    chosen = [one for one in SETTINGS if one.label.startswith(settings or "")]
    if not chosen:
        raise ConfigError(
            f"no row begins with '{settings}'. There are: {'; '.join(s.label for s in SETTINGS)}."
        )
    with stages() as progress:
        text = editing_text(editing_bench(model, data, faces, seed, device, chosen, progress))
    print(text)
    if docs is not None:
        for name in write_pictures(FaceGenerator.from_pretrained(model, device), docs.parent / "images"):
            say(f"Written: {docs.parent / 'images' / name}")
        record(docs, "edit", text)


@bench_app.command("train")
def bench_train(
    steps: Annotated[int, typer.Option("--steps", help="Timed steps of 64 faces.")] = 30,
    pythae: Annotated[
        bool,
        typer.Option("--pythae", help="Also pythae's trainer on the same networks (makes its environment)."),
    ] = False,
    device: DeviceOption = "auto",
    docs: DocsOption = None,
) -> None:
    """Training speed of the preset small at 64 px, beside what the machine can do."""
    from facevae.bench.speed import train_bench

    rows = train_bench(steps, device, pythae)
    print_rows(rows)
    record_rows(docs, "train", rows)


@bench_app.command("generate")
def bench_generate(
    count: Annotated[int, typer.Option("--count", help="Faces to sample.")] = 1000,
    model: ModelOption = "face64",
    device: DeviceOption = "auto",
    docs: DocsOption = None,
) -> None:
    """Seconds to load the model and sample faces, and milliseconds for one."""
    from facevae.bench.speed import generate_bench

    rows = [generate_bench(model, count, device)]
    print_rows(rows)
    record_rows(docs, "generate", rows)


@bench_app.command("looks")
def bench_looks(
    repeats: Annotated[int, typer.Option("--repeats", help="Timed drawings of each; the median counts.")] = 3,
    docs: DocsOption = None,
) -> None:
    """Seconds of each look on a photo of 1920 x 1280, on one thread and on all."""
    from facevae.bench.speed import looks_bench

    rows = looks_bench(repeats)
    print_rows(rows)
    record_rows(docs, "looks", rows)


@bench_app.command("prepare")
def bench_prepare(
    source: Annotated[
        Path | None, typer.Option("--source", help="Photos. Default: variations of one photo.")
    ] = None,
    photos: Annotated[int, typer.Option("--photos", help="How many photos of 224 px.")] = 2000,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes. Default: one per core.")
    ] = None,
    docs: DocsOption = None,
) -> None:
    """Photos per second and memory of `facevae prepare`."""
    from facevae.bench.preparing import prepare_bench

    rows = [prepare_bench(photos, 224, workers, source)]
    print_rows(rows)
    record_rows(docs, "prepare", rows)


@bench_app.command("scale")
def bench_scale(
    photos: Annotated[
        str, typer.Option("--photos", help="How many photos, such as 1e6,1e8,5e9.")
    ] = "1e6,1e8,5e9",
    preset: Annotated[
        str, typer.Option("--preset", help="What is trained: small, base, large ...")
    ] = "large",
    devices: Annotated[int, typer.Option("--devices", help="GPUs that train together.")] = 64,
    tflops: Annotated[float, typer.Option("--tflops", help="What each sustains on the networks.")] = 100.0,
    cores: Annotated[int, typer.Option("--cores", help="Cores that prepare the photos.")] = 1024,
    docs: DocsOption = None,
) -> None:
    """Storage, bandwidth, memory and hours that so many photos need: counted and extrapolated, not run."""
    from facevae.bench.scale import Rates, scale_rows
    from facevae.errors import ConfigError

    try:
        counts = [int(float(count)) for count in photos.split(",")]
    except (ValueError, OverflowError):
        raise ConfigError(f"--photos cannot be '{photos}': expected numbers such as 1e6,1e8") from None
    rows = scale_rows(counts, preset, Rates(device_tflops=tflops, devices=devices, cores=cores))
    print_rows(rows)
    record_rows(docs, f"scale-{preset}", rows)


@bench_app.command("augment")
def bench_augment(
    data: Annotated[Path, typer.Argument(help="A prepared, labelled dataset.")],
    model: ModelOption = "face64",
    by: Annotated[str, typer.Option("--by", help="What to tell: age_group, expression or gender.")] = (
        "age_group"
    ),
    per_class: Annotated[
        str, typer.Option("--per-class", help="Real faces of each class to learn from, such as 20,50.")
    ] = "20,50",
    made: Annotated[int, typer.Option("--made", help="Faces of each class that the model adds.")] = 100,
    seeds: Annotated[int, typer.Option("--seeds", help="Draws of the real faces.")] = 5,
    classifier: Annotated[
        str, typer.Option("--classifier", help="cnn (on pixels), features (frozen ones) or both.")
    ] = "both",
    device: DeviceOption = "auto",
    docs: DocsOption = None,
) -> None:
    """A classifier learnt from few real faces, with and without made ones, judged by held-out real faces."""
    from facevae.bench.augmenting import AugmentPlan, augment_bench, augment_text, parse_counts
    from facevae.bench.classifiers import CLASSIFIERS

    chosen = tuple(CLASSIFIERS) if classifier == "both" else (classifier,)
    plan = AugmentPlan(by, parse_counts(per_class), made, seeds, chosen)
    with stages() as progress:
        rows = augment_bench(data, model, plan, device, progress)
    text = augment_text(rows, plan, model)
    print(text)
    record(docs, f"augment-{by}", text)


@bench_app.command("faults")
def bench_faults(
    kills: Annotated[int, typer.Option("--kills", help="SIGKILLs that meet each job at work.")] = 50,
    stops: Annotated[int, typer.Option("--stops", help="Ctrl-C and SIGTERM by turns, of each job.")] = 20,
    disks: Annotated[int, typer.Option("--disks", help="Disks too small for each job's result.")] = 20,
    damages: Annotated[int, typer.Option("--damages", help="Damaged checkpoints.")] = 40,
    clocks: Annotated[int, typer.Option("--clocks", help="Runs whose clocks go back, or lack memory.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Decides moments, places and sizes.")] = 0,
    docs: DocsOption = None,
) -> None:
    """Jobs killed, stopped, starved of disk and memory: do they end as if nothing had been? Linux only."""
    from facevae.bench.faults import faults_bench, faults_text

    with stages() as progress:
        rows, furthest = faults_bench(kills, stops, disks, damages, clocks, seed, progress)
    text = faults_text(rows, furthest)
    print(text)
    record(docs, "faults", text)
    if any(row.wrong for row in rows):
        raise typer.Exit(1)


def record_rows(docs: Path | None, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """`record` rows of figures as a table."""
    from facevae.bench.results import markdown, rows_table

    record(docs, name, markdown(rows_table(rows)))


def record(docs: Path | None, name: str, text: str) -> None:
    """Put a bench's result into the page that --docs names, under its date, machine and command."""
    if docs is not None:
        from facevae.bench.results import write_section

        write_section(docs, name, f"facevae {shlex.join(sys.argv[1:])}", text)
        say(f"Written into {docs}")
