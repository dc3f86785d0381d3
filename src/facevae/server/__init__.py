"""The REST service: `create_app` makes it, `facevae serve` runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facevae.lazy import attach

if TYPE_CHECKING:
    from facevae.server.app import create_app as create_app
    from facevae.server.config import ServerConfig as ServerConfig

# Lazy, so that the process that decodes uploads loads neither FastAPI nor torch.
__all__ = attach(__name__, {"ServerConfig": "facevae.server.config", "create_app": "facevae.server.app"})
