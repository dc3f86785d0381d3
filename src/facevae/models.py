"""Which models and devices there are: shipped ones by name, folders, and the Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from facevae.errors import CheckpointError, ConfigError, did_you_mean

SHIPPED = Path(__file__).parent / "weights"
DEFAULT_MODEL = "face64"


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def find_model(name_or_dir: str | Path) -> Path:
    """The directory of a shipped model, a model or a run. Raises CheckpointError naming what there is."""
    given = Path(name_or_dir)
    for folder in (SHIPPED / given.name if given.name == str(given) else given, given, given / "model"):
        if (folder / "config.json").is_file() and (folder / "model.safetensors").is_file():
            return folder
    if re.fullmatch(r"[\w.-]+/[\w.-]+", str(name_or_dir)) and not given.exists():
        return _from_hub(str(name_or_dir))
    names = shipped_models()
    raise CheckpointError(
        f"there is no model '{name_or_dir}'.{did_you_mean(str(given), names)} "
        f"Shipped: {', '.join(names) or 'none'}. Else give the folder that `facevae train` wrote: RUN/model."
    )


def _from_hub(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, allow_patterns=["*.json", "*.safetensors", "README.md"]))
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise CheckpointError(
            f"there is no folder '{repository}', and the model of that id cannot be had from the Hub: {error}"
        ) from error


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
