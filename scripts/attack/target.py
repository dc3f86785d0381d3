"""The service that is attacked, and what an attack tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx


@dataclass(frozen=True)
class Target:
    """A running service of one's own."""

    url: str
    """Where it answers, without a slash at the end."""
    key: str | None = None
    """An API key, where the service wants one."""
    patience_s: float = 60.0
    """How long an answer may take."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for attacks that speak to the socket itself."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)

    def client(self, with_key: bool = True) -> httpx.Client:
        """A client of the service; close it when done."""
        headers = {"X-API-Key": self.key} if self.key and with_key else {}
        return httpx.Client(base_url=self.url, timeout=self.patience_s, headers=headers)

    def alive(self) -> bool:
        """Whether /v1/health answers within two seconds."""
        try:
            return httpx.get(f"{self.url}/v1/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass(frozen=True)
class Finding:
    """One attack: how often it was tried and how often it got through."""

    attack: str
    """What was tried, in a few words: a row of the table in docs/reliability.md."""
    tried: int
    got_through: int
    detail: str = ""
    """Of the first that got through: what was sent and what came back; or why nothing could be tried."""
