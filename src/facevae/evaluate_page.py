"""report.html: the page of an evaluation, made from its report.json and its sheets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from facevae.errors import DataError
from facevae.evaluate_sections import Picture, page_sections
from facevae.evaluate_tiles import six_tiles
from facevae.pages import image_uri, write_page
from facevae.regular_files import MOST_TEXT_BYTES, read_regular

FORMAT_VERSION = 1
REQUIRED = ("model", "data", "settings")

SHEETS = {
    "samples": "Faces drawn from the prior and decoded: of nobody.",
    "reconstructions": "Real faces and their reconstructions.",
    "best_worst": "The best and the worst reconstructions.",
    "truncation": "The same latents at each truncation.",
    "nearest": "Pairs: a sample, and the training face nearest to it.",
    "control": "Samples for each value of each control.",
}
"""Pictures that the page looks for in sheets/, each with its caption."""


def write_report_page(out: Path) -> Path:
    """Write `out`/report.html from `out`/report.json and the pictures in `out`/sheets; returns its path.

    Every section of the report but model, data and settings may be missing, or say why it is absent, and
    so may every sheet. Raises DataError for a report that is not there or not of format 1, and
    MissingExtraError without 'report'.
    """
    report = read_report(out / "report.json")
    pictures = {name: picture for name in SHEETS if (picture := _picture(out / "sheets", name))}
    settings, model = report["settings"], report["model"]
    return write_page(
        out / "report.html",
        "report.html",
        model=model,
        summary=_summary(report),
        tiles=six_tiles(report),
        faces=[pictures[name] for name in ("samples", "reconstructions") if name in pictures],
        sections=page_sections(report, pictures),
        facts=[
            (name.capitalize(), list(_flat(report[name]))) for name in (*REQUIRED, "made") if report.get(name)
        ],
        command=report.get("made", {}).get("command")
        or f"facevae evaluate {model.get('name')} --data DATA --samples {settings.get('samples')} "
        f"--seed {settings.get('seed')} --out OUT",
        fingerprint=report["data"].get("fingerprint"),
    )


def read_report(path: Path) -> dict[str, Any]:
    """report.json of format 1, checked for its required sections. Raises DataError."""
    try:
        report = json.loads(read_regular(path, MOST_TEXT_BYTES).decode("utf-8"))
    except FileNotFoundError:
        raise DataError(f"there is no {path}. `facevae evaluate` writes it.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON ({error}). Run `facevae evaluate` again.") from None
    version = report.get("format_version") if isinstance(report, dict) else None
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path} has the format {version}, and this facevae reads {FORMAT_VERSION}. "
            "Run `facevae evaluate` again."
        )
    missing = [name for name in REQUIRED if not isinstance(report.get(name), dict)]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}. Run `facevae evaluate` again.")
    return dict(report)


def _picture(sheets: Path, name: str) -> Picture | None:
    path = sheets / f"{name}.png"
    if not path.is_file():
        return None
    with Image.open(path) as picture:
        return Picture(image_uri(picture.convert("RGB")), SHEETS[name], picture.width, picture.height)


def _summary(report: Mapping[str, Any]) -> list[str]:
    """What was evaluated on what, in short phrases; those that the report does not know are left out."""
    model, data, settings = (report[name] for name in REQUIRED)
    parameters = sum((model.get("parameters") or {}).values())
    extractor = settings.get("extractor") or {}
    phrases = [
        ("{} px", model.get("size_px")),
        ("{} latent dimensions", model.get("latent_dim")),
        ("{:.1f} M parameters", parameters / 1e6 if parameters else None),
        ("prior: {}", model.get("prior")),
        ("data: {}", data.get("name")),
        ("{:,} samples", settings.get("samples")),
        ("features: {}", extractor.get("name")),
    ]
    return [form.format(value) for form, value in phrases if value is not None]


def _flat(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """(name, value) of each fact as text, those of a nested mapping under its name."""
    for key, value in facts.items():
        name = f"{before}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}, ")
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value)) or "none"
        elif isinstance(value, int) and not isinstance(value, bool):
            yield name, f"{value:,}" if key != "seed" else str(value)
        elif value is not None:
            yield name, str(value)
