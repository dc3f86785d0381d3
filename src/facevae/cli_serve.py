"""facevae serve: the REST service, and the studio on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facevae.cli_bench import DeviceOption, ModelOption

MODULES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def serve(
    model: ModelOption = "face64",
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; 0.0.0.0 opens it to the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
    runtime: Annotated[str, typer.Option("--runtime", help="torch, or onnx for ONNX Runtime.")] = "torch",
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", min=1, help="CPU threads of one computation. Default: a third of the cores."
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option("--batch-size", min=1, help="Faces of several requests in one pass; 1: no batching."),
    ] = 32,
    queue_size: Annotated[
        int, typer.Option("--queue-size", min=1, help="Requests that may wait; beyond, 429 with Retry-After.")
    ] = 64,
    photos_at_once: Annotated[
        int, typer.Option("--photos-at-once", min=1, help="Requests with photos in hand; beyond, 429.")
    ] = 16,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Seconds that a request may take; then it is answered 503.")
    ] = 60.0,
    upload_timeout: Annotated[
        float, typer.Option("--upload-timeout", help="Seconds that its body may take of these; then 408.")
    ] = 30.0,
    connections_per_client: Annotated[
        int,
        typer.Option(
            "--connections-per-client", min=1, help="Connections and requests at once of one address."
        ),
    ] = 64,
    upload_mib: Annotated[
        int, typer.Option("--upload-mib", min=1, help="MiB that the photos of a request may have.")
    ] = 10,
    api_keys: Annotated[
        Path | None,
        typer.Option(
            "--api-keys", help="File of API keys, one per line; or set FACEVAE_API_KEYS. Default: none."
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option("--cors", help="Origin whose pages may call, such as https://example.org; repeatable."),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option("--rate", min=1, help="Requests a minute for each client. Default: no limit."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help="Name that clients may call it by; repeatable. Default: localhost's "
            "names on a loopback address, else any.",
        ),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trust-proxy",
            help="Address or network of a proxy whose X-Forwarded-For, -Proto and -Host are believed; "
            "repeatable.",
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option("--root-path", help="Path below which a proxy shows it, such as /faces.")
    ] = "",
    studio: Annotated[
        bool, typer.Option("--studio/--no-studio", help="The studio at /, where the extra is installed.")
    ] = True,
    log: Annotated[bool, typer.Option("--log/--no-log", help="A line of JSON for each request.")] = True,
    device: DeviceOption = "auto",
) -> None:
    """The model as a REST service under /v1, and the studio at / (docs/serve.md).

    `facevae serve`

    `facevae serve --port 0 --no-studio`

    `curl http://127.0.0.1:8000/v1/generate -H 'Content-Type: application/json' -H 'Accept: image/png'
    -d '{"count": 16}' -o faces.png`

    Listens to this machine alone, without keys and limits of rate, unless told otherwise. Ctrl-C finishes
    what was accepted.
    """  # fmt: skip
    from facevae.errors import require

    for module in MODULES:
        require(module, "serve", "the service")
    from facevae.server.config import LOOPBACK, ServerConfig, read_keys
    from facevae.server.run import run_service
    from facevae.server.uploads import UploadLimits

    config = ServerConfig(
        studio=studio, runtime=runtime, device=device, threads=threads, batch_size=batch_size,
        queue_size=queue_size, photos_at_once=photos_at_once, timeout_s=timeout, api_keys=read_keys(api_keys),
        uploads=UploadLimits(most_bytes=upload_mib * 2**20), cors_origins=tuple(cors or ()),
        rate_per_minute=rate, allowed_hosts=tuple(allow_host or (LOOPBACK if host in LOOPBACK else ())),
        body_s=upload_timeout, connections_per_client=connections_per_client,
        trusted_proxies=tuple(trust_proxy or ()), root_path=root_path,
    )  # fmt: skip
    run_service(model, config, host, port, log)
