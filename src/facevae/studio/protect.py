"""What stands between Gradio's application and its clients, whether it is mounted or launched alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from facevae.studio.gate import Gate
from facevae.studio.service import Service
from facevae.studio.states import States

SWEEP_EVERY_S = 60.0


def protection(blocks: gr.Blocks, service: Service, home: str = "/", framed: bool = False) -> dict[str, Any]:
    """Gradio's `app_kwargs`: every request through `Gate`, and a memory and a disk with bounds.

    home and framed: as of `Gate`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: gr.routes.App) -> AsyncIterator[None]:
        app.state_holder = States(blocks, service.memory)
        sweeping = asyncio.create_task(_sweep(service))
        try:
            yield
        finally:
            sweeping.cancel()
            service.files.close()

    gate = Middleware(
        Gate, blocks=blocks, files=service.files, limits=service.limits, home=home, framed=framed
    )
    return {"middleware": [gate], "lifespan": lifespan}


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        await asyncio.to_thread(service.files.sweep)
