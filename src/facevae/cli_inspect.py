"""facevae inspect and sign: what a picture says of itself, and that said under one's own signature."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from facevae.console import printable, say

MOST_SHOWN = 1000
"""Characters of a value that are shown."""
MOST_DEPTH = 32
"""Of lists and objects within each other."""


def inspect(
    files: Annotated[
        list[Path], typer.Argument(help="Pictures, films, shards (.tar), folders or names of models.")
    ],
    anchors: Annotated[
        Path | None,
        typer.Option("--trust", help="PEM of the root certificates that signers are checked against."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """What made a picture: model, seed, controls, IPTC's term, and its Content Credentials where it has any.

    `facevae inspect faces/00000.png morph.mp4` · `facevae inspect face64`

    A picture that says nothing is told so and is no error. The exit code is 1 for a file that cannot be read,
    that was changed after it was signed, or weights that are not those the model names.
    """
    from facevae.errors import FaceVAEError
    from facevae.inspection import inspect as job

    sound = True
    for path in files:
        try:
            found = job(path, anchors)
        except FaceVAEError as error:
            found = {"path": str(path), "kind": "unreadable", "sound": False, "error": str(error)}
        sound &= found["sound"]
        typer.echo(in_json(found) if as_json else "\n".join(in_words(found)))
    if not sound:
        raise typer.Exit(1)


def sign(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures and films that facevae made.")],
    certificates: Annotated[
        Path,
        typer.Option("--cert", envvar="FACEVAE_C2PA_CERT", help="PEM: your certificate, then its issuers'."),
    ],
    key: Annotated[
        Path, typer.Option("--key", envvar="FACEVAE_C2PA_KEY", help="PEM of its private key, no password.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the signed copies.")] = Path("signed"),
) -> None:
    """Content Credentials (C2PA) in copies of pictures: model, seed and IPTC's term, signed with your key.

    `facevae sign faces/*.png --cert me.pem --key me.key --out signed`
    """
    from facevae.content_credentials import sign_picture

    for path in pictures:
        sign_picture(path, out / path.name, certificates, key)
    say(f"{len(pictures)} signed in {out}. Look at one with: facevae inspect {out / pictures[0].name}")


def in_words(found: dict[str, Any]) -> list[str]:
    """What `facevae.inspection.inspect` found, as lines, none of which the file itself can have written."""
    rest = {"image": _image, "model": _model, "shard": _shard}.get(found["kind"], _unreadable)(found)
    return [printable(line) for line in (f"{found['path']}: {rest[0]}", *(f"  {line}" for line in rest[1:]))]


def in_json(found: dict[str, Any]) -> str:
    """The same as JSON (RFC 8259), in ASCII: what no JSON has, such as NaN or half a character, is text."""
    return json.dumps(_plain(found), allow_nan=False)


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > MOST_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {_plain(str(name)): _plain(one, depth + 1) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _image(found: dict[str, Any]) -> list[str]:
    source, facts = found["digital_source_type"], found["facts"]
    lines = [found["meaning"]]
    if source:
        lines.append(f"IPTC: {source.rpartition('/')[2]}")
    if found["by_facevae"]:
        lines.append(f"facevae {found['facevae_version'] or '(version not told)'}")
        lines += [
            f"{_name(name)}: {_value(value)}" for name, value in facts.items() if value not in ({}, None)
        ]
    return [*lines, *_credentials(found["credentials"])]


def _credentials(told: dict[str, Any]) -> list[str]:
    if "signer" not in told:
        why = f" ({told['why']})" if "why" in told else ""
        return [f"Content Credentials: {told['state']}{why}"]
    meaning = {
        "trusted": "unchanged since it was signed, by a key that you trust",
        "not trusted": "unchanged since it was signed, by a key that nobody vouches for here (see --trust)",
    }.get(told["state"], "CHANGED after it was signed, or the signature is not valid")
    lines = [f"Content Credentials: {told['state']}: {meaning}", f"signed by: {told['signer']}"]
    return [*lines, *(f"problem: {code}" for code in told["problems"])]


def _model(found: dict[str, Any]) -> list[str]:
    data, privacy = found["data"], found["privacy"]
    lines = [f"the model {found['name']}, {found['size_px']} px, prior {found['prior']}"]
    lines += [f"{name}: {state}" for name, state in found["files"].items()]
    lines.append(f"digest of config.json: sha256:{found['digest']}")
    lines.append(f"trained on: {data['name'] or 'unnamed'}; licence: {data['licence'] or 'not stated'}")
    if len(privacy) == 2:
        lines.append(f"private: epsilon {privacy['dp_epsilon']:.2f} at delta {privacy['dp_delta']:g} a face")
    return lines


def _shard(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['pictures']:,} pictures"]
    lines += [f"{count:,} say {source.rpartition('/')[2]}" for source, count in
              found["digital_source_types"].items()]  # fmt: skip
    return [*lines, *(f"{count:,} of model {name}" for name, count in found["models"].items())]


def _unreadable(found: dict[str, Any]) -> list[str]:
    return [f"ERROR: {found['error']}"]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        text = ", ".join(f"{name} {one}" for name, one in value.items())
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = " ".join(text.split())  # many spaces would go on where a terminal begins its next line
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _name(name: str) -> str:
    """The name of a fact. Facevae's own are words in small letters; others could be lines of this command."""
    return name if re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) else f"a fact named {_value(name)!r}"
