"""Behind a proxy: who is believed, what addresses become, and the blocks of docs/serve.md in real proxies."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from facevae.errors import ConfigError
from facevae.generator import FaceGenerator
from facevae.server import ServerConfig
from facevae.server.networks import client_of
from facevae.server.proxies import Proxied
from tests.conftest import attack
from tests.server.conftest import live

DOCS = Path(__file__).parents[2] / "docs" / "serve.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
CADDY, OPENSSL = shutil.which("caddy"), shutil.which("openssl")


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """What the app behind sees."""
    seen = {name: scope.get(name) for name in ("scheme", "path", "root_path")}
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    answer = JSONResponse({**seen, "client": scope["client"][0], "headers": headers})
    await answer(scope, receive, send)


def seen(
    peer: str, headers: dict[str, str], trusted: tuple[str, ...], path: str = "/a", root: str = ""
) -> Any:
    client = TestClient(Proxied(told, trusted, root), client=(peer, 1))
    return client.get(path, headers=headers).json()


SPOOFED = {
    "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
    "Forwarded": "for=203.0.113.9;host=evil.example", "X-Real-IP": "203.0.113.9",
    "X-Forwarded-Prefix": "/evil", "X-Gradio-Server": "https://evil.example", "X-Gradio-User": "app",
    "X-Original-URL": "/evil",
}  # fmt: skip


def test_forwarded_headers_are_dropped_but_from_a_proxy() -> None:
    got = seen("198.51.100.1", SPOOFED, ("127.0.0.1", "10.0.0.0/8"))
    assert (got["client"], got["scheme"], got["headers"]["host"]) == ("198.51.100.1", "http", "testserver")
    assert not {name.lower() for name in SPOOFED} & set(got["headers"])
    for trusted in (("127.0.0.1", "10.0.0.0/8"), ("::ffff:10.1.2.3/128", "10.1.2.3")):
        got = seen("10.1.2.3", SPOOFED, trusted)
        told_of = (got["client"], got["scheme"], got["headers"]["host"])
        assert told_of == ("203.0.113.9", "https", "evil.example")
        assert not {name.lower() for name in SPOOFED} & set(got["headers"])


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [("203.0.113.9", "203.0.113.9"), ("1.2.3.4, 203.0.113.9", "203.0.113.9"),
     ("203.0.113.9, 10.9.9.9", "203.0.113.9"), ("1.2.3.4, 203.0.113.9, 10.9.9.9", "203.0.113.9")],
)  # fmt: skip
def test_the_client_is_who_the_last_proxy_saw(forwarded: str, client: str) -> None:
    assert seen("10.1.2.3", {"X-Forwarded-For": forwarded}, ("10.0.0.0/8",))["client"] == client


@pytest.mark.parametrize("host", ["evil example", "evil.example/x", "a@b", "", "x:123456", "<b>"])
def test_a_forwarded_host_that_is_none_is_not_taken(host: str) -> None:
    assert seen("10.1.2.3", {"X-Forwarded-Host": host}, ("10.1.2.3",))["headers"]["host"] == "testserver"


@pytest.mark.parametrize(
    ("path", "route"), [("/faces/v1/x", "/v1/x"), ("/v1/x", "/v1/x"), ("/faces", "/"), ("/facesx", "/facesx")]
)
def test_a_sub_path_may_be_cut_off_or_not(path: str, route: str) -> None:
    got = seen("198.51.100.1", {}, (), path, "/faces")
    assert (got["root_path"], got["path"]) == ("/faces", "/faces" + route)


@pytest.mark.parametrize(
    "options",
    [{"trusted_proxies": (one,)} for one in ("proxy.example", "10.0.0.1/8", "*", "0.0.0.0/0", "::/0", "")]
    + [{"root_path": one} for one in ("faces", "/faces/", "/", "/v1/x", "/a b", "https://x", "//x")],
)
def test_nonsense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"[Ee]xpected"):
        ServerConfig(**options)


def test_one_line_of_ipv6_is_one_client() -> None:
    assert client_of("2001:db8:1:2:3::4") == client_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert client_of("2001:db8:1:3::4") != client_of("2001:db8:1:2::4")
    assert client_of("::ffff:192.0.2.1") == client_of("192.0.2.1") == "192.0.2.1"


def test_what_a_stranger_claims_changes_no_address(tiny: FaceGenerator) -> None:
    pytest.importorskip("gradio", reason="needs the extra 'studio'")
    with live(tiny, studio=True, root_path="/faces") as url:
        assert not [finding for finding in attack("proxy_headers", url + "/faces") if finding.got_through]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def documented(kind: str, upstream: str) -> list[str]:
    """What docs/serve.md says for this proxy: for a name of its own, and below /faces."""
    blocks = re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert blocks
    assert all("127.0.0.1:8000" in block for block in blocks)
    if kind == "nginx":
        assert "`location /faces/`" in DOCS.read_text(encoding="utf-8")
        blocks.append(blocks[0].replace("location / ", "location /faces/ "))
    return [block.replace("127.0.0.1:8000", upstream.removeprefix("http://")) for block in blocks]


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextlib.contextmanager
def nginx(folder: Path, block: str) -> Iterator[str]:
    """nginx with this block in a server with TLS; its address."""
    port = free_port()
    certificate = [str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem",
                   "-out", "cert.pem", "-days", "1", "-subj", "/CN=localhost",
                   "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]  # fmt: skip
    subprocess.run(certificate, cwd=folder, check=True, capture_output=True)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;\n"
        f"{block}\n}} }}\n"
    )
    with running([str(NGINX), "-p", str(folder), "-c", f"{folder}/nginx.conf"], port):
        yield f"https://127.0.0.1:{port}"


@contextlib.contextmanager
def caddy(folder: Path, block: str) -> Iterator[str]:
    """Caddy with this block for a name of its own with its own certificate; its address."""
    port = free_port()
    lines = block.replace("faces.example.org", f"https://127.0.0.1:{port}")
    lines = lines.replace("{\n", "{\n\ttls internal\n", 1)
    head = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n"
    head += f"\tstorage file_system {folder}\n}}\n"
    (folder / "Caddyfile").write_text(head + lines)
    with running([str(CADDY), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"], port):
        time.sleep(1)  # for its certificate
        yield f"https://127.0.0.1:{port}"


def visitor(url: str, address: str = "127.0.0.1") -> httpx.Client:
    """A client that comes from this address of this machine."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    return httpx.Client(
        base_url=url, transport=httpx.HTTPTransport(verify=trusting, local_address=address), timeout=60
    )


