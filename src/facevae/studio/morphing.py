"""The tab Morph: a film from face to face."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np

from facevae.choosing import choose_faces
from facevae.errors import DataError
from facevae.generator import Latents
from facevae.morph import morph, resampled, write_film
from facevae.provenance import EDITED
from facevae.studio.parameters import TRUNCATION, fresh_seed
from facevae.studio.pictures import data_uri, figure, grid
from facevae.studio.studio import PROGRESS, Studio

MOST_STOPS, FPS = 8, 24.0
SIZES = (128, 256, 512)


class MorphTab:
    """Lays itself out where it is made."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.words = studio, studio.words
        words = self.words
        with gr.Row(elem_classes="fv-sides"):
            with gr.Column(scale=2, min_width=300):
                self.seeds = gr.Textbox(
                    label=words("morph_seeds"), info=words("morph_seeds_info"), max_length=200,
                    elem_id="fv-morph-seeds",
                )  # fmt: skip
                self.die = gr.Button(f"⚄ {words('die')}", elem_id="fv-morph-die")
                self.drop = self.studio.drop(words("morph_photos"), "fv-morph-photos", several=True)
                self.frames = gr.Slider(12, 240, 72, step=1, label=words("frames"), elem_id="fv-morph-frames")
                self.size = gr.Radio(
                    [(f"{size} px", size) for size in SIZES], value=256, label=words("size"),
                    elem_id="fv-morph-size", elem_classes="fv-choice",
                )  # fmt: skip
                self.loop = gr.Checkbox(True, label=words("loop"), elem_id="fv-morph-loop")
                self.make = gr.Button(words("morph_do"), variant="primary", elem_id="fv-morph-do")
            with gr.Column(scale=3, min_width=300, elem_classes="fv-result"):
                self.film = gr.HTML(elem_id="fv-morph-film")
        studio.on(self.die.click, self.rolled, [], [self.seeds])
        given = [self.seeds, self.drop, self.frames, self.size, self.loop]
        studio.on(self.make.click, self.made, given, [self.film], told=True, long=True)

    def rolled(self) -> str:
        return ", ".join(str(fresh_seed()) for _ in range(3))

    def made(
        self,
        seeds: str,
        photos: Sequence[bytes] | None,
        frames: float,
        size_px: int,
        loop: bool,
        progress: gr.Progress = PROGRESS,
    ) -> str:
        """The film from the faces of these seeds to those of these photos, as HTML."""
        generator, words = self.studio.generator, self.words
        stops, names = self._stops(seeds, photos or [])
        if not 2 <= len(stops) <= MOST_STOPS:
            raise self.studio.error("morph_needs", most=MOST_STOPS)
        report = self.studio.report(progress, words("morph_do"))
        made = morph(generator, stops, int(frames), bool(loop), report)
        photos_made = generator.upscale(made.photos, report) if generator.upscaler else made.photos
        larger = resampled(photos_made, int(size_px))
        facts = {"model": generator.name, "job": "morph", "stops": names, "frames": len(larger)}
        facts |= EDITED if photos else {}
        with tempfile.TemporaryDirectory(dir=self.studio.service.files.folder) as folder:
            path = Path(folder) / "morph.mp4"
            write_film(path, larger, FPS, **facts)
            film = data_uri(path.read_bytes(), "video/mp4")
        label = escape(words("morph_film"))
        video = (
            f'<figure class="fv-face fv-film"><video src="{film}" controls loop autoplay muted playsinline '
            f'aria-label="{label}"></video><figcaption><span>{label}</span><a class="fv-download" '
            'download="morph.mp4" href="#" '
            "onclick=\"this.href=this.closest('figure').querySelector('video').src\">↓ MP4</a>"
            "</figcaption></figure>"
        )
        shown = [
            figure(words, made.photos[at], name, {**facts, "frame": at})
            for at, name in zip(made.stops, names, strict=True)
        ]
        return video + f'<div class="fv-stops">{grid(shown)}</div>'

    def _stops(self, seeds: str, photos: Sequence[bytes]) -> tuple[Latents, list[str]]:
        """(K, D) latents and the names of the stops."""
        generator, latents, names = self.studio.generator, [], []
        for text in filter(None, re.split(r"[\s,，;；、]+", seeds or "")):
            seed = self.studio.seed(text)
            latents.append(choose_faces(generator, [{}], seed, TRUNCATION).samples.latents)
            names.append(self.words("face_of_seed", seed=text))
            if len(latents) > MOST_STOPS:
                break
        for number, data in enumerate(photos[: MOST_STOPS + 1], start=1):
            photo = self.studio.photo(data)
            try:
                latents.append(generator.reconstruct(photo)[0].latent[None])
            except DataError:
                height, width = photo.shape[:2]
                raise self.studio.error("error_no_face", width=width, height=height) from None
            names.append(self.words("photo_number", number=number))
        none = np.empty((0, generator.latent_dim), dtype=np.float32)
        return np.concatenate([none, *latents]), names
