"""A finished dataset to an address: its description last, so that what is half there is no dataset."""

from __future__ import annotations

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from facevae.data.store import RemoteStore
from facevae.errors import DataError

MARK = "uploading.txt"
"""At the address while files are on their way: which dataset they belong to."""
DESCRIPTION = "dataset.json"
SEND_THREADS = 4


def publish(folder: Path, store: RemoteStore) -> int:
    """Send the prepared dataset in `folder` to `store`; returns how many files were sent.

    Interrupted, the same call goes on; with the same dataset there already, it changes nothing. Raises
    DataError when something else is there, or the address cannot be written.
    """
    description = (folder / DESCRIPTION).read_bytes()
    digest = hashlib.sha256(description).hexdigest()
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    try:
        there = store.sizes()
        _refuse_other(there, files, description, store)
        ours = DESCRIPTION in there or (MARK in there and store.read(MARK) == digest.encode())
        lacking = [name for name, path in files.items() if not ours or there.get(name) != path.stat().st_size]
        if lacking:
            _send(store, digest, {name: files[name] for name in lacking if name != DESCRIPTION})
            store.put(files[DESCRIPTION], DESCRIPTION)
        if lacking or MARK in there:
            store.remove(MARK)
    except OSError as error:
        raise DataError(
            f"cannot write the dataset to {store.where}: {error}. It is kept in {folder}; run the same "
            "command to go on."
        ) from error
    return len(lacking)


def _send(store: RemoteStore, digest: str, files: dict[str, Path]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        mark = Path(scratch) / MARK
        mark.write_text(digest, encoding="utf-8")
        store.put(mark, MARK)
    with ThreadPoolExecutor(SEND_THREADS) as pool:
        list(pool.map(lambda name: store.put(files[name], name), files))


def _refuse_other(
    there: dict[str, int], files: dict[str, Path], description: bytes, store: RemoteStore
) -> None:
    if DESCRIPTION in there and store.read(DESCRIPTION) != description:
        raise DataError(
            f"{store.where} holds another dataset: name another address, or delete what is there."
        )
    others = sorted(set(there) - set(files) - {MARK})
    if others:
        raise DataError(
            f"{store.where} holds other files ({', '.join(others[:3])}): name a new or empty address for the "
            "prepared dataset"
        )
