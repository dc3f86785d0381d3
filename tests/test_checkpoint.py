"""Files of models and runs: whole or absent, checked, never executed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from facevae.checkpoint import (
    list_checkpoints,
    load_model,
    load_newest_checkpoint,
    save_checkpoint,
    save_model,
)
from facevae.config import ModelConfig
from facevae.errors import CheckpointError
from facevae.files import atomic_file, remove_leftovers
from facevae.model import FaceVAE
from facevae.prior import NormalPrior

MODEL = ModelConfig(size_px=32, latent_dim=8, width=32)


def save(folder: Path, seen: int, keep: int = 2) -> Path:
    return save_checkpoint(
        folder, {"model": {"w": torch.full((4,), float(seen))}}, {"seen_images": seen}, keep
    )


@pytest.mark.parametrize("half", [False, True])
def test_model_comes_back_as_it_was_saved(tmp_path: Path, half: bool) -> None:
    model = FaceVAE(MODEL)
    save_model(tmp_path / "m", model, NormalPrior(8), "# card", {"note": 1}, half)
    again, prior, config = load_model(tmp_path / "m")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=1e-3 if half else 0, rtol=0)
    assert prior.latent_dim == 8
    assert config["note"] == 1
    assert (tmp_path / "m" / "README.md").read_text() == "# card"


def test_last_checkpoints_are_kept_and_older_deleted(tmp_path: Path) -> None:
    for seen in (1, 2, 3):
        save(tmp_path, seen)
    assert [int(path.name) for path in list_checkpoints(tmp_path)] == [2, 3]


@pytest.mark.parametrize("damage", ["cut", "flipped bit", "no weights", "no JSON", "wrong JSON"])
def test_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    save(tmp_path, 1)
    newest = save(tmp_path, 2)
    weights, state = newest / "model.safetensors", newest / "state.json"
    data = bytearray(weights.read_bytes())
    if damage == "cut":
        weights.write_bytes(data[:-5])
    elif damage == "flipped bit":
        data[-3] ^= 1
        weights.write_bytes(data)
    elif damage == "no weights":
        weights.unlink()
    else:
        state.write_text("{" if damage == "no JSON" else "[]")
    found = load_newest_checkpoint(tmp_path)
    assert found is not None
    groups, values, problems = found
    assert values["seen_images"] == 1
    assert groups["model"]["w"].tolist() == [1.0] * 4
    assert len(problems) == 1


def test_only_damaged_checkpoints_are_an_error_that_says_so(tmp_path: Path) -> None:
    (save(tmp_path, 1) / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="no intact checkpoint"):
        load_newest_checkpoint(tmp_path)


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".000.1.tmp").mkdir()
    (tmp_path / ".file.1.tmp").write_text("half")
    save(tmp_path, 1)
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["000000000001"]


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def fill_the_disk() -> None:
        with atomic_file(path) as temporary:
            temporary.write_text("new")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 99}, "format version 99"),
        ({"prior": "vine"}, "no prior of kind 'vine'"),
        ({"prior": "flow"}, "damaged"),
        ({"model": {"size_px": 64}}, "damaged"),
        ({"model": {"size_pix": 64}}, "unknown field 'size_pix'"),
        ({"sha256": {"model": "0"}}, "is damaged"),
    ],
)
def test_model_that_does_not_fit_its_config_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    from facevae.errors import FaceVAEError

    save_model(tmp_path / "m", FaceVAE(MODEL), NormalPrior(8), "", {})
    path = tmp_path / "m" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(FaceVAEError, match=message):
        load_model(tmp_path / "m")


def test_pickle_in_place_of_weights_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "m", FaceVAE(MODEL), NormalPrior(8), "", {})
    path = tmp_path / "m" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": {}}))
    torch.save({"w": torch.zeros(3)}, tmp_path / "m" / "model.safetensors")
    with pytest.raises(CheckpointError, match="cannot read the weights"):
        load_model(tmp_path / "m")


def test_folder_that_is_no_model_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json.*RUN/model"):
        load_model(tmp_path)
