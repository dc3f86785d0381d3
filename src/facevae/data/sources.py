"""Where photos lie: a folder, a zip or a tar, all seen as a list of names that can be read at random.

Nothing is ever extracted: members of archives are read as bytes, so a name such as '../../x' is only
a name. A `Span` says where a file's bytes are and is small enough to hand to another process.
"""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facevae.data.photos import MAX_BYTES
from facevae.errors import DataError
from facevae.files import is_full
from facevae.regular_files import check_regular

# What lies beside photos and is no photo; every other file is an input, and read or rejected.
_OTHER_KINDS = "txt csv tsv json jsonl parquet md html xml mat npy npz pdf py ini db yaml yml log"
OTHER_SUFFIXES = frozenset(f".{kind}" for kind in _OTHER_KINDS.split())


@dataclass(frozen=True, slots=True)
class Span:
    """Where the bytes of one file are."""

    path: str
    """The file itself, or the archive it is in."""
    offset: int | None = None
    """First byte within the archive (for a zip: of the member's own header); None for a plain file."""
    size: int = 0
    """Bytes that the file has once read."""
    stored: int = 0
    """Bytes that it takes in the archive."""
    method: str = "plain"
    """'plain', or 'stored' or 'deflated' in a zip."""


@dataclass(frozen=True)
class Tree:
    """The files of one source, by their names in it ('train/3.jpg'), sorted."""

    name: str
    """The source's own name, without its place on this machine."""
    spans: dict[str, Span]
    unreadable: dict[str, str]
    """{name: reason} for what is there and cannot be read."""

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises DataError with the reason."""
        return read_span(self.spans[name])

    def text(self, name: str) -> str:
        """A label file's text (UTF-8, with or without byte order mark). Raises DataError otherwise."""
        try:
            return self.read(name).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{name} in {self.name} is not UTF-8 text: {error}") from None

    def find(self, *file_names: str) -> list[str]:
        """The names whose last part is one of `file_names`, in any folder, sorted."""
        return [name for name in self.spans if PurePosixPath(name).name in file_names]

    def photos(self) -> list[str]:
        """The names of all files that are not of a kind that lies beside photos (labels, notes), sorted."""
        return [name for name in self.spans if PurePosixPath(name).suffix.lower() not in OTHER_SUFFIXES]


def open_source(path: str | Path, scratch: str | Path, skip: str | Path | None = None) -> Tree:
    """The folder, zip or tar at `path`. Raises DataError when it is none of them, empty or damaged.

    scratch: a folder where a compressed tar is unpacked into a plain tar, because only that can be
    read at random; made when needed, left to the caller. skip: a folder inside the source to leave out.
    """
    path = Path(path)
    try:
        if path.is_dir():
            tree = _folder(path, None if skip is None else Path(skip))
        else:
            tree = _archive(path, Path(scratch))
    except DataError:
        raise
    except Exception as error:  # damaged archives raise what their bytes happen to ask for
        if isinstance(error, OSError) and is_full(error):
            raise  # of the scratch folder, not of the source
        raise DataError(f"cannot read the source {path}: {error}") from error
    if not tree.photos() and not tree.unreadable:
        raise DataError(f"no photos in {path}: nothing in it has the name of a photo")
    return tree


def _archive(path: Path, scratch: Path) -> Tree:
    if not path.exists():
        raise DataError(f"there is no folder, zip or tar at {path}")
    check_regular(path, None)
    if zipfile.is_zipfile(path):
        return _zip(path)
    if tarfile.is_tarfile(path):
        return _tar(path, scratch)
    raise DataError(f"{path} is neither a folder of photos nor a zip or tar archive")


def read_span(span: Span) -> bytes:
    """The bytes of one file, at most MAX_BYTES. Raises DataError whose message is the reason alone."""
    if max(span.size, span.stored) > MAX_BYTES:
        raise DataError(f"too large a file: more than {MAX_BYTES // 2**20} MiB")
    try:
        with open(span.path, "rb") as file:
            if span.offset is None:
                return file.read(MAX_BYTES + 1)
            file.seek(span.offset)
            if span.method == "plain":
                data = file.read(span.size)
            else:
                head = file.read(30)
                name_length, extra_length = struct.unpack("<HH", head[26:30])
                file.seek(name_length + extra_length, os.SEEK_CUR)
                data = file.read(span.stored)
    except (OSError, struct.error) as error:
        raise DataError(f"cannot read: {getattr(error, 'strerror', None) or error}") from None
    if span.method == "deflated":
        try:
            data = zlib.decompressobj(-15).decompress(data, span.size + 1)
        except zlib.error as error:
            raise DataError(f"damaged in the archive: {error}") from None
    if len(data) != span.size:
        raise DataError(f"damaged in the archive: {len(data)} of {span.size} bytes")
    return data


