"""Avatars and artistic faces."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from facevae.avatar import AvatarConfig
from facevae.avatar.identity import Identity, person_in_photo, person_of_words
from facevae.avatar.job import Drawn, draw_avatars, sheet_of
from facevae.describe import understand
from facevae.describe.faces import check_understood
from facevae.errors import ConfigError
from facevae.images import Photos
from facevae.provenance import EDITED, FILTERED
from facevae.server.batching import Draw
from facevae.server.bodies import read_body
from facevae.server.costs import Cost
from facevae.server.formats import JSON, accepted, answer_json, answer_picture, in_json, numbers
from facevae.server.lanes import Ticket
from facevae.server.routes.faces import SEED_BITS
from facevae.server.routes.photos import rounded
from facevae.server.schemas import MOST_PORTRAITS, AvatarRequest, StylizeRequest
from facevae.server.service import Service, service_of
from facevae.stylize.sizes import FACE_PX, largest_face_px, resized_face, resized_photo
from facevae.stylize.style import Art, Style, Stylist
from facevae.stylize.transfer import TransferConfig, fitted

router = APIRouter(tags=["art"])


@router.post("/avatar")
async def avatar(request: Request) -> Response:
    """Portraits of one person, of a photo or of words. A picture is the contact sheet, JSON has each."""
    media_type = accepted(request)
    service = service_of(request)
    body = await read_body(request, AvatarRequest, files=("photo",))
    config, cost = _avatar_config(body)
    if body.photo is not None:
        service.check_upload(body.photo)
    else:
        check_understood(understand(body.text or ""))
    seed = secrets.randbelow(2**SEED_BITS) if body.seed is None else body.seed

    def job(ticket: Ticket[Any]) -> tuple[Identity, list[Drawn], Photos]:
        person = _person(service, body, seed, ticket)
        drawn = list(draw_avatars(service.generator, person, config, lambda *_: ticket.check()))
        return person, drawn, sheet_of(drawn)

    person, drawn, page = await service.engine.do(job, cost)
    name = service.generator.name
    facts = {"model": name, "job": "avatar", **person.seed_facts, **person.source}
    if media_type != JSON:
        return await answer_picture(page, media_type, facts)

    def build() -> dict[str, Any]:
        portraits = [
            {
                "name": one.variant.name, "style": one.style, "controls": one.variant.asked,
                "notes": list(one.variant.notes),
                "image": in_json(one.picture, f"image/{body.format}", {**facts, **one.facts}),
            }
            for one in drawn
        ]  # fmt: skip
        identity = {**person.facts, "attributes": rounded(person.own)}
        latent = {"latent": numbers(person.latent)} if body.latents else {}
        return {"model": name, "identity": identity, **latent, "portraits": portraits}

    return await answer_json(build, [one.picture for one in drawn])


def _avatar_config(body: AvatarRequest) -> tuple[AvatarConfig, Cost]:
    """What is wanted, and what it costs. Raises ConfigError for too many portraits."""
    config = AvatarConfig(
        size_px=body.size_px, background=body.background, truncation=body.truncation, detail=body.detail,
        ages=None if body.ages is None else tuple(body.ages),
        expressions=None if body.expressions is None else tuple(body.expressions),
        styles=tuple(dict.fromkeys(body.styles)),
    )  # fmt: skip
    ages = 4 if body.ages is None else len(body.ages)
    expressions = 3 if body.expressions is None else len(body.expressions)
    variants = 1 + max(1, ages) * max(1, expressions)
    count = variants * len(config.styles)
    if count > MOST_PORTRAITS:
        raise ConfigError(f"at most {MOST_PORTRAITS} portraits at once, and these would be {count}")
    return config, Cost("avatar", variants + 0.2 * count)


def _person(service: Service, body: AvatarRequest, seed: int, ticket: Ticket[Any]) -> Identity:
    generator = service.generator
    if body.photo is not None:
        return person_in_photo(generator, service.read(body.photo), body.size_px, ticket.check)
    return person_of_words(generator, body.text or "", seed, body.truncation, ticket.check)


@router.post("/stylize")
async def stylize(request: Request) -> Response:
    """A photo, or a new face, in a look or after an artwork that is sent along."""
    media_type = accepted(request)
    service = service_of(request)
    body = await read_body(request, StylizeRequest, files=("photo", "art"))
    for upload in (body.photo, body.art):
        if upload is not None:
            service.check_upload(upload)
    generator = service.generator
    face: Photos | None = None
    if body.seed is not None:
        work = Draw([body.seed], [{}], 1.0, generator.guidance_used(), body.upscale)
        face = (await service.engine.draw(work)).photos[0]

    def read(ticket: Ticket[Any]) -> tuple[Photos, Style, float | None]:
        art = None if body.art is None else Art("artwork", fitted(service.read(body.art), body.side_px))
        photo = _subject(service, body, face, ticket)
        in_a_look = art is None and body.photo is not None and body.faces == "whole"
        face_px = largest_face_px(photo, generator.detector) if in_a_look else None
        return photo, art or str(body.style), face_px

    # First the pictures: what a style costs depends on their size.
    subject, style, face_px = await service.engine.do(read, Cost("photo"))
    transfer = TransferConfig(side_px=body.side_px, steps=body.steps)
    stylist = Stylist(style, body.strength, body.keep_colours, transfer, generator.device.type)
    drawn = await service.engine.do(
        lambda ticket: stylist.draw(subject, ticket.check, face_px), _cost(body, subject)
    )
    facts = stylist.facts()
    facts |= {"job": "stylize", "model": generator.name}
    facts |= (FILTERED if body.art is None else EDITED) if body.seed is None else {"seed": body.seed}
    if media_type != JSON:
        return await answer_picture(drawn, media_type, facts)
    told: dict[str, object] = {key: facts[key] for key in ("model", "style", "seed") if key in facts}

    def told_with_image() -> dict[str, object]:
        return {**told, "image": in_json(drawn, f"image/{body.format}", facts)}

    return await answer_json(told_with_image, [drawn])


def _cost(body: StylizeRequest, subject: Photos) -> Cost:
    if body.art is not None:
        return Cost("artwork", body.steps * (body.side_px / FACE_PX) ** 2)
    return Cost(f"look {body.style}", subject.shape[0] * subject.shape[1] / 1e6)


def _subject(service: Service, body: StylizeRequest, face: Photos | None, ticket: Ticket[Any]) -> Photos:
    """What is drawn: a new face enlarged, a photo, or the largest face of it."""
    from facevae.data.align import align

    if face is not None:
        return resized_face(service.generator, face, FACE_PX)[0]
    photo = service.read(body.photo or b"")
    if body.faces == "whole":
        return resized_photo(photo)[0]
    (found,), _ = service.generator.find_faces(photo, progress=ticket.check)
    return align(photo, found.landmarks_px, FACE_PX)
