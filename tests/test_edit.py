"""Edits of latents and of photos: what was not asked stays, and so do all pixels that are not the face's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("cv2", reason="needs the extra 'photos'")

from facevae import CheckpointError, ConfigError, ControlError, DataError, FaceGenerator, FaceVAEError
from facevae.attributes import Schema
from facevae.cli_edit import edit, parse_faces
from facevae.data.detect import Face
from facevae.edit import (
    Way,
    apply_changes,
    edit_latents,
    edit_photo,
    editable,
    keep_detail,
    parse_changes,
    paste_back,
    paste_edits,
    read_attributes,
    refine_latents,
)
from facevae.provenance import BESIDE_PHOTO, EDITED, read_provenance
from tests.conftest import blob_faces

SCHEMA = Schema.from_names(("age", "gender", "smile", "expression"))
WAYS = [
    "auto", "direction", "flow", Way("flow", guidance=2.0, corrected="no"),
    Way("flow", guidance=3.0, start=0.3, corrected="others"), Way("flow", difference=False, corrected="no"),
]  # fmt: skip


@pytest.fixture(scope="module")
def model(steerable: Path) -> FaceGenerator:
    return FaceGenerator.from_pretrained(steerable, device="cpu")


@pytest.fixture(scope="module")
def latents(model: FaceGenerator) -> np.ndarray:
    return model.encode(blob_faces(6, 32, seed=1))


@pytest.mark.parametrize(
    ("given", "own", "asked", "notes"),
    [
        ({"age": 60}, {"age": 30.0}, {"age": 60.0}, 0),
        ({"age": "60"}, {"age": 30.0}, {"age": 60.0}, 0),
        ({"age": "+20"}, {"age": 30.0}, {"age": 50.0}, 0),
        ({"age": "−20"}, {"age": 30.0}, {"age": 10.0}, 0),
        ({"age": "-20"}, {"age": 5.0}, {"age": 0.0}, 1),
        ({"age": "150"}, {}, {"age": 100.0}, 1),
        ({"smile": "-0.5"}, {"smile": 0.75, "expression": "happy"}, {"smile": 0.25}, 0),
        (
            {"gender": "male", "age": None},
            {"gender": "female", "age": 9.0},
            {"gender": "male", "age": 9.0},
            0,
        ),
        ({"expression": "sad", "smile": 0.1}, {"smile": 0.5}, {"expression": "sad", "smile": 0.1}, 0),
    ],
)
def test_changes_are_absolute_or_relative_and_held_within_bounds(
    given: dict[str, Any], own: dict[str, Any], asked: dict[str, Any], notes: int
) -> None:
    found, said = apply_changes(SCHEMA, own, parse_changes(SCHEMA, given))
    assert found == asked
    assert len(said) == notes
    assert all("held at" in note for note in said)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"glasses": "yes"}, "It can change: age, gender, smile, expression"),
        ({"gender": "mail"}, "Did you mean 'male'"),
        ({"age": "old"}, "or a difference such as"),
        ({"age": "+"}, "or a difference such as"),
        ({"smile": "nan"}, "between 0 and 1"),
    ],
)
def test_impossible_changes_are_told_in_words(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ControlError, match=message.replace("+", r"\+")):
        parse_changes(SCHEMA, given)


def test_a_difference_from_the_unknown_is_refused() -> None:
    with pytest.raises(ControlError, match="not known"):
        apply_changes(SCHEMA, {}, parse_changes(SCHEMA, {"age": "+20"}))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_zero_edit_is_the_identity(model: FaceGenerator, latents: np.ndarray, way: Any) -> None:
    own = read_attributes(model, latents)
    assert np.array_equal(edit_latents(model, latents, own, own, way), latents)
    asked = [{**row, "age": 80.0} if i == 2 else row for i, row in enumerate(own)]
    moved = (edit_latents(model, latents, own, asked, way) != latents).any(axis=1)
    assert moved.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("way", [Way("direction"), Way("flow", guidance=2.0)], ids=str)
def test_the_reader_reads_what_was_asked_and_the_rest_as_before(
    model: FaceGenerator, latents: np.ndarray, way: Any
) -> None:
    assert model.reader is not None
    own = read_attributes(model, latents)
    asked = [{**row, "age": 10.0 + 12 * index} for index, row in enumerate(own)]
    moved = edit_latents(model, latents, own, asked, way)
    before, after = (model.reader.values(torch.from_numpy(z)) for z in (latents, moved))
    row = model.reader.row_of("age")
    change = torch.tensor(
        [float(new["age"]) - float(old["age"]) for old, new in zip(own, asked, strict=True)]
    )
    torch.testing.assert_close((after - before)[:, row], change, atol=0.05, rtol=0)
    others = [index for index in range(len(model.reader.readings)) if index != row]
    torch.testing.assert_close(after[:, others], before[:, others], atol=0.02, rtol=0)


@pytest.mark.parametrize("name", ["gender", "expression"])
def test_categories_become_what_was_asked(model: FaceGenerator, latents: np.ndarray, name: str) -> None:
    assert model.reader is not None
    known = next(one.categories for one in model.reader.schema.attributes if one.name == name)
    own = read_attributes(model, latents)
    asked = [{**row, name: known[(known.index(str(row[name])) + 1) % len(known)]} for row in own]
    for way in ("direction", Way("flow", guidance=2.0)):
        values = model.reader.values(torch.from_numpy(edit_latents(model, latents, own, asked, way)))
        for row, mine, wanted in zip(values, own, asked, strict=True):
            new, old = (model.reader.row_of(name, one[name]) for one in (wanted, mine))
            assert row[new] > 0 > row[old]


def test_rows_are_edited_alone_and_without_chance(model: FaceGenerator, latents: np.ndarray) -> None:
    own = read_attributes(model, latents)
    asked = [
        {**row, **({"smile": 1.0} if i % 2 else {"gender": "male", "age": 70.0})} for i, row in enumerate(own)
    ]
    for way in ("direction", "flow"):
        together = edit_latents(model, latents, own, asked, way)
        alone = [
            edit_latents(model, latents[i : i + 1], own[i : i + 1], asked[i : i + 1], way) for i in range(6)
        ]
        assert np.allclose(together, np.concatenate(alone), atol=1e-4)


def test_more_guidance_moves_the_flow_further(model: FaceGenerator, latents: np.ndarray) -> None:
    own = read_attributes(model, latents)
    asked = [{**row, "age": 95.0} for row in own]
    ways = [Way("flow", guidance=g, corrected="no") for g in (1.0, 2.0, 3.0)]
    lengths = [np.linalg.norm(edit_latents(model, latents, own, asked, way) - latents) for way in ways]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[2]


def test_the_decoders_controls_are_a_mechanism_of_conditional_models(
    trained: Path, astronaut: np.ndarray
) -> None:
    conditional = FaceGenerator.from_pretrained(trained, device="cpu")
    (old,) = edit_photo(conditional, astronaut, {"age": 90}, mechanism="cvae", detail=0)
    assert (old.mechanism, old.asked["age"]) == ("cvae", 90.0)
    assert np.array_equal(old.latent, old.edited_latent)
    assert not np.array_equal(old.reconstruction, old.edited)
    with pytest.raises(ControlError, match="It can change: age, gender, expression"):
        edit_photo(conditional, astronaut, {"smile": 1}, mechanism="cvae")


def test_what_no_mechanism_can_do_is_refused(model: FaceGenerator, latents: np.ndarray) -> None:
    own = [{"age": 20.0}] * 6
    with pytest.raises(ConfigError, match="Did you mean 'flow'"):
        edit_latents(model, latents, own, [{"age": 60.0}] * 6, "flo")
    with pytest.raises(ControlError, match="It can change: nothing"):
        edit_latents(model, latents, own, [{"age": 60.0}] * 6, "cvae")
    with pytest.raises(ConfigError, match="guidance belongs to"):
        edit_latents(model, latents, own, [{"age": 60.0}] * 6, "direction", guidance=2.0)
    with pytest.raises(DataError, match="got 6 latents, 6 own and 1"):
        edit_latents(model, latents, own, [{"age": 60.0}])
    with pytest.raises(DataError, match=r"\(N, 32\)"):
        read_attributes(model, latents[:, :5])
    blind = FaceGenerator(model.model, model.prior, "blind", "cpu")
    with pytest.raises(CheckpointError, match="fit_reader"):
        read_attributes(blind, latents)
    assert editable(blind).names == ("age", "gender", "expression", "smile")
    assert not np.array_equal(edit_latents(blind, latents, own, [{"age": 60.0}] * 6), latents)


def test_kept_detail_gives_the_photo_back_where_nothing_was_edited() -> None:
    original, reconstruction = blob_faces(1, 64)[0], blob_faces(1, 64, seed=1)[0]
    assert np.array_equal(keep_detail(original, reconstruction, reconstruction), original)
    edited = reconstruction.copy()
    edited[40:60, 20:44] = 255 - edited[40:60, 20:44]
    kept = keep_detail(original, reconstruction, edited)
    assert np.array_equal(kept[:20], original[:20])
    inside = (slice(46, 54), slice(28, 36))
    assert float(np.abs(kept[inside].astype(float) - edited[inside]).mean()) < 2
    assert np.array_equal(keep_detail(original, reconstruction, edited, 0.0), edited)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        keep_detail(original, reconstruction, edited, 1.5)


def some_face(turn: float = 0.2, scale: float = 150.0, x: float = 200.0, y: float = 180.0) -> Face:
    """A face whose crop has sides of `scale` px, turned, with its middle at (x, y)."""
    from facevae.data.align import TEMPLATE

    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (TEMPLATE - 0.5) * scale @ spin.T + (x, y)
    box = (x - scale / 2, y - scale / 2, x + scale / 2, y + scale / 2)
    return Face(box, points.astype(np.float32), 0.9)


@pytest.mark.parametrize("scale", [20.0, 64.0, 150.0, 400.0])
@pytest.mark.parametrize("with_detail", [False, True])
def test_pasting_leaves_pixels_outside_the_face_untouched(
    astronaut: np.ndarray, scale: float, with_detail: bool
) -> None:
    photo, face = astronaut.copy(), some_face(scale=scale, x=90.0)
    before = np.full((32, 32, 3), 100, np.uint8)
    pasted = paste_back(photo, np.full((32, 32, 3), 220, np.uint8), face, before if with_detail else None)
    assert np.array_equal(photo, astronaut)
    y, x = np.mgrid[0:512, 0:512] + 0.5
    turned = np.stack([x - 90, y - 180], axis=-1) @ np.array(
        [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    )
    outside = np.abs(turned).max(axis=-1) > scale / 2 + 1
    assert np.array_equal(pasted[outside], astronaut[outside])
    middle = pasted[179:182, 89:92].astype(int)
    assert (middle > astronaut[179:182, 89:92]).any() if with_detail else (middle > 215).all()
    assert int(np.abs(pasted.astype(int) - astronaut).max(axis=2)[~outside].max()) > 20


def test_pasting_what_was_not_edited_is_the_photo(astronaut: np.ndarray) -> None:
    crop = blob_faces(1, 32)[0]
    assert np.array_equal(paste_back(astronaut, crop, some_face(), crop), astronaut)
    with pytest.raises(DataError, match="outside the photo"):
        paste_back(astronaut, crop, some_face(x=5000.0))


def test_refining_comes_closer_and_no_step_changes_nothing(model: FaceGenerator, latents: np.ndarray) -> None:
    faces = blob_faces(6, 32, seed=1)
    assert np.array_equal(refine_latents(model, faces, latents, 0), latents)
    seen: list[tuple[int, int]] = []
    refined = refine_latents(model, faces, latents, 15, lambda done, total: seen.append((done, total)))
    errors = [np.square(faces.astype(float) - model.decode(z)).mean() for z in (latents, refined)]
    assert errors[1] < errors[0]
    assert seen[-1] == (15, 15)
    with pytest.raises(ConfigError, match="0 or more"):
        refine_latents(model, faces, latents, -1)


def test_a_photo_is_edited_and_pasted_back(model: FaceGenerator, astronaut: np.ndarray) -> None:
    (old,) = edit_photo(model, astronaut, {"age": "+20"}, detail=0)
    assert old.asked["age"] == pytest.approx(min(float(old.own["age"] or 0) + 20, 100))
    assert old.aligned.shape == old.reconstruction.shape == old.edited.shape == (32, 32, 3)
    assert not np.array_equal(old.edited, old.reconstruction)
    pasted = paste_edits(model, astronaut, [old])
    changed = (pasted != astronaut).any(axis=2)
    left, top, right, bottom = old.face.box_px
    rows, columns = np.nonzero(changed)
    reach = 0.5 * max(right - left, bottom - top)
    assert left - reach < columns.min() < columns.max() < right + reach
    assert top - reach < rows.min() < rows.max() < bottom + reach
    assert changed.any()


def test_faces_are_chosen_by_size_or_number(model: FaceGenerator, astronaut: np.ndarray) -> None:
    crowd = np.concatenate([astronaut[:300, 100:400], astronaut[:300, 100:400][:, ::-1]], axis=1)
    everybody = edit_photo(model, crowd, {"smile": 1}, faces="all")
    assert len(everybody) == 2
    (second,) = edit_photo(model, crowd, {"smile": 1}, faces=[1])
    assert second.face.box_px == everybody[1].face.box_px != everybody[0].face.box_px
    for wrong, error in (([2], DataError), ("some", ConfigError)):
        with pytest.raises(error):
            edit_photo(model, crowd, {"smile": 1}, faces=wrong)
    with pytest.raises(ConfigError, match="nothing to change"):
        edit_photo(model, crowd, {})


app = typer.Typer()
app.command()(edit)


@pytest.mark.parametrize("age", ["+20", "-20", "=60"])
def test_edit_writes_its_pictures_and_what_it_read(
    steerable: Path, astronaut: np.ndarray, tmp_path: Path, age: str
) -> None:
    Image.fromarray(astronaut).save(tmp_path / "宇航员.png")
    Image.new("RGB", (100, 100), "grey").save(tmp_path / "wall.png")
    words = [tmp_path / "wall.png", tmp_path / "宇航员.png", "--age", age, "--paste", "--model", steerable,
             "--out", tmp_path / "out", "--device", "cpu", "--refine", "2"]  # fmt: skip
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 1, result.output
    assert "no face found" in " ".join(result.output.split())
    wall, row = [
        json.loads(line) for line in (tmp_path / "out" / "edits.jsonl").read_text("utf-8").splitlines()
    ]
    assert "no face found" in wall["error"]
    assert row["mechanism"] == "search"
    assert row["asked"]["age"] != row["own"]["age"]
    sizes = {row["file"]: (100, 32), row["edited_file"]: (32, 32), row["pasted_file"]: (512, 512)}
    for name, size in sizes.items():
        with Image.open(tmp_path / "out" / name) as picture:
            assert picture.size == size
        facts = read_provenance(tmp_path / "out" / name)
        source = BESIDE_PHOTO if name == row["file"] else EDITED
        assert facts["digital_source_type"] == source["digital_source_type"]
        assert facts["job"] == "edit"
    assert np.load(tmp_path / "out" / row["latent_file"], allow_pickle=False).shape == (32,)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["--glow", "1"], None, "No such option"),
        ([], ConfigError, "nothing to change"),
        (["--gender", "mail"], ControlError, "Did you mean 'male'"),
        (["--age", "60", "--faces", "some"], ConfigError, "numbers such as 0,2"),
        (["--age", "60", "--mechanism", "magic"], ConfigError, "direction, flow, cvae"),
        (["--age", "60", "--detail", "2"], ConfigError, "between 0 and 1"),
        (["--age", "60", "--upscale"], CheckpointError, "has no upscaler"),
    ],
)
def test_wrong_use_stops_before_any_photo_is_read(
    steerable: Path, tmp_path: Path, words: list[str], error: type[FaceVAEError] | None, message: str
) -> None:
    command = [
        "absent.png",
        "--model",
        str(steerable),
        "--device",
        "cpu",
        "--out",
        str(tmp_path / "out"),
        *words,
    ]
    result = CliRunner().invoke(app, command)
    if error is None:
        assert (result.exit_code, message in result.output) == (2, True)
    else:
        assert isinstance(result.exception, error)
        assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_faces_option_takes_words_or_numbers() -> None:
    assert [parse_faces(text) for text in ("largest", "all", "0", "2, 0,2")] == [
        "largest",
        "all",
        [0],
        [2, 0],
    ]
