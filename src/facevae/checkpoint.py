"""Files of a model and of a run in progress: JSON and safetensors, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from facevae.config import ModelConfig
from facevae.editing import LatentReader
from facevae.errors import CheckpointError, FaceVAEError
from facevae.files import atomic_file, atomic_folder
from facevae.model import FaceVAE
from facevae.prior import Prior, load_prior
from facevae.upscaler import Upscaler

FORMAT_VERSION = 1
STATE_FILE = "state.json"


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write `values` as indented UTF-8 JSON, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises CheckpointError when it is absent or not a JSON object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} should hold a JSON object, got {type(values).__name__}")
    return values


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, on the CPU. Raises CheckpointError when it is absent or damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot read the weights {path}: {error}. Copy or download it again."
        ) from error


def save_model(
    folder: Path,
    model: FaceVAE,
    prior: Prior,
    card: str,
    extra: Mapping[str, Any],
    half: bool = False,
    upscaler: Upscaler | None = None,
    reader: LatentReader | None = None,
) -> None:
    """Write a trained model's directory: config.json, model.safetensors, prior.safetensors, README.md.

    half: store float16, half the size (for weights that are shipped); it is read back as float32.
    upscaler, reader: written beside them as upscaler.safetensors and editing.safetensors (24 kB, never
    halved); None for a model without one.
    """
    dtype = torch.float16 if half else torch.float32
    files = ["model", "prior"]
    files += [name for name, part in (("upscaler", upscaler), ("editing", reader)) if part is not None]
    with atomic_folder(folder) as temporary:
        save_file(_weights(model, dtype), temporary / "model.safetensors")
        if upscaler is not None:
            save_file(_weights(upscaler, dtype), temporary / "upscaler.safetensors")
        if reader is not None:
            save_file(
                {name: value.contiguous() for name, value in reader.tensors().items()},
                temporary / "editing.safetensors",
            )
        prior_tensors = {
            name: value.to(dtype) if value.is_floating_point() else value
            for name, value in prior.tensors().items()
        }
        save_file(prior_tensors, temporary / "prior.safetensors")
        config = {
            "format_version": FORMAT_VERSION, "model": model.config.to_json(), "prior": prior.kind,
            "prior_settings": prior.settings(), **extra, **_upscaler_shape(upscaler),
            **({} if reader is None else {"editing": reader.settings()}),
            "sha256": {name: sha256_file(temporary / f"{name}.safetensors") for name in files},
        }  # fmt: skip
        write_json(temporary / "config.json", config)
        (temporary / "README.md").write_text(card, encoding="utf-8")


def load_model(folder: Path) -> tuple[FaceVAE, Prior, dict[str, Any]]:
    """Model in evaluation mode, prior and config.json of a trained model's directory, on the CPU.

    Raises CheckpointError when a file is absent or damaged, or of a newer format.
    """
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"{folder} is not a trained model: no config.json in it. Expected the folder that "
            "`facevae train` writes, RUN/model, or the name of a shipped model."
        )
    config = read_json(folder / "config.json")
    if config.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{folder} has format version {config.get('format_version')}; this facevae reads "
            f"{FORMAT_VERSION}. Install the version that wrote it."
        )
    try:
        for name, expected in config["sha256"].items():
            _check_sum(folder / f"{name}.safetensors", expected)
        with torch.device("meta"):
            model = FaceVAE(ModelConfig.from_json(config["model"]))
        weights = {name: value.float() for name, value in read_tensors(folder / "model.safetensors").items()}
        model.load_state_dict(weights, assign=True)
        prior_tensors = read_tensors(folder / "prior.safetensors")
        prior = load_prior(config["prior"], prior_tensors, config.get("prior_settings"))
    except (KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise CheckpointError(f"{folder} is damaged or was not written by facevae: {error}") from error
    return model.eval().requires_grad_(False), prior, config


def save_upscaler(folder: Path, upscaler: Upscaler, extra: Mapping[str, Any]) -> None:
    """Write an upscaler in a directory of its own: config.json and model.safetensors, float32."""
    with atomic_folder(folder) as temporary:
        save_file(_weights(upscaler, torch.float32), temporary / "model.safetensors")
        sums = {"model": sha256_file(temporary / "model.safetensors")}
        config = {"format_version": FORMAT_VERSION, **_upscaler_shape(upscaler), **extra, "sha256": sums}
        write_json(temporary / "config.json", config)


def load_upscaler(folder: Path) -> Upscaler | None:
    """The upscaler in a trained model's directory, or in one of its own; in evaluation mode, on the CPU.

    None when a trained model has none. Raises CheckpointError when a file is absent or damaged.
    """
    config = read_json(folder / "config.json")
    if "upscaler" not in config and "model" in config:
        return None
    name = "upscaler" if "model" in config else "model"
    try:
        _check_sum(folder / f"{name}.safetensors", config["sha256"][name])
        upscaler = Upscaler(**config["upscaler"])
        weights = read_tensors(folder / f"{name}.safetensors")
        upscaler.load_state_dict({key: value.float() for key, value in weights.items()})
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{folder} holds no upscaler that facevae wrote: {error}") from error
    return upscaler.eval().requires_grad_(False)


def load_reader(folder: Path) -> LatentReader | None:
    """The reader of attributes in a trained model's directory; None when it has none.

    Raises CheckpointError when its file is absent or damaged.
    """
    config = read_json(folder / "config.json")
    if "editing" not in config:
        return None
    path = folder / "editing.safetensors"
    try:
        _check_sum(path, config["sha256"]["editing"])
        return LatentReader.from_saved(read_tensors(path), config["editing"])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} is no reader that facevae wrote: {error}") from error


def save_checkpoint(
    folder: Path, groups: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any], keep: int
) -> Path:
    """Write one checkpoint `folder/<seen_images>` with a safetensors file per group; keep the last `keep`."""
    target = folder / f"{state['seen_images']:012d}"
    with atomic_folder(target) as temporary:
        sums = {}
        for name, tensors in groups.items():
            file = temporary / f"{name}.safetensors"
            save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, file)
            with file.open("rb") as written:
                os.fsync(written.fileno())
            sums[name] = sha256_file(file)
        write_json(temporary / STATE_FILE, {**state, "format_version": FORMAT_VERSION, "sha256": sums})
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints in a run's checkpoint folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.isdigit() and (path / STATE_FILE).is_file())


def load_newest_checkpoint(
    folder: Path,
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any], list[str]] | None:
    """(groups, state, why newer ones were passed over) of the newest intact checkpoint, or None.

    A damaged checkpoint is passed over for the one before it. Raises CheckpointError when all are damaged.
    """
    problems: list[str] = []
    for path in reversed(list_checkpoints(folder)):
        try:
            state = read_json(path / STATE_FILE)
            for name, expected in state["sha256"].items():
                _check_sum(path / f"{name}.safetensors", expected)
            groups = {name: read_tensors(path / f"{name}.safetensors") for name in state["sha256"]}
        except (FaceVAEError, KeyError, AttributeError) as error:
            problems.append(f"{path.name}: {error}")
            continue
        return groups, state, problems
    if problems:
        raise CheckpointError(
            f"no intact checkpoint in {folder}: {'; '.join(problems)}. "
            "Train into another --out, or delete the run to start over."
        )
    return None


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _weights(module: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: value.detach().cpu().to(dtype).contiguous() for name, value in module.state_dict().items()}


def _upscaler_shape(upscaler: Upscaler | None) -> dict[str, Any]:
    return {} if upscaler is None else {"upscaler": upscaler.settings}


def _check_sum(path: Path, expected: str) -> None:
    try:
        actual = sha256_file(path)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if actual != expected:
        raise CheckpointError(f"{path} is damaged: its SHA-256 is {actual[:12]}…, expected {expected[:12]}…")
