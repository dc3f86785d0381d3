"""One tree of errors, each message written for the person who reads it.

    FaceVAEError
    ├── ConfigError          a field, option or preset that cannot be what was given
    │   └── MissingExtraError   a part that needs an extra which is not installed
    ├── DataError            a photo, folder, archive or prepared dataset that cannot be used
    ├── CheckpointError      a model, run or checkpoint that is absent, damaged or of another kind
    ├── ControlError         a control (age, gender, ...) that the model does not have
    └── TrainingError        training that cannot go on, with the last good checkpoint named

Every message says what, where, what was got, what was expected and the remedy. The command line maps
the tree to exit codes in one place (`facevae.cli.main`).
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

__all__ = [
    "CheckpointError",
    "ConfigError",
    "ControlError",
    "DataError",
    "FaceVAEError",
    "MissingExtraError",
    "TrainingError",
]


LONGEST_NAME = 100
"""Characters of a name that are compared with those there are; a client may send a million."""


class FaceVAEError(Exception):
    """Root of every error that facevae raises on purpose."""


class ConfigError(FaceVAEError):
    """A field, option or preset has a value that it cannot have."""


class MissingExtraError(ConfigError):
    """An optional part of facevae is needed and not installed."""


class DataError(FaceVAEError):
    """A photo, folder, archive or prepared dataset cannot be used."""


class CheckpointError(FaceVAEError):
    """A model, run or checkpoint is absent, damaged or of another kind."""


class ControlError(FaceVAEError):
    """A control is asked for that the model does not have."""


class TrainingError(FaceVAEError):
    """Training cannot go on."""


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional module, or raise MissingExtraError naming the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        remedy = install_command(extra)
        if "lib" in str(error) and ".so" in str(error):
            # opencv-python links system libraries that slim images lack; its headless build does not.
            remedy = "pip uninstall -y opencv-python; pip install -c constraints.txt opencv-python-headless"
        raise MissingExtraError(
            f"{purpose} needs the module '{module}', which cannot be imported ({error}). "
            f"Install it, in facevae's checkout, with: {remedy}"
        ) from error


def install_command(extra: str) -> str:
    """The command, in a checkout of facevae, which is on no package index, that adds an extra."""
    return f"pip install -c constraints.txt '.[{extra}]'"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean X?' for the nearest known name, or an empty string when none is near."""
    nearest = difflib.get_close_matches(name[:LONGEST_NAME], list(known), n=1, cutoff=0.5)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
