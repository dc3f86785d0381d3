"""run.html: the curves and sheets of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from facevae.model_card import FIGURES
from facevae.pages import image_uri, line_chart, write_page

CHARTS = (
    ("Pixels", "nats per face", {"training": "reconstruction_loss"}),
    ("Perceptual distance", "", {"training": "perceptual_loss"}),
    ("KL to N(0, I)", "nats per face", {"training": "kl_loss", "validation": "validation_kl_nats"}),
    ("Validation PSNR", "dB", {"validation": "validation_psnr_db"}),
    ("Active latent dimensions", "", {"training": "active_units", "validation": "validation_active_units"}),
    ("Speed", "images/s", {"training": "images_per_s"}),
    ("Learning rate", "", {"training": "learning_rate"}),
    ("Gradient norm", "", {"training": "gradient_norm"}),
)


def write_run_page(run: Path, measured: Mapping[str, float]) -> Path:
    """Write `run`/run.html from metrics.jsonl and the sheets. Raises MissingExtraError without 'report'."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    charts = [
        line_chart({label: _curve(rows, key) for label, key in curves.items()}, title, "images seen", unit)
        for title, unit, curves in CHARTS
    ]
    sheets = sorted((run / "sheets").glob("*.png"))
    figures = [
        (form.format(measured[key]), label) for key, (label, form) in FIGURES.items() if key in measured
    ]
    passed_over = max((row.get("shards_passed_over", 0) for row in rows), default=0)
    if passed_over:
        figures.append((f"{passed_over}", "shards passed over, as metrics.jsonl tells"))
    pictures = []
    for sheet in sheets[:: max(1, len(sheets) // 4)][:-1] + sheets[-1:]:
        with Image.open(sheet) as picture:
            pictures.append((int(sheet.stem), image_uri(picture.convert("RGB"), quality=85)))
    return write_page(
        run / "run.html", "run.html", name=run.resolve().name, charts=charts, figures=figures, sheets=pictures
    )


def _curve(rows: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    points = [(row["seen_images"], row[key]) for row in rows if key in row]
    return [float(x) for x, _ in points], [float(y) for _, y in points]
