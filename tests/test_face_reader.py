"""Reading faces as they are drawn, and the search for the nearest one that reads as asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facevae import ConfigError, FaceGenerator, edit
from facevae.attributes import EXPRESSION, GENDER, Value
from facevae.checkpoint import load_reader
from facevae.edit import edit_latents, editable, mechanisms, read_attributes
from facevae.edit.search import look
from facevae.face_reader import FaceReader, face_columns
from facevae.features import eyes

FACES = 3


@pytest.fixture(scope="module")
def face64() -> FaceGenerator:
    return FaceGenerator.from_pretrained("face64", device="cpu")


def read(generator: FaceGenerator, latents: np.ndarray) -> dict[str, np.ndarray]:
    """Readings of the drawn faces by name, in standard deviations of real ones; of gender its first."""
    assert generator.reader is not None
    reader, features = generator.reader.face, eyes(generator.device)
    assert reader is not None
    assert features is not None
    values = look(reader, features, generator.model.decoder, torch.from_numpy(latents)).values / reader.std
    return {name: values[:, reader.rows_of(name)[0]].numpy() for name in reader.schema.names}


def test_left_and_right_count_the_same() -> None:
    activations = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    columns = face_columns(activations)
    assert columns.shape == (2, 5 * 8 * 4)
    assert torch.equal(columns, face_columns(activations.flip(3)))
    assert not torch.equal(columns, face_columns(activations.flip(2)))


def test_planted_attributes_are_read_and_survive_storage() -> None:
    draw = torch.Generator().manual_seed(0)
    columns, latents = torch.randn(600, 40, generator=draw), torch.randn(600, 6, generator=draw)
    rows: list[dict[str, Value]] = [
        {"age": float((40 + 10 * one[0]).clamp(0, 100)), "gender": GENDER.categories[int(one[1] > 0)],
         "expression": EXPRESSION.categories[int(one[2] > 0)], "yaw": float(one[3])}
        for one in columns
    ]  # fmt: skip
    reader = FaceReader.fit(columns, latents, rows)
    assert reader is not None
    assert reader.schema.names == ("age", "gender", "expression")
    values = reader.values(columns)
    ages = torch.tensor([float(row["age"]) for row in rows])  # type: ignore[arg-type]
    assert float((values[:, reader.row_of("age")] - ages).abs().mean()) < 3
    male = torch.tensor([row["gender"] == "male" for row in rows])
    assert float(((values[:, reader.row_of("gender", "male")] > 0) == male).float().mean()) > 0.93
    again = FaceReader.from_saved(reader.tensors(), reader.settings())
    torch.testing.assert_close(again.values(columns), values, atol=0.05, rtol=0.01)
    assert FaceReader.fit(columns, latents, [{} for _ in rows]) is None


def test_training_leaves_one_in_the_model(steerable: Path) -> None:
    reader = load_reader(steerable / "model")
    assert reader is not None
    assert reader.face is not None
    assert reader.face.latent_std.shape == (reader.latent_dim,)
    assert set(reader.face.schema.names) == {"age", "gender", "expression", "smile"}


def test_a_search_finds_what_was_asked_and_holds_the_rest(face64: FaceGenerator) -> None:
    latents = face64.encode(face64.sample(FACES, seed=3).photos)
    own = read_attributes(face64, latents)
    assert face64.reader is not None
    assert face64.reader.face is not None
    std = face64.reader.face.std[face64.reader.face.row_of("age")].item()
    before, after = read(face64, latents), {}
    asked = [{**row, "age": min(float(row["age"]) + 20, 100.0)} for row in own]  # type: ignore[arg-type]
    for way in ("search", "direction"):
        moved = edit_latents(face64, latents, own, asked, way)
        after[way] = {name: values - before[name] for name, values in read(face64, moved).items()}
    assert np.all(after["search"]["age"] * std > 14)
    others = {
        way: np.mean([np.abs(change[name]).mean() for name in ("gender", "smile")])
        for way, change in after.items()
    }
    assert others["search"] < 0.2
    assert others["search"] < others["direction"]


def test_a_search_turns_a_category(face64: FaceGenerator) -> None:
    latents = face64.encode(face64.sample(1, seed=5, controls={"gender": "female", "age": 30}).photos)
    own = [{**read_attributes(face64, latents)[0], "gender": "female"}]
    moved = edit_latents(face64, latents, own, [{**own[0], "gender": "male"}], "search")
    assert read(face64, latents)["gender"][0] > 0 > read(face64, moved)["gender"][0]


def test_it_is_what_auto_means_where_the_network_is_there(
    face64: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mechanisms.find_way(face64, ["age"]).mechanism == "search"
    assert mechanisms.find_way(face64, ["age"], "quick").mechanism == "direction"
    assert mechanisms.find_way(face64, ["yaw"]).mechanism == "direction"
    monkeypatch.setattr(mechanisms, "eyes", lambda _: None)
    assert mechanisms.find_way(face64, ["age"]).mechanism == "direction"
    assert not editable(face64, "search").names
    with pytest.raises(ConfigError, match="auto, quick, search"):
        editable(face64, "serach")
    assert edit.AUTO[0] == "search"
