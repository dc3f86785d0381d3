"""From face to face."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from facevae.generator import Latents
from facevae.morph import SURVEY_FRAMES, SURVEY_ROUNDS, Morph, morph
from facevae.provenance import EDITED
from facevae.server.batching import Draw
from facevae.server.bodies import read_body
from facevae.server.costs import Cost
from facevae.server.formats import (
    JSON,
    WEBP,
    accepted,
    answer_json,
    answer_picture,
    film,
    in_json,
    numbers,
    sheet,
)
from facevae.server.lanes import Ticket
from facevae.server.routes.faces import check_latent
from facevae.server.schemas import InterpolateRequest, Stop
from facevae.server.service import Service, service_of
from facevae.server.uploads import TooLargeError

router = APIRouter(tags=["faces"])
COLUMNS = 8


@router.post("/interpolate")
async def interpolate(request: Request) -> Response:
    """A morph through seeds, latents and photos: WebP is an animation, PNG and JPEG a strip of frames."""
    media_type = accepted(request)
    service = service_of(request)
    body = await read_body(request, InterpolateRequest)
    generator = service.generator
    _check_stops(service, body.stops)
    if body.upscale:
        generator.require_upscaler()
    seeds = [stop.seed for stop in body.stops if stop.seed is not None]
    drawn: Latents = np.empty((0, generator.latent_dim), dtype=np.float32)
    if seeds:
        work = Draw(seeds, [{} for _ in seeds], body.truncation, generator.guidance_used())
        drawn = (await service.engine.draw(work)).latents

    def job(ticket: Ticket[Any]) -> Morph:
        stops = _stops(service, body.stops, drawn, ticket)
        path = morph(generator, stops, body.frames, body.loop, ticket.check)
        photos = generator.upscale(path.photos, ticket.check) if body.upscale else path.photos
        return Morph(photos, path.latents, path.stops)

    path = await service.engine.do(job, _cost(body))
    names = [_name(stop) for stop in body.stops]
    facts: dict[str, Any] = {"model": generator.name, "job": "interpolate", "stops": names}
    facts |= {"upscaled": True} if body.upscale else {}
    facts |= EDITED if any(stop.photo is not None for stop in body.stops) else {}
    if media_type == WEBP:
        return Response(await run_in_threadpool(film, path.photos, body.fps, facts), media_type=WEBP)
    if media_type != JSON:
        return await answer_picture(sheet(path.photos, COLUMNS), media_type, facts)

    def build() -> dict[str, Any]:
        frames = []
        for photo, latent in zip(path.photos, path.latents, strict=True):
            frame: dict[str, Any] = {"image": in_json(photo, f"image/{body.format}", facts)}
            frames.append(frame | ({"latent": numbers(latent)} if body.latents else {}))
        return {"model": generator.name, "frames": frames, "stops": path.stops}

    return await answer_json(build, list(path.photos))


def _cost(body: InterpolateRequest) -> Cost:
    """In faces that pass the decoder: those that are shown, and those that measure how long each leg is."""
    measured = min(body.frames, SURVEY_FRAMES * len(body.stops)) * (1 + SURVEY_ROUNDS)
    return Cost("morph", body.frames * (1 + body.upscale) + measured)


def _check_stops(service: Service, stops: list[Stop]) -> None:
    """Refuse what need not be decoded for it."""
    for stop in stops:
        if stop.latent is not None:
            check_latent(service, stop.latent)
        if stop.photo is not None:
            service.check_upload(stop.photo)
    most = service.config.uploads.most_bytes
    if sum(len(stop.photo or b"") for stop in stops) > most:
        raise TooLargeError(f"too large: the photos of one request may have {most:,} bytes together")


def _stops(service: Service, stops: list[Stop], drawn: Latents, ticket: Ticket[Any]) -> Latents:
    """(K, D) latents; drawn: those of the stops from seeds, in order."""
    latents, seeds = [], iter(drawn)
    for stop in stops:
        ticket.check()
        if stop.photo is not None:
            _, aligned = service.generator.find_faces(service.read(stop.photo), progress=ticket.check)
            latents.append(service.generator.encode(aligned)[0])
        elif stop.latent is not None:
            latents.append(np.array(stop.latent, dtype=np.float32))
        else:
            latents.append(next(seeds))
    return np.stack(latents)


def _name(stop: Stop) -> str:
    return "photo" if stop.photo is not None else "latent" if stop.latent is not None else f"seed {stop.seed}"
