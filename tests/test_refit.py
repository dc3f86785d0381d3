"""A finished model gets another prior, and with it controls; the autoencoder stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from facevae import CheckpointError, ConfigError, ControlError, DataError, FaceGenerator, fit_prior
from facevae.checkpoint import load_model
from facevae.cli import app


@pytest.fixture(scope="module")
def flow_model(trained: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, conditional on age, gender and expression, with a flow conditional on two of them."""
    out = tmp_path_factory.mktemp("refit") / "flow"
    words = ["prior", str(trained), str(dataset), "--out", str(out), "--condition-on", "age,gender",
             "--steps", "60", "--guidance", "1.5", "--device", "cpu"]  # fmt: skip
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def generator(flow_model: Path) -> FaceGenerator:
    return FaceGenerator.from_pretrained(flow_model, device="cpu")


def test_the_autoencoder_stays_and_the_card_tells_of_the_prior(trained: Path, flow_model: Path) -> None:
    (before, _, old), (after, prior, config) = (load_model(path) for path in (trained / "model", flow_model))
    for name, value in before.state_dict().items():
        assert torch.equal(value, after.state_dict()[name]), name
    assert prior.schema.names == ("age", "gender")
    assert config["train"]["prior"] == "flow"
    assert config["measured"]["seen_images"] == old["measured"]["seen_images"]
    assert np.isfinite(config["measured"]["prior_log_likelihood_nats"])
    card = (flow_model / "README.md").read_text()
    assert "a rectified-flow prior" in card
    assert "Controls: age, gender, expression." in card


def test_controls_reach_prior_and_decoder(generator: FaceGenerator) -> None:
    assert generator.schema.names == ("age", "gender", "expression")
    free, old, happy = (
        generator.sample(2, controls=controls) for controls in ({}, {"age": 90.0}, {"expression": "happy"})
    )
    assert not np.allclose(free.latents, old.latents)
    assert np.array_equal(free.latents, happy.latents)
    assert not np.array_equal(free.photos, happy.photos)
    with pytest.raises(ControlError, match="It has: age, gender, expression"):
        generator.sample(1, controls={"glasses": "yes"})


def test_each_face_may_have_controls_of_its_own(generator: FaceGenerator) -> None:
    controls = [{"age": 5.0}, {"gender": "male", "expression": "sad"}, {}]
    three = generator.sample(3, seed=4, controls=controls)
    for index, row in enumerate(controls):
        alone = generator.sample(1, seed=4 + index, controls=row)
        assert np.allclose(three.latents[index], alone.latents[0], atol=1e-4)
        assert int(np.abs(three.photos[index].astype(int) - alone.photos[0]).max()) <= 1
    with pytest.raises(ControlError, match="one per face: 2, got 3"):
        generator.sample(2, controls=controls)


def test_guidance_is_the_models_own_unless_asked(generator: FaceGenerator, trained: Path) -> None:
    own, same, other = (
        generator.sample(2, controls={"age": 90.0}, guidance=g).latents for g in (None, 1.5, 3.0)
    )
    assert np.array_equal(own, same)
    assert not np.allclose(own, other)
    with pytest.raises(ConfigError, match="0 or more"):
        generator.sample(1, guidance=-1.0)
    with pytest.raises(ConfigError, match="gmm prior has none"):
        FaceGenerator.from_pretrained(trained, device="cpu").sample(1, guidance=2.0)


def test_a_flow_for_an_unconditional_model_brings_all_controls(
    dataset: Path, tmp_path: Path, trained: Path
) -> None:
    from facevae.checkpoint import save_model
    from facevae.config import ModelConfig
    from facevae.model import FaceVAE
    from facevae.prior import NormalPrior

    plain = FaceVAE(ModelConfig(size_px=32, latent_dim=8, width=32))
    save_model(tmp_path / "plain", plain, NormalPrior(8), "", {}, half=True)
    folders = [fit_prior(tmp_path / "plain", dataset, tmp_path / str(seed), condition_on=["gender"], steps=5,
                         seed=seed, device="cpu") for seed in (0, 0, 1)]  # fmt: skip
    generator = FaceGenerator.from_pretrained(folders[0], device="cpu")
    assert generator.schema.names == ("gender",)
    faces = generator.sample(2, controls={"gender": "female"}).photos
    assert faces.shape == (2, 32, 32, 3)
    stored = [json.loads((folder / "config.json").read_text())["sha256"] for folder in folders]
    plain_sums = json.loads((tmp_path / "plain" / "config.json").read_text())["sha256"]
    assert stored[0]["model"] == plain_sums["model"]
    assert stored[0]["prior"] == stored[1]["prior"]
    assert fit_prior(trained, dataset, folders[2], "gmm", device="cpu") == folders[2]


def test_impossible_priors_are_told_in_words(trained: Path, dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="choose another --out"):
        fit_prior(trained, dataset, tmp_path)
    with pytest.raises(ConfigError, match="controls to guide"):
        fit_prior(trained, dataset, tmp_path / "a", guidance=2.0)
    with pytest.raises(ConfigError, match="prior=flow"):
        fit_prior(trained, dataset, tmp_path / "a", "gmm", ["age"])
    with pytest.raises(DataError, match="no training face has a known yaw"):
        fit_prior(trained, dataset, tmp_path / "a", condition_on=["yaw"], device="cpu")


def test_training_ends_with_the_flow_it_was_asked_for(dataset: Path, tmp_path: Path) -> None:
    from facevae.train import train

    settings = {"images": 64, "prior": "flow", "prior_condition_on": ("gender",), "flow_steps": 5}
    model = train(dataset, tmp_path / "run", "tiny", settings, device="cpu")
    assert FaceGenerator.from_pretrained(model, device="cpu").schema.names == ("gender",)
