"""Photos of people: to latents, through the model and back, and edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from PIL import Image
from starlette.responses import Response

from facevae.attributes import Value
from facevae.data.detect import Face
from facevae.edit import Edit, edit_photo, editable, parse_changes, paste_edits, read_attributes
from facevae.edit.files import upscaled_edit
from facevae.edit.mechanisms import find_way
from facevae.edit.search import STEPS
from facevae.errors import ConfigError, DataError
from facevae.generator import Controls, FaceGenerator, Latents
from facevae.images import Photos
from facevae.provenance import BESIDE_PHOTO, EDITED, FILTERED
from facevae.server.batching import Encode, Reconstruct
from facevae.server.bodies import read_body
from facevae.server.costs import Cost
from facevae.server.formats import JSON, accepted, answer_json, answer_picture, in_json, numbers, sheet
from facevae.server.lanes import Ticket
from facevae.server.schemas import EditRequest, EncodeRequest, ReconstructRequest
from facevae.server.service import Service, service_of

router = APIRouter(tags=["photos"])


@router.post("/encode")
async def encode(request: Request) -> Response:
    """The faces of a photo as latents, with the attributes that the model reads."""
    accepted(request, (JSON,))
    service = service_of(request)
    body = await read_body(request, EncodeRequest, files=("photo",))
    service.check_upload(body.photo)
    boxes: list[list[float] | None]
    if body.aligned:
        face = await service.engine.do(
            lambda _: _aligned(service.read(body.photo), service.generator.size_px), Cost("photo")
        )
        aligned, boxes = face[None], [None]
    else:
        found, aligned, _ = await service.engine.do(
            lambda ticket: _found(service, body, ticket), finding(body.faces)
        )
        boxes = [box_px(face) for face in found]
    latents = await service.engine.encode(Encode(aligned))
    read = _attributes(service.generator, latents)
    faces = [
        {"latent": numbers(latent), "attributes": own, "box_px": box}
        for latent, own, box in zip(latents, read, boxes, strict=True)
    ]
    return await answer_json(lambda: {"model": service.generator.name, "faces": faces}, [])


@router.post("/reconstruct")
async def reconstruct(request: Request) -> Response:
    """Photo to latent to photo. A picture shows original | reconstruction, a row for each face."""
    media_type = accepted(request)
    service = service_of(request)
    body = await read_body(request, ReconstructRequest, files=("photo",))
    service.check_upload(body.photo)
    generator = service.generator
    if body.upscale:
        generator.require_upscaler()

    found, aligned, originals = await service.engine.do(
        lambda ticket: _found(service, body, ticket), finding(body.faces)
    )
    made = await service.engine.reconstruct(Reconstruct(found, aligned, body.upscale))
    facts: dict[str, Any] = {"model": generator.name, "job": "reconstruct"}
    facts |= {"upscaled": True} if body.upscale else {}
    if media_type != JSON:
        pictures = np.stack([one for pair in zip(originals, made.shown, strict=True) for one in pair])
        return await answer_picture(sheet(pictures, columns=2), media_type, facts | BESIDE_PHOTO)

    kind = f"image/{body.format}"

    def build() -> dict[str, Any]:
        faces = []
        for one, original, shown in zip(made.faces, originals, made.shown, strict=True):
            face = {
                "original": in_json(original, kind, facts | FILTERED),
                "reconstruction": in_json(shown, kind, facts | EDITED),
                "psnr_db": round(one.psnr_db, 3), "ssim": round(one.ssim, 4), "box_px": box_px(one.face),
            }  # fmt: skip
            faces.append(face | ({"latent": numbers(one.latent)} if body.latents else {}))
        return {"model": generator.name, "faces": faces}

    return await answer_json(build, [*originals, *made.shown])


def finding(faces: str) -> Cost:
    """Of reading a photo and finding its faces."""
    return Cost("crowd" if faces == "all" else "photo")


def _found(
    service: Service, body: EncodeRequest | ReconstructRequest, ticket: Ticket[Any]
) -> tuple[list[Face], Photos, Photos]:
    """The faces of a photo, each aligned at the model's size, and as the answer shows it."""
    from facevae.data.align import align

    generator, photo = service.generator, service.read(body.photo)
    found, aligned = generator.find_faces(photo, body.faces, ticket.check)
    if not body.upscale:
        return found, aligned, aligned
    side_px = 2 * generator.size_px
    return found, aligned, np.stack([align(photo, face.landmarks_px, side_px) for face in found])


@dataclass(frozen=True)
class Edited:
    """One face's edit with its three pictures: original, reconstruction, edit."""

    edit: Edit
    pictures: Sequence[Photos]


