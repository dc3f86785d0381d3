"""What a picture, a film, a shard or a model's folder says of itself, and whether it is whole."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

from facevae.checkpoint import read_json
from facevae.content_credentials import MEDIA_TYPES, TAMPERED, read_manifest
from facevae.data.photos import MAX_BYTES
from facevae.digests import sha256_file
from facevae.errors import CheckpointError, DataError, MissingExtraError
from facevae.models import find_local, name_of
from facevae.provenance import BESIDE_PHOTO, DIGITAL_SOURCE_TYPE, EDITED, FILTERED, SOURCE, read_provenance
from facevae.regular_files import open_regular

MEANING = {
    DIGITAL_SOURCE_TYPE: "made by a generative model",
    EDITED[SOURCE]: "made by a generative model out of a photo",
    BESIDE_PHOTO[SOURCE]: "real photos beside pictures of a generative model",
    FILTERED[SOURCE]: "a photo that filters drew over, with no generative model",
}
"""IPTC's terms that facevae writes, in plain words."""
SILENT = "says nothing of how it was made; that is no proof of a photo, for such notes are easily lost"
PICTURES = (".png", ".webp", ".jpg", ".jpeg")


def inspect(path: str | Path, anchors: Path | None = None) -> dict[str, Any]:
    """What the file or folder at `path` says of itself, as JSON: 'kind' is image, shard or model.

    anchors: PEM of root certificates that Content Credentials are checked against. 'sound' is False when the
    picture was changed after it was signed, or a model's weights are not those of its config.json. Raises
    DataError for a file that is none of these or damaged, CheckpointError for a folder that is no model.
    """
    given = Path(path)
    if given.is_dir() or (not given.exists() and find_local(given)):
        return inspect_model(given)
    if given.suffix == ".tar":
        return _inspect_shard(given)
    return _inspect_image(given, anchors)


def inspect_model(folder: str | Path) -> dict[str, Any]:
    """Facts of a model's folder or of a shipped one by its name, each file of weights against its SHA-256.

    'digest' is the SHA-256 of config.json, which names all others: MODEL@sha256:DIGEST asks for this model
    and no other. Raises CheckpointError for what is no model.
    """
    found = find_local(folder)
    if found is None:
        raise CheckpointError(
            f"{folder} is no model: expected a folder with config.json and model.safetensors."
        )
    config = read_json(found / "config.json")
    try:
        return _told_by(found, config)
    except (AttributeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{found / 'config.json'} was not written by facevae: {error}") from error


def _told_by(found: Path, config: dict[str, Any]) -> dict[str, Any]:
    sums: dict[str, str] = config.get("sha256", {})
    files = {f"{name}.safetensors": _state(found / f"{name}.safetensors", one) for name, one in sums.items()}
    measured, dataset = config.get("measured", {}), config.get("dataset", {})
    return {
        "path": str(found), "kind": "model", "name": name_of(found),
        "sound": bool(files) and set(files.values()) == {"whole"}, "files": files,
        "digest": sha256_file(found / "config.json"),
        "size_px": config.get("model", {}).get("size_px"), "prior": config.get("prior"),
        "data": {name: dataset.get(name) for name in ("name", "licence", "counts")},
        "privacy": {name: float(measured[name]) for name in ("dp_epsilon", "dp_delta") if name in measured},
    }  # fmt: skip


def _state(path: Path, expected: str) -> str:
    if not path.exists():
        return "absent"
    try:
        return "whole" if sha256_file(path) == expected else "not what config.json names"
    except OSError as error:
        return f"unreadable: {error.strerror or error}"


def _inspect_image(path: Path, anchors: Path | None) -> dict[str, Any]:
    facts = read_provenance(path)
    source, version = facts.pop(SOURCE, None), facts.pop("facevae_version", None)
    meaning = SILENT if source is None else MEANING.get(source, "says so with a term of IPTC")
    credentials = _credentials(path, anchors)
    return {
        "path": str(path), "kind": "image", "sound": credentials["state"] != TAMPERED,
        "digital_source_type": source, "meaning": meaning,
        "by_facevae": bool(facts or version), "facevae_version": version, "facts": facts,
        "credentials": credentials,
    }  # fmt: skip


def _credentials(path: Path, anchors: Path | None) -> dict[str, Any]:
    if path.suffix.lower() not in MEDIA_TYPES:
        return {"state": "not looked for"}
    try:
        manifest = read_manifest(path, anchors)
    except MissingExtraError as error:
        return {"state": "not looked for", "why": str(error)}
    return {"state": "none"} if manifest is None else manifest._asdict()


def _inspect_shard(path: Path) -> dict[str, Any]:
    """How many pictures of a shard say what."""
    sources: Counter[str] = Counter()
    models: Counter[str] = Counter()
    try:
        with open_regular(path, None) as packed, tarfile.open(fileobj=packed, mode="r:") as tar:
            for member in tar:
                file = tar.extractfile(member) if Path(member.name).suffix.lower() in PICTURES else None
                if file is None:
                    continue
                facts = read_provenance(io.BytesIO(file.read(MAX_BYTES)))
                sources[facts.get(SOURCE, "nothing")] += 1
                if "model" in facts:
                    models[str(facts["model"])] += 1
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"cannot read {path} as a tar: {error}") from error
    return {"path": str(path), "kind": "shard", "sound": True, "pictures": sources.total(),
            "digital_source_types": dict(sources), "models": dict(models)}  # fmt: skip
