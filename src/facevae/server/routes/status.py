"""What is served, and how it is."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

import facevae
from facevae.edit import editable
from facevae.looks import LOOKS
from facevae.server.answers import (
    ControlAnswer,
    ModelAnswer,
    ModelsAnswer,
    OperationAnswer,
    OverviewAnswer,
    StatusAnswer,
)
from facevae.server.problems import StoppingError
from facevae.server.service import service_of
from facevae.server.uploads import MEDIA_TYPES

router = APIRouter(tags=["service"])


@router.get("/", include_in_schema=False)
@router.get("")
async def overview(request: Request) -> OverviewAnswer:
    """What there is: the model, the description, each operation in a line."""
    operations = [
        OperationAnswer(method=method.upper(), path=path, summary=about["description"].partition("\n")[0])
        for path, methods in request.app.openapi()["paths"].items()
        for method, about in methods.items()
    ]
    return OverviewAnswer(
        name="facevae", version=facevae.__version__, model=service_of(request).generator.name,
        docs="/v1/docs", openapi="/v1/openapi.json", operations=operations,
    )  # fmt: skip


@router.get("/models")
async def models(request: Request) -> ModelsAnswer:
    """The model that is served, its controls and their bounds, what uploads may be."""
    service = service_of(request)
    generator, uploads = service.generator, service.config.uploads
    conditional = bool(generator.prior.schema.names)
    one = ModelAnswer(
        name=generator.name, size_px=generator.size_px, latent_dim=generator.latent_dim,
        controls=[
            ControlAnswer(
                name=control.name, categories=list(control.categories), low=control.low, high=control.high,
                unit=control.unit,
            )
            for control in generator.schema.attributes
        ],
        editable=list(editable(generator).names), prior=generator.prior.kind,
        default_guidance=generator.prior.default_guidance if conditional else None,
        upscaler=generator.upscaler is not None, reads_attributes=generator.reader is not None,
        runtime=service.config.runtime,
    )  # fmt: skip
    limits = {
        "most_bytes": uploads.most_bytes, "most_pixels": uploads.most_pixels,
        "most_frames": uploads.most_frames, "media_types": [MEDIA_TYPES[name] for name in uploads.formats],
    }  # fmt: skip
    return ModelsAnswer(models=[one], looks=list(LOOKS), uploads=limits, version=facevae.__version__)


@router.get("/health")
async def health() -> StatusAnswer:
    """The process is alive."""
    return StatusAnswer(status="alive")


@router.get("/ready")
async def ready(request: Request) -> StatusAnswer:
    """The model is loaded and requests are taken; 503 once the service is stopping."""
    if service_of(request).engine.closing:
        raise StoppingError("the service is stopping and takes no more requests")
    return StatusAnswer(status="ready")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Counters, for Prometheus."""
    counters = service_of(request).metrics
    return Response(counters.text(), media_type=counters.content_type)


@router.get("/openapi.json", include_in_schema=False)
async def description(request: Request) -> Response:
    """The description of this very service: with the controls that its model has."""
    return JSONResponse(request.app.openapi())
