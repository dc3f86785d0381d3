"""The service as a process: its socket, its log, its end."""

from __future__ import annotations

import errno
import importlib.util
import logging
import os
import signal
import socket
import sys
from asyncio import Protocol
from functools import partial
from pathlib import Path
from types import FrameType
from typing import cast

import torch
import uvicorn
from fastapi import FastAPI

from facevae.console import say
from facevae.errors import ConfigError
from facevae.generator import FaceGenerator
from facevae.server.app import create_app, load_generator
from facevae.server.config import ServerConfig
from facevae.server.connections import RESERVE, Connection, Connections
from facevae.server.logs import WithoutMessages

MOST_CONNECTIONS = 1000
FILES = 200
"""Open files beside connections: libraries, the log, the studio's."""
COMPUTING = 3
"""Threads of the service that compute: batches, short jobs, long ones; the studio's answers are jobs. OpenMP
gives each a team of its own, and teams that together outnumber the cores wait for each other asleep: a face
took 190 ms instead of 50."""
GRACE_S = 5.0
"""Beyond the time limit of requests, for the answers to be sent."""


def run_service(
    model: str | Path,
    config: ServerConfig,
    host: str = "127.0.0.1",
    port: int = 8000,
    access_log: bool = True,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was accepted.

    port: 0 takes a free one; the address is told on standard error. Raises ConfigError for an address that
    cannot be had, and as `create_app`.
    """
    _share_cores(config.threads or max(1, (os.cpu_count() or 1) // COMPUTING))
    with open_socket(host, port) as listener:
        generator = load_generator(model, config)
        app = create_app(generator, config)
        _log(access_log)
        server = Server(app, config)
        # uvicorn, when done, raises the signal again for who was there before: an end as asked is no error.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        _tell(generator, listener, config)
        server.run(sockets=[listener])
    say("facevae: stopped; what was accepted is done.")


def _share_cores(threads: int) -> None:
    """So many threads of one computation, of PyTorch and of OpenCV, where it is installed."""
    torch.set_num_threads(threads)
    if importlib.util.find_spec("cv2"):
        importlib.import_module("cv2").setNumThreads(threads)


class Server(uvicorn.Server):
    """uvicorn's, with limits of connections.

    Ends the studio's open streams first: a page that is left open would hold the server up.
    """

    def __init__(self, app: FastAPI, config: ServerConfig) -> None:
        connections = Connections(config, most_connections())
        super().__init__(
            uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, lifespan="on", ws="none",
                proxy_headers=False, http=cast(type[Protocol], partial(Connection, connections)),
                timeout_graceful_shutdown=int(config.timeout_s + GRACE_S),
            )
        )  # fmt: skip
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if "facevae.studio" in sys.modules:
            from facevae.studio import end_streams

            end_streams(self.app)
        super().handle_exit(sig, frame)


def most_connections() -> int:
    """Connections for which there are files; more files are asked for first, as far as the system lets."""
    try:
        import resource
    except ImportError:  # Windows, which counts otherwise
        return MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + RESERVE + FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(MOST_CONNECTIONS, soft - RESERVE - FILES))
    return MOST_CONNECTIONS


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError for an address that is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family, backlog=2048)
        # create_server makes it of protocol 0, for which asyncio sets no TCP_NODELAY on what it accepts: all
        # answers of a connection but the first then waited 40 ms for the client's delayed acknowledgement.
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=made.detach())
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
    # uvicorn warns of each malformed request: whoever likes could fill the disk with that.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    rest = logging.StreamHandler(sys.stderr)
    rest.setFormatter(WithoutMessages("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[rest], level=logging.WARNING)
