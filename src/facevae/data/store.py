"""Where a dataset lies: a folder of this machine, or any address that fsspec knows (s3://, gs://, memory://).

Folders need nothing but the standard library; addresses need the extra 'cloud'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from facevae.errors import DataError, install_command, require
from facevae.regular_files import MOST_TEXT_BYTES, MOST_WEIGHT_BYTES, read_regular


class Store:
    """The files of one folder, read whole. Every fault of reading is an OSError."""

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self._folder = folder

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises OSError, FileNotFoundError where there is none."""
        most = MOST_TEXT_BYTES if name.endswith(".json") else MOST_WEIGHT_BYTES
        return read_regular(self._folder / name, most)

    def names(self, pattern: str) -> list[str]:
        """Names of the files that match, sorted; none where there is no such folder."""
        return sorted(path.name for path in self._folder.glob(pattern))


class RemoteStore(Store):
    """The files below an address, through fsspec."""

    def __init__(self, url: str) -> None:
        fsspec = require("fsspec", "cloud", f"reading and writing {url}")
        self.where = url.rstrip("/")
        try:
            self.files, root = fsspec.core.url_to_fs(self.where)
        except ImportError as error:  # fsspec is there and the part for this kind of address is not
            raise DataError(f"cannot open {url}: {error}. For s3://: {install_command('cloud')}") from error
        except ValueError as error:
            raise DataError(f"cannot open {url}: {error}") from error
        self.root = root.rstrip("/")

    def read(self, name: str) -> bytes:
        with _as_os_error(f"{self.where}/{name}"):
            data: bytes = self.files.cat_file(f"{self.root}/{name}")
            return data

    def names(self, pattern: str) -> list[str]:
        with _as_os_error(self.where):
            return sorted(name for name in self.sizes() if fnmatch(name, pattern))

    def sizes(self) -> dict[str, int]:
        """{name: bytes} of the files there, as the server has them now."""
        with _as_os_error(self.where):
            self.files.invalidate_cache()
            try:
                rows: list[dict[str, Any]] = self.files.ls(self.root, detail=True)
            except FileNotFoundError:
                return {}
            return {row["name"].rsplit("/", 1)[-1]: row["size"] for row in rows if row["type"] == "file"}

    def put(self, source: Path, name: str) -> None:
        """Write a local file there, whole."""
        with _as_os_error(f"{self.where}/{name}"):
            self.files.put_file(str(source), f"{self.root}/{name}")

    def remove(self, name: str) -> None:
        with _as_os_error(f"{self.where}/{name}"):
            self.files.rm_file(f"{self.root}/{name}")


def open_store(place: str | Path) -> Store:
    """The store at a path or address. Raises DataError for an address that fsspec does not know,
    MissingExtraError without the extra 'cloud' (a path and file:// need none)."""
    place = local_path(place)
    return Store(place) if isinstance(place, Path) else RemoteStore(place)


def local_path(place: str | Path) -> str | Path:
    """A path for what lies on this machine, file:// too; any other address as it is."""
    text = str(place)
    if not is_address(place):
        return Path(place)
    if text.lower().startswith("file:"):
        return Path(unquote(urlsplit(text).path))
    return text


def is_address(place: str | Path) -> bool:
    """True for scheme://..., but not for a path such as C:\\photos."""
    return isinstance(place, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", place) is not None


@contextmanager
def _as_os_error(what: str) -> Iterator[None]:
    """Each file system of fsspec has errors of its own; here they are OSErrors that say where."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{what}: {type(error).__name__}: {error}") from error
