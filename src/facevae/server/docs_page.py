"""The description as a page that loads nothing: Swagger UI and ReDoc come from other machines."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from facevae.server.bodies import FORM
from facevae.server.formats import JSON

router = APIRouter(include_in_schema=False)
LONGEST_EXAMPLE = 60
"""Characters of a value, such as a photo, that the page shows."""
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1b1b1f; background: #fff; overflow-wrap: anywhere }
section { border-top: 1px solid #ccc; margin-top: 1.5rem }
pre { background: #f3f3f6; padding: .75rem; white-space: pre-wrap }
code { font-family: ui-monospace, monospace; font-size: .9em }
table { border-collapse: collapse } td { padding: .15rem 1rem .15rem 0; vertical-align: top }
@media (prefers-color-scheme: dark) { body { color: #e8e8ee; background: #17171b }
                                      pre { background: #25252b } }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"


@router.get("/v1/docs")
async def docs(request: Request) -> Response:
    """Every operation with its fields and a command that works."""
    document = request.app.openapi()
    base = str(request.base_url).rstrip("/")
    sections = [
        _section(base, path, method, operation, document["components"]["schemas"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>facevae: the service</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
        f"<h1>facevae: the service</h1><p>{escape(document['info']['description'])}</p>"
        f'<p><a href="openapi.json">openapi.json</a> is this as OpenAPI 3.1.</p>{"".join(sections)}</html>'
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


async def home(request: Request) -> Response:
    """Where there is no studio, / is the description."""
    return RedirectResponse(request.url_for("docs").path)


def _section(base: str, path: str, method: str, operation: dict[str, Any], shapes: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    command = f"curl {base}{path}"
    fields = ""
    if JSON in content:
        example = json.dumps(_short(content[JSON]["example"]), ensure_ascii=False)
        command += f" -H 'Content-Type: application/json' \\\n  -d '{example}'"
        fields = _fields(shapes[content[JSON]["schema"]["$ref"].rsplit("/", 1)[-1]])
    form = (
        "<p>Or as a form: <code>-F photo=@me.jpg -F 'options={...}'</code>, the options as the JSON above "
        "without the photo.</p>"
        if FORM in content
        else ""
    )
    return (
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>{fields}"
        f"<pre>{escape(command)}</pre>{form}</section>"
    )


def _fields(shape: dict[str, Any]) -> str:
    needed = shape.get("required", [])
    rows = [
        f"<tr><td><code>{escape(name)}</code>{' (needed)' if name in needed else ''}</td>"
        f"<td>{escape(value.get('description', ''))} {escape(_bounds(value))}</td></tr>"
        for name, value in shape.get("properties", {}).items()
    ]
    return f"<table>{''.join(rows)}</table>"


def _bounds(value: dict[str, Any]) -> str:
    told = [
        f"{word} {value[key]}"
        for key, word in (
            ("minimum", "from"), ("exclusiveMinimum", "more than"), ("maximum", "to"), ("default", "default"),
        )
        if value.get(key) is not None
    ]  # fmt: skip
    choices = [str(one) for one in value.get("enum", [])]
    return "; ".join(filter(None, [" or ".join(choices), ", ".join(told)]))


def _short(value: Any) -> Any:
    """Long strings and lists cut, for people to read."""
    if isinstance(value, str) and len(value) > LONGEST_EXAMPLE:
        return value[:20] + "..."
    if isinstance(value, list):
        return [_short(one) for one in value[:4]] + (["..."] if len(value) > 4 else [])
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    return value
