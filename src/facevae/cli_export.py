"""facevae export: a model in other runtimes and places."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from facevae.console import say


def export(
    model: Annotated[str, typer.Argument(help="A shipped model, a folder that `train` wrote, or a Hub id.")],
    to: Annotated[str, typer.Option("--to", help="onnx, onnx-int8, keras, torch, litert, hub or space.")],
    out: Annotated[Path, typer.Option("--out", help="A new folder for what is written.")],
    photos: Annotated[
        Path | None,
        typer.Option("--photos", help="onnx-int8: aligned faces (folder or dataset) to measure the loss on."),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=0, help="onnx-int8: faces drawn to measure the Fréchet distance.")
    ] = 0,
    int8_form: Annotated[
        str | None, typer.Option("--int8-form", help="onnx-int8: weights, dynamic or dynamic-matmul.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="hub: what `evaluate` wrote, for the model card.")
    ] = None,
    push: Annotated[str | None, typer.Option("--push", help="hub: upload it to USER/NAME.")] = None,
    private: Annotated[bool, typer.Option("--private", help="hub: a private repository.")] = False,
) -> None:
    """A model as ONNX, int8, Keras, torch.export or LiteRT files, as a Hub folder or as a Space.

    Each network is held against PyTorch on 100 inputs; the table shows the largest difference, and
    OUT/export.json has shapes, ranges and figures (docs/export.md):

    `facevae export face64 --to onnx --out ONNX`
    """
    from facevae.errors import ConfigError
    from facevae.export.job import export as job

    given = {
        "form": int8_form, "photos": photos, "samples": samples or None, "report": report,
        "repository": push,
    }  # fmt: skip
    if private and push is None:
        raise ConfigError("--private is of the repository that --push USER/NAME uploads to: give both.")
    options = {name: value for name, value in given.items() if value is not None}
    facts = job(model, to, out, **options)
    _show(facts)
    say(f"{facts['name']} is in {out}: {_size(facts)}.")
    if push is not None:
        from facevae.export.to_hub import push as upload

        say(f"Pushed: {upload(out, push, private)}")


def _show(facts: dict[str, Any]) -> None:
    """The checks as a table on standard output, and what int8 costs."""
    if checks := facts.get("checks"):
        table = Table("network", "output", "runtime", "inputs", "largest difference", "mean", "limit")
        for row in checks:
            limit = "–" if row["limit"] is None else f"{row['limit']:g}"
            table.add_row(
                row["network"], row["output"], row["runtime"], str(row["inputs"]),
                f"{row['largest_difference']:.2g}", f"{row['mean_difference']:.2g}", limit,
            )  # fmt: skip
        Console().print(table)
    if loss := facts.get("loss"):
        table = Table("int8", "value")
        table.add_row("size before, MB", f"{facts['bytes_before'] / 1e6:.1f}")
        table.add_row("size after, MB", f"{facts['bytes_after'] / 1e6:.1f}")
        for name, value in loss.items():
            table.add_row(name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
        Console().print(table)


def _size(facts: dict[str, Any]) -> str:
    files = facts["files"]
    return f"{len(files)} files, {sum(entry['bytes'] for entry in files.values()) / 1e6:.1f} MB"