@router.post("/edit")
async def edit(request: Request) -> Response:
    """The faces of a photo with other attributes. A picture shows them edited; with `paste`, the photo."""
    media_type = accepted(request)
    service = service_of(request)
    body = await read_body(request, EditRequest, files=("photo",))
    service.check_upload(body.photo)
    facts = _edit_facts(service, body)
    cost = editing(facts["mechanism"], 4 if body.faces == "all" else 1, body.refine_steps)
    edits, pasted = await service.engine.do(lambda ticket: _edit(service, body, ticket), cost)
    if media_type != JSON:
        shown = sheet(np.stack([one.pictures[2] for one in edits])) if pasted is None else pasted
        return await answer_picture(shown, media_type, facts)
    kind = f"image/{body.format}"

    def build() -> dict[str, Any]:
        faces = []
        for one in edits:
            sources = {"original": FILTERED, "reconstruction": EDITED, "edited": EDITED}
            face: dict[str, Any] = {
                name: in_json(shown, kind, facts | source)
                for (name, source), shown in zip(sources.items(), one.pictures, strict=True)
            }
            face |= {"own": rounded(one.edit.own), "asked": rounded(one.edit.asked)}
            face |= {"mechanism": one.edit.mechanism, "notes": list(one.edit.notes)}
            face["box_px"] = box_px(one.edit.face)
            faces.append(face | ({"latent": numbers(one.edit.edited_latent)} if body.latents else {}))
        whole = {} if pasted is None else {"pasted": in_json(pasted, kind, facts)}
        return {"model": service.generator.name, "faces": faces, **whole}

    return await answer_json(build, [*(picture for one in edits for picture in one.pictures), pasted])


def _edit(service: Service, body: EditRequest, ticket: Ticket[Any]) -> tuple[list[Edited], Photos | None]:
    generator, photo = service.generator, service.read(body.photo)
    changes = body.changes.model_dump(exclude_none=True)
    edits = edit_photo(
        generator, photo, changes, body.faces, body.mechanism, body.guidance, body.refine_steps, body.detail,
        ticket.check,
    )  # fmt: skip
    pasted = paste_edits(generator, photo, edits, body.detail, ticket.check) if body.paste else None
    if not body.upscale:
        return [Edited(one, (one.aligned, one.reconstruction, one.edited)) for one in edits], pasted
    enlarged = []
    for one in edits:
        ticket.check()
        enlarged.append(Edited(one, upscaled_edit(generator, photo, one, body.detail)))
    return enlarged, pasted


def editing(mechanism: str, faces: int, refine_steps: int = 0) -> Cost:
    """Of so many faces; a step that refines takes as long as one that searches."""
    units = faces * (1 + refine_steps / STEPS)
    return Cost("search" if mechanism == "search" or refine_steps else "quick", units)


def _edit_facts(service: Service, body: EditRequest) -> dict[str, Any]:
    """What the pictures say; raises, before the photo is looked at, for what no photo could be edited by."""
    generator = service.generator
    parsed = parse_changes(editable(generator, body.mechanism), body.changes.model_dump(exclude_none=True))
    if not parsed:
        raise ConfigError('nothing to change: give at least one, such as {"changes": {"age": "+20"}}')
    way = find_way(generator, {change.wanted for change in parsed}, body.mechanism, body.guidance)
    if body.upscale:
        generator.require_upscaler()
    return {
        "model": generator.name, "job": "edit", "changes": ", ".join(map(str, parsed)),
        "mechanism": way.mechanism, **({"guidance": way.guidance} if way.mechanism == "flow" else {}),
        **({"upscaled": True} if body.upscale else {}), **EDITED,
    }  # fmt: skip


def box_px(face: Face) -> list[float]:
    """Left, top, right, bottom in the photo."""
    return [round(float(edge), 1) for edge in face.box_px]


def rounded(controls: Controls) -> dict[str, Value]:
    """Readings, whose further digits mean nothing."""
    return {name: round(v, 3) if isinstance(v, float) else v for name, v in controls.items()}


def _attributes(generator: FaceGenerator, latents: Latents) -> list[dict[str, Value] | None]:
    if generator.reader is None:
        return [None for _ in latents]
    return [rounded(row) for row in read_attributes(generator, latents)]


def _aligned(photo: Photos, size_px: int) -> Photos:
    height, width = photo.shape[:2]
    if height != width:
        raise DataError(f"not square: {width} x {height} px, an aligned face is square")
    return np.array(Image.fromarray(photo).resize((size_px, size_px), Image.Resampling.LANCZOS))
