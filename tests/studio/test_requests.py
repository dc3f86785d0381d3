"""What the studio answers to those who are no browser."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import attack
from tests.studio.conftest import Running

NEVER_OPENED = ("canary-", "/dev/zero", "environ", "socket.")
"""What scripts/attack/studio_files.py names, and any connection that the studio makes."""


def test_no_input_of_the_studio_opens_a_file_or_an_address(running: Running) -> None:
    before = running.opened.stat().st_size
    findings = attack("studio_files", running.url)
    assert [finding for finding in findings if finding.got_through] == []
    assert sum(finding.tried for finding in findings) > 1000
    opened = running.opened.read_bytes()[before:].decode()
    assert not [line for line in opened.splitlines() if any(name in line for name in NEVER_OPENED)]
    assert httpx.get(f"{running.url}/theme.css", timeout=1).status_code == 200


def test_the_page_and_its_configuration_name_no_folder_of_the_machine(running: Running) -> None:
    for route in ("/?lang=en", "/config", "/gradio_api/info", "/zh/config"):
        answer = httpx.get(running.url + route)
        assert answer.status_code == 200
        assert "facevae-studio-" not in answer.text
        assert str(Path.home()) not in answer.text


def test_an_aborted_upload_leaves_nothing_on_the_disk(running: Running) -> None:
    before = on_disk(running.files)
    host, port = running.url.removeprefix("http://").split(":")
    for _ in range(3):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(
                b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
                b'Content-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(3 * 2**20)
            )
            time.sleep(0.3)
    deadline = time.monotonic() + 10
    while on_disk(running.files) != before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert on_disk(running.files) == before


def on_disk(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_file_beyond_the_limit_is_not_taken(studio_url: str, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(11 * 2**20))
    with large.open("rb") as file:
        answer = httpx.post(f"{studio_url}/gradio_api/upload", files={"files": file}, timeout=120)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path", ["/gradio_api/proxy=https://x.hf.space/a", "/monitoring", "/gradio_api/vibe-code/"]
)
def test_what_leads_elsewhere_is_not_there(studio_url: str, path: str) -> None:
    assert httpx.get(studio_url + path).status_code == 404


def test_the_page_is_held_to_its_origin_and_follows_the_language(studio_url: str) -> None:
    page = httpx.get(f"{studio_url}/?lang=en")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert 'lang="en"' in page.text
    away = httpx.get(f"{studio_url}/?seed=3", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert away.status_code == 307
    assert away.headers["location"] == "/zh/?seed=3&lang=zh"
    back = httpx.get(f"{studio_url}/zh/?seed=3&lang=en")
    assert back.headers["location"] == "/?seed=3&lang=en"


def test_a_model_with_the_name_of_a_shipped_one_shows_its_own_card_and_report(
    steerable: Path, tmp_path: Path
) -> None:
    from fastapi.testclient import TestClient

    from facevae.server import create_app

    run = Path(shutil.copytree(steerable, tmp_path / "face64"))
    (run / "model" / "README.md").write_text("The card of this very run.", encoding="utf-8")
    (run / "report.html").write_text("<p>The report of this very run.</p>", encoding="utf-8")
    with TestClient(create_app(run)) as client:
        page = client.get("/config").text
    assert "The card of this very run." in page
    assert "report.html" in page
    assert "FairFace" not in page, "this is the card of the shipped model"
