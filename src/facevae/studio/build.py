"""The studio's page: the header, one tab per job, and what happens when it is opened."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from html import escape
from typing import Any, TypeVar

import gradio as gr

from facevae.generator import FaceGenerator
from facevae.server.logs import places
from facevae.studio.augmenting import AugmentTab
from facevae.studio.create import CreateTab
from facevae.studio.edit import EditTab
from facevae.studio.mix import MixTab
from facevae.studio.model import ModelTab
from facevae.studio.morphing import MorphTab
from facevae.studio.own_folder import own_folder
from facevae.studio.protect import protection
from facevae.studio.service import MOST_WAITING, Service
from facevae.studio.studio import Studio
from facevae.studio.style import StyleTab
from facevae.studio.wording import LANGUAGES, Words

T = TypeVar("T")
LOG = logging.getLogger(__name__)


def in_a_loop(make: Callable[[], T]) -> T:
    """What `make` makes, while an event loop runs: where none does, Gradio opens many and closes none."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:

        async def made() -> T:
            return make()

        return asyncio.run(made())
    return make()


class QuietBlocks(gr.Blocks):
    """Blocks whose faults Gradio does not print: their messages may repeat what a visitor sent."""

    async def process_api(self, *given: Any, **named: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await super().process_api(*given, **named)
            return answer
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception as error:
            LOG.warning("the studio was sent what it cannot take: %s", places(error))
            raise gr.Error(escape(str(error)), print_exception=False) from None


class StudioBlocks(QuietBlocks):
    """Gradio's, protected as the mounted studio is when it is launched alone."""

    def __init__(self, service: Service, **options: Any) -> None:
        super().__init__(**options)
        self.service = service

    def launch(self, *args: Any, **options: Any) -> Any:
        """As gradio.Blocks.launch. Other sites may show it in a frame, as Hugging Face does with Spaces."""
        own = {**protection(self, self.service, framed=True), **(options.get("app_kwargs") or {})}
        return super().launch(*args, **{**options, "app_kwargs": own, "ssr_mode": False})


def build_studio(generator: FaceGenerator | Service, language: str = "en") -> gr.Blocks:
    """The studio in one language ('en' or 'zh'), to be launched or mounted. Nothing of it leaves the machine.

    Theme and styles are given when it is launched: `blocks.launch(**facevae.studio.theme.looks())`.
    Raises KeyError for another language.
    """
    return in_a_loop(lambda: _build(generator, language))


def _build(generator: FaceGenerator | Service, language: str) -> gr.Blocks:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # Gradio reads this when components are made, and again whenever it looks at a path.
    os.environ["GRADIO_TEMP_DIR"] = str(own_folder())
    service = generator if isinstance(generator, Service) else Service(generator)
    words = Words(language)
    studio = Studio(service, words)
    blocks = StudioBlocks(
        service,
        analytics_enabled=False,
        title=words("title"),
        fill_width=True,
    )
    with blocks:
        gr.HTML(_header(studio), elem_id="fv-header")
        with gr.Tabs(overflow_behavior="wrap", elem_id="fv-tabs"):
            _lay_tabs(studio, blocks)
        gr.HTML(f'<footer class="fv-footer">{escape(words("footer"))}</footer>')
    blocks.queue(max_size=MOST_WAITING, default_concurrency_limit=1, api_open=False)
    return blocks


def _lay_tabs(studio: Studio, blocks: gr.Blocks) -> None:
    words, on = studio.words, studio.on
    with gr.Tab(words("tab_create"), id="create"):
        create = CreateTab(studio)
    with gr.Tab(words("tab_edit"), id="edit"):
        EditTab(studio)
    with gr.Tab(words("tab_mix"), id="mix") as mixing:
        mix = MixTab(studio, create.steps)
    with gr.Tab(words("tab_morph"), id="morph"):
        MorphTab(studio)
    with gr.Tab(words("tab_style"), id="style"):
        StyleTab(studio, create.steps)
    with gr.Tab(words("tab_augment"), id="augment"):
        AugmentTab(studio)
    with gr.Tab(words("tab_model"), id="model") as about:
        model = ModelTab(studio)
    on(blocks.load, create.opened, [create.steps], create.shown, at=create.faces)
    on(mixing.select, mix.opened, [create.steps, mix.state], mix.shown)
    on(about.select, model.opened, [], [model.atlas])


def _header(studio: Studio) -> str:
    words = studio.words
    others = "".join(
        f'<a href="{_address(words.language, code)}" lang="{code}" onclick="fvKeep(this)">{name}</a>'
        for code, name in LANGUAGES.items()
        if code != words.language
    )
    about = escape(words("header", model=studio.generator.name, size=studio.generator.size_px))
    return (
        f'<header class="fv-header"><div><h1>facevae <span>{escape(words("studio"))}</span></h1>'
        f'<p>{about}</p></div><nav aria-label="{escape(words("settings"))}">{others}<button type="button" '
        f'onclick="fvShade()">{escape(words("shade"))}</button></nav></header>'
    )


def _address(own: str, other: str) -> str:
    """Relative to this language's page; the first language is at the root."""
    first = next(iter(LANGUAGES))
    up = "./" if own == first else "../"
    return f"{up}?lang={other}" if other == first else f"{up}{other}/?lang={other}"
