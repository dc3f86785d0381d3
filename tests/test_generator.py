"""FaceGenerator and the files it leaves: same seed same bytes, latents that mean what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from facevae import CheckpointError, ConfigError, ControlError, DataError, FaceGenerator
from facevae.distributions import slerp
from facevae.models import pick_device, shipped_models
from facevae.output import reconstruct_files, write_samples
from facevae.provenance import DIGITAL_SOURCE_TYPE, read_provenance
from tests.conftest import blob_faces


@pytest.fixture(scope="module")
def tiny(trained: Path) -> FaceGenerator:
    return FaceGenerator.from_pretrained(trained, device="cpu")


def test_a_face_depends_on_its_own_seed_alone(tiny: FaceGenerator) -> None:
    five, third = tiny.sample(5, seed=10), tiny.sample(1, seed=12)
    assert five.seeds == [10, 11, 12, 13, 14]
    assert np.allclose(five.latents[2], third.latents[0])
    assert int(np.abs(five.photos[2].astype(int) - third.photos[0]).max()) <= 1


def test_same_seed_same_bytes(tiny: FaceGenerator, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_samples(tmp_path / name, tiny.sample(6, seed=3), tiny.name, 1.0)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["00000.png", "00001.png", "00002.png", "00003.png", "00004.png", "00005.png",
                     "faces.jsonl", "grid.png", "latents.npy"]  # fmt: skip
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_jsonl_leads_back_to_each_face(tiny: FaceGenerator, tmp_path: Path) -> None:
    write_samples(tmp_path, tiny.sample(3, seed=5, controls={"age": 60.0}), tiny.name, 1.0, {"age": 60.0})
    rows = [json.loads(line) for line in (tmp_path / "faces.jsonl").read_text().splitlines()]
    latents = np.load(tmp_path / rows[1]["latent_file"], allow_pickle=False)
    again = tiny.decode(latents, rows[1]["controls"])[rows[1]["latent_row"]]
    assert np.array_equal(np.asarray(Image.open(tmp_path / rows[1]["file"])), again)
    assert [row["seed"] for row in rows] == [5, 6, 7]


def test_every_picture_says_that_it_is_generated(tiny: FaceGenerator, tmp_path: Path) -> None:
    write_samples(tmp_path, tiny.sample(2, seed=8, truncation=0.5), tiny.name, 0.5)
    for name, seed in (("00000.png", 8), ("00001.png", 9), ("grid.png", 8)):
        facts = read_provenance(tmp_path / name)
        assert facts["digital_source_type"] == DIGITAL_SOURCE_TYPE
        assert (facts["model"], facts["seed"], facts["truncation"]) == (tiny.name, seed, 0.5)


def test_truncation_lowers_diversity(tiny: FaceGenerator) -> None:
    spreads = [tiny.sample(64, seed=0, truncation=t).latents.std(axis=0).mean() for t in (1.0, 0.5, 0.1)]
    assert spreads == sorted(spreads, reverse=True)


def test_controls_change_the_face_and_impossible_ones_list_what_there_is(tiny: FaceGenerator) -> None:
    young, old = (tiny.sample(1, seed=0, controls={"age": age}).photos for age in (5.0, 95.0))
    assert not np.array_equal(young, old)
    with pytest.raises(ControlError, match="It has: age, gender, expression"):
        tiny.sample(1, controls={"glasses": "yes"})


@pytest.mark.parametrize(("count", "truncation"), [(0, 1.0), (1, 0.0), (1, 1.5)])
def test_impossible_requests_are_refused(tiny: FaceGenerator, count: int, truncation: float) -> None:
    with pytest.raises(ConfigError):
        tiny.sample(count, truncation=truncation)


def test_guidance_needs_a_prior_with_controls(tiny: FaceGenerator) -> None:
    with pytest.raises(ConfigError, match="needs a prior with controls"):
        tiny.sample(1, guidance=2.0)


def test_decoding_what_was_encoded_gives_the_face_back(tiny: FaceGenerator) -> None:
    faces = blob_faces(16, 32, seed=1)
    again = tiny.decode(tiny.encode(faces))
    own = float(np.square(faces.astype(float) - again).mean())
    others = float(np.square(faces.astype(float) - np.roll(again, 1, axis=0)).mean())
    assert own < 0.7 * others


@pytest.mark.parametrize(
    "photos",
    [np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 32, 32, 3)), np.zeros((0, 32, 32, 3), np.uint8)],
)
def test_wrong_arrays_are_refused_in_words(tiny: FaceGenerator, photos: np.ndarray) -> None:
    with pytest.raises(DataError, match="Use reconstruct"):
        tiny.encode(photos)


def test_latents_of_another_width_are_refused(tiny: FaceGenerator) -> None:
    with pytest.raises(DataError, match=r"\(N, 32\)"):
        tiny.decode(np.zeros((2, 31), np.float32))


vectors = arrays.arrays(np.float32, 8, elements=st.floats(-5, 5, width=32))


@given(vectors, vectors)
def test_interpolation_starts_and_ends_at_its_stops(a: np.ndarray, b: np.ndarray) -> None:
    assert np.allclose(slerp(a, b, 0.0), a, atol=1e-3)
    assert np.allclose(slerp(a, b, 1.0), b, atol=1e-3)
    assert np.isfinite(slerp(a, b, 0.5)).all()


def test_interpolation_keeps_the_length_between_stops_of_equal_length() -> None:
    a, b = np.eye(8, dtype=np.float32)[:2] * 3
    assert np.linalg.norm(slerp(a, b, 0.3)) == pytest.approx(3)


def test_path_passes_every_stop_and_closes_when_looped(tiny: FaceGenerator) -> None:
    stops = tiny.sample(3, seed=0).latents
    path = tiny.interpolate(stops, 13, loop=True)
    assert path.shape == (13, 32)
    for frame, stop in ((0, 0), (4, 1), (8, 2), (12, 0)):
        assert np.allclose(path[frame], stops[stop], atol=1e-4)
    with pytest.raises(ConfigError, match="two latents"):
        tiny.interpolate(stops[:1], 5)


def test_photo_is_found_aligned_and_reconstructed(tiny: FaceGenerator, astronaut: np.ndarray) -> None:
    (result,) = tiny.reconstruct(astronaut)
    assert result.aligned.shape == result.reconstruction.shape == (32, 32, 3)
    assert result.latent.shape == (32,)
    assert -1 <= result.ssim <= 1
    assert 5 < result.psnr_db < 40
    left, top, right, bottom = result.face.box_px[:4]
    assert 150 < left < right < 300
    assert 50 < top < bottom < 220


def test_photo_without_face_says_so(tiny: FaceGenerator) -> None:
    with pytest.raises(DataError, match="no face found in a photo of 80 x 60 px"):
        tiny.reconstruct(np.full((60, 80, 3), 127, np.uint8))


def test_a_bad_photo_does_not_stop_the_others(
    tiny: FaceGenerator, astronaut: np.ndarray, tmp_path: Path
) -> None:
    photos = [
        tmp_path / "宇航员 1.png",
        tmp_path / "text.png",
        tmp_path / "absent.png",
        tmp_path / "b" / "宇航员 1.png",
    ]
    photos[3].parent.mkdir()
    for path in (photos[0], photos[3]):
        Image.fromarray(astronaut).save(path)
    photos[1].write_text("not an image")
    rows = reconstruct_files(tiny, photos, tmp_path / "out")
    assert ["error" in row for row in rows] == [False, True, True, False]
    assert [row["file"] for row in rows if "file" in row] == ["宇航员 1.png", "宇航员 1-1.png"]
    latent = np.load(tmp_path / "out" / "宇航员 1.npy", allow_pickle=False)
    assert latent.shape == (32,)
    with Image.open(tmp_path / "out" / "宇航员 1.png") as pair:
        assert pair.size == (66, 32)
    assert read_provenance(tmp_path / "out" / "宇航员 1.png")["job"] == "reconstruct"


def test_several_faces_are_all_reconstructed_when_asked(
    tiny: FaceGenerator, astronaut: np.ndarray, tmp_path: Path
) -> None:
    crowd = np.concatenate([astronaut[:300, 100:400], astronaut[:300, 100:400][:, ::-1]], axis=1)
    Image.fromarray(crowd).save(tmp_path / "crowd.png")
    rows = reconstruct_files(tiny, [tmp_path / "crowd.png"], tmp_path / "out", faces="all")
    assert [row["file"] for row in rows] == ["crowd-0.png", "crowd-1.png"]
    assert len(tiny.reconstruct(crowd)) == 1


def test_absent_model_names_the_shipped_ones() -> None:
    with pytest.raises(CheckpointError, match="Shipped: face64"):
        FaceGenerator.from_pretrained("face46")


def test_hub_id_is_fetched_without_anything_that_could_run(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def fetch(repository: str, allow_patterns: list[str]) -> str:
        asked.extend([repository, *allow_patterns])
        return str(trained / "model")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert FaceGenerator.from_pretrained("someone/faces", device="cpu").latent_dim == 32
    assert asked == ["someone/faces", "*.json", "*.safetensors", "README.md"]


def test_unreachable_hub_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    with pytest.raises(CheckpointError, match=r"no folder 'someone/faces'.*no route to host"):
        FaceGenerator.from_pretrained("someone/faces")


def test_absent_device_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"There is: .*cpu"):
        pick_device("tpu")


@pytest.fixture(scope="module")
def face64() -> FaceGenerator:
    return FaceGenerator.from_pretrained(device="cpu")


def test_shipped_weights_are_small_and_credited() -> None:
    folder = Path(__file__).parent.parent / "src" / "facevae" / "weights"
    assert shipped_models() == ["face64"]
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 24e6
    card = (folder / "face64" / "README.md").read_text(encoding="utf-8")
    assert "FairFace" in card
    assert "CC BY 4.0" in card


def test_shipped_model_draws_faces_that_the_detector_finds(face64: FaceGenerator) -> None:
    from facevae.data.detect import FaceDetector

    detector = FaceDetector()
    photos = face64.sample(50, seed=0, truncation=0.8).photos
    large = [
        np.asarray(Image.fromarray(photo).resize((192, 192), Image.Resampling.BICUBIC)) for photo in photos
    ]
    assert sum(bool(detector.detect(photo)) for photo in large) >= 45


def test_shipped_model_draws_different_faces(face64: FaceGenerator) -> None:
    photos = face64.sample(32, seed=0).photos.astype(float) / 255
    distances = np.sqrt(np.square(photos[:, None] - photos[None]).mean(axis=(2, 3, 4)))
    assert float(distances[np.triu_indices(32, 1)].min()) > 0.08


def test_shipped_model_reconstructs_a_real_photo(face64: FaceGenerator, astronaut: np.ndarray) -> None:
    (result,) = face64.reconstruct(astronaut)
    assert result.psnr_db > 18
    assert result.ssim > 0.55


def test_a_face_with_nothing_asked_is_drawn_as_somebody_of_the_data(steerable: Path) -> None:
    generator = FaceGenerator.from_pretrained(steerable)
    draw = torch.Generator().manual_seed(5)
    choice, noise = torch.rand((), generator=draw), torch.randn(generator.latent_dim, generator=draw)
    somebody = generator.prior.somebody(choice[None])
    expected = generator.prior.sample(noise[None], choice[None], 1.0, somebody, 2.0)
    sampled = generator.sample(2, seed=4, controls=[{"age": 70}, {}], guidance=2.0).latents
    np.testing.assert_allclose(sampled[1:], expected.numpy(), atol=1e-5)
