"""The tab Augment: a labelled batch of new faces as a ZIP."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from facevae.attributes import Attribute
from facevae.studio.batch import MOST_FACES, Batch, BatchWish, make_batch
from facevae.studio.panel import STEPS
from facevae.studio.parameters import TRUNCATION, fresh_seed
from facevae.studio.pictures import figure, grid, note
from facevae.studio.studio import PROGRESS, Studio

PREVIEW = 24


class AugmentTab:
    """Lays itself out where it is made."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.words = studio, studio.words
        self.attributes = list(studio.generator.schema.attributes)
        self.wishes: list[Any] = []
        with gr.Row(elem_classes="fv-sides"):
            with gr.Column(scale=2, min_width=300):
                self._lay_controls()
            with gr.Column(scale=3, min_width=300, elem_classes="fv-result"):
                self.file = gr.File(visible=False, label=self.words("zip"), elem_id="fv-augment-file")
                self.preview = gr.HTML(note(self.words("augment_hint")), elem_id="fv-augment-preview")
        given = [self.count, self.seed, self.truncation, self.check, self.size, *self.wishes]
        studio.on(
            self.make.click,
            self.made,
            given,
            [self.file, self.preview],
            told=True,
            long=True,
            at=self.preview,
        )

    def _lay_controls(self) -> None:
        words, own_px = self.words, self.studio.generator.size_px
        self.count = gr.Slider(
            1, MOST_FACES, 60, step=1, label=words("batch_count"), elem_id="fv-augment-count"
        )
        for attribute in self.attributes:
            self._lay_wish(attribute)
        with gr.Accordion(words("more"), open=False):
            # A field for text: one for numbers shows an empty seed as 0.
            self.seed = gr.Textbox(label=words("seed_or_none"), max_length=10, elem_id="fv-augment-seed")
            self.truncation = gr.Slider(
                0.05, 1, TRUNCATION, step=0.05, label=words("truncation"), elem_id="fv-augment-truncation"
            )
            sizes = [own_px, *([2 * own_px] if self.studio.generator.upscaler else [])]
            self.size = gr.Radio(
                [(f"{size} px", size) for size in sizes], value=sizes[0], label=words("size"),
                elem_id="fv-augment-size",
            )  # fmt: skip
            self.check = gr.Checkbox(True, label=words("check"), elem_id="fv-augment-check")
        self.make = gr.Button(words("augment_do"), variant="primary", elem_id="fv-augment-do")

    def _lay_wish(self, attribute: Attribute) -> None:
        """A number's lowest and highest, or the categories that take turns."""
        name, label = attribute.name, self.words.control(attribute.name)
        if attribute.categories:
            choices = [(self.words.category(category), category) for category in attribute.categories]
            self.wishes.append(
                gr.CheckboxGroup(
                    choices,
                    value=[],
                    label=label,
                    info=self.words("batch_categories"),
                    elem_id=f"fv-augment-{name}",
                )
            )
            return
        with gr.Row(elem_classes="fv-number"):
            for end, value in (("from", attribute.low), ("to", attribute.high)):
                self.wishes.append(
                    gr.Slider(
                        attribute.low,
                        attribute.high,
                        value,
                        step=STEPS.get(name, 0.05),
                        label=self.words(f"batch_{end}", name=label),
                        min_width=150,
                        elem_id=f"fv-augment-{name}-{end}",
                    )
                )

    def made(
        self,
        count: float,
        seed: str | None,
        truncation: float,
        check: bool,
        size_px: int,
        *wishes: Any,
        progress: gr.Progress = PROGRESS,
    ) -> list[Any]:
        """[the ZIP, named after its seed; its first faces as HTML]. seed: None when never unfolded."""
        ranges, categories = self._asked(list(wishes))
        written = (seed or "").strip()
        wish = BatchWish(
            int(count), self.studio.seed(written) if written else fresh_seed(), ranges, categories,
            float(truncation), bool(check), int(size_px),
        )  # fmt: skip
        report = self.studio.report(progress, self.words("augment_do"))
        batch = make_batch(self.studio.generator, wish, report)
        data = batch.zipped(self.studio.generator.name, wish.truncation)
        file = self.studio.offered(f"faces-{wish.seed}.zip", data)
        return [gr.File(file, visible=True), self._preview(batch)]

    def _asked(self, wishes: list[Any]) -> tuple[dict[str, tuple[float, float]], dict[str, list[str]]]:
        """Ranges and categories; a range that is all there is asks for nothing."""
        ranges: dict[str, tuple[float, float]] = {}
        categories: dict[str, list[str]] = {}
        for attribute in self.attributes:
            if attribute.categories:
                categories[attribute.name] = list(wishes.pop(0))
                continue
            low, high = sorted((float(wishes.pop(0)), float(wishes.pop(0))))
            if (low, high) != (attribute.low, attribute.high):
                ranges[attribute.name] = low, high
        return ranges, categories

    def _preview(self, batch: Batch) -> str:
        model, figures = self.studio.generator.name, []
        for photo, own, seed in zip(batch.photos[:PREVIEW], batch.controls, batch.seeds, strict=False):
            labels = [
                self.words.category(value) if isinstance(value, str) else f"{value:.3g}"
                for value in own.values()
            ]
            facts = {"model": model, "job": "augment", "seed": seed, "controls": own}
            figures.append(figure(self.words, photo, ", ".join(labels) or str(seed), facts))
        told = self.words("augment_done", count=len(batch.photos), left_out=batch.left_out)
        return f'<p class="fv-note" role="status">{escape(told)}</p>{grid(figures)}'
