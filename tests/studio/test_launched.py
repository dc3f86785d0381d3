"""The studio launched alone, as in a Hugging Face Space, is protected as it is within the service."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import attack

LAUNCH = """
import sys
from facevae.generator import FaceGenerator
from facevae.studio.build import build_studio
from facevae.studio.theme import looks
blocks = build_studio(FaceGenerator.from_pretrained("face64", "cpu"))
_, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True, **looks())
print(url, blocks.has_launched, type(blocks.state_holder).__name__, flush=True)
sys.stdin.read()
blocks.close()
"""


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a studio that was launched alone, in a process of its own."""
    files = tmp_path_factory.mktemp("launched")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", LAUNCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "TMPDIR": str(files)},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        url, *said = process.stdout.readline().split()
        assert said == ["True", "States"]
        yield url.rstrip("/")
        assert list(files.glob("facevae-studio-*"))
    assert not list(files.glob("*facevae-studio-*")), "uploads were left behind"


def test_it_takes_uploads_of_a_visitor_and_nothing_else(launched: str, tmp_path: Path) -> None:
    (tmp_path / "canary.txt").write_text("secret")
    with httpx.Client(base_url=launched, timeout=60) as client:
        components = {one["id"]: one for one in client.get("/config").json()["components"]}
        path = client.post("/gradio_api/upload", files={"files": ("a.png", b"photo")}).json()[0]
        assert client.get(f"/gradio_api/file={path}").content == b"photo"
        assert httpx.get(f"{launched}/gradio_api/file={path}").status_code == 404
        assert client.get(f"/gradio_api/file={tmp_path}/canary.txt").status_code == 404
        for call in client.get("/config").json()["dependencies"]:
            if not call["inputs"] or components[call["inputs"][0]]["type"] == "state":
                continue
            data = [{"path": f"{tmp_path}/canary.txt", "meta": {"_type": "gradio.FileData"}}]
            data += [None] * (len(call["inputs"]) - 1)
            body = {"data": data, "fn_index": call["id"], "session_hash": "page"}
            assert client.post("/gradio_api/queue/join", json=body).status_code == 422
        assert client.get("/gradio_api/proxy=https://a.hf.space/b").status_code == 404


def test_uploads_and_pages_are_of_one_visitor_and_one_origin_and_bounded(launched: str) -> None:
    findings = attack("studio_uploads", launched)
    assert [finding for finding in findings if finding.got_through] == []
    assert sum(finding.tried > 0 for finding in findings) == 6


def test_it_opens_in_a_frame_of_another_site(launched: str) -> None:
    page = httpx.get(launched, headers={"x-forwarded-proto": "https"})
    assert page.status_code == 200
    assert "SameSite=None; Partitioned; Secure" in page.headers["set-cookie"]
