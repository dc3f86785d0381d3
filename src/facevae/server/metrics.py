"""What the service counts, in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from facevae.server.engine import Engine

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
FACES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one app; a registry of its own, so that several apps may live in one process."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "facevae_requests", "Requests answered.", ("operation", "status"), registry=registry
        )
        self.seconds = Histogram(
            "facevae_request_seconds", "From the first byte to the end of the answer.", ("operation",),
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.in_hand = Gauge("facevae_requests_in_hand", "Requests being answered.", registry=registry)
        self.batch_faces = Histogram(
            "facevae_batch_faces", "Faces in one pass of the network.", buckets=FACES, registry=registry
        )
        self.batch_seconds = Counter(
            "facevae_batch_seconds", "Time in passes of the network.", registry=registry
        )
        self._waiting = Gauge("facevae_waiting", "Requests that wait.", ("queue",), registry=registry)
        ProcessCollector(registry=registry)

    def watch(self, engine: Engine) -> None:
        """Show how many wait in its queues."""
        for lane in (engine.batches, engine.jobs.short, engine.jobs.long):
            self._waiting.labels(lane.name).set_function(partial(getattr, lane, "waiting"))

    def on_batch(self, faces: int, seconds: float) -> None:
        """Count a pass of the network."""
        self.batch_faces.observe(faces)
        self.batch_seconds.inc(seconds)

    def on_answer(self, operation: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self.requests.labels(operation, status).inc()
        self.seconds.labels(operation).observe(seconds)

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        text: bytes = generate_latest(self.registry)
        return text


def operation_of(path: str, known: Collection[str]) -> str:
    """The label of a path: few, whatever clients ask for."""
    if path in known:
        return path.removeprefix("/v1").strip("/") or "overview"
    return "other" if path.startswith("/v1") else "studio"
