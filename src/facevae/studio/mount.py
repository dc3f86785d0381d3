"""The studio as a part of a FastAPI application, in both languages, with nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from gradio.route_utils import CustomCORSMiddleware
from starlette.middleware import Middleware

from facevae.generator import FaceGenerator
from facevae.server.jobs import Jobs
from facevae.server.uploads import UploadLimits
from facevae.studio.build import build_studio, in_a_loop
from facevae.studio.files import FileLimits
from facevae.studio.own_origin import OwnOrigin
from facevae.studio.protect import protection
from facevae.studio.service import Service
from facevae.studio.theme import looks, write_icon
from facevae.studio.wording import LANGUAGES


def mount_studio(
    app: FastAPI,
    generator: FaceGenerator,
    folder: Path | None = None,
    limits: UploadLimits | None = None,
    path: str = "/",
    room: FileLimits | None = None,
    jobs: Jobs | None = None,
) -> FastAPI:
    """Mount the studio at `path`, English there and Chinese at `path`zh/; returns `app`.

    folder: of the model's card and reports; None takes the one that the generator was loaded from. limits: of
    an upload; room: of all of them on the disk. jobs: queues that it shares with others; None for its own.
    Mount after all other routes: at '/' it answers whatever they do not. Uploads and files for downloading
    lie in a folder of its own, deleted when the application stops.
    """
    service = Service(generator, folder, limits, room, jobs)
    icon = write_icon(service.files.folder) if path == "/" else None
    in_a_loop(lambda: _mount(app, service, path, icon))
    return app


def _mount(app: FastAPI, service: Service, path: str, icon: Path | None) -> None:
    first, *others = LANGUAGES
    for language in (*others, first):
        blocks = build_studio(service, language)
        kwargs = protection(blocks, service, path)
        kwargs["middleware"] = [Middleware(OwnOrigin, language=language), *kwargs["middleware"]]
        gr.mount_gradio_app(
            app, blocks, path if language == first else f"{path.rstrip('/')}/{language}",
            app_kwargs=kwargs,
            footer_links=[], run_history=False, show_error=True, enable_monitoring=False, pwa=False,
            mcp_server=False, ssr_mode=False, favicon_path=str(icon) if icon and language == first else None,
            max_file_size=service.limits.most_bytes, **looks(),
        )  # fmt: skip
        # Without this, which mounting leaves out, Gradio's own check of paths says yes to all.
        blocks.has_launched = True
        _keep_to_own_origin(app.routes[-1].app)  # type: ignore[attr-defined]  # the one just mounted


def _keep_to_own_origin(mounted: gr.routes.App) -> None:
    """Gradio would let pages of every port of this machine call the studio, with the visitor's cookies."""
    mounted.user_middleware = [one for one in mounted.user_middleware if one.cls is not CustomCORSMiddleware]


def end_streams(app: FastAPI) -> None:
    """Let go of the pages that are open, each of which holds a connection; for when the server stops.

    Called where a signal is handled, before the server waits for its connections to end.
    """
    for route in app.routes:
        mounted = getattr(route, "app", None)
        if isinstance(mounted, gr.routes.App):
            mounted.stop_event.set()
