"""Which models and devices there are: shipped ones by name, folders, and the Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from facevae.digests import sha256_file
from facevae.errors import CheckpointError, ConfigError, did_you_mean, require

SHIPPED = Path(__file__).parent / "weights"
DEFAULT_MODEL = "face64"
PIN = "@sha256:"
HUB_FILES = ("*.json", "*.safetensors", "README.md")
"""What is fetched from the Hub: nothing that could hold code."""


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def find_model(name_or_dir: str | Path) -> Path:
    """The directory of a shipped model, a model or a run, or of one downloaded from the Hub by its id.

    USER/NAME@REVISION is a tag, branch or commit of the Hub. MODEL@sha256:DIGEST is that model only if its
    config.json, which names the SHA-256 of its weights, has this digest. Raises CheckpointError naming what
    there is, or that it is another model.
    """
    given, pinned, digest = str(name_or_dir).partition(PIN)
    folder = _find(given)
    if pinned:
        _check_pin(folder, digest)
    return folder


def _find(name_or_dir: str) -> Path:
    folder = find_local(name_or_dir)
    if folder is not None:
        return folder
    if is_hub_id(name_or_dir.partition("@")[0]) and not Path(name_or_dir).exists():
        return from_hub(name_or_dir)
    names = shipped_models()
    raise CheckpointError(
        f"there is no model '{name_or_dir}'.{did_you_mean(str(name_or_dir), names)} "
        f"Shipped: {', '.join(names) or 'none'}. Else give the folder that `facevae train` wrote: RUN/model."
    )


def _check_pin(folder: Path, digest: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise CheckpointError(f"'{PIN}{digest}' is no digest: expected 64 hexadecimal digits after {PIN}")
    actual = sha256_file(folder / "config.json")
    if actual != digest:
        raise CheckpointError(
            f"{folder} is not the model that was asked for: its digest is {actual[:12]}…, "
            f"expected {digest[:12]}…"
        )


def find_local(name_or_dir: str | Path) -> Path | None:
    """The directory of a shipped model, a model or a run; None when this machine has no such model."""
    given = Path(name_or_dir)
    for folder in (SHIPPED / given.name if given.name == str(given) else given, given, given / "model"):
        if (folder / "config.json").exists() and (folder / "model.safetensors").exists():
            return folder
    return None


def is_hub_id(name_or_dir: str | Path) -> bool:
    """Whether it reads as USER/NAME."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", str(name_or_dir)))


def from_hub(repository: str, **options: Any) -> Path:
    """The folder of a Hub model in the Hub's cache, downloaded where it is not there yet.

    repository: USER/NAME or USER/NAME@REVISION. options: those of `huggingface_hub.snapshot_download`, such
    as revision and token. Raises CheckpointError
    when it cannot be had, MissingExtraError without the extra 'hub'.
    """
    hub = require("huggingface_hub", "hub", f"the model '{repository}' of the Hub")
    errors = require("huggingface_hub.errors", "hub", f"the model '{repository}' of the Hub")
    repository, _, revision = repository.partition("@")
    options |= {"revision": revision} if revision else {}
    try:
        return Path(hub.snapshot_download(repository, allow_patterns=list(HUB_FILES), **options))
    except (
        OSError, errors.HfHubHTTPError, errors.HFValidationError, errors.LocalEntryNotFoundError
    ) as error:  # fmt: skip
        raise CheckpointError(
            f"there is no folder '{repository}', and the model of that id cannot be had from the Hub: {error}"
        ) from error


def name_of(folder: Path) -> str:
    """What the model of a folder is called: by its folder, its run, or its id on the Hub."""
    folder = folder.resolve()
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    return folder.parent.name if folder.name == "model" else folder.name


def pick_device(name: str = "auto") -> torch.device:
    """'auto' to the fastest device there is; ConfigError for one that this machine lacks."""
    available: dict[str, Any] = {
        "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True
    }  # fmt: skip
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available.get(name, False):
        there = ", ".join(device for device, yes in available.items() if yes)
        raise ConfigError(f"there is no device '{name}' on this machine. There is: {there}.")
    return torch.device(name)
