"""The service as a process: its socket, its log, its end."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import torch
import uvicorn
from fastapi import FastAPI

from facevae.console import say
from facevae.errors import ConfigError
from facevae.generator import FaceGenerator
from facevae.server.app import create_app, load_generator
from facevae.server.config import ServerConfig
from facevae.server.logs import WithoutMessages

MOST_CONNECTIONS = 1000
COMPUTING = 4
"""Threads of the service that compute: batches, jobs, the studio's. OpenMP gives each a team of its own, and
teams that together outnumber the cores wait for each other asleep: a face took 190 ms instead of 50."""
GRACE_S = 5.0
"""Beyond the time limit of requests, for the answers to be sent."""


def run_service(
    model: str | Path,
    config: ServerConfig,
    host: str = "127.0.0.1",
    port: int = 8000,
    trusted_proxies: tuple[str, ...] = (),
    access_log: bool = True,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was accepted.

    port: 0 takes a free one; the address is told on standard error. trusted_proxies: addresses whose
    X-Forwarded-For is believed. Raises ConfigError for an address that cannot be had, and as `create_app`.
    """
    torch.set_num_threads(config.threads or max(1, (os.cpu_count() or 1) // COMPUTING))
    with open_socket(host, port) as listener:
        generator = load_generator(model, config)
        app = create_app(generator, config)
        _log(access_log)
        server = _Server(
            app,
            uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, lifespan="on", ws="none",
                proxy_headers=bool(trusted_proxies), forwarded_allow_ips=list(trusted_proxies),
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=int(config.timeout_s + GRACE_S),
            )
        )  # fmt: skip
        # uvicorn, when done, raises the signal again for who was there before: an end as asked is no error.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        _tell(generator, listener, config)
        server.run(sockets=[listener])
    say("facevae: stopped; what was accepted is done.")


class _Server(uvicorn.Server):
    """Ends the studio's open streams first: a page that is left open would hold the server up."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if "facevae.studio" in sys.modules:
            from facevae.studio import end_streams

            end_streams(self.app)
        super().handle_exit(sig, frame)


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError for an address that is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "it is taken" if taken else str(error)
        raise ConfigError(
            f"cannot serve at {host}, port {port}: {reason}. Choose another with --port; 0 takes a free one."
        ) from None


def _tell(generator: FaceGenerator, listener: socket.socket, config: ServerConfig) -> None:
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    say(f"facevae serves {generator.name} at {address} (the API: {address}/v1/docs). Stop it with Ctrl-C.")
    if host not in ("127.0.0.1", "::1") and not config.api_keys:
        say("facevae: whoever can reach this address can use it: there are no API keys (docs/serve.md).")


def _log(access: bool) -> None:
    """Access as JSON lines on standard output, the rest on standard error."""
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(logging.Formatter("%(message)s"))
    requests = logging.getLogger("facevae.access")
    requests.addHandler(lines)
    requests.setLevel(logging.INFO if access else logging.WARNING)
    requests.propagate = False
    rest = logging.StreamHandler(sys.stderr)
    rest.setFormatter(WithoutMessages("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[rest], level=logging.WARNING)
