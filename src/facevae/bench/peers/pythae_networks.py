"""facevae's networks as pythae wants them, so that both are compared by their methods and not by their sizes.

pythae's own CelebA networks (1024 channels) see three images a second on one core: a quarter of an hour
of that shows nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

CHANNELS = (32, 64, 128, 256)
"""Of the discriminator: pythae's own for CelebA with a quarter of its channels."""


def preset_small() -> Any:
    """The ModelConfig of the preset small; the folder that holds facevae must be on the path."""
    config, _ = importlib.import_module("facevae.config").preset("small", {})
    return config


def encoder(config: Any, variational: bool = True) -> Any:
    """facevae's encoder: images in 0..1 to `embedding`, and `log_covariance` when variational."""
    base: Any = importlib.import_module("pythae.models.nn")
    output: Any = importlib.import_module("pythae.models.base.base_utils").ModelOutput
    ours: Any = importlib.import_module("facevae.model")

    class Encoder(base.BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.inner = ours.Encoder(config)

        def forward(self, x: Any) -> Any:
            mean, logvar = self.inner(2 * x - 1)
            return output(embedding=mean, log_covariance=logvar) if variational else output(embedding=mean)

    return Encoder()


def decoder(config: Any) -> Any:
    """facevae's decoder: latents to `reconstruction` in 0..1."""
    base: Any = importlib.import_module("pythae.models.nn")
    output: Any = importlib.import_module("pythae.models.base.base_utils").ModelOutput
    ours: Any = importlib.import_module("facevae.model")

    class Decoder(base.BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.inner = ours.Decoder(config)

        def forward(self, z: Any) -> Any:
            return output(reconstruction=(self.inner(z) + 1) / 2)

    return Decoder()


def discriminator(model_config: Any) -> Any:
    """pythae's discriminator for CelebA at 64 px, with CHANNELS in place of its own."""
    nn: Any = importlib.import_module("torch").nn
    base: Any = importlib.import_module("pythae.models.nn").BaseDiscriminator
    celeba: Any = importlib.import_module("pythae.models.nn.benchmarks.celeba")

    class Discriminator(celeba.Discriminator_Conv_CELEBA):
        def __init__(self) -> None:
            base.__init__(self)
            self.latent_dim = model_config.latent_dim
            layers, before = [], 3
            for channels, activation in zip(CHANNELS, (nn.ReLU, nn.Tanh, nn.ReLU, nn.ReLU), strict=True):
                convolution = nn.Conv2d(before, channels, 4, 2, padding=1)
                layers.append(nn.Sequential(convolution, nn.BatchNorm2d(channels), activation()))
                before = channels
            layers.append(nn.Sequential(nn.Linear(before * 4 * 4, 1), nn.Sigmoid()))
            self.layers = nn.ModuleList(layers)
            self.depth = len(layers)

    return Discriminator()
