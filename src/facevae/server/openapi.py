"""The description of the service (OpenAPI 3.1): of the model that is loaded, with examples that work."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from facevae.edit import editable
from facevae.generator import FaceGenerator
from facevae.server import answers, schemas
from facevae.server.bodies import FORM, OPTIONS
from facevae.server.config import ServerConfig
from facevae.server.formats import JPEG, JSON, PNG, WEBP
from facevae.server.guard import OPEN_PATHS
from facevae.server.problems import MEDIA_TYPE, Problem

REFERENCE = "#/components/schemas/{model}"
FAULTS = {
    400: "The body cannot be read.", 401: "An API key is needed.", 406: "No form of the answer is accepted.",
    408: "The body was too slow.",
    409: "The loaded model cannot do this.", 413: "Too large.", 415: "Not a format that is taken.",
    421: "The Host header names another service.", 422: "What is asked for cannot be.",
    429: "No room now, or too many requests: see Retry-After.", 500: "The service failed.",
    501: "An extra is not installed.", 503: "Given up after the time limit, or stopping: see Retry-After.",
}  # fmt: skip
ALWAYS = (401, 421, 429, 500, 503)
"""Of these, 401 only where there are keys."""


@dataclass(frozen=True)
class Operation:
    """What one path takes and gives."""

    request: type[BaseModel]
    answer: type[BaseModel]
    pictures: bool = True
    files: tuple[str, ...] = ()
    """Fields that may come as files of a form."""
    carries_photos: bool = False


OPERATIONS: Mapping[str, Operation] = {
    "/v1/generate": Operation(schemas.GenerateRequest, answers.FacesAnswer),
    "/v1/describe": Operation(schemas.DescribeRequest, answers.FacesAnswer),
    "/v1/decode": Operation(schemas.DecodeRequest, answers.FacesAnswer),
    "/v1/interpolate": Operation(schemas.InterpolateRequest, answers.InterpolateAnswer, carries_photos=True),
    "/v1/encode": Operation(schemas.EncodeRequest, answers.EncodeAnswer, False, ("photo",), True),
    "/v1/reconstruct": Operation(
        schemas.ReconstructRequest, answers.ReconstructAnswer, True, ("photo",), True
    ),
    "/v1/edit": Operation(schemas.EditRequest, answers.EditAnswer, True, ("photo",), True),
    "/v1/avatar": Operation(schemas.AvatarRequest, answers.AvatarAnswer, True, ("photo",), True),
    "/v1/stylize": Operation(schemas.StylizeRequest, answers.StylizeAnswer, True, ("photo", "art"), True),
}
PHOTO_PATHS = tuple(path for path, operation in OPERATIONS.items() if operation.carries_photos)


@lru_cache
def example_photo() -> str:
    """A face that face64 made, WebP in base64."""
    return base64.b64encode((files("facevae.server") / "example.webp").read_bytes()).decode("ascii")


def examples(generator: FaceGenerator) -> dict[str, dict[str, Any]]:
    """A request for each path that this model can answer."""
    able, changed = generator.schema.names, editable(generator).names
    photo = example_photo()
    asked = {name: value for name, value in {"age": [50, 70], "smile": 0.9}.items() if name in able}
    changes = {name: value for name, value in {"age": "+20", "smile": 1.0}.items() if name in changed}
    return {
        "/v1/generate": {"count": 2, "seed": 7, "controls": asked, "latents": False},
        "/v1/describe": {"text": "a smiling old man", "seed": 7, "latents": False},
        "/v1/decode": {"latent": [[0.0] * generator.latent_dim]},
        "/v1/interpolate": {"stops": [{"seed": 1}, {"seed": 2}], "frames": 4, "latents": False},
        "/v1/encode": {"photo": photo},
        "/v1/reconstruct": {"photo": photo},
        "/v1/edit": {"photo": photo, "changes": changes},
        "/v1/avatar": {"text": "a smiling old man", "seed": 7, "ages": [], "expressions": [], "size_px": 64},
        "/v1/stylize": {"seed": 7, "style": "watercolour"},
    }


def describe_service(app: FastAPI, generator: FaceGenerator, config: ServerConfig) -> dict[str, Any]:
    """The document, as plain JSON."""
    text = (
        f"Faces from the model `{generator.name}` ({generator.size_px} px). Pictures as PNG, WebP or JPEG by "
        "the Accept header, or JSON with base64 and latents. Every picture says in its metadata how it "
        "was made. Problems are answered as RFC 9457 has it."
    )
    document: dict[str, Any] = get_openapi(
        title="facevae", version="1", description=text, routes=app.routes, openapi_version="3.1.0"
    )
    models = {kind for one in OPERATIONS.values() for kind in (one.request, one.answer)} | {Problem}
    mode: Literal["validation"] = "validation"
    pairs = [(kind, mode) for kind in sorted(models, key=lambda kind: kind.__name__)]
    _, found = models_json_schema(pairs, ref_template=REFERENCE)
    components = document.setdefault("components", {})
    shapes = components["schemas"] = {
        name: shape for name, shape in components.get("schemas", {}).items() if "ValidationError" not in name
    } | found["$defs"]
    _fit(shapes, generator)
    shown = examples(generator)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path in OPERATIONS:
                _fill(operation, OPERATIONS[path], shown[path], shapes)
            elif path == "/v1/metrics":
                operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
            codes = FAULTS if path in OPERATIONS else ALWAYS
            _add_faults(operation, [code for code in codes if code != 401 or config.api_keys])
    if config.root_path:
        document["servers"] = [{"url": config.root_path}]
    if config.api_keys:
        components["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        document["security"] = [{"key": []}, {"bearer": []}]
        for path in set(OPEN_PATHS) & set(document["paths"]):
            document["paths"][path]["get"]["security"] = []
    return document


def _fill(operation: dict[str, Any], about: Operation, example: Any, shapes: Mapping[str, Any]) -> None:
    request = about.request.__name__
    bodies: dict[str, Any] = {JSON: {"schema": _reference(request), "example": example}}
    if about.files:
        bodies[FORM] = {
            "schema": _form(shapes[request], about.files), "encoding": {OPTIONS: {"contentType": JSON}}
        }  # fmt: skip
    operation["requestBody"] = {"required": True, "content": bodies}
    content: dict[str, Any] = {JSON: {"schema": _reference(about.answer.__name__)}}
    if about.pictures:
        content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (PNG, WEBP, JPEG)}
    operation["responses"] = {"200": {"description": "Done.", "content": content}}


def _form(shape: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The same request as a form: its files, and the rest of it as JSON in one field."""
    rest = {name: value for name, value in shape["properties"].items() if name not in names}
    needed = [name for name in shape.get("required", []) if name not in names]
    options = {
        "type": "object", "properties": rest, "additionalProperties": False,
        **({"required": needed} if needed else {}),
    }  # fmt: skip
    fields = {name: {"type": "string", "format": "binary"} for name in names}
    required = [name for name in names if name in shape.get("required", [])] + ([OPTIONS] if needed else [])
    return {
        "type": "object", "properties": {**fields, OPTIONS: options}, "additionalProperties": False,
        **({"required": required} if required else {}),
    }  # fmt: skip


