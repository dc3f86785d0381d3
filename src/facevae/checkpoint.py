"""Files of a model and of a run in progress: JSON and safetensors, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from facevae.config import ModelConfig
from facevae.digests import check_sum, sha256_file
from facevae.editing import LatentReader
from facevae.errors import CheckpointError, ConfigError, FaceVAEError
from facevae.files import atomic_file, atomic_folder, remove_folder
from facevae.layers import blocks_within
from facevae.model import FaceVAE
from facevae.prior import Prior, load_prior
from facevae.regular_files import MOST_TEXT_BYTES, MOST_WEIGHT_BYTES, check_regular, read_regular
from facevae.upscaler import Upscaler

FORMAT_VERSION = 1
CHECKPOINT_VERSION = 2
"""Of checkpoints; 1 had no checksum of state.json, and is read all the same."""
STATE_FILE = "state.json"


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write `values` as indented UTF-8 JSON, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises CheckpointError when it is absent or not a JSON object."""
    try:
        values = json.loads(read_regular(path, MOST_TEXT_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} should hold a JSON object, got {type(values).__name__}")
    return values


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, on the CPU. Raises CheckpointError when it is absent or damaged."""
    try:
        check_regular(path, MOST_WEIGHT_BYTES)
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot read the weights {path}: {error}. Copy or download it again."
        ) from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file. Raises OSError, as any writer does, when it cannot be written."""
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


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
    upscaler, reader: written beside them as upscaler.safetensors and editing.safetensors (0.1 MB, its
    own precision); None for a model without one.
    """
    dtype = torch.float16 if half else torch.float32
    files = ["model", "prior"]
    files += [name for name, part in (("upscaler", upscaler), ("editing", reader)) if part is not None]
    with atomic_folder(folder) as temporary:
        write_tensors(temporary / "model.safetensors", _weights(model, dtype))
        if upscaler is not None:
            write_tensors(temporary / "upscaler.safetensors", _weights(upscaler, dtype))
        if reader is not None:
            own = {name: value.contiguous() for name, value in reader.tensors().items()}
            write_tensors(temporary / "editing.safetensors", own)
        prior_tensors = {
            name: value.to(dtype) if value.is_floating_point() else value
            for name, value in prior.tensors().items()
        }
        write_tensors(temporary / "prior.safetensors", prior_tensors)
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
    if not (folder / "config.json").exists():
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
            check_sum(folder / f"{name}.safetensors", expected)
        with torch.device("meta"):
            model = FaceVAE(ModelConfig.from_json(config["model"]))
        weights = {name: value.float() for name, value in read_tensors(folder / "model.safetensors").items()}
        model.load_state_dict(weights, assign=True)
        prior_tensors = read_tensors(folder / "prior.safetensors")
        prior = load_prior(config["prior"], prior_tensors, config.get("prior_settings"))
        _check_fit(model, prior)
    except (KeyError, TypeError, RuntimeError, AttributeError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{folder} is damaged or was not written by facevae: {error}") from error
    return model.eval().requires_grad_(False), prior, config


def save_upscaler(folder: Path, upscaler: Upscaler, extra: Mapping[str, Any]) -> None:
    """Write an upscaler in a directory of its own: config.json and model.safetensors, float32."""
    with atomic_folder(folder) as temporary:
        write_tensors(temporary / "model.safetensors", _weights(upscaler, torch.float32))
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
        check_sum(folder / f"{name}.safetensors", config["sha256"][name])
        weights = read_tensors(folder / f"{name}.safetensors")
        blocks_within(config["upscaler"]["blocks"], weights)
        with torch.device("meta"):  # whatever width is asked for takes no memory before the weights fit
            upscaler = Upscaler(**config["upscaler"])
        upscaler.load_state_dict({key: value.float() for key, value in weights.items()}, assign=True)
    except (KeyError, TypeError, RuntimeError, ValueError, AttributeError) as error:
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
        check_sum(path, config["sha256"]["editing"])
        return LatentReader.from_saved(read_tensors(path), config["editing"])
    except (KeyError, TypeError, RuntimeError, ValueError, AttributeError) as error:
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
            write_tensors(file, {key: value.detach().cpu().contiguous() for key, value in tensors.items()})
            sums[name] = sha256_file(file)
        values = {**state, "format_version": CHECKPOINT_VERSION, "sha256": sums}
        write_json(temporary / STATE_FILE, {**values, "sha256_of_state": _sum_of(values)})
    for old in list_checkpoints(folder)[:-keep]:
        remove_folder(old)
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
            state = _read_state(path / STATE_FILE)
            for name, expected in state["sha256"].items():
                check_sum(path / f"{name}.safetensors", expected)
            groups = {name: read_tensors(path / f"{name}.safetensors") for name in state["sha256"]}
        except (FaceVAEError, KeyError, AttributeError, TypeError) as error:
            problems.append(f"{path.name}: {error}")
            continue
        return groups, state, problems
    if problems:
        raise CheckpointError(
            f"no intact checkpoint in {folder}: {'; '.join(problems)}. "
            "Train into another --out, or delete the run to start over."
        )
    return None


def _read_state(path: Path) -> dict[str, Any]:
    """A checkpoint's state.json, checked. Raises CheckpointError when it is absent or damaged."""
    state = read_json(path)
    if state.get("format_version") == 1:
        return state
    if state.pop("sha256_of_state", None) != _sum_of(state):
        raise CheckpointError(f"{path} is damaged: it does not hold what its checksum says")
    if state["format_version"] != CHECKPOINT_VERSION:
        raise CheckpointError(f"{path} has format version {state['format_version']}: of a newer facevae")
    return state


def _sum_of(values: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of JSON values, however they are laid out."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _check_fit(model: FaceVAE, prior: Prior) -> None:
    if prior.latent_dim != model.config.latent_dim:
        raise ValueError(
            f"a prior of {prior.latent_dim} dimensions for a latent of {model.config.latent_dim}"
        )


def _weights(module: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: value.detach().cpu().to(dtype).contiguous() for name, value in module.state_dict().items()}


def _upscaler_shape(upscaler: Upscaler | None) -> dict[str, Any]:
    return {} if upscaler is None else {"upscaler": upscaler.settings}
