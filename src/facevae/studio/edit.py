"""The tab Edit: a photo's face with other attributes, and back into the photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from facevae.attributes import Value
from facevae.edit import Edit, editable, paste_edits
from facevae.errors import DataError
from facevae.provenance import EDITED, png_bytes
from facevae.studio.editing import Subject, edited, enlarged_edit, find_subjects
from facevae.studio.history import History
from facevae.studio.panel import Panel
from facevae.studio.pictures import compare, cut_slider, figure, grid, note, shrunk
from facevae.studio.studio import Studio

MECHANISMS = ("auto", "direction", "flow")
SHOWN_PX = 1024
"""Longer side of the pasted photo in the page; the file has the photo's own size."""


@dataclass
class EditState:
    """One visitor's photo."""

    photo: bytes = b""
    """As it came: smaller than its pixels."""
    subjects: list[Subject] = field(default_factory=list)
    at: int = 0
    steps: History[Mapping[str, Value]] = field(default_factory=lambda: History({}))
    last: Edit | None = None

    @property
    def subject(self) -> Subject:
        return self.subjects[self.at]


class EditTab:
    """Lays itself out where it is made."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.words = studio, studio.words
        with gr.Row(elem_classes="fv-sides"):
            with gr.Column(scale=2, min_width=300):
                self._lay_controls()
            with gr.Column(scale=3, min_width=300, elem_classes="fv-result"):
                self.face = gr.HTML(note(self.words("edit_hint")), elem_id="fv-edit-face")
                gr.HTML(cut_slider(self.words), elem_id="fv-edit-cut")
                self.kept = gr.HTML(elem_id="fv-edit-kept")
                self.originals = gr.HTML(elem_id="fv-edit-originals")
                self.pasted = gr.HTML(elem_id="fv-edit-pasted")
                self.file = gr.File(visible=False, label=self.words("paste_file"), elem_id="fv-edit-file")
        self.state = gr.State(EditState())
        self._wire()

    def _lay_controls(self) -> None:
        words = self.words
        self.drop = self.studio.drop(words("photo"), "fv-edit-photo")
        self.which = gr.Radio([], label=words("which_face"), visible=False, elem_id="fv-edit-which")
        self.panel = Panel(editable(self.studio.generator), words, optional=False, prefix="fv-edit")
        with gr.Row():
            self.paste = gr.Button(
                words("paste_do"), variant="primary", min_width=240, scale=2, elem_id="fv-edit-paste"
            )
            self.back = gr.Button(f"↶ {words('undo')}", min_width=100, elem_id="fv-edit-undo")
        with gr.Accordion(words("more"), open=False):
            self.detail = gr.Slider(
                0, 1, 1, step=0.1, label=words("detail"), info=words("detail_info"), elem_id="fv-edit-detail"
            )
            ways = [(words(f"way_{name}"), name) for name in MECHANISMS]
            self.way = gr.Radio(ways, value="auto", label=words("way"), elem_id="fv-edit-way")

    def _wire(self) -> None:
        on, settings = self.studio.on, [self.way, self.detail]
        given = [*self.panel.inputs, *settings, self.state]
        fresh = [self.which, *self.panel.inputs, self.originals, self.face, self.kept, self.pasted, self.file,
                 self.state]  # fmt: skip
        on(self.drop.upload, self.opened, [self.drop, *settings], fresh, told=True, at=self.face)
        on(self.which.input, self.chosen, [self.which, *settings, self.state], fresh, at=self.face)
        for name, component in [*self.panel.moving.items(), ("way", self.way), ("detail", self.detail)]:
            moved = on(component.input, partial(self.moved, name), given, [self.face, self.state], quick=True)
            moved.then(
                self.studio.answered(self.measured), [self.state], [self.kept], queue=False,
                trigger_mode="always_last", show_progress="hidden", api_visibility="private",
            )  # fmt: skip
        undone = [*self.panel.inputs, self.face, self.kept, self.state]
        on(self.back.click, self.undone, [*settings, self.state], undone, at=self.face)
        on(self.paste.click, self.put_back, [self.state, self.detail], [self.pasted, self.file], told=True)

    def opened(self, data: bytes | None, way: str, detail: float) -> list[Any]:
        """A photo was dropped: its largest face, unchanged. Values for `fresh`."""
        photo = self.studio.photo(data or b"")
        try:
            subjects = find_subjects(self.studio.generator, photo)
        except DataError:
            height, width = photo.shape[:2]
            raise self.studio.error("error_no_face", width=width, height=height) from None
        return self._fresh(EditState(data or b"", subjects), way, detail)

    def chosen(self, which: int, way: str, detail: float, state: EditState) -> list[Any]:
        """Another face of the same photo."""
        return self._fresh(EditState(state.photo, state.subjects, int(which)), way, detail)

    def moved(self, name: str, *values: Any) -> list[Any]:
        """A control was moved: [face, state]."""
        *controls, way, detail, state = values
        if not state.subjects:
            return [note(self.words("edit_hint")), state]
        wanted = self.panel.read(controls)
        face = self._draw(state, wanted, way, detail)
        state.steps.change(wanted, name)
        return [face, state]

    def undone(self, way: str, detail: float, state: EditState) -> list[Any]:
        if not state.subjects or not state.steps.undo():
            gr.Info(self.words("undo_nothing"))
            return [gr.skip() for _ in range(len(self.panel.inputs) + 3)]
        wanted = state.steps.present
        face = self._draw(state, wanted, way, detail)
        return [*self.panel.show(wanted), face, self.measured(state), state]

    def measured(self, state: EditState) -> str:
        """How much of the person is kept, as HTML."""
        if state.last is None:
            return ""
        cosine = self.studio.service.meter.kept(state.last.reconstruction, state.last.decoded)
        if cosine is None:
            return note(self.words("kept_missing"))
        shown, label = max(0.0, cosine), escape(self.words("kept"))
        return (
            f'<div class="fv-meter"><span>{label}</span><meter min="0" max="1" low="0.4" high="0.6" '
            f'optimum="1" value="{shown:.3f}" aria-label="{label}">{shown:.2f}</meter>'
            f"<output>{cosine:.2f}</output></div>{note(self.words('kept_info'))}"
        )

    def put_back(self, state: EditState, detail: float) -> list[Any]:
        """[the photo with the edited face as HTML, the same as a file]."""
        if state.last is None:
            raise self.studio.error("edit_hint")
        photo = paste_edits(self.studio.generator, self.studio.photo(state.photo), [state.last], detail)
        facts, name = self._facts(state.last), "edited-photo.png"
        file = self.studio.offered(name, png_bytes(photo, **facts))
        small = figure(self.words, shrunk(photo, SHOWN_PX), self.words("pasted"), facts)
        return [grid([small]), gr.File(file, visible=True)]

    def _fresh(self, state: EditState, way: str, detail: float) -> list[Any]:
        subject, words = state.subject, self.words
        state.steps = History(self.panel.read(self.panel.show(subject.shown)))
        count = len(state.subjects)
        choices = [(words("face_number", number=index + 1), index) for index in range(count)]
        face = self._draw(state, state.steps.present, way, detail)
        facts = {"model": self.studio.generator.name, "job": "reconstruct", **EDITED}
        originals = grid([
            figure(words, subject.found.aligned, words("aligned"), None),
            figure(words, subject.found.reconstruction, words("reconstruction"), facts, "reconstruction.png"),
        ])  # fmt: skip
        return [
            gr.Radio(choices, value=state.at, visible=count > 1), *self.panel.show(subject.shown),
            originals, face, self.measured(state), "", gr.File(None, visible=False), state,
        ]  # fmt: skip

    def _draw(self, state: EditState, wanted: Mapping[str, Value], way: str, detail: float) -> str:
        state.last = edited(self.studio.generator, state.subject, wanted, way, float(detail))
        facts, subject = self._facts(state.last), state.subject
        shown = enlarged_edit(self.studio.generator, subject, state.last, float(detail))
        drawn = compare(self.words, subject.large, shown, facts, "edited-face.png")
        return grid([drawn]) + "".join(note(one) for one in state.last.notes)

    def _facts(self, edit: Edit) -> dict[str, Any]:
        return {"model": self.studio.generator.name, "job": "edit", "asked": dict(edit.asked),
                "mechanism": edit.mechanism, **EDITED}  # fmt: skip