def use(client: httpx.Client, base: str, photo: bytes) -> None:
    """The page, its parts, the API, an upload and a slider, as a browser uses them."""
    page = client.get(f"{base}/?lang=en")
    assert page.status_code == 200
    home = str(client.base_url).rstrip("/") + base
    config = client.get(f"{base}/config").json()
    assert config["root"] == home
    chinese = client.get(f"{base}/?lang=zh")
    assert chinese.headers["location"].startswith((f"{base}/zh/", f"{home}/zh/"))
    assert client.get(f"{base}/zh/config").json()["root"] == f"{home}/zh"
    assert client.get(f"{base}/theme.css").status_code == 200
    assert f"curl {home}/v1/generate" in client.get(f"{base}/v1/docs").text
    servers = client.get(f"{base}/v1/openapi.json").json().get("servers", [{"url": ""}])
    assert servers == [{"url": base}]
    face = client.post(f"{base}/v1/generate", json={"seed": 1}, headers={"Accept": "image/png"})
    assert face.content.startswith(b"\x89PNG")
    origin = {"Origin": home.removesuffix(base), "Sec-Fetch-Site": "same-origin"}
    names = client.post(f"{base}/gradio_api/upload", files={"files": ("me.jpg", photo)}, headers=origin)
    assert names.status_code == 200, names.text
    slider = next(
        one["id"] for one in config["components"] if one["props"].get("elem_id") == "fv-create-count"
    )
    call = next(one for one in config["dependencies"] if [slider, "input"] in one["targets"])
    values = {one["id"]: one["props"].get("value") for one in config["components"]}
    wish = {"data": [values[one] for one in call["inputs"]], "fn_index": call["id"], "session_hash": "me"}
    moved = client.post(f"{base}/gradio_api/run/predict", json=wish, headers=origin)
    assert moved.status_code == 200, moved.text
    assert "data:image/" in moved.text


@pytest.mark.parametrize("number", [0, 1], ids=["its own name", "a sub-path"])
@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_the_documented_proxy_serves_everything_to_who_they_are(
    tiny: FaceGenerator, real: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, number: int
) -> None:
    pytest.importorskip("gradio", reason="needs the extra 'studio'")
    if None in ((NGINX, OPENSSL) if kind == "nginx" else (CADDY,)):
        pytest.skip(f"needs {kind} (Debian: nginx-light, openssl, caddy)")
    base = ("", "/faces")[number]
    options = {"studio": True, "root_path": base, "trusted_proxies": ("127.0.0.1",), "rate_per_minute": 20}
    caplog.set_level(logging.INFO, "facevae.access")
    with live(tiny, **options) as upstream:
        block = documented(kind, upstream)[number]
        with {"nginx": nginx, "caddy": caddy}[kind](tmp_path, block) as url, visitor(url) as client:
            spoofed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "203.0.113.9"}
            assert "evil" not in client.get(f"{base}/config", headers=spoofed).text
            use(client, base, real)
            lines = [
                json.loads(record.message) for record in caplog.records if record.name == "facevae.access"
            ]
            assert {line["client"] for line in lines} == {"127.0.0.1"}
            with visitor(url, "127.0.0.2") as other:
                statuses = [other.get(f"{base}/v1/models").status_code for _ in range(21)]
                assert statuses == [200] * 20 + [429]
            assert client.get(f"{base}/v1/models").status_code == 200, "one client's rate is not another's"
            logged = [json.loads(one.message) for one in caplog.records if one.name == "facevae.access"]
            assert ("127.0.0.2", 429) in {(line["client"], line["status"]) for line in logged}
