"""What the routes share: the model, its engine, the reader of uploads, the counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from fastapi import Request

from facevae.data.photos import Photo
from facevae.generator import FaceGenerator
from facevae.server.config import ServerConfig
from facevae.server.engine import Engine
from facevae.server.metrics import Metrics
from facevae.server.uploads import PhotoReader, check_bytes


@dataclass(frozen=True)
class Service:
    """One model being served."""

    generator: FaceGenerator
    config: ServerConfig
    engine: Engine
    photos: PhotoReader
    metrics: Metrics

    def check_upload(self, data: bytes) -> None:
        """Refuse what need not be decoded for it. Raises as `uploads.check_bytes`."""
        check_bytes(data, self.config.uploads)

    def read(self, data: bytes) -> Photo:
        """An upload as (H, W, 3) uint8. Raises as `uploads.read_photo`.

        Waits: so for the jobs' thread alone, and few photos are in memory at once.
        """
        return self.photos.read(data)

    def close(self) -> None:
        """Finish what was accepted, then end the threads and the process."""
        self.engine.close()
        self.photos.close()


def service_of(request: Request) -> Service:
    """The service that the request is to."""
    return cast(Service, request.app.state.service)
