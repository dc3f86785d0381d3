"""What stands between Gradio's application and its clients, whether it is mounted or launched alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from facevae.studio.answers import Answers
from facevae.studio.gate import Gate
from facevae.studio.service import Service
from facevae.studio.states import States

LOG = logging.getLogger(__name__)
SWEEP_EVERY_S = 10.0


def protection(blocks: gr.Blocks, service: Service, home: str = "/", framed: bool = False) -> dict[str, Any]:
    """Gradio's `app_kwargs`: every request through `Gate`, and a memory and a disk with bounds.

    home and framed: as of `Gate`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: gr.routes.App) -> AsyncIterator[None]:
        app.state_holder = States(blocks, service.memory)
        sweeping = asyncio.create_task(_sweep(service, blocks, answers))
        try:
            yield
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping
            await asyncio.to_thread(service.close)

    answers = Answers(blocks)
    gate = Middleware(
        Gate, blocks=blocks, answers=answers, files=service.files, limits=service.limits, home=home,
        framed=framed,
    )  # fmt: skip
    return {"middleware": [gate], "lifespan": lifespan}


async def _sweep(service: Service, blocks: gr.Blocks, answers: Answers) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        try:
            await answers.forget_unheard()
            await asyncio.to_thread(service.files.sweep)
        except Exception:
            LOG.exception("what visitors left could not be cleared")
        for paths in blocks.temp_file_sets:  # Gradio's own list of files, which it would keep for ever
            paths.clear()
