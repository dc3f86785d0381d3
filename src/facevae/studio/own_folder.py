"""This process's own folder for temporary files, and the clearing of what killed processes have left."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import secrets
import shutil
import tempfile
from pathlib import Path

PREFIX = "facevae-studio-"
"""What such a folder's name begins with; then come the process's number and a random part."""
PART = "part-"


def new_part() -> Path:
    """A folder within the own folder, until `delete_part`."""
    return Path(tempfile.mkdtemp(prefix=PART, dir=own_folder()))


def delete_part(part: Path) -> None:
    """Delete it, and with the last one the own folder: a signal may end the process before it tidies up."""
    shutil.rmtree(part, ignore_errors=True)
    if not list(part.parent.glob(f"{PART}*")):
        shutil.rmtree(part.parent, ignore_errors=True)
        own_folder.cache_clear()


@functools.cache
def own_folder() -> Path:
    """The folder, deleted when the process ends if not before; the first call clears leftovers."""
    base = Path(tempfile.gettempdir())
    clear_leftovers(base)
    made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=base))
    lock(made)
    # Named last: whoever finds a folder by its name finds it locked while its process lives.
    folder = made.rename(base / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def clear_leftovers(base: Path) -> None:
    """Delete the folders in `base` that are this user's and whose process no longer lives, however old."""
    for folder in base.glob(f"{PREFIX}*-*"):
        with contextlib.suppress(OSError):
            own = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
            if own and not folder.is_symlink() and (held := lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(held)


def lock(folder: Path) -> int | None:
    """Lock a folder until the returned descriptor is closed or the process ends, even killed.

    None when a living process holds it, or where folders cannot be locked (Windows: nothing is cleared).
    """
    try:
        import fcntl
    except ImportError:
        return None
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    return held
