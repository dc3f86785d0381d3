"""What the studio answers to those who are no browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest


def dropped(url: str, path: str) -> str:
    """What comes of an upload to the tab Edit whose file a client says to lie at `path`."""
    with httpx.Client(base_url=url, timeout=120) as client:
        config: dict[str, Any] = client.get("/config").json()
        drop = next(
            one["id"] for one in config["components"] if one["props"].get("elem_id") == "fv-edit-photo"
        )
        call = next(one for one in config["dependencies"] if [drop, "upload"] in one["targets"])
        file = {"path": path, "url": path, "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}}
        body = {"data": [file, "auto", 1.0], "fn_index": call["id"], "session_hash": "someone"}
        assert client.post("/gradio_api/queue/join", json=body).status_code == 200
        with client.stream("GET", "/gradio_api/queue/data?session_hash=someone") as lines:
            for line in lines.iter_lines():
                told = json.loads(line.removeprefix("data: ")) if line else {}
                if told.get("msg") == "process_completed":
                    assert not told["success"]
                    return str(told["output"]["error"])
    raise AssertionError("no answer")


@pytest.mark.parametrize("path", ["/etc/passwd", "https://example.org/face.png"])
def test_a_path_or_address_of_a_client_is_not_opened(studio_url: str, path: str) -> None:
    said = dropped(studio_url, path)
    assert "not in the cache folder" in said or "cannot be used as a photo" in said
    assert "root:" not in said


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
