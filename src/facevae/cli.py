"""The command line. Every command is a few lines over a job; torch is imported only when one runs."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from facevae import __version__
from facevae.cli_augment import augment
from facevae.cli_avatar import avatar
from facevae.cli_bench import DeviceOption, EngineOption, ModelOption, bench_app
from facevae.cli_describe import describe
from facevae.cli_edit import edit
from facevae.cli_explore import explore
from facevae.cli_export import export
from facevae.cli_generate import GuidanceOption, UpscaleOption, generate
from facevae.cli_inspect import inspect, sign
from facevae.cli_morph import interpolate
from facevae.cli_serve import serve
from facevae.cli_stylize import stylize
from facevae.cli_upscaler import train_upscaler
from facevae.console import cell, counting, say, stages
from facevae.errors import FaceVAEError

app = typer.Typer(
    name="facevae",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Variational autoencoders for human faces: prepare, train, measure, generate, reconstruct.\n\n"
    "First steps: `facevae demo` shows everything in a minute; `facevae generate --count 16` makes faces; "
    "`facevae train PHOTOS --out RUN` trains on your own.",
)
app.add_typer(bench_app, name="bench")


def _version(asked: bool) -> None:
    if asked:
        print(f"facevae {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
) -> None:
    del version  # _version has told it


@app.command()
def prepare(
    source: Annotated[
        Path, typer.Argument(help="Folder of photos, zip, tar, ImageFolder, CelebA, FairFace, ...")
    ],
    out: Annotated[
        str, typer.Argument(help="Folder or address (s3://...). Run again, it goes on where it was.")
    ],
    size: Annotated[int, typer.Option("--size", help="Side of a face in px.")] = 128,
    faces: Annotated[
        str, typer.Option("--faces", help="largest: one face per photo; all: every face.")
    ] = "largest",
    layout: Annotated[
        str | None,
        typer.Option(
            "--layout",
            help="folder, imagefolder, celeba, fairface, utkface, lfw or ffhq. Default: recognised.",
        ),
    ] = None,
    aligned: Annotated[
        bool, typer.Option("--aligned", help="Photos are aligned square crops already: only resize them.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the dataset. Default: the source's.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence and credit of the photos, kept with the dataset.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Only the first so many photos.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes. Default: one per core.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A quality filter: min_sharpness=0, max_yaw=0.5, min_face_px=20, ... (docs/prepare.md)",
        ),
    ] = None,
    engine: EngineOption = "local",
) -> None:
    """Turn photos into a training set: find, align, filter, deduplicate, split."""
    from facevae.config import parse_settings
    from facevae.data.prepare import prepare as job
    from facevae.data.prepare_config import PrepareConfig

    options = {
        "size_px": size, "faces": faces, "layout": layout, "aligned": aligned, "name": name,
        "licence": licence, "limit": limit, "workers": workers,
    }  # fmt: skip
    config = PrepareConfig.from_dict({**options, **parse_settings(settings or [], PrepareConfig)})
    with counting("photos") as progress:
        result = job(source, out, config, progress, engine)
    counts = ", ".join(f"{count:,} {split}" for split, count in result.counts.items())
    reasons = "; ".join(f"{reason} {count:,}" for reason, count in result.rejected.items())
    if result.unchanged:
        say(f"{out} was prepared already, from the same photos with the same options: nothing changed.")
    say(f"{result.photos:,} photos: {result.faces:,} faces ({counts or 'none'}), {result.rejects:,} rejects.")
    if reasons:
        say(f"Rejected: {reasons}.")
    say(f"Look at {result.path / 'prepared.html'}")


@app.command()
def train(
    data: Annotated[
        str, typer.Argument(help="A prepared dataset (folder or address), or photos (prepared first).")
    ],
    out: Annotated[Path, typer.Option("--out", help="Run folder. The same one again resumes the run.")],
    preset: Annotated[
        str,
        typer.Option("--preset", help="tiny (seconds), small (two cores), base (one GPU), large (several)."),
    ] = "small",
    size: Annotated[
        int | None, typer.Option("--size", help="Side of the faces: 32, 64, 128, 256 or 512 px.")
    ] = None,
    images: Annotated[int | None, typer.Option("--images", help="How many faces to see in all.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="How long to train, instead of --images.")
    ] = None,
    checkpoint_images: Annotated[
        int | None, typer.Option("--checkpoint-images", help="A checkpoint every so many faces.")
    ] = None,
    checkpoint_minutes: Annotated[
        float | None,
        typer.Option("--checkpoint-minutes", help="A checkpoint every so many minutes. Default: 5."),
    ] = None,
    condition_on: Annotated[
        str | None,
        typer.Option("--condition-on", help="Controls to train with, such as age,gender,expression."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides weights, order and noise.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any field of the configuration: name=value (docs/train.md)."),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Train a VAE. The finished model is RUN/model, its curves and sheets RUN/run.html."""
    from facevae.config import parse_settings
    from facevae.train import train as job

    fields: dict[str, Any] = {"seed": seed}
    given = {
        "size_px": size, "images": images, "minutes": minutes, "checkpoint_images": checkpoint_images,
        "checkpoint_minutes": checkpoint_minutes,
    }  # fmt: skip
    fields |= {field: value for field, value in given.items() if value is not None}
    if checkpoint_images is not None and checkpoint_minutes is None:
        fields["checkpoint_minutes"] = None
    if condition_on:
        fields["condition_on"] = tuple(part.strip() for part in condition_on.split(","))
    model = job(data, out, preset, {**fields, **parse_settings(settings or [])}, device)
    if os.environ.get("RANK", "0") == "0":  # of several processes the first writes the model
        say(f"The model is in {model}. Make faces with: facevae generate --model {model}")


