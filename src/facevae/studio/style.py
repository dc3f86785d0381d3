"""The tab Style: a photo, or the face of the tab Create, drawn in a look or after an artwork."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from facevae.data.align import align
from facevae.errors import DataError
from facevae.images import Photos
from facevae.looks import LOOKS
from facevae.provenance import EDITED, FILTERED
from facevae.studio.history import History
from facevae.studio.parameters import Parameters
from facevae.studio.pictures import figure, grid, shrunk
from facevae.studio.studio import PROGRESS, Studio
from facevae.stylize.sizes import FACE_PX, lanczos, largest_face_px, resized_face, resized_photo
from facevae.stylize.style import Art, Style, Stylist
from facevae.stylize.transfer import TransferConfig

ARTWORK = "artwork"
MOST_PX = 1024
"""Longer side of what is drawn here; the command line goes to 2,048."""
ALIGNED_PX = 512


class StyleTab:
    """Lays itself out where it is made. steps: of the tab Create, whose face is drawn without a photo."""

    def __init__(self, studio: Studio, steps: gr.State) -> None:
        self.studio, self.words = studio, studio.words
        words = self.words
        with gr.Row(elem_classes="fv-sides"):
            with gr.Column(scale=2, min_width=300):
                self.drop = studio.drop(words("style_photo"), "fv-style-photo")
                self.crop = gr.Checkbox(False, label=words("style_crop"), elem_id="fv-style-crop")
                choices = [(words(f"look_{name}"), name) for name in (*LOOKS, ARTWORK)]
                self.look = gr.Radio(
                    choices, value=next(iter(LOOKS)), label=words("style"), elem_id="fv-style-look",
                    elem_classes="fv-choice",
                )  # fmt: skip
                self.strength = gr.Slider(
                    0, 1, 1, step=0.05, label=words("strength"), elem_id="fv-style-strength"
                )
                with gr.Group(visible=False) as self.of_artwork:
                    self.art = studio.drop(words("artwork"), "fv-style-art")
                    self.effort = gr.Slider(
                        20, 300, 100, step=10, label=words("effort"), info=words("effort_info"),
                        elem_id="fv-style-effort",
                    )  # fmt: skip
                self.colours = gr.Checkbox(False, label=words("keep_colours"), elem_id="fv-style-colours")
                self.make = gr.Button(words("style_do"), variant="primary", elem_id="fv-style-do")
            with gr.Column(scale=3, min_width=300, elem_classes="fv-result"):
                self.drawn = gr.HTML(elem_id="fv-style-drawn")
        given = [self.drop, self.crop, self.look, self.strength, self.art, self.effort, self.colours, steps]
        studio.on(self.make.click, self.made, given, [self.drawn], told=True, long=True)
        studio.on(self.look.input, self.looked, [self.look], [self.of_artwork], quick=True)

    def looked(self, look: str) -> Any:
        return gr.Group(visible=look == ARTWORK)

    def made(
        self,
        data: bytes | None,
        crop: bool,
        look: str,
        strength: float,
        art: bytes | None,
        effort: float,
        colours: bool,
        steps: History[Parameters],
        progress: gr.Progress = PROGRESS,
    ) -> str:
        """The picture and what was made of it, as HTML."""
        style: Style = look
        if look == ARTWORK:
            if not art:
                raise self.studio.error("artwork_missing")
            style = Art(self.words("artwork"), self.studio.photo(art))
        stylist = Stylist(
            style, float(strength), bool(colours), TransferConfig(steps=int(effort)),
            self.studio.generator.device.type,
        )  # fmt: skip
        if data:
            original, facts = self._of_photo(data, bool(crop))
        else:
            original, facts = self._of_create(steps.present)
        whole_in_a_look = data and not crop and stylist.kind == "look"
        face_px = largest_face_px(original, self.studio.generator.detector) if whole_in_a_look else None
        drawn = stylist.draw(original, self.studio.report(progress, self.words("style_do")), face_px)
        source = (EDITED if look == ARTWORK else FILTERED) if data else {}
        facts = {**facts, "job": "stylize", **stylist.facts(), **source}
        before = lanczos(original, drawn.shape[1], drawn.shape[0])
        words, name = self.words, self.words(f"look_{look}")
        made_by = None if data else facts
        return grid([
            figure(words, before, words("before"), made_by),
            figure(words, drawn, name, facts, f"{look}.png"),
        ])  # fmt: skip

    def _of_photo(self, data: bytes, crop: bool) -> tuple[Photos, dict[str, Any]]:
        photo = self.studio.photo(data)
        if not crop:
            return shrunk(resized_photo(photo)[0], MOST_PX), {}
        try:
            face = self.studio.generator.reconstruct(photo)[0].face
        except DataError:
            height, width = photo.shape[:2]
            raise self.studio.error("error_no_face", width=width, height=height) from None
        return align(photo, face.landmarks_px, ALIGNED_PX), {}

    def _of_create(self, asked: Parameters) -> tuple[Photos, dict[str, Any]]:
        generator = self.studio.generator
        face = replace(asked, count=1).samples(generator).photos[0]
        return resized_face(generator, face, FACE_PX)[0], asked.facts(generator.name)
