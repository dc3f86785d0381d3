"""The forms an answer can have: JSON with base64, or a picture as PNG, WebP or JPEG, by the Accept header."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from facevae.generator import Latents
from facevae.images import Photos, tile
from facevae.provenance import WEBP_QUALITY, exif_and_xmp, jpeg_bytes, png_bytes, webp_bytes
from facevae.server.problems import NotAcceptableError

JSON = "application/json"
PNG, WEBP, JPEG = "image/png", "image/webp", "image/jpeg"
FORMATS = (JSON, PNG, WEBP, JPEG)
"""In the order of preference where a client has none, such as with Accept: */*."""
ENCODERS = {PNG: png_bytes, WEBP: webp_bytes, JPEG: jpeg_bytes}
SMALL_PIXELS = 256 * 256
"""Pictures of so many pixels are encoded at once; larger ones in a thread, so that others are answered."""

Facts = Mapping[str, Any]


def accepted(request: Request, offered: Sequence[str] = FORMATS) -> str:
    """The media type of the answer (RFC 9110, section 12.5.1). Raises NotAcceptableError for none offered."""
    text = ", ".join(request.headers.getlist("accept")) or "*/*"
    ranges = [_range(part) for part in text.split(",") if part.strip()]
    weights = {kind: _weight(kind, ranges) for kind in offered}
    best = max(offered, key=lambda kind: weights[kind])  # the first of equals
    if not weights[best]:
        raise NotAcceptableError(
            f"this answer cannot be of the type '{text[:200]}' (in the header Accept). "
            f"It can be: {', '.join(offered)}."
        )
    return best


def _range(text: str) -> tuple[str, float]:
    """('image/png', 0.8) of 'image/png;q=0.8'; a weight that is no number is 0."""
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = min(max(float(value), 0.0), 1.0)
            except ValueError:
                weight = 0.0
    return kind, weight


def _weight(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Of the most specific range that covers `kind`; 0 where none does."""
    for pattern in (kind, f"{kind.split('/')[0]}/*", "*/*"):
        weights = [weight for one, weight in ranges if one == pattern]
        if weights:
            return max(weights)
    return 0.0


def picture(photo: Photos, media_type: str, facts: Facts) -> bytes:
    """(H, W, 3) or (H, W, 4) uint8 as a file with its provenance."""
    return ENCODERS[media_type](photo, **facts)


def film(frames: Photos, fps: float, facts: Facts) -> bytes:
    """(F, H, W, 3) uint8 as an animated WebP with its provenance, which starts again for ever."""
    pictures = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    options = {
        "quality": WEBP_QUALITY,
        "method": 4,
        "duration": 1000 / fps,
        "loop": 0,
        **exif_and_xmp(dict(facts)),
    }
    pictures[0].save(buffer, format="WEBP", save_all=True, append_images=pictures[1:], **options)
    return buffer.getvalue()


def in_json(photo: Photos, media_type: str, facts: Facts) -> dict[str, Any]:
    """A picture as it stands in JSON answers."""
    data = base64.b64encode(picture(photo, media_type, facts)).decode("ascii")
    return {"media_type": media_type, "width": photo.shape[1], "height": photo.shape[0], "data": data}


def numbers(latents: Latents) -> list[Any]:
    """Float32 values, of any shape, that read back as exactly these."""
    digits = [float(f"{value:.9g}") for value in latents.ravel().tolist()]
    if latents.ndim == 1:
        return digits
    width = latents.shape[1]
    return [digits[start : start + width] for start in range(0, len(digits), width)]


def sheet(photos: Photos, columns: int | None = None) -> Photos:
    """One photo as it is, several as a grid, in a square unless told how many columns."""
    if len(photos) == 1:
        one: Photos = photos[0]
        return one
    return tile(photos, columns or math.ceil(math.sqrt(len(photos))))


async def answer_picture(
    photo: Photos, media_type: str, facts: Facts, headers: Mapping[str, str] | None = None
) -> Response:
    """A picture as the whole answer."""
    if photo.shape[0] * photo.shape[1] <= SMALL_PIXELS:
        data = picture(photo, media_type, facts)
    else:
        data = await run_in_threadpool(picture, photo, media_type, facts)
    return Response(data, headers=dict(headers or {}), media_type=media_type)


async def answer_json(build: Any, pictures: Sequence[Photos | None]) -> Response:
    """The JSON that `build()` gives; in a thread where many pixels are to be encoded for it."""
    pixels = sum(int(np.prod(one.shape[:-1])) for one in pictures if one is not None)
    if pixels <= SMALL_PIXELS:
        return JSONResponse(build())
    return await run_in_threadpool(lambda: JSONResponse(build()))