@app.command()
def prior(
    model: Annotated[str, typer.Argument(help="A shipped model, a folder that `train` wrote, or a Hub id.")],
    data: Annotated[Path, typer.Argument(help="The prepared dataset (or photos) to fit the prior to.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the model with its new prior.")],
    kind: Annotated[str, typer.Option("--kind", help="flow, gmm or normal (docs/prior.md).")] = "flow",
    condition_on: Annotated[
        str, typer.Option("--condition-on", help="Controls of a flow, such as age,gender,expression.")
    ] = "",
    steps: Annotated[
        int | None, typer.Option("--steps", help="Optimiser steps of a flow. Default: the model's, 6000.")
    ] = None,
    guidance: Annotated[
        float, typer.Option("--guidance", help="Kept in the model; above 1 its controls show more clearly.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="Decides weights, order and noise.")] = 0,
    device: DeviceOption = "auto",
) -> None:
    """Fit another prior to a finished model, without training the model again."""
    from facevae.config import parse_settings
    from facevae.refit import fit_prior

    chosen = parse_settings([f"prior={kind}", f"prior_condition_on={condition_on}"])
    names = chosen["prior_condition_on"]
    with counting("steps") as bar:
        fit_prior(model, data, out, chosen["prior"], names, steps, guidance, seed, device,
                  lambda step, total, _: bar(step, total))  # fmt: skip
    say(f"The model is in {out}. Make faces with: facevae generate --model {out}")


for job in (
    generate, describe, edit, interpolate, avatar, stylize, augment, explore, export, serve, inspect, sign,
):  # fmt: skip
    app.command()(job)


@app.command()
def reconstruct(
    photos: Annotated[list[Path], typer.Argument(help="Photos; each face is found and aligned.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for pictures and latents.")] = Path(
        "reconstructed"
    ),
    faces: Annotated[
        str, typer.Option("--faces", help="largest: one face per photo; all: every face.")
    ] = "largest",
    model: ModelOption = "face64",
    upscale: UpscaleOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Photo to latent to photo: original | reconstruction, the latent as .npy, PSNR and SSIM."""
    from facevae.errors import ConfigError
    from facevae.generator import FaceGenerator
    from facevae.output import reconstruct_files

    if faces not in ("largest", "all"):
        raise ConfigError(f"--faces cannot be '{faces}': expected largest or all.")
    generator = FaceGenerator.from_pretrained(model, device)
    with counting("photos") as progress:
        rows = reconstruct_files(generator, photos, out, faces, progress, upscale)
    table = Table("photo", "picture", "PSNR (dB)", "SSIM")
    for row in rows:
        if "error" in row:
            table.add_row(cell(row["photo"]), cell(row["error"], "red"))
        else:
            figures = (f"{row['psnr_db']:.2f}", f"{row['ssim']:.3f}")
            table.add_row(cell(row["photo"]), cell(out / row["file"]), *figures)
    Console().print(table)
    if any("error" in row for row in rows):
        raise typer.Exit(1)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A shipped model, a folder that `train` wrote, or a Hub id.")],
    data: Annotated[Path, typer.Option("--data", help="A prepared dataset, or photos (prepared first).")],
    out: Annotated[Path, typer.Option("--out", help="Folder for report.html, report.json and sheets.")],
    samples: Annotated[
        int, typer.Option("--samples", help="Faces to sample; figures of other counts do not compare.")
    ] = 5000,
    seed: Annotated[int, typer.Option("--seed", help="Decides samples, reference faces and noise.")] = 0,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Another report (folder or report.json) to show beside; repeatable."),
    ] = None,
    inception_weights: Annotated[
        Path | None,
        typer.Option("--inception-weights", help="Adds the classic FID and KID (docs/evaluate.md)."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help="Faces to measure on: validation or test. Default: test, if there is."),
    ] = None,
    guidance: GuidanceOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure a model: quality, diversity, honesty, latents, control, fairness and speed, in one report."""
    from facevae.evaluate import evaluate as job

    with stages() as progress:
        page = job(
            model,
            data,
            out,
            samples,
            seed,
            against or (),
            inception_weights,
            device,
            guidance,
            progress,
            split,
        )
    say(f"Open {page}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the page.")] = Path("demo"),
    model: ModelOption = "face64",
    device: DeviceOption = "auto",
) -> None:
    """See it all in two minutes: a page with faces, a reconstruction, a morph and a training run."""
    from facevae.demo import run_demo

    say(f"Open {run_demo(out, model, device)}")


app.command("train-upscaler")(train_upscaler)


def main() -> None:
    """Entry point: runs a command and maps errors to exit codes (0 done, 1 failed, 2 wrong usage)."""
    from facevae.errors import ConfigError, ControlError, MissingExtraError

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except FaceVAEError as error:
        say(f"facevae: {error}")
        for line in "\n".join(getattr(error, "__notes__", ())).splitlines():
            say(f"  {line}")
        wrong_usage = isinstance(error, (ConfigError, ControlError)) and not isinstance(
            error, MissingExtraError
        )
        sys.exit(2 if wrong_usage else 1)
    except SystemExit as end:
        if end.code in (130, 143):  # Ctrl-C, which Typer turns into this, and SIGTERM
            say("facevae: stopped. prepare, train and augment go on where they were: run the same command.")
        raise


if __name__ == "__main__":
    main()
