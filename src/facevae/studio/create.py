"""The tab Create: faces by controls and by words, made again by their link."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from facevae.describe import Description, understand
from facevae.describe.wording import say_summary
from facevae.errors import ConfigError, ControlError
from facevae.studio.history import History
from facevae.studio.panel import Panel
from facevae.studio.parameters import GUIDANCE, MOST_FACES, MOST_SEED, Parameters, fresh_seed
from facevae.studio.pictures import faces_zip, figure, grid
from facevae.studio.studio import Studio

KEEP_LINK = """() => {
  const link = document.querySelector('#fv-create-faces [data-query]');
  if (link) { history.replaceState(null, '', link.dataset.query); }
}"""
"""The page's own address makes the faces again."""

LARGE_FACES = 9
"""As many are shown through the model's upscaler, where it has one; more are small on the page anyway."""

Steps = History[Parameters]


class CreateTab:
    """Lays itself out where it is made; `draw` is what every control comes to."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.words = studio, studio.words
        self.guided = bool(studio.generator.prior.schema.names)
        with gr.Row(elem_classes="fv-sides"):
            with gr.Column(scale=2, min_width=300):
                self._lay_controls()
            with gr.Column(scale=3, min_width=300, elem_classes="fv-result"):
                self.faces = gr.HTML(elem_id="fv-create-faces")
                self.file = gr.File(visible=False, label=self.words("zip"), elem_id="fv-create-file")
        self.steps = gr.State(Steps(Parameters(fresh_seed())))
        self.settings = [self.truncation, self.guidance, self.seed, self.count]
        self.shown = [*self.panel.inputs, *self.settings, self.faces, self.steps]
        self._wire()

    def _lay_controls(self) -> None:
        words = self.words
        self.text = gr.Textbox(
            label=words("describe"), placeholder=words("describe_example"), max_length=2000, lines=1,
            elem_id="fv-create-text", submit_btn=words("describe_do"),
        )  # fmt: skip
        self.understood = gr.HTML(visible=False, elem_id="fv-create-understood")
        self.panel = Panel(self.studio.generator.schema, words, optional=True, prefix="fv-create")
        with gr.Row(elem_classes="fv-actions"):
            self.seed = gr.Number(
                0, label=words("seed"), precision=0, minimum=0, maximum=MOST_SEED, min_width=120, scale=2,
                elem_id="fv-create-seed",
            )  # fmt: skip
            self.die = gr.Button(
                f"⚄ {words('die')}", variant="primary", min_width=140, elem_id="fv-create-die"
            )
            self.back = gr.Button(f"↶ {words('undo')}", min_width=100, elem_id="fv-create-undo")
        self.lock = gr.Checkbox(True, label=words("lock"), info=words("lock_info"), elem_id="fv-create-lock")
        self.count = gr.Slider(1, MOST_FACES, 1, step=1, label=words("count"), elem_id="fv-create-count")
        with gr.Accordion(words("more"), open=False):
            self.truncation = gr.Slider(
                0.05, 1, Parameters(0).truncation, step=0.05, label=words("truncation"),
                info=words("truncation_info"), elem_id="fv-create-truncation",
            )  # fmt: skip
            self.guidance = gr.Slider(
                *GUIDANCE, self.studio.generator.prior.default_guidance, step=0.1, label=words("guidance"),
                info=words("guidance_info"), visible=self.guided, elem_id="fv-create-guidance",
            )  # fmt: skip
            self.all = gr.Button(words("zip_do"), elem_id="fv-create-zip")

    def _wire(self) -> None:
        on, given = self.studio.on, [*self.panel.inputs, *self.settings, self.lock, self.steps]
        for name, component in self.panel.moving.items():
            box = [self.panel.boxes[name]] if name in self.panel.boxes else []
            moved = partial(self.moved, name, bool(box))
            on(
                component.input,
                moved,
                given,
                [self.seed, *box, self.faces, self.steps],
                quick=True,
                at=self.faces,
            )
            for one in box:
                opened = partial(self.moved, f"{name} any", False)
                on(one.input, opened, given, [self.seed, self.faces, self.steps], quick=True, at=self.faces)
        for name in ("truncation", "guidance", "seed", "count"):
            component = getattr(self, name)
            moved = partial(self.moved, name, False)
            on(component.input, moved, given, [self.seed, self.faces, self.steps], quick=True, at=self.faces)
        on(self.die.click, self.rolled, [self.steps], self.shown, at=self.faces)
        on(self.back.click, self.undone, [self.steps], self.shown, at=self.faces)
        told = [self.understood, *self.shown]
        on(
            self.text.submit,
            self.described,
            [self.text, self.seed, self.lock, self.steps],
            told,
            at=self.faces,
        )
        on(self.all.click, self.packed, [self.steps], [self.file], told=True)
        self.faces.change(None, js=KEEP_LINK)

    def opened(self, steps: Steps, request: gr.Request) -> list[Any]:
        """The page is opened: the faces of its link, or a new one."""
        asked = None
        try:
            asked = Parameters.from_query(request.query_params, self.studio.generator.schema, self._own)
        except (ConfigError, ControlError) as error:
            gr.Warning(escape(str(error)), title=self.words("error_link"))
        model = request.query_params.get("model", self.studio.generator.name)
        if asked and model != self.studio.generator.name:
            gr.Warning(escape(self.words("error_other_model", model=model)), title=self.words("error_link"))
        steps = Steps(asked or Parameters(fresh_seed(), guidance=self._own))
        return self.show(steps)

    def moved(self, name: str, boxed: bool, *values: Any) -> list[Any]:
        """A control was moved: [seed, its box `any` where it has one, faces, steps]."""
        width = len(self.panel.inputs)
        truncation, guidance, seed, count, locked, steps = values[width:]
        new_seed = not locked and name not in ("seed", "count")
        seed = fresh_seed() if new_seed else int(seed or 0)
        controls = self.panel.read(values[:width], moved=name)
        asked = Parameters(seed, int(count), float(truncation), guidance if self.guided else None, controls)
        faces = self.draw(asked)
        steps.change(asked, name)
        return [seed if new_seed else gr.skip(), *([False] if boxed else []), faces, steps]

    def rolled(self, steps: Steps) -> list[Any]:
        steps.change(replace(steps.present, seed=fresh_seed()), "die")
        return self.show(steps)

    def undone(self, steps: Steps) -> list[Any]:
        if not steps.undo():
            gr.Info(self.words("undo_nothing"))
        return self.show(steps)

    def described(self, text: str | None, seed: float, locked: bool, steps: Steps) -> list[Any]:
        """Words to controls: [what was understood, all that is shown]."""
        if not (text := (text or "").strip()):
            raise self.studio.error("describe_empty")
        description = understand(text)
        if not description.request:
            return [self._told(description), *([gr.skip()] * len(self.shown))]
        description = description.against(self.studio.generator.schema)
        controls = {
            name: sum(value) / 2 if isinstance(value, tuple) else value
            for name, value in description.request.items()
        }
        own_seed = int(seed or 0) if locked else fresh_seed()
        steps.change(replace(steps.present, seed=own_seed, controls=controls), "describe")
        return [self._told(description), *self.show(steps)]

    def packed(self, steps: Steps) -> Any:
        """The faces as a ZIP to download."""
        asked, model = steps.present, self.studio.generator.name
        samples = asked.samples(self.studio.generator)
        photos, note = self.studio.enlarged(samples.photos)
        facts = [{**asked.facts(model, index), **note} for index in range(asked.count)]
        rows = [{**asked.controls, "seed": seed, "model": model} for seed in samples.seeds]
        data = faces_zip(photos, facts, rows, self.words("zip_readme") + "\n")
        return gr.File(self.studio.offered(f"faces-{asked.seed}.zip", data), visible=True)

    def show(self, steps: Steps) -> list[Any]:
        """Values for `shown`: all controls as the present parameters have them, and their faces."""
        asked = steps.present
        guidance = gr.skip() if asked.guidance is None else asked.guidance
        settings = [asked.truncation, guidance, asked.seed, asked.count]
        return [*self.panel.show(asked.controls), *settings, self.draw(asked), steps]

    def draw(self, asked: Parameters) -> str:
        """The faces of these parameters as HTML, with the link that makes them again."""
        model, samples = self.studio.generator.name, asked.samples(self.studio.generator)
        photos = samples.photos
        note: dict[str, Any] = {}
        if asked.count <= LARGE_FACES:
            photos, note = self.studio.enlarged(photos)
        figures = []
        for index, (photo, seed) in enumerate(zip(photos, samples.seeds, strict=True)):
            caption, facts = self.words("face_of_seed", seed=seed), {**asked.facts(model, index), **note}
            figures.append(figure(self.words, photo, caption, facts, f"{model}-{seed}.png"))
        query, words = escape(asked.query(model)), self.words
        link = (
            f'<p class="fv-link"><a href="{query}">{escape(words("link"))}</a>'
            f'<button type="button" data-query="{query}" data-done="{escape(words("link_copied"))}" '
            f'onclick="fvCopy(this)">{escape(words("link_copy"))}</button></p>'
        )
        return grid(figures) + link

    @property
    def _own(self) -> float | None:
        return self.studio.generator.prior.default_guidance if self.guided else None

    def _told(self, description: Description) -> gr.HTML:
        text = say_summary(
            self.words.language, description.request, description.not_understood, description.conflicts,
            description.hints, description.lacking, description.without_control,
        )  # fmt: skip
        lines = "<br>".join(escape(line) for line in text.splitlines())
        return gr.HTML(f'<p class="fv-note" role="status">{lines}</p>', visible=True)
