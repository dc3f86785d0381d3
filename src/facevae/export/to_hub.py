"""The Hub: the folder that is pushed, and the push."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facevae.errors import CheckpointError, ConfigError, require
from facevae.export.networks import Source
from facevae.models import is_hub_id


def to_hub(
    source: Source, out: Path, report: str | Path | None = None, repository: str | None = None
) -> dict[str, Any]:
    """Write the folder that `push` uploads: the model's files as they are, README.md and pictures/.

    report: the folder that `facevae evaluate` wrote for this model; its figures and its sheets of made faces
    go into the card. repository: USER/NAME, under which the card tells people to load the model. Raises
    ConfigError when the report is of another model or the id is none, MissingExtraError without the extra
    'hub'.
    """
    require("huggingface_hub", "hub", "the export for the Hub")
    from facevae.export.hub import HubFaceGenerator

    if repository is not None:
        check_id(repository)
    HubFaceGenerator(source.folder, "cpu", report, repository).save_pretrained(out)
    return {}


def push(folder: Path, repository: str, private: bool = False) -> str:
    """Push a folder that `to_hub` wrote, file by file as it is; returns the address of the commit.

    Logged in as `hf auth login` or HF_TOKEN say. Raises CheckpointError when the Hub refuses or cannot be
    reached, ConfigError for an id that is none, MissingExtraError without the extra 'hub'.
    """
    require("huggingface_hub", "hub", "pushing to the Hub")
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    from facevae.export.hub import HubFaceGenerator

    check_id(repository)
    try:
        return HubFaceGenerator(folder, "cpu").push_to_hub(repository, private=private)
    except (OSError, HfHubHTTPError, HFValidationError, ValueError) as error:
        raise CheckpointError(
            f"cannot push {folder} to '{repository}': {error}. Log in with `hf auth login`, or set HF_TOKEN "
            "to a token that may write; the folder is complete, so pushing can be tried again."
        ) from error


def check_id(repository: str) -> None:
    """Raise ConfigError unless it reads as USER/NAME."""
    if not is_hub_id(repository):
        raise ConfigError(f"'{repository}' is no id of the Hub: expected USER/NAME.")
