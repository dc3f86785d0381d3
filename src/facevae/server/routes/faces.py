"""New faces, faces for words, and faces of latents: what passes the network in shared batches."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from facevae.choosing import Chosen, choose_faces
from facevae.controls import Wanted, check_request, draw_controls
from facevae.describe import understand
from facevae.describe.faces import check_understood
from facevae.errors import DataError
from facevae.generator import Samples
from facevae.server.batching import Decode, Draw, Row
from facevae.server.bodies import read_body
from facevae.server.costs import Cost
from facevae.server.formats import JSON, Facts, accepted, answer_json, answer_picture, in_json, numbers, sheet
from facevae.server.lanes import Ticket
from facevae.server.schemas import Controls, DecodeRequest, DescribeRequest, Drawing, GenerateRequest
from facevae.server.service import Service, service_of

router = APIRouter(tags=["faces"])
SEED_BITS = 31


@dataclass(frozen=True)
class Drawn:
    """New faces, and what their pictures and lines say."""

    samples: Samples
    seed: int
    rows: list[Row]
    facts: dict[str, Any]
    notes: list[dict[str, Any]]

    def of(self, index: int) -> Facts:
        """What picture `index` says of its making."""
        return {**self.facts, "seed": self.samples.seeds[index], "controls": self.rows[index]}


@router.post("/generate")
async def generate(request: Request) -> Response:
    """New faces. A picture of several is a grid."""
    media_type = accepted(request)
    service = service_of(request)
    body = await read_body(request, GenerateRequest)
    drawn = await draw(service, body, wanted(body.controls))
    return await _answer(service, body, drawn, media_type)


@router.post("/describe")
async def describe(request: Request) -> Response:
    """New faces for words in English or Chinese. The JSON says what was understood, and what was not."""
    media_type = accepted(request)
    service = service_of(request)
    body = await read_body(request, DescribeRequest)
    if not body.text.strip():
        raise DataError("the description is empty: expected words such as 'a smiling old man'")
    description = check_understood(understand(body.text)).against(service.generator.schema)
    drawn = await draw(service, body, dict(description.request))
    return await _answer(service, body, drawn, media_type, description.to_json())


@router.post("/decode")
async def decode(request: Request) -> Response:
    """Latents, such as those that generate and encode answer, to faces."""
    media_type = accepted(request)
    service = service_of(request)
    body = await read_body(request, DecodeRequest)
    generator = service.generator
    for latent in body.latent:
        check_latent(service, latent)
    row: Row = body.controls.model_dump(exclude_none=True)
    generator.schema.check(row)
    if body.upscale:
        generator.require_upscaler()
    latents = np.array(body.latent, dtype=np.float32)
    photos = await service.engine.decode(Decode(latents, [row] * len(latents), body.upscale))
    facts = {"model": generator.name, "job": "decode", "controls": row, **_upscaled(body.upscale)}
    if media_type != JSON:
        return await answer_picture(sheet(photos), media_type, facts)
    faces: list[dict[str, Any]] = [{"controls": row} for _ in photos]

    def build() -> dict[str, Any]:
        for face, photo, latent in zip(faces, photos, latents, strict=True):
            face["image"] = in_json(photo, f"image/{body.format}", facts)
            face |= {"latent": numbers(latent)} if body.latents else {}
        return {"model": generator.name, "faces": faces}

    return await answer_json(build, list(photos))


async def draw(service: Service, wish: Drawing, controls: dict[str, Wanted]) -> Drawn:
    """The faces that are wished for. Raises ControlError, ConfigError and others as FaceGenerator.sample."""
    generator = service.generator
    check_request(controls, generator.schema)
    if wish.upscale:
        generator.require_upscaler()
    guidance = generator.guidance_used(wish.guidance)
    seed = secrets.randbelow(2**SEED_BITS) if wish.seed is None else wish.seed
    rows = draw_controls(controls, wish.count, seed)
    facts = {"model": generator.name, "truncation": wish.truncation, **_upscaled(wish.upscale)}
    facts |= {"guidance": guidance} if generator.prior.schema.names else {}
    if not (wish.check or wish.best_of > 1):
        seeds = range(seed, seed + wish.count)
        samples = await service.engine.draw(Draw(seeds, rows, wish.truncation, guidance, wish.upscale))
        return Drawn(samples, seed, rows, facts, [{} for _ in rows])

    def job(ticket: Ticket[Any]) -> Chosen:
        chosen = choose_faces(
            generator, rows, seed, wish.truncation, wish.guidance, wish.best_of, ticket.check
        )
        if not wish.upscale:
            return chosen
        photos = generator.upscale(chosen.samples.photos, ticket.check)
        return replace(chosen, samples=replace(chosen.samples, photos=photos))

    chosen = await service.engine.do(job, Cost("choose", wish.count * wish.best_of))
    return Drawn(chosen.samples, seed, rows, facts, chosen.notes(wish.best_of))


def wanted(controls: Controls) -> dict[str, Wanted]:
    """What is asked of each face; a list of two numbers is a range, whichever comes first."""
    given = controls.model_dump(exclude_none=True)
    return {
        name: (min(value), max(value)) if isinstance(value, list) else value for name, value in given.items()
    }


def check_latent(service: Service, latent: list[float]) -> None:
    """Raise DataError for one that is not as wide as the model's."""
    width = service.generator.latent_dim
    if len(latent) != width:
        raise DataError(f"a latent of this model has {width} numbers, got {len(latent)}")


async def _answer(
    service: Service, wish: Drawing, drawn: Drawn, media_type: str, description: dict[str, Any] | None = None
) -> Response:
    photos = drawn.samples.photos
    if media_type != JSON:
        same = all(row == drawn.rows[0] for row in drawn.rows)
        facts = {**drawn.of(0), "controls": drawn.rows[0] if same else {}}
        return await answer_picture(sheet(photos), media_type, facts, {"X-Facevae-Seed": str(drawn.seed)})

    def build() -> dict[str, Any]:
        faces = []
        for index, photo in enumerate(photos):
            face = {"seed": drawn.samples.seeds[index], "controls": drawn.rows[index], **drawn.notes[index]}
            face["image"] = in_json(photo, f"image/{wish.format}", drawn.of(index))
            face |= {"latent": numbers(drawn.samples.latents[index])} if wish.latents else {}
            faces.append(face)
        told = {"model": service.generator.name, "seed": drawn.seed, "truncation": wish.truncation}
        told |= {"guidance": drawn.facts["guidance"]} if "guidance" in drawn.facts else {}
        told |= {"description": description} if description else {}
        return {**told, "faces": faces}

    return await answer_json(build, list(photos))


def _upscaled(upscale: bool) -> dict[str, bool]:
    return {"upscaled": True} if upscale else {}
