"""The linear reader: reads what was planted, moves that alone, stays what it was when stored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from facevae import CheckpointError, DataError, FaceGenerator, fit_prior
from facevae.attributes import Value
from facevae.checkpoint import load_reader, save_model
from facevae.config import ModelConfig
from facevae.editing import LatentReader
from facevae.linear_reader import freed
from facevae.model import FaceVAE
from facevae.prior import NormalPrior
from facevae.refit import fit_reader
from tests.conftest import blob_faces, write_dataset

DIM = 12


def people(count: int = 2000, seed: int = 0) -> tuple[Tensor, list[dict[str, Value]]]:
    """Correlated latents; age along one axis and a little of the gender's, smile and expression along one."""
    mix = torch.eye(DIM) + 0.3 * torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(0))
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(count, DIM, generator=draw)
    noise = torch.randn(count, 3, generator=draw)
    age = 40 + 10 * hidden[:, 0] + 4 * hidden[:, 1] + 2 * noise[:, 0]
    rows: list[dict[str, Value]] = [
        {
            "age": None if index % 5 == 4 else float(age[index].clamp(0, 100)),
            "gender": "male" if hidden[index, 1] + 0.3 * noise[index, 1] > 0 else "female",
            "smile": float((0.5 + 0.2 * hidden[index, 2]).clamp(0, 1)),
            "expression": ("sad", "neutral", "happy")[int((hidden[index, 2] / 1.4 + 1).clamp(0, 2).round())],
        }
        for index in range(count)
    ]  # fmt: skip
    return hidden @ mix, rows


@pytest.fixture(scope="module")
def reader() -> LatentReader:
    found = LatentReader.fit(*people())
    assert found is not None
    return found


def test_planted_attributes_are_read_of_new_faces(reader: LatentReader) -> None:
    latents, rows = people(400, seed=7)
    read = reader.read(latents)
    known = [index for index, row in enumerate(rows) if row["age"] is not None]
    off = [abs(float(read[i]["age"]) - float(rows[i]["age"])) for i in known]  # type: ignore[arg-type]
    assert sum(off) / len(off) < 2.5
    assert sum(a["gender"] == b["gender"] for a, b in zip(read, rows, strict=True)) > 0.85 * len(rows)
    assert {row["expression"] for row in read} == {"sad", "neutral", "happy"}
    assert all(0 <= float(row["smile"]) <= 1 for row in read)  # type: ignore[arg-type]


def test_a_unit_step_moves_its_reading_by_one_and_the_others_by_nothing(reader: LatentReader) -> None:
    for (name, category), step in reader.directions().items():
        moved = reader.weights @ step
        assert float(moved[reader.row_of(name, category)]) == pytest.approx(1, abs=1e-3)
        for row in reader.held_with([name]):
            assert abs(float(moved[row])) < 1e-3, (name, reader.readings[row])


def test_directions_are_orthogonal_in_the_metric_of_the_latents(reader: LatentReader) -> None:
    """s^T C^-1 (C w) = 0 for each held reading w: no part of the step is what those faces differ by."""
    covariance = torch.cov(people()[0].T)
    inverse = torch.linalg.inv(covariance)
    step = reader.directions()["age", None]
    for row in reader.held_with(["age"]):
        natural = covariance @ reader.weights[row]
        lengths = (step @ inverse @ step).sqrt() * (natural @ inverse @ natural).sqrt()
        assert abs(float(step @ inverse @ natural / lengths)) < 1e-3


def test_no_shorter_step_does_the_same(reader: LatentReader) -> None:
    inverse = torch.linalg.inv(torch.cov(people()[0].T))
    step = reader.directions()["age", None]
    rows = [reader.row_of("age"), *reader.held_with(["age"])]
    null = torch.linalg.svd(reader.weights[rows])[2][len(rows) :]  # steps that change none of these readings
    for other in null:
        assert float((step + 0.1 * other) @ inverse @ (step + 0.1 * other)) > float(step @ inverse @ step)


def test_what_goes_along_is_left_free(reader: LatentReader) -> None:
    assert freed(["smile"]) == {"expression"}
    assert freed(["smile", "expression"]) == set()
    held = {reader.readings[row].name for row in reader.held_with(["smile"])}
    assert held == {"age", "gender"}
    happier = reader.weights[reader.row_of("expression", "happy")] @ reader.directions()["smile", None]
    assert float(happier) > 0


def test_a_zero_change_is_no_step(reader: LatentReader) -> None:
    assert torch.equal(reader.step(torch.zeros(3, len(reader.readings)), range(len(reader.readings))),
                       torch.zeros(3, DIM))  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [[{}] * 60, [{"age": 30.0}] * 60, [{"age": float(i)} if i < 40 else {} for i in range(60)],
     [{"gender": "male" if i else "female"} for i in range(60)]],
    ids=["no label", "one value", "too few", "one of its kind"],
)  # fmt: skip
def test_too_few_labels_give_no_reader(rows: list[dict[str, Value]]) -> None:
    assert LatentReader.fit(torch.randn(60, 4, generator=torch.Generator().manual_seed(0)), rows) is None


def test_it_travels_with_the_model_and_is_checked(reader: LatentReader, tmp_path: Path) -> None:
    model = FaceVAE(ModelConfig(size_px=32, latent_dim=DIM, width=32))
    save_model(tmp_path / "with", model, NormalPrior(DIM), "", {}, half=True, reader=reader)
    save_model(tmp_path / "without", model, NormalPrior(DIM), "", {})
    again = load_reader(tmp_path / "with")
    assert again is not None
    assert (again.readings, again.schema) == (reader.readings, reader.schema)
    assert torch.equal(again.values(torch.eye(DIM)), reader.values(torch.eye(DIM)))
    assert load_reader(tmp_path / "without") is None
    assert FaceGenerator.from_pretrained(tmp_path / "without", device="cpu").reader is None
    (tmp_path / "with" / "editing.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="damaged"):
        load_reader(tmp_path / "with")


def test_a_model_gets_its_reader_by_training_refitting_and_afterwards(
    trained: Path, dataset: Path, tmp_path: Path
) -> None:
    by_training = load_reader(trained / "model")
    assert by_training is not None
    assert by_training.schema.names == ("age", "gender", "expression", "smile")
    faces = {"train": blob_faces(20, 32), "validation": blob_faces(4, 32)}
    unlabelled = write_dataset(tmp_path / "blobs", faces, lambda _: {})
    carried = load_reader(fit_prior(trained, unlabelled, tmp_path / "prior", "normal", device="cpu"))
    assert carried is not None
    assert torch.equal(carried.weights, by_training.weights)
    with pytest.raises(DataError, match="labels too few"):
        fit_reader(trained, unlabelled, tmp_path / "x", device="cpu")
    afterwards = load_reader(fit_reader(trained, dataset, tmp_path / "m", device="cpu"))
    assert afterwards is not None
    torch.testing.assert_close(afterwards.weights, by_training.weights, atol=1e-2, rtol=1e-2)
