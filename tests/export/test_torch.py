"""torch.export and LiteRT."""

from __future__ import annotations

import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from facevae import MissingExtraError
from facevae.export.job import export
from facevae.export.parity import LIMIT


def test_programs_give_the_numbers_of_pytorch_without_a_pickle(everything: Path, tmp_path: Path) -> None:
    facts = export(everything, "torch", tmp_path / "torch")
    networks = ["encoder", "decoder", "velocity", "upscaler", "sampler"]
    assert list(facts["networks"]) == networks
    assert all(row["largest_difference"] <= LIMIT and row["inputs"] == 100 for row in facts["checks"])
    here = str(Path(__file__).parents[2]).encode()
    for name in networks:
        with zipfile.ZipFile(tmp_path / "torch" / f"{name}.pt2") as archive:
            for entry in archive.namelist():
                data = archive.read(entry)
                # A pickle of any protocol in use begins so, and torch.save's own files are zips.
                assert not data.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK")), entry
                assert here not in data, entry


class _Converted:
    """What litert_torch.convert returns: a callable on arrays that writes itself."""

    def __init__(self, module: torch.nn.Module, shapes: list[torch.Size]) -> None:
        self.module, self.shapes = module, shapes

    @torch.no_grad()
    def __call__(self, *inputs: Any) -> Any:
        given = [torch.from_numpy(value) for value in inputs]
        assert [value.shape for value in given] == self.shapes
        made = self.module(*given)
        return tuple(one.numpy() for one in made) if isinstance(made, tuple) else made.numpy()

    def export(self, path: str) -> None:
        Path(path).write_bytes(b"tflite")


def test_litert_converts_one_face_a_call(everything: Path, tmp_path: Path, monkeypatch: Any) -> None:
    stub = types.ModuleType("litert_torch")
    stub.convert = lambda module, one: _Converted(module, [value.shape for value in one])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "litert_torch", stub)
    facts = export(everything, "litert", tmp_path / "litert")
    assert {"encoder.tflite", "decoder.tflite", "velocity.tflite", "upscaler.tflite"} == set(facts["files"])
    assert {row["inputs"] for row in facts["checks"]} == {100}


def test_litert_files_give_the_numbers_of_pytorch(everything: Path, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch", reason="needs the extra 'litert', in an environment of its own")
    facts = export(everything, "litert", tmp_path / "litert")
    assert list(facts["networks"]) == ["encoder", "decoder", "velocity", "upscaler"]
    assert all(row["largest_difference"] <= LIMIT and row["inputs"] == 100 for row in facts["checks"])
    assert all((tmp_path / "litert" / f"{name}.tflite").stat().st_size for name in facts["networks"])


def test_litert_is_missed_with_what_to_do(everything: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    with pytest.raises(MissingExtraError, match=r"litert_torch.*of its own: pip install '\.\[litert\]'"):
        export(everything, "litert", tmp_path / "litert")
    assert not (tmp_path / "litert").exists()
