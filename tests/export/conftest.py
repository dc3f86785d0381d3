"""A small model with every part that can be exported, and its exports, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch

from facevae.attributes import AGE, EXPRESSION, GENDER, SMILE, Schema
from facevae.checkpoint import save_model
from facevae.config import ModelConfig
from facevae.editing import LatentReader
from facevae.export.job import export
from facevae.flow import FlowPrior, VelocityNet
from facevae.model import FaceVAE
from facevae.prior import GaussianMixturePrior
from facevae.upscaler import Upscaler

M = TypeVar("M", bound=torch.nn.Module)

CARD = '---\nlicense: mit\n---\n# tiny\n\n`from_pretrained("tiny")`\n'
EXTRA: dict[str, Any] = {
    "train": {}, "dataset": {"name": "random", "licence": "CC0, nobody"},
    "measured": {"faces": 10, "psnr_db": 20.5, "ssim": 0.5, "kl_nats": 9.0},
}  # fmt: skip


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional autoencoder of 32 px, a flow with other controls, an upscaler and a reader; untrained."""
    torch.manual_seed(0)
    own = Schema((AGE, GENDER))
    config = ModelConfig(32, latent_dim=24, width=64, style_width=32, smoothing=0.05, schema=own)
    schema = Schema((AGE, EXPRESSION, SMILE))
    model, upscaler = randomised(FaceVAE(config)), randomised(Upscaler(channels=32, blocks=1))
    net = randomised(VelocityNet(24, schema.width, width=48, blocks=2))
    scale = torch.eye(24) + 0.1 * torch.randn(24, 24)
    prior = FlowPrior(net, 0.1 * torch.randn(24), scale, schema, steps=4, default_guidance=1.5)
    z = torch.randn(200, 24)
    reader = LatentReader.fit(z, [{"age": 30.0 + 5 * float(value)} for value in z[:, 0]])
    folder = tmp_path_factory.mktemp("everything") / "model"
    save_model(folder, model, prior, CARD, EXTRA, upscaler=upscaler, reader=reader)
    return folder


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The least that a model can be: no controls, no styles, a Gaussian for a prior; random as well."""
    torch.manual_seed(1)
    config = ModelConfig(size_px=32, latent_dim=16, width=32, style_width=0, fine_blocks=0, detail_width=0)
    prior = GaussianMixturePrior.from_moments(torch.randn(64, 16))
    folder = tmp_path_factory.mktemp("plain") / "model"
    save_model(folder, randomised(FaceVAE(config)), prior, CARD, EXTRA)
    return folder


def randomised(module: M) -> M:
    """With random weights everywhere: layers that start as zero would test nothing."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3 / max(1.0, parameter[0].numel() ** 0.5))
    return module


Exported = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="session")
def onnx_export(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("export") / "onnx"
    return folder, export(everything, "onnx", folder)
