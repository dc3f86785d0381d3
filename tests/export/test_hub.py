"""The Hub and Spaces: whole folders, cards that say what was measured, pushes that send just that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facevae import CheckpointError, ConfigError, FaceGenerator
from facevae.checkpoint import read_json, write_json
from facevae.export import HubFaceGenerator
from facevae.export.job import export, files_in
from facevae.export.to_hub import push
from facevae.models import name_of
from facevae.provenance import DIGITAL_SOURCE_TYPE, read_provenance, write_png
from tests.conftest import blob_faces

hub = pytest.importorskip("huggingface_hub")


@pytest.fixture(scope="module")
def report(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `facevae evaluate` writes, as far as a card needs it, and a sheet of real people besides."""
    folder = tmp_path_factory.mktemp("report")
    figure = {"value": 58.9, "count": 5000, "floor": 18.9, "std": None}
    write_json(folder / "report.json", {
        "model": {"sha256": read_json(everything / "config.json")["sha256"]["model"]},
        "generation": {"frechet_distance": figure, "precision": {**figure, "value": 0.76, "floor": 0.73}},
        "reconstruction": {"psnr_db": {**figure, "value": 25.8, "floor": None}},
    })  # fmt: skip
    for name in ("control", "truncation", "reconstructions"):
        write_png(folder / "sheets" / f"{name}.png", blob_faces(1, 32)[0], model="everything")
    return folder


@pytest.fixture(scope="module")
def folder(everything: Path, report: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hub") / "faces"
    export(everything, "hub", out, report=report, repository="someone/faces")
    return out


def test_the_folder_is_the_model_and_its_card(everything: Path, folder: Path) -> None:
    pictures = {f"pictures/{name}.png" for name in ("samples", "control", "truncation")}
    assert set(files_in(folder)) == set(files_in(everything)) | pictures
    for path in everything.glob("*.[js]*"):
        assert (folder / path.name).read_bytes() == path.read_bytes()
    for picture in pictures:
        assert read_provenance(folder / picture)["digital_source_type"] == DIGITAL_SOURCE_TYPE


def test_the_card_has_licence_tags_figures_and_pictures(folder: Path) -> None:
    card = hub.ModelCard.load(folder / "README.md")
    assert (card.data.license, card.data.library_name) == ("apache-2.0", "facevae")
    assert "faces" in card.data.tags
    measured = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert measured == {"frechet_distance": 58.9, "precision": 0.76, "psnr_db": 25.8}
    assert 'from_pretrained("someone/faces")' in card.text
    assert "| Fréchet distance | 58.90 | 18.90 | 5,000 |" in card.text
    assert "](pictures/samples.png)" in card.text
    assert "license: mit" not in (folder / "README.md").read_text(encoding="utf-8")


def test_without_a_report_the_card_has_the_figures_of_training(everything: Path, tmp_path: Path) -> None:
    HubFaceGenerator.from_pretrained(everything, "cpu").save_pretrained(tmp_path / "out")
    card = hub.ModelCard.load(tmp_path / "out" / "README.md")
    assert {result.metric_type for result in card.data.eval_results} == {"psnr_db", "ssim", "kl_nats"}
    assert 'from_pretrained("tiny")' in card.text


def test_a_report_of_another_model_is_refused(everything: Path, report: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", {**read_json(report / "report.json"), "model": {"sha256": "0" * 64}})
    with pytest.raises(ConfigError, match=r"is of another model \(weights 000000000…"):
        export(everything, "hub", tmp_path / "out", report=tmp_path)
    assert not (tmp_path / "out").exists()


def test_saved_and_loaded_it_makes_the_same_faces(everything: Path, folder: Path) -> None:
    expected = FaceGenerator.from_pretrained(everything, "cpu").sample(2, seed=7)
    for loaded in (
        HubFaceGenerator.from_pretrained(folder, "cpu"),
        FaceGenerator.from_pretrained(folder, "cpu"),
    ):
        assert np.array_equal(loaded.sample(2, seed=7).photos, expected.photos)


class _Api:
    """HfApi as far as a push needs it: notes what is sent."""

    sent: dict[str, Any]

    def __init__(self, token: str | None = None) -> None:
        self.token = token

    def create_repo(self, repo_id: str, private: bool | None, exist_ok: bool) -> Any:
        type(self).sent = {"repo_id": repo_id, "private": private, "exist_ok": exist_ok}
        return hub.RepoUrl(f"https://huggingface.co/{repo_id}")

    def upload_folder(self, folder_path: Path, **options: Any) -> str:
        type(self).sent |= {"files": files_in(Path(folder_path)), **options}
        return "https://huggingface.co/someone/faces/commit/1"


def test_a_push_sends_the_folder_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", _Api)
    assert push(folder, "someone/faces", private=True).endswith("commit/1")
    assert _Api.sent["files"] == files_in(folder)
    assert (_Api.sent["repo_id"], _Api.sent["private"], _Api.sent["repo_type"]) == (
        "someone/faces", True, "model"
    )  # fmt: skip


def test_a_refused_push_says_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("401 Unauthorized")

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", _Api)
    monkeypatch.setattr(_Api, "create_repo", refuse)
    with pytest.raises(CheckpointError, match=r"401 Unauthorized.*hf auth login"):
        push(folder, "someone/faces")
    with pytest.raises(ConfigError, match="expected USER/NAME"):
        push(folder, "faces")


def test_a_hub_id_is_fetched_with_the_options_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def fetch(repository: str, **options: Any) -> str:
        asked.update(options, repository=repository)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    HubFaceGenerator.from_pretrained("someone/faces", "cpu", revision="v1", token="secret")
    assert (asked["repository"], asked["revision"], asked["token"]) == ("someone/faces", "v1", "secret")
    assert not any(
        pattern == "*" or pattern.endswith((".py", ".bin", ".pkl")) for pattern in asked["allow_patterns"]
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("models--someone--my-faces/snapshots/0a1b2c", "someone/my-faces"),
        ("run/model", "run"),
        ("face9", "face9"),
    ],
)
def test_models_are_called_by_id_run_or_folder(path: str, name: str, tmp_path: Path) -> None:
    (tmp_path / path).mkdir(parents=True)
    assert name_of(tmp_path / path) == name


@pytest.fixture(scope="module")
def space(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("space") / "out"
    export(everything, "space", out)
    return out


def test_a_space_says_how_it_runs(space: Path) -> None:
    gradio, packaging = pytest.importorskip("gradio"), pytest.importorskip("packaging.requirements")
    data = hub.RepoCard.load(space / "README.md", ignore_metadata_errors=False).data
    assert (data.sdk, data.sdk_version, data.app_file, data.license) == (
        "gradio", gradio.__version__, "app.py", "apache-2.0"
    )  # fmt: skip
    lines = (space / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = {packaging.Requirement(line).name for line in lines}
    assert {"torch", "gradio", "fastapi", "safetensors"} <= names
    assert not {"facevae", "pytest", "tensorflow-cpu"} & names
    assert not list(space.glob("facevae/weights"))
    assert not list(space.rglob("__pycache__"))


def test_a_space_starts_from_its_own_folder_without_a_network(space: Path) -> None:
    pytest.importorskip("gradio")
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise OSError('no network')\n"
        "socket.socket.connect = refuse\n"
        "import app, facevae\n"
        "assert facevae.__file__.startswith(sys.argv[1]), facevae.__file__\n"
        "import gradio\n"
        "assert isinstance(app.studio, gradio.Blocks) and app.studio.fns\n"
        "import json; print(json.dumps(app.MODEL.name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(space)], cwd=space, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == "everything0"
