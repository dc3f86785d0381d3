"""SHA-256 of files, and files that are not what they should be."""

from __future__ import annotations

import hashlib
from pathlib import Path

from facevae.errors import CheckpointError
from facevae.regular_files import MOST_WEIGHT_BYTES, open_regular


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes. Raises OSError for what is no file of weights' size or less."""
    with open_regular(path, MOST_WEIGHT_BYTES) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sum(path: Path, expected: str) -> None:
    """Raise CheckpointError when the file cannot be read, or its SHA-256 does not begin with `expected`."""
    try:
        actual = sha256_file(path)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if not actual.startswith(expected):
        raise CheckpointError(f"{path} is damaged: its SHA-256 is {actual[:12]}…, expected {expected[:12]}…")