def _folder(root: Path, skip: Path | None) -> Tree:
    """Every file below a folder. Links are followed, each folder once, so that circles end."""
    spans: dict[str, Span] = {}
    unreadable: dict[str, str] = {}
    seen = {_identity(root.stat())}
    if skip is not None and skip.exists():
        seen.add(_identity(skip.stat()))

    def failed(error: OSError) -> None:
        unreadable[_relative(error.filename, root)] = f"cannot read the folder: {error.strerror}"

    for folder, folders, files in os.walk(root, onerror=failed, followlinks=True):
        folders.sort()
        for name in list(folders):
            inner = os.path.join(folder, name)
            identity = _identity(os.stat(inner))
            if name.startswith(".") or name == "__MACOSX" or identity in seen:
                folders.remove(name)
            seen.add(identity)
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.startswith(".") or name.lower() == "thumbs.db":
                continue
            try:
                info = os.stat(path)
            except OSError as error:
                unreadable[_relative(path, root)] = f"cannot read: {error.strerror} (a broken link?)"
                continue
            if stat.S_ISREG(info.st_mode):
                spans[_relative(path, root)] = Span(path, size=info.st_size)
            else:
                unreadable[_relative(path, root)] = "cannot read: neither a file nor a folder"
    return Tree(root.resolve().name, dict(sorted(spans.items())), dict(sorted(unreadable.items())))


def _zip(path: Path) -> Tree:
    spans: dict[str, Span] = {}
    unreadable: dict[str, str] = {}
    methods = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = _shown(_plain(member.filename))
            if member.is_dir() or _hidden(name):
                continue
            if member.flag_bits & 1:
                unreadable[name] = "cannot read: encrypted"
            elif member.compress_type not in methods:
                unreadable[name] = f"cannot read: zip compression {member.compress_type} is not supported"
            else:
                method = methods[member.compress_type]
                spans[name] = Span(
                    str(path), member.header_offset, member.file_size, member.compress_size, method
                )
    return Tree(path.name, dict(sorted(spans.items())), dict(sorted(unreadable.items())))


def _tar(path: Path, scratch: Path) -> Tree:
    plain = _plain_tar(path, scratch)
    spans: dict[str, Span] = {}
    unreadable: dict[str, str] = {}
    with tarfile.open(plain, "r:") as archive:
        for member in archive:
            name = _shown(_plain(member.name))
            if member.isdir() or _hidden(name):
                continue
            if member.isfile() and member.size >= 0:
                spans[name] = Span(str(plain), member.offset_data, member.size, member.size)
            else:
                unreadable[name] = "cannot read: a link, a device or of no size in the archive"
    return Tree(path.name, dict(sorted(spans.items())), dict(sorted(unreadable.items())))


def _plain_tar(path: Path, scratch: Path) -> Path:
    """The tar itself, or its uncompressed copy in `scratch`, made once."""
    try:
        with tarfile.open(path, "r:"):
            return path
    except tarfile.ReadError:
        pass
    plain = scratch / "source.tar"
    if plain.exists():
        return plain
    scratch.mkdir(parents=True, exist_ok=True)
    openers = {b"\x1f\x8b": gzip.open}
    with open(path, "rb") as file:
        magic = file.read(2)
    if magic == b"BZ":
        import bz2

        openers[magic] = bz2.open  # type: ignore[assignment]
    elif magic == b"\xfd7":
        import lzma

        openers[magic] = lzma.open  # type: ignore[assignment]
    if magic not in openers:
        raise DataError(
            f"{path} is compressed in a way that is not supported: use zip, tar, tar.gz, bz2 or xz"
        )
    partial = scratch / "source.tar.tmp"
    with openers[magic](path, "rb") as packed, open(partial, "wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
    os.replace(partial, plain)
    return plain


def _plain(name: str) -> str:
    """An archive member's name with / between its parts and no leading './'."""
    return str(PurePosixPath(name.replace("\\", "/")))


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1:] == () or parts[-1].startswith(".")


def _relative(path: str, root: Path) -> str:
    return _shown(Path(os.path.relpath(path, root)).as_posix())


def _shown(name: str) -> str:
    """Names that are not valid UTF-8 are shown escaped, and read by their own bytes all the same."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _identity(info: os.stat_result) -> tuple[int, int]:
    return info.st_dev, info.st_ino
