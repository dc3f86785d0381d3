"""A service on the tiny model, and files that are no photos."""

from __future__ import annotations

import base64
import contextlib
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
from fastapi.testclient import TestClient

from facevae.generator import FaceGenerator
from facevae.server import ServerConfig, create_app
from facevae.server.run import Server, open_socket


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def picture_file(photo: np.ndarray, kind: str = "JPEG", **options: Any) -> bytes:
    """The photo as a file."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, kind, **options)
    return buffer.getvalue()


def shown(data: bytes) -> np.ndarray:
    """The pixels of a picture in an answer."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


@contextlib.contextmanager
def live(tiny: FaceGenerator, **options: Any) -> Iterator[str]:
    """The address of a service on a socket of its own, with the limits that `facevae serve` has."""
    config = ServerConfig(**{"studio": False, **options})
    with open_socket("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = Server(create_app(tiny, config), config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join(60)
    assert not thread.is_alive(), "the server did not end"


@pytest.fixture(scope="session")
def tiny(steerable: Path) -> FaceGenerator:
    return FaceGenerator.from_pretrained(steerable, "cpu")


@pytest.fixture(scope="session")
def service(tiny: FaceGenerator) -> Iterator[TestClient]:
    """The service on the tiny model, as it is by default but without the studio."""
    with TestClient(create_app(tiny, ServerConfig(studio=False))) as client:
        yield client


@pytest.fixture(scope="session")
def real(astronaut: np.ndarray) -> bytes:
    """A real photo with one face, as JPEG."""
    return picture_file(astronaut)
