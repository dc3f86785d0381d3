"""The service as an ASGI app."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from facevae.generator import FaceGenerator
from facevae.models import DEFAULT_MODEL
from facevae.server import docs_page
from facevae.server.batching import Draw, run_together
from facevae.server.config import ServerConfig
from facevae.server.disconnect import Disconnect
from facevae.server.engine import Engine
from facevae.server.guard import Guard
from facevae.server.metrics import Metrics
from facevae.server.observe import Observe
from facevae.server.openapi import OPERATIONS, PHOTO_PATHS, describe_service
from facevae.server.problems import answer_with_problems, problem
from facevae.server.proxies import Proxied, route_of
from facevae.server.routes import art, faces, morphs, photos, status
from facevae.server.service import Service
from facevae.server.uploads import PhotoReader

EXPOSED = ("X-Request-Id", "X-Facevae-Seed", "Retry-After")


def create_app(
    model: str | Path | FaceGenerator = DEFAULT_MODEL, config: ServerConfig | None = None
) -> FastAPI:
    """The REST service under /v1, and the studio at / where its extra is installed and `config` has it.

    model: as of FaceGenerator.from_pretrained, loaded once; or one that is loaded. Its threads and its
    process for uploads end with the app's lifespan, after what was accepted. Raises CheckpointError for a
    model that cannot be had, ConfigError for a device that is not there.
    """
    config = config or ServerConfig()
    generator = model if isinstance(model, FaceGenerator) else load_generator(model, config)
    service = _service(generator, config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(run_together, generator, [Draw([0], [{}])])  # the first pass is the slowest
        try:
            yield
        finally:
            await run_in_threadpool(service.close)

    app = FastAPI(title="facevae", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.service = service
    answer_with_problems(app)
    for part in (faces, photos, morphs, art, status):
        app.include_router(part.router, prefix="/v1")
    app.include_router(docs_page.router)
    known = _describe_once(app, generator, config)
    for path in ("/v1", "/v1/{rest:path}"):
        app.router.routes.append(Route(path, Nowhere(known), include_in_schema=False))
    # The last one added is the outermost.
    studio = config.studio and importlib.util.find_spec("gradio") is not None
    app.add_middleware(Disconnect, paths=OPERATIONS)
    app.add_middleware(
        Guard, config=config, photo_paths=PHOTO_PATHS, studio=studio,
        retry_after_s=lambda: service.engine.jobs.retry_after_s,
    )  # fmt: skip
    if config.cors_origins:
        app.add_middleware(
            ApiCors, allow_origins=config.cors_origins, allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", "Accept", "X-API-Key", "Authorization", "X-Request-Id"],
            expose_headers=EXPOSED,
        )  # fmt: skip
    app.add_middleware(Observe, metrics=service.metrics, known=known)
    app.add_middleware(Proxied, trusted=config.trusted_proxies, root_path=config.root_path)
    return _with_studio(app, service) if studio else _without_studio(app)


def load_generator(model: str | Path, config: ServerConfig) -> FaceGenerator:
    """The model, on the runtime that `config` names.

    Raises CheckpointError, ConfigError, MissingExtraError.
    """
    if config.runtime == "onnx":
        from facevae.export import onnx_generator

        return onnx_generator(model)
    return FaceGenerator.from_pretrained(model, config.device)


def _service(generator: FaceGenerator, config: ServerConfig) -> Service:
    metrics = Metrics()
    engine = Engine(
        generator, config.batch_size, config.queue_size, config.photos_at_once, config.timeout_s,
        metrics.on_batch,
    )  # fmt: skip
    metrics.watch(engine)
    return Service(generator, config, engine, PhotoReader(config.uploads), metrics)


def _describe_once(app: FastAPI, generator: FaceGenerator, config: ServerConfig) -> dict[str, set[str]]:
    """Make the description; returns the methods of each path."""
    document = describe_service(app, generator, config)
    app.openapi = lambda: document  # type: ignore[method-assign]  # as FastAPI's documentation extends it
    known = {path: {method.upper() for method in methods} for path, methods in document["paths"].items()}
    known |= {path: {"GET"} for path in ("/v1/", "/v1/docs", "/v1/openapi.json")}
    return {
        path: methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for path, methods in known.items()
    }


def _with_studio(app: FastAPI, service: Service) -> FastAPI:
    from facevae.studio import mount_studio

    return mount_studio(app, service.generator, limits=service.config.uploads, jobs=service.engine.jobs)


def _without_studio(app: FastAPI) -> FastAPI:
    app.router.routes.append(Route("/", docs_page.home, include_in_schema=False))
    return app


class ApiCors(CORSMiddleware):
    """Origins that are named may call the API; no page of another origin is let into the studio."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        api = scope["type"] == "http" and (route_of(scope) + "/").startswith("/v1/")
        await (super().__call__ if api else self.app)(scope, receive, send)


class Nowhere:
    """What is under /v1 and nothing: 404; or of a path that knows other methods, which they are."""

    def __init__(self, known: Mapping[str, set[str]]) -> None:
        """known: the methods of each path."""
        self.known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = ", ".join(sorted(self.known.get(route_of(scope), ())))
        name = str(scope.get("facevae.request_id", ""))
        if allowed and scope["method"] == "OPTIONS":
            answer = Response(status_code=204, headers={"Allow": allowed})
        elif allowed:
            detail = f"{scope['method'][:20]} cannot be done here; there is {allowed}"
            answer = problem(405, detail, name, {"Allow": allowed})
        else:
            answer = problem(404, "there is nothing here; GET /v1/docs lists what there is", name)
        await answer(scope, receive, send)
