"""Nothing that a user is given can run code: no module can load a pickle, and none is loaded."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facevae
from facevae.attributes import Schema
from facevae.checkpoint import load_model, load_newest_checkpoint, load_reader, load_upscaler
from facevae.data.dataset import FaceDataset, read_rows
from facevae.generator import FaceGenerator
from facevae.morph import read_stops
from facevae.stylize.decoder_style import DecoderStyle, decoder_sha256, load_style, save_style

SOURCE = Path(facevae.__file__).parent
MODULES = {
    *("pickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle", "yaml"),
    *("pandas", "h5py"),
}
"""Modules that load pickles, or code in other clothes; pandas and h5py are not needed either."""
CALLS = {"eval", "exec", "compile", "__import__"}
SAFE = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False),
        "numpy.load": ("allow_pickle", False), "torch.jit.load": ("", None)}  # fmt: skip
"""Loaders that have to be told in the call itself not to unpickle; the last one may not be called at all."""


def faults(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (f"imports {name}" for name in names if name.split(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in CALLS or called.endswith((".unsafe_load", ".read_pickle", ".load_module")):
            yield f"calls {called}"
        if called in SAFE:
            name, value = SAFE[called]
            given = {word.arg: getattr(word.value, "value", ...) for word in node.keywords}
            if given.get(name, ...) is not value:
                yield f"calls {called} without {name}={value}"


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_can_load_a_pickle(path: Path) -> None:
    assert not list(faults(path))


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from joblib import load", "eval('1')", "torch.load(path)", "np.load(path)"),
        *("torch.load(path, weights_only=False)", "np.load(path, allow_pickle=True)", "torch.jit.load(path)"),
    ],
)
def test_what_could_load_one_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "module.py").write_text(code)
    assert list(faults(tmp_path / "module.py"))


def test_models_runs_data_latents_and_styles_load_without_a_pickle(
    trained: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = FaceGenerator.from_pretrained(trained, "cpu")
    np.save(tmp_path / "z.npy", generator.sample(2).latents, allow_pickle=False)
    difference = {"head.conv.bias": torch.zeros(12)}
    style = DecoderStyle("ink", "tiny", decoder_sha256(generator.model.decoder), difference)
    save_style(tmp_path / "ink.safetensors", style)

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("something was unpickled")

    for target in ("pickle.load", "pickle.loads", "_pickle.load", "_pickle.loads", "torch.load"):
        monkeypatch.setattr(target, refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    load_model(trained / "model")
    load_upscaler(trained / "model")
    load_reader(trained / "model")
    assert load_newest_checkpoint(trained / "checkpoints") is not None
    FaceGenerator.from_pretrained(trained, "cpu").sample(1)
    faces = FaceDataset(dataset, "train", 32, Schema.from_names(["age"]))
    assert len(faces.read(range(3))) == 3
    assert len(read_rows(dataset, "train")) == len(faces)
    assert len(read_stops(generator, [str(tmp_path / "z.npy")])[0]) == 2
    assert load_style(tmp_path / "ink.safetensors").name == "ink"
