"""How fast pythae's own trainer trains facevae's networks: the same work, another training loop.

python pythae_speed.py --steps 20 --threads 2
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from facevae.bench.peers import pythae_networks as networks
else:
    import pythae_networks as networks

BATCH_SIZE, WARMUP_STEPS = 64, 4


class StepsDone(Exception):
    """Raised within pythae's trainer once enough steps are timed."""


def main() -> None:
    """Print {"images_per_s": median over the timed steps} as JSON."""
    parser = argparse.ArgumentParser(description="Time pythae's trainer on facevae's networks.")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[3]))
    os.environ["TQDM_DISABLE"] = "1"
    logging.disable(logging.INFO)
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(given.threads)
    seconds = step_seconds(torch, given.steps)
    print(json.dumps({"images_per_s": BATCH_SIZE / statistics.median(seconds)}))


def step_seconds(torch: Any, steps: int) -> list[float]:
    """Seconds of each of `steps` training steps, batch loading included, after WARMUP_STEPS untimed ones."""
    trainers: Any = importlib.import_module("pythae.trainers")
    ends: list[float] = []

    class Watch(trainers.training_callbacks.TrainingCallback):
        def on_train_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())
            if len(ends) > WARMUP_STEPS + steps:
                raise StepsDone

    with tempfile.TemporaryDirectory(prefix="pythae-") as folder:
        config = trainers.BaseTrainerConfig(
            output_dir=folder, per_device_train_batch_size=BATCH_SIZE, num_epochs=10**6, no_cuda=True
        )
        model, faces = equal_model(), random_faces(torch)
        trainer = trainers.BaseTrainer(model, faces, training_config=config, callbacks=[Watch()])
        with contextlib.suppress(StepsDone):
            trainer.train()
    return np.diff(ends[WARMUP_STEPS:]).tolist()


def equal_model() -> Any:
    """pythae's VAE around the encoder and decoder of the preset small."""
    models: Any = importlib.import_module("pythae.models")
    small = networks.preset_small()
    shape = (3, small.size_px, small.size_px)
    settings = models.VAEConfig(input_dim=shape, latent_dim=small.latent_dim, reconstruction_loss="mse")
    return models.VAE(settings, networks.encoder(small), networks.decoder(small))


def random_faces(torch: Any) -> Any:
    """A dataset of random pictures in memory, as pythae wants them: (3, 64, 64) float32 in 0..1."""
    output: Any = importlib.import_module("pythae.data.datasets").DatasetOutput
    pixels = torch.rand(BATCH_SIZE * 8, 3, 64, 64)

    class Faces(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(pixels)

        def __getitem__(self, index: int) -> Any:
            return output(data=pixels[index])

    return Faces()


if __name__ == "__main__":
    main()
