"""The tab Mix: breed faces, move their genes, and go back along their lineage."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from facevae.errors import DataError
from facevae.provenance import EDITED
from facevae.studio.breeding import breed, genes_of, with_genes
from facevae.studio.history import History
from facevae.studio.lineage import Generation, Lineage, Place
from facevae.studio.parameters import Parameters, fresh_seed
from facevae.studio.pictures import figure, grid, image, note
from facevae.studio.studio import Studio

FIRST, CHILDREN, MOST_PARENTS = 8, 6, 6
GENE_RANGE = 3.0
"""Standard deviations that a gene can be moved either way."""
PRESS = """
let last = null;
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-index]');
  if (button) { last = button.dataset.index; trigger('click', { index: Number(last) }); }
});
watch('value', () => {
  const again = last === null ? null : element.querySelector(`[data-index="${last}"]`);
  if (again && (document.activeElement === document.body || !document.activeElement)) { again.focus(); }
});
"""
"""Presses of the faces within, and the keyboard's place among them after they were drawn again."""


class MixTab:
    """Lays itself out where it is made. steps: of the tab Create, whose faces are the first people."""

    def __init__(self, studio: Studio, steps: gr.State) -> None:
        self.studio, self.words, self.steps = studio, studio.words, steps
        self.genes = genes_of(studio.generator)
        self.sliders: list[Any] = []
        with gr.Row(elem_classes="fv-sides"):
            with gr.Column(scale=3, min_width=300):
                self._lay_people()
            with gr.Column(scale=2, min_width=300, elem_classes="fv-result"):
                self.face = gr.HTML(elem_id="fv-mix-face")
                self._lay_genes()
        self.state = gr.State(Lineage())
        self.shown = [self.people, self.face, self.lineage, *self.sliders, self.state]
        self._wire()

    def _lay_people(self) -> None:
        words = self.words
        gr.HTML(note(words("mix_hint")))
        self.people = gr.HTML(elem_id="fv-mix-people", js_on_load=PRESS)
        with gr.Row():
            self.breed = gr.Button(words("breed"), variant="primary", min_width=110, elem_id="fv-mix-breed")
            self.back = gr.Button(f"↶ {words('undo')}", min_width=100, elem_id="fv-mix-undo")
            self.anew = gr.Button(f"⚄ {words('mix_anew')}", min_width=130, elem_id="fv-mix-anew")
        self.mutation = gr.Slider(
            0, 1, 0.25, step=0.05, label=words("mutation"), info=words("mutation_info"),
            elem_id="fv-mix-mutation",
        )  # fmt: skip
        self.lineage = gr.HTML(elem_id="fv-mix-lineage", js_on_load=PRESS)
        self.take = gr.Button(words("mix_take"), elem_id="fv-mix-take")
        self.drop = self.studio.drop(words("mix_photo"), "fv-mix-photo")

    def _lay_genes(self) -> None:
        if not self.genes:
            gr.HTML(note(self.words("genes_none")))
        for gene in self.genes:
            label = self.words.control(gene.attribute)
            if gene.category:
                label = self.words("gene_category", name=label, category=self.words.category(gene.category))
            slider = gr.Slider(
                -GENE_RANGE, GENE_RANGE, 0, step=0.1, label=label, interactive=True,
                elem_id=f"fv-mix-gene-{gene.name.replace(':', '-')}", elem_classes="fv-gene",
            )  # fmt: skip
            self.sliders.append(slider)
        self.keep = gr.Button(self.words("mix_keep"), visible=bool(self.genes), elem_id="fv-mix-keep")

    def _wire(self) -> None:
        on = self.studio.on
        on(self.people.click, self.picked, [self.state], self.shown)
        on(self.lineage.click, self.gone, [self.state], self.shown)
        on(self.breed.click, self.bred, [self.mutation, self.state], self.shown)
        on(self.back.click, self.undone, [self.state], self.shown)
        on(self.anew.click, self.begun, [self.state], self.shown)
        on(self.keep.click, self.kept, [self.state], self.shown)
        on(self.take.click, self.taken, [self.steps, self.state], self.shown)
        on(self.drop.upload, self.joined, [self.drop, self.state], self.shown, told=True)
        for gene, slider in zip(self.genes, self.sliders, strict=True):
            moved = partial(self.moved, gene.name)
            on(slider.input, moved, [*self.sliders, self.state], [self.face, self.state], quick=True)

    def opened(self, steps: History[Parameters], state: Lineage) -> list[Any]:
        """The tab is looked at: its first people have the parameters of Create, so they are its faces."""
        if not state.generations:
            self._begin(state, steps.present)
        return self.show(state)

    def begun(self, state: Lineage) -> list[Any]:
        """New people, of nobody; where there is no more room, all others are forgotten."""
        if state.full:
            state.generations.clear()
            state.place = History(Place())
        self._begin(state, Parameters(fresh_seed()))
        return self.show(state)

    def taken(self, steps: History[Parameters], state: Lineage) -> list[Any]:
        """The (first) face of Create joins the generation."""
        self._need_room(state)
        self._someone(state)
        asked, generator = replace(steps.present, count=1), self.studio.generator
        samples = asked.samples(generator)
        state.join(samples.latents, samples.photos, {"kind": "created", **asked.facts(generator.name)})
        return self.show(state)

    def picked(self, state: Lineage, event: gr.EventData) -> list[Any]:
        index = int(event.index)
        if state.generations and 0 <= index < len(state.now.latents):
            state.pick(index, len(self.genes))
        return self.show(state)

    def gone(self, state: Lineage, event: gr.EventData) -> list[Any]:
        state.go(int(event.index))
        return self.show(state)

    def bred(self, mutation: float, state: Lineage) -> list[Any]:
        """The chosen and their children are the next generation."""
        self._need_room(state)
        chosen = state.here.chosen
        if not 2 <= len(chosen) <= MOST_PARENTS:
            raise self.studio.error("breed_needs", most=MOST_PARENTS)
        parents, seed = self._as_moved(state), fresh_seed()
        children = breed(
            self.studio.generator, parents, [seed + index for index in range(CHILDREN)], float(mutation)
        )
        latents = np.concatenate([parents, children])
        origin = {"kind": "bred", "parents": len(parents), "seed": seed, "mutation": float(mutation)}
        photos = self.studio.generator.decode(latents)
        state.add(Generation(latents, photos, state.here.at, chosen, origin))
        return self.show(state)

    def moved(self, name: str, *values: Any) -> list[Any]:
        """A gene was moved: [face, state]."""
        *amounts, state = values
        if state.focus is None:
            return [note(self.words("mix_choose")), state]
        genes = tuple(float(amount) for amount in amounts)
        state.place.change(replace(state.here, genes=genes), f"gene {name}")
        return [self._face(state), state]

    def kept(self, state: Lineage) -> list[Any]:
        """The moved face joins its generation as somebody else."""
        self._need_room(state)
        if state.focus is None:
            raise self.studio.error("mix_choose")
        latent = self._moved_latent(state)[None]
        origin = {"kind": "genes", "of": state.focus, "genes": self._amounts(state)}
        state.join(latent, self.studio.generator.decode(latent), origin)
        return self.show(state)

    def joined(self, data: bytes | None, state: Lineage) -> list[Any]:
        """A photo's face joins the generation."""
        self._need_room(state)
        photo = self.studio.photo(data or b"")
        self._someone(state)
        try:
            found = self.studio.generator.reconstruct(photo)[0]
        except DataError:
            height, width = photo.shape[:2]
            raise self.studio.error("error_no_face", width=width, height=height) from None
        state.join(found.latent[None], found.reconstruction[None], {"kind": "photo"})
        return self.show(state)

    def undone(self, state: Lineage) -> list[Any]:
        if not state.place.undo():
            gr.Info(self.words("undo_nothing"))
        return self.show(state)

    def show(self, state: Lineage) -> list[Any]:
        """Values for `shown`."""
        self._someone(state)
        genes = state.here.genes or (0.0,) * len(self.sliders)
        return [self._people(state), self._face(state), self._lineage(state), *genes, state]

    def _need_room(self, state: Lineage) -> None:
        if state.full:
            raise self.studio.error("mix_full", anew=self.words("mix_anew"))

    def _someone(self, state: Lineage) -> None:
        """Nobody is there when the tab's opening failed."""
        if not state.generations:
            self._begin(state, Parameters(fresh_seed()))

    def _begin(self, state: Lineage, asked: Parameters) -> None:
        samples = replace(asked, count=FIRST).samples(self.studio.generator)
        origin = {"kind": "new", **asked.facts(self.studio.generator.name)}
        state.add(Generation(samples.latents, samples.photos, None, (), origin))

    def _people(self, state: Lineage) -> str:
        buttons = []
        for index, photo in enumerate(state.now.photos):
            label = self.words("person", number=index + 1)
            pressed = "true" if index in state.here.chosen else "false"
            parent = state.now.origin["kind"] == "bred" and index < state.now.origin["parents"]
            mark = f'<span class="fv-mark">{escape(self.words("parent"))}</span>' if parent else ""
            buttons.append(
                f'<button type="button" class="fv-pick" data-index="{index}" aria-pressed="{pressed}" '
                f'aria-label="{escape(label)}">{image(photo, label, self._facts(state))}{mark}</button>'
            )
        group = escape(self.words("people"))
        return f'<div class="fv-people" role="group" aria-label="{group}">{"".join(buttons)}</div>'

    def _lineage(self, state: Lineage) -> str:
        items = []
        for depth, at in enumerate(state.path()):
            generation = state.generations[at]
            label = escape(self.words("generation", number=depth))
            photos = list(generation.photos[:2])
            if generation.of is not None:
                photos = [state.generations[generation.of].photos[one] for one in generation.parents]
            faces = "".join(image(photo, "", self._facts(state)) for photo in photos)
            here = ' aria-current="step"' if at == state.here.at else ""
            items.append(
                f'<li><button type="button" data-index="{at}"{here}><span>{label}</span>{faces}</button></li>'
            )
        title = escape(self.words("lineage"))
        return f'<h3 class="fv-title">{title}</h3><ol class="fv-lineage">{"".join(items)}</ol>'

    def _face(self, state: Lineage) -> str:
        if state.focus is None:
            return note(self.words("mix_choose"))
        photos, upscaled = self.studio.enlarged(self.studio.generator.decode(self._moved_latent(state)[None]))
        facts = {**self._facts(state), "person": state.focus, "genes": self._amounts(state), **upscaled}
        caption = self.words("person", number=state.focus + 1)
        return grid([figure(self.words, photos[0], caption, facts, "mixed-face.png")])

    def _moved_latent(self, state: Lineage) -> Any:
        assert state.focus is not None
        amounts = state.here.genes or (0.0,) * len(self.genes)
        return with_genes(state.now.latents[state.focus], self.genes, amounts)

    def _as_moved(self, state: Lineage) -> Any:
        """(K, D) the chosen, the last of them with its genes as they are moved."""
        latents = state.now.latents[list(state.here.chosen)].copy()
        latents[-1] = self._moved_latent(state)
        return latents

    def _amounts(self, state: Lineage) -> dict[str, float]:
        amounts = state.here.genes
        return {gene.name: amount for gene, amount in zip(self.genes, amounts, strict=False) if amount}

    def _facts(self, state: Lineage) -> dict[str, Any]:
        history = [state.generations[at].origin for at in state.path()]
        joined = [one for origin in history for one in (origin, *origin.get("joined", []))]
        source = EDITED if any(origin["kind"] == "photo" for origin in joined) else {}
        return {"model": self.studio.generator.name, "job": "mix", "lineage": history, **source}
