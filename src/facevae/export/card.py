"""The card of a model on the Hub: its own README.md, with figures and pictures of its report."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from facevae.checkpoint import read_json
from facevae.errors import ConfigError, require
from facevae.figures import Figure, format_value, label, read_figures
from facevae.generator import FaceGenerator
from facevae.images import tile
from facevae.provenance import write_png

PICTURES = "pictures"
SAMPLES, COLUMNS = 48, 8
SECTIONS = ("generation", "diversity", "reconstruction")
"""Sections of a report whose figures stand in the card."""
SHEETS = {
    "control": "The same seeds with different controls, as `facevae evaluate` asked for them.",
    "truncation": "The same seeds at truncation 1, 0.8 and 0.6.",
}
"""Sheets of a report that go along: made faces alone, no photo of a person."""
TASK = "unconditional-image-generation"
TAGS = ["vae", "faces", "face-generation", "image-generation"]


def write_card(
    folder: Path,
    generator: FaceGenerator,
    config: Mapping[str, Any],
    report: Path | None,
    repository: str | None,
) -> None:
    """Write `folder`/README.md and its pictures, from the model's own card in `folder`.

    config: the model's config.json. report: the folder that `facevae evaluate` wrote; without it the figures
    are those of training. repository: USER/NAME, under which the card tells people to load it. Raises
    ConfigError when the report is of another model, CheckpointError when it cannot be read,
    MissingExtraError without the extra 'hub'.
    """
    measured = _measured(report, config)
    pictures = dict(_pictures(folder / PICTURES, generator, report))
    text = (folder / "README.md").read_text(encoding="utf-8")
    body = re.sub(r"\A---\n.*?\n---\n", "", text, count=1, flags=re.S).strip()
    if repository is not None:
        body = re.sub(r'from_pretrained\("[^"]*"\)', f'from_pretrained("{repository}")', body)
    name = repository or generator.name
    parts = [
        f"---\n{_front_matter(name.rpartition('/')[2], config, measured)}\n---",
        body,
        _measured_part(measured, report is not None),
        "## Pictures\n\n" + "\n\n".join(f"![{what}]({path})\n\n{what}" for path, what in pictures.items()),
    ]
    (folder / "README.md").write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")


def _measured(report: Path | None, config: Mapping[str, Any]) -> dict[str, Figure]:
    """Figures of the report, or those of training."""
    if report is None:
        own = config.get("measured", {})
        count = own.get("faces")
        return {
            name: Figure(own[name], int(count) if count else None)
            for name in ("psnr_db", "ssim", "kl_nats") if name in own
        }  # fmt: skip
    found = read_json(report / "report.json")
    theirs, ours = found.get("model", {}).get("sha256"), config["sha256"]["model"]
    if theirs != ours:
        raise ConfigError(
            f"the report in {report} is of another model (weights {str(theirs)[:9]}…, expected {ours[:9]}…). "
            "Measure this one: facevae evaluate MODEL --data DATA --out DIR"
        )
    return {
        name: figure
        for section in SECTIONS
        for name, figure in read_figures(found.get(section, {})).items()
        if figure.value is not None
    }


def _front_matter(name: str, config: Mapping[str, Any], measured: Mapping[str, Figure]) -> str:
    """YAML that the Hub reads: licence, tags, and the figures as results of this model."""
    hub = require("huggingface_hub", "hub", "the model card")
    data = config.get("dataset", {}).get("name") or "unnamed"
    results = [
        hub.EvalResult(
            task_type=TASK, dataset_type="faces", dataset_name=data, metric_type=key, metric_name=label(key),
            metric_value=round(float(figure.value), 6),
        )
        for key, figure in measured.items()
        if figure.value is not None
    ]  # fmt: skip
    card = hub.ModelCardData(
        license="apache-2.0", library_name="facevae", pipeline_tag=TASK, tags=TAGS, model_name=name,
        eval_results=results or None,
    )  # fmt: skip
    return str(card.to_yaml()).strip()


def _measured_part(measured: Mapping[str, Figure], by_report: bool) -> str:
    """The section that shows a report's figures; those of training stand in the card already."""
    if not by_report:
        return ""
    rows = [
        f"| {label(name)} | {format_value(name, figure.value)} | {format_value(name, figure.floor)} "
        f"| {'–' if figure.count is None else f'{figure.count:,}'} |"
        for name, figure in measured.items()
    ]
    head = "| figure | this model | real faces against real faces | faces |\n|---|---|---|---|"
    return "## Measured by facevae evaluate\n\n" + "\n".join([head, *rows])


def _pictures(folder: Path, generator: FaceGenerator, report: Path | None) -> Iterator[tuple[str, str]]:
    """Write the pictures; (path in the repository, what it shows) of each."""
    samples = generator.sample(SAMPLES, seed=0)
    facts = {"model": generator.name, "seed": 0, "truncation": 1.0}
    write_png(folder / "samples.png", tile(samples.photos, COLUMNS), **facts)
    yield f"{PICTURES}/samples.png", f"{SAMPLES} faces, seeds 0 to {SAMPLES - 1}, none picked."
    for name, what in SHEETS.items():
        sheet = None if report is None else report / "sheets" / f"{name}.png"
        if sheet is not None and sheet.is_file():
            shutil.copyfile(sheet, folder / f"{name}.png")
            yield f"{PICTURES}/{name}.png", what
