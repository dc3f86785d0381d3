"""facevae export: the command, from the shipped model to files, and what it says when it cannot."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from facevae import ConfigError, FaceGenerator, MissingExtraError
from facevae.cli_export import export as command
from facevae.export import onnx_generator
from facevae.export.job import export

app = typer.Typer()
app.command()(command)


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_from_the_shipped_model_to_int8_files_that_make_its_faces(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    photos = tmp_path / "photos"
    photos.mkdir()
    generator = FaceGenerator.from_pretrained("face64", "cpu")
    expected = generator.sample(4, seed=1, controls={"age": 50})
    for index, face in enumerate(expected.photos):
        Image.fromarray(face).save(photos / f"{index}.png")
    done = run("face64", "--to", "onnx-int8", "--out", tmp_path / "int8", "--photos", photos)
    assert done.exit_code == 0, done.output
    assert "velocity" in done.output
    assert "psnr to fp32 db" in done.output
    quantised = onnx_generator(tmp_path / "int8")
    made = quantised.sample(4, seed=1, controls={"age": 50}).photos
    assert np.abs(made.astype(int) - expected.photos.astype(int)).mean() < 2
    sizes = sum(path.stat().st_size for path in (tmp_path / "int8").glob("*.onnx"))
    assert sizes < 0.3 * 4 * sum(p.numel() for p in generator.model.parameters()) * 1.4


def test_generate_by_onnxruntime_writes_the_faces_of_pytorch(
    steerable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    from facevae.cli import app as whole

    monkeypatch.setenv("FACEVAE_CACHE", str(tmp_path / "cache"))
    faces = []
    for runtime in ("torch", "onnx"):
        options = ["--model", str(steerable), "--count", "2", "--seed", "3", "--no-check"]
        words = ["generate", *options, "--runtime", runtime, "--out", str(tmp_path / runtime)]
        done = CliRunner().invoke(whole, words)
        assert done.exit_code == 0, done.output
        files = sorted((tmp_path / runtime).glob("0*.png"))
        faces.append(np.stack([np.asarray(Image.open(file)).astype(int) for file in files]))
    assert np.abs(faces[0] - faces[1]).max() <= 1
    assert list((tmp_path / "cache" / "onnx").iterdir())


@pytest.mark.parametrize(
    ("to", "options", "message"),
    [
        ("onyx", {}, r"cannot export to 'onyx'.*Did you mean 'onnx'\?"),
        ("onnx", {"report": "R"}, r"takes no option 'report'\. It is one of: hub"),
        ("onnx-int8", {"form": "tiny"}, "no int8 form 'tiny': expected one of weights"),
        ("hub", {"repository": "faces"}, "expected USER/NAME"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    to: str, options: dict[str, Any], message: str, everything: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        export(everything, to, tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(everything: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        export(everything, "hub", tmp_path)
    with pytest.raises(ConfigError, match="is a file"):
        export(everything, "hub", tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("to", "module", "extra"),
    [("onnx", "onnx", "onnx"), ("keras", "keras", "keras"), ("hub", "huggingface_hub", "hub"),
     ("space", "gradio", "studio")],
)  # fmt: skip
def test_a_missing_extra_is_named(
    to: str, module: str, extra: str, everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install -c constraints.txt '\.\[{extra}\]'"):
        export(everything, to, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_private_repository_needs_a_push(everything: Path, tmp_path: Path) -> None:
    done = run(everything, "--to", "hub", "--out", tmp_path / "out", "--private")
    assert isinstance(done.exception, ConfigError)
    assert "--push USER/NAME" in str(done.exception)


def test_help_shows_every_target() -> None:
    text = run("--help").output
    for target in ("onnx-int8", "keras", "litert", "hub", "space"):
        assert target in text


def test_a_prior_without_a_network_is_refused() -> None:
    from facevae.export.sampler import sampler_of
    from facevae.prior import NormalPrior

    other: Any = SimpleNamespace(kind="other", latent_dim=4, schema=NormalPrior.schema)
    assert sampler_of(NormalPrior(4)).name == "sampler"
    with pytest.raises(ConfigError, match="'other' cannot be exported"):
        sampler_of(other)
