"""The tab Model: its card, its figures, its named directions, and its reports where it has any."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from facevae.checkpoint import read_json
from facevae.images import tile
from facevae.model_card import FIGURES
from facevae.regular_files import MOST_TEXT_BYTES, read_regular
from facevae.studio.breeding import genes_of, with_genes
from facevae.studio.pictures import image
from facevae.studio.studio import Studio

REPORTS = ("report.html", "atlas.html", "run.html")
MOST_REPORT_BYTES = 32 * 2**20
STOPS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Standard deviations at which a direction is shown."""
STRIP_SEED = 11


class ModelTab:
    """Lays itself out where it is made."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.words = studio, studio.words
        words, folder = self.words, studio.service.folder
        self.pages = report_pages(folder) if folder else {}
        with gr.Row(elem_classes="fv-sides"):
            with gr.Column(scale=3, min_width=300, elem_classes="fv-card"):
                gr.Markdown(model_card(folder) or words("card_missing"), elem_id="fv-model-card")
            with gr.Column(scale=2, min_width=300):
                gr.HTML(self._figures(measured(folder)), elem_id="fv-model-figures")
                self.atlas = gr.HTML(elem_id="fv-model-atlas")
        choices = [(name, name) for name in self.pages]
        self.report = gr.Radio(
            choices, label=words("reports"), visible=bool(choices), elem_id="fv-model-report"
        )
        self.page = gr.HTML(elem_id="fv-model-page")
        studio.on(self.report.input, self.opened_report, [self.report], [self.page], told=True)

    def opened(self) -> str:
        """The named directions, drawn when the tab is looked at."""
        if not genes_of(self.studio.generator):
            return ""
        rows = "".join(
            f"<tr><th scope='row'>{escape(label)}</th><td>{strip}</td></tr>"
            for label, strip in self._strips()
        )
        return (
            f'<h3 class="fv-title">{escape(self.words("atlas"))}</h3>'
            f'<p class="fv-note">{escape(self.words("atlas_info"))}</p><table class="fv-atlas">{rows}</table>'
        )

    def opened_report(self, name: str) -> str:
        """A report in a frame of its own, without scripts."""
        if name not in self.pages:
            return ""
        markup = read_regular(self.pages[name], MOST_REPORT_BYTES).decode("utf-8")
        return f'<iframe class="fv-report" sandbox title="{escape(name)}" srcdoc="{escape(markup)}"></iframe>'

    def _strips(self) -> list[tuple[str, str]]:
        generator = self.studio.generator
        latent = generator.sample(1, STRIP_SEED, truncation=0.7).latents[0]
        strips = []
        for gene in genes_of(generator):
            latents = np.stack([with_genes(latent, [gene], [amount]) for amount in STOPS])
            label = self.words.control(gene.attribute)
            if gene.category:
                label = self.words("gene_category", name=label, category=self.words.category(gene.category))
            facts = {"model": generator.name, "seed": STRIP_SEED, "direction": gene.name}
            strips.append((label, image(tile(generator.decode(latents), len(STOPS)), label, facts)))
        return strips

    def _figures(self, figures: Mapping[str, float]) -> str:
        words, generator = self.words, self.studio.generator
        rows = [
            (words("figure_size"), f"{generator.size_px} px"),
            (words("figure_latent"), str(generator.latent_dim)),
            (words("figure_prior"), generator.prior.kind),
            (
                words("figure_controls"),
                ", ".join(map(words.control, generator.schema.names)) or words("none"),
            ),
            (words("figure_upscaler"), words("yes") if generator.upscaler else words("no")),
        ]
        rows += [
            (words(f"figure_{name}"), form.format(figures[name]))
            for name, (_, form) in FIGURES.items()
            if name in figures
        ]
        cells = "".join(
            f"<tr><th scope='row'>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows
        )
        title = escape(words("figures"))
        return f'<h3 class="fv-title">{title}</h3><table class="fv-figures">{cells}</table>'


def model_card(folder: Path | None) -> str:
    """The model's README without its front matter; empty where there is none."""
    path = folder / "README.md" if folder else None
    if path is None or not path.is_file():
        return ""
    text = read_regular(path, MOST_TEXT_BYTES).decode("utf-8")
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)


def measured(folder: Path | None) -> dict[str, Any]:
    """The figures that the model's config.json carries."""
    path = folder / "config.json" if folder else None
    if path is None or not path.is_file():
        return {}
    figures: dict[str, Any] = read_json(path).get("measured", {})
    return figures


def report_pages(folder: Path) -> dict[str, Path]:
    """Reports and atlases in the model's folder, beside it, or one folder below these, by relative name."""
    pages: dict[str, Path] = {}
    base = folder.resolve()
    for home in (base, *([base.parent] if base.name == "model" else [])):
        for name in REPORTS:
            for path in (home / name, *sorted(home.glob(f"*/{name}"))):
                if path.is_file() and path.stat().st_size <= MOST_REPORT_BYTES:
                    pages.setdefault(str(path.relative_to(home)), path)
    return pages