def _add_faults(operation: dict[str, Any], codes: Collection[int]) -> None:
    responses = operation["responses"]
    for code in codes:
        content = {MEDIA_TYPE: {"schema": _reference("Problem")}}
        responses[str(code)] = {"description": FAULTS[code], "content": content}
        if code in (429, 503):
            seconds = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait."}
            responses[str(code)]["headers"] = {"Retry-After": seconds}


def _fit(shapes: dict[str, Any], generator: FaceGenerator) -> None:
    """Make the shapes those of this model: its controls, the width of its latents."""
    able, changed = generator.schema.names, editable(generator).names
    for shape, names in (("Values", able), ("Controls", able), ("Changes", changed)):
        properties = shapes[shape].get("properties", {})
        shapes[shape]["properties"] = {name: properties[name] for name in names if name in properties}
    if not generator.prior.schema.names:
        for shape in ("GenerateRequest", "DescribeRequest"):
            del shapes[shape]["properties"]["guidance"]
    exact = {"minItems": generator.latent_dim, "maxItems": generator.latent_dim}
    shapes["DecodeRequest"]["properties"]["latent"]["items"] |= exact
    next(one for one in shapes["Stop"]["properties"]["latent"]["anyOf"] if one["type"] == "array").update(
        exact
    )


def _reference(name: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=name)}
