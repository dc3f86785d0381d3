"""What the service may be told; everything that opens it to others is off."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from facevae.errors import ConfigError
from facevae.regular_files import MOST_TEXT_BYTES, read_regular
from facevae.server.networks import Networks
from facevae.server.uploads import UploadLimits

KEYS_VARIABLE = "FACEVAE_API_KEYS"
SHORTEST_KEY = 16
RUNTIMES = ("torch", "onnx")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServerConfig:
    """How one service behaves."""

    studio: bool = True
    """Mount the studio at / where its extra is installed."""
    runtime: str = "torch"
    """'torch', or 'onnx' for ONNX Runtime."""
    device: str = "auto"
    """Of the runtime torch: auto, cpu, cuda or mps."""
    threads: int | None = None
    """Of one computation on the CPU. None: a third of the cores, at least one."""
    batch_size: int = 32
    """Faces that one pass of the network may have, of one request or several; 1 batches nothing."""
    queue_size: int = 64
    """Requests for new faces, decoding and encoding that may wait; one more is answered with 429."""
    photos_at_once: int = 16
    """Requests that carry photos or take seconds and may be in hand, from their last byte to their answer;
    one more is answered with 429. With `uploads.most_bytes` this bounds the memory that they take, and as
    much again that uploads on their way may take, of which one client has at most a quarter. Of jobs that
    take long a quarter as many may wait."""
    timeout_s: float = 60.0
    """Time that a request may take, its upload and its wait included; then the answer is 503."""
    head_s: float = 10.0
    """Time in which the head of a request must be whole; then its connection is closed."""
    body_s: float = 30.0
    """Time in which the body of a request must be whole; then the answer is 408."""
    connections_per_client: int = 64
    """Connections that one address (of IPv6: one /64 network) may have, idle ones included, and requests in
    hand; on more of them only health and ready are answered. Those of `trusted_proxies` are not bounded."""
    uploads: UploadLimits = field(default_factory=UploadLimits)
    api_keys: tuple[str, ...] = ()
    """Any of them, as X-API-Key or Bearer, opens everything but health, ready and the docs, which are open.
    The studio takes them as the password of HTTP Basic as well. (): no keys."""
    cors_origins: tuple[str, ...] = ()
    """Origins, such as https://example.org, whose pages may call the service. (): none."""
    rate_per_minute: int | None = None
    """Requests that one client may send in a minute, with a burst of as many. None: no limit."""
    allowed_hosts: tuple[str, ...] = ()
    """Names in the Host header that are answered, against DNS rebinding. (): any."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks, such as 10.0.0.0/8, of proxies whose X-Forwarded-For, -Proto and -Host are
    believed; from others these headers are dropped. (): none."""
    root_path: str = ""
    """Path below which a proxy shows the service, such as /faces, whether it cuts it off or not. '': none."""

    def __post_init__(self) -> None:
        whole = {"batch_size": self.batch_size, "queue_size": self.queue_size,
                 "photos_at_once": self.photos_at_once, "rate_per_minute": self.rate_per_minute,
                 "threads": self.threads, "connections_per_client": self.connections_per_client}  # fmt: skip
        for name, value in whole.items():
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be 1 or more, got {value}")
        for name in ("timeout_s", "head_s", "body_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be more than 0, got {getattr(self, name):g}")
        if self.runtime not in RUNTIMES:
            raise ConfigError(f"the runtime cannot be '{self.runtime}': expected {' or '.join(RUNTIMES)}.")
        for key in self.api_keys:
            if len(key) < SHORTEST_KEY or not key.isascii():
                raise ConfigError(
                    f"an API key must have {SHORTEST_KEY} ASCII characters or more, and one has {len(key)}. "
                    "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
                )
        for origin in self.cors_origins:
            if not re.fullmatch(r"https?://[^/\s*]+", origin):
                raise ConfigError(
                    f"a CORS origin cannot be '{origin}': expected one such as https://example.org, "
                    "without a path or *."
                )
        _check_proxies(self.trusted_proxies)
        if not re.fullmatch(r"((?!/v1(/|$))(/[A-Za-z0-9._~-]+)+)?", self.root_path):
            raise ConfigError(f"the root path cannot be '{self.root_path}': expected one such as /faces.")


def _check_proxies(trusted: tuple[str, ...]) -> None:
    for text in trusted:
        try:
            Networks([text])
        except ValueError as error:
            raise ConfigError(
                f"a trusted proxy cannot be '{text}': {error}. Expected an address such as 10.0.0.5 or a "
                "network such as 10.0.0.0/8."
            ) from None


def read_keys(file: Path | None, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """API keys of a file, one per line (# comments), and of FACEVAE_API_KEYS, separated by commas.

    Never of the command line, where every user of the machine could read them. Raises ConfigError for a file
    that cannot be read or holds none.
    """
    keys: list[str] = [key.strip() for key in environment.get(KEYS_VARIABLE, "").split(",")]
    if file is not None:
        try:
            lines = read_regular(file, MOST_TEXT_BYTES).decode("utf-8").splitlines()
        except (OSError, ValueError) as error:
            remedy = f"Or give them in the variable {KEYS_VARIABLE}."
            raise ConfigError(f"cannot read the API keys in {file}: {error}. {remedy}") from None
        own = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not own:
            raise ConfigError(f"there is no API key in {file}: expected one per line.")
        keys += own
    return tuple(dict.fromkeys(key for key in keys if key))
