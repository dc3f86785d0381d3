"""The job behind `facevae export`: one model to one target, in a folder that says what is in it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import facevae
from facevae.checkpoint import write_json
from facevae.digests import sha256_file
from facevae.errors import CheckpointError, ConfigError, did_you_mean
from facevae.export.networks import Source, load_source
from facevae.files import atomic_folder

EXPORT_FILE = "export.json"
EXPORT_VERSION = 1
"""Of the layout of an exported folder."""

Target = Callable[..., dict[str, Any]]

TARGETS: Mapping[str, str] = {
    "onnx": "facevae.export.to_onnx:to_onnx",
    "onnx-int8": "facevae.export.to_int8:to_int8",
    "keras": "facevae.export.to_keras:to_keras",
    "torch": "facevae.export.to_torch:to_torch",
    "litert": "facevae.export.to_litert:to_litert",
    "hub": "facevae.export.to_hub:to_hub",
    "space": "facevae.export.to_space:to_space",
}
"""Each target's function: it writes into an empty folder and returns what export.json says of it."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "onnx-int8": ("form", "photos", "samples"), "hub": ("report", "repository")
}  # fmt: skip
"""What a target's function takes besides the model and the folder."""

FOLDERS_AS_THEY_ARE = ("hub", "space")
"""Targets whose folder is pushed as it is, so that nothing of ours is added to it."""


def export(model: str | Path, to: str, out: str | Path, **options: Any) -> dict[str, Any]:
    """Write `model` for the target `to` into the folder `out`, which is written whole or not at all.

    model: a shipped name, a folder or a Hub id. to: onnx, onnx-int8, keras, torch, litert, hub or space; the
    options are those of the target's function (to_onnx.to_onnx, ...).

    Returns what `out`/export.json says: the model, the target, 'networks' with the shapes and ranges of what
    goes in and out, 'checks' with the largest difference from PyTorch of every output, 'files' with size and
    SHA-256 (for hub and space it is returned alone, not written). No randomness. Raises ConfigError for an
    unknown target or a folder that is not empty, MissingExtraError for a missing extra, CheckpointError when
    an exported network does not compute what PyTorch does.
    """
    write, out = target(to), Path(out).absolute()
    check_options(to, options)
    check_vacant(out)
    source = load_source(model)
    with atomic_folder(out) as folder:
        facts = facts_of(source, to) | write(source, folder, **options)
        facts["files"] = files_in(folder)
        if to not in FOLDERS_AS_THEY_ARE:
            write_json(folder / EXPORT_FILE, facts)
    return facts


def target(name: str) -> Target:
    """The function of a target. Raises ConfigError, with those there are, for an unknown one."""
    if name not in TARGETS:
        raise ConfigError(
            f"cannot export to '{name}': expected one of {', '.join(TARGETS)}.{did_you_mean(name, TARGETS)}"
        )
    module, _, function = TARGETS[name].partition(":")
    found: Target = getattr(importlib.import_module(module), function)
    return found


def check_options(to: str, options: Mapping[str, Any]) -> None:
    """Raise ConfigError when an option is not one of the target's."""
    for name in options:
        if name not in OPTIONS.get(to, ()):
            owners = [target for target, names in OPTIONS.items() if name in names]
            raise ConfigError(
                f"the export to {to} takes no option '{name}'. It is one of: {', '.join(owners) or 'none'}."
            )


def check_vacant(out: Path) -> None:
    """Raise ConfigError when there is something at `out`: nobody's files are written over."""
    if out.is_file():
        raise ConfigError(f"{out} is a file: --out must name a folder.")
    if out.is_dir() and any(out.iterdir()):
        raise ConfigError(f"{out} is not empty: choose another --out, or delete it first.")


def facts_of(source: Source, to: str) -> dict[str, Any]:
    """What export.json says of the model: enough to use the networks without facevae, and to build them."""
    generator, config = source.generator, source.config
    sums: Mapping[str, str] = config["sha256"]
    return {
        "format_version": EXPORT_VERSION,
        "facevae_version": facevae.__version__,
        "target": to,
        "name": source.name,
        "licence": source.licence,
        "size_px": generator.size_px,
        "latent_dim": generator.latent_dim,
        "pixels": "RGB, -1..1; a level 0..255 is (pixel + 1) * 127.5, rounded",
        "model": config["model"],
        "prior": config["prior"],
        "prior_settings": config.get("prior_settings", {}),
        "upscaler": config.get("upscaler"),
        "editing": config.get("editing"),
        "source_sha256": dict(sums),
    }


def files_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check_files(folder: Path, facts: Mapping[str, Any]) -> None:
    """Raise CheckpointError when a file that export.json names is absent or differs."""
    for name, entry in facts["files"].items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != entry["sha256"]:
            raise CheckpointError(f"{path} is absent or damaged: export the model again.")
