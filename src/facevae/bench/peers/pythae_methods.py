"""Methods of pythae with its own losses, trainers and samplers, trained under a clock.

    python pythae_methods.py --method vae|rae|vaegan --train faces.npy --validation validation.npy --out DIR

Encoder and decoder are those of facevae's preset small, in fp32; batches of 100, Adam and the methods'
weights are those of pythae's published CelebA configurations (examples/scripts/configs/celeba). Sources of
the methods: Kingma and Welling 2014 (vae), Ghosh et al. 2020 with an L2 penalty on the decoder (rae), Larsen
et al. 2016 (vaegan).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from facevae.bench.peers import peer_io
    from facevae.bench.peers import pythae_networks as networks
else:
    import peer_io
    import pythae_networks as networks

SIZE_PX, BATCH_SIZE = 64, 100
# The published rates of vae and vaegan, 1e-4, are for hundreds of thousands of steps: here they learn little.
LEARNING_RATE = {"vae": 1e-3, "rae": 1e-3, "vaegan": 3e-4}
NOTES = {
    "vae": "VAE, half the summed squared error plus KL; samples.npy from N(0, I), samples-gmm.npy from a "
    "Gaussian mixture of 10 fitted to the codes of the training faces.",
    "rae": "RAE_L2, embedding weight 1e-4, decoder weight decay 1e-7; samples.npy from a Gaussian mixture "
    "of 10 fitted to the codes of the training faces.",
    "vaegan": "VAEGAN, adversarial loss scale 0.99999, reconstruction at layer 3 of the discriminator, "
    "margin 0.4, equilibrium 0.68; samples.npy from N(0, I).",
}
RAE_DECODER_DECAY = 1e-7


class BudgetUsed(Exception):
    """Raised within pythae's trainer to end training at the current weights."""


def build(method: str) -> Any:
    """The model of `method` around the networks of facevae's preset small."""
    models: Any = importlib.import_module("pythae.models")
    small = networks.preset_small()
    shape: dict[str, Any] = {"input_dim": (3, SIZE_PX, SIZE_PX), "latent_dim": small.latent_dim}
    if method == "rae":
        config = models.RAE_L2_Config(**shape, embedding_weight=1e-4, reg_weight=RAE_DECODER_DECAY)
        return models.RAE_L2(config, networks.encoder(small, variational=False), networks.decoder(small))
    if method == "vae":
        config = models.VAEConfig(**shape, reconstruction_loss="mse")
        return models.VAE(config, networks.encoder(small), networks.decoder(small))
    config = models.VAEGANConfig(
        **shape,
        reconstruction_loss="mse",
        adversarial_loss_scale=0.99999,
        reconstruction_layer=3,
        margin=0.4,
        equilibrium=0.68,
    )
    return models.VAEGAN(
        config, networks.encoder(small), networks.decoder(small), networks.discriminator(config)
    )


def training_config(trainers: Any, method: str, seed: int, folder: str) -> tuple[Any, Any]:
    """(trainer class, its configuration) that pythae documents for `method`."""
    shared: dict[str, Any] = {
        "output_dir": folder,
        "per_device_train_batch_size": BATCH_SIZE,
        "num_epochs": 10**9,
        "seed": seed,
        "no_cuda": True,
    }
    rate = LEARNING_RATE[method]
    if method == "vae":
        return trainers.BaseTrainer, trainers.BaseTrainerConfig(**shared, learning_rate=rate)
    shared |= {"encoder_learning_rate": rate, "decoder_learning_rate": rate}
    if method == "rae":
        return trainers.CoupledOptimizerTrainer, trainers.CoupledOptimizerTrainerConfig(
            **shared, decoder_optimizer_params={"weight_decay": RAE_DECODER_DECAY}
        )
    return trainers.CoupledOptimizerAdversarialTrainer, trainers.CoupledOptimizerAdversarialTrainerConfig(
        **shared, discriminator_learning_rate=rate
    )


def train(model: Any, faces: peer_io.Faces, method: str, clock: peer_io.Clock, seed: int) -> None:
    """Train with pythae's trainer until the clock is used up. What pythae saves is deleted, never read."""
    torch: Any = importlib.import_module("torch")
    trainers: Any = importlib.import_module("pythae.trainers")
    output: Any = importlib.import_module("pythae.data.datasets").DatasetOutput
    last: dict[str, Any] = {}

    class Flipped(torch.utils.data.Dataset):
        """Faces as (3, H, H) float32 in 0..1, each mirrored with probability 1/2."""

        def __len__(self) -> int:
            return len(faces)

        def __getitem__(self, index: int) -> Any:
            x = torch.from_numpy(faces[index]).permute(2, 0, 1).float() / 255.0  # (3, H, H)
            return output(data=x.flip(2) if torch.rand(()) < 0.5 else x)

    class Watch(trainers.training_callbacks.TrainingCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock.start()

        def on_train_step_end(self, *_: Any, **__: Any) -> None:
            if clock.step(last["images"], float(last["loss"])):
                raise BudgetUsed

    def remember(_: Any, inputs: tuple[Any, ...], result: Any) -> None:
        last.update(images=len(inputs[0]["data"]), loss=result.loss.detach())

    with tempfile.TemporaryDirectory(prefix="pythae-") as folder:
        trainer_class, config = training_config(trainers, method, seed, folder)
        trainer = trainer_class(model, Flipped(), training_config=config, callbacks=[Watch()])
        hook = model.register_forward_hook(remember)
        try:
            trainer.train()
        except BudgetUsed:
            hook.remove()
    model.eval()


def mixture_sampler(model: Any, faces: peer_io.Faces, seed: int) -> Any:
    """pythae's Gaussian mixture sampler, with its defaults, fitted to the codes of `faces`.

    Its fit would also decode every face and throw the result away: only the codes are computed here.
    """
    torch: Any = importlib.import_module("torch")
    samplers: Any = importlib.import_module("pythae.samplers")
    result: Any = importlib.import_module("pythae.models.base.base_utils").ModelOutput
    sampler = samplers.GaussianMixtureSampler(model)

    def codes(inputs: Any) -> Any:
        encoded = model.encoder(inputs["data"])
        if "log_covariance" not in encoded:
            return result(z=encoded.embedding)
        return result(z=model._sample_gauss(encoded.embedding, torch.exp(0.5 * encoded.log_covariance))[0])

    # The mixture draws from numpy's global state; there is no other way to seed it.
    np.random.seed(seed)  # noqa: NPY002
    sampler.model = codes
    sampler.fit(to_unit(torch, faces))
    sampler.model = model
    return sampler


def to_unit(torch: Any, faces: peer_io.Faces) -> Any:
    """(N, H, H, 3) uint8 to (N, 3, H, H) float32 in 0..1."""
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255.0


def to_faces(unit: Any) -> peer_io.Faces:
    """(N, 3, H, H) in 0..1 to (N, H, H, 3) uint8."""
    return peer_io.to_uint8(unit.detach().permute(0, 2, 3, 1).contiguous().numpy())


def main() -> None:
    """Train, then write samples.npy, reconstructions.npy and, last, facts.json."""
    given = peer_io.parse_arguments(list(LEARNING_RATE))
    sys.path.insert(0, str(Path(__file__).parents[3]))  # facevae's networks, not its dependencies
    peer_io.limit_threads(given.threads)
    # pythae's progress bar would write several lines a second to the log.
    os.environ["TQDM_DISABLE"] = "1"
    faces, validation = peer_io.load_faces(given.train), peer_io.load_faces(given.validation)
    if faces.shape[1] != SIZE_PX:
        raise SystemExit(
            f"{given.train} holds faces of {faces.shape[1]} px: this bench of pythae takes {SIZE_PX} px alone"
        )
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    logging.disable(logging.INFO)
    model = build(given.method)
    clock = peer_io.Clock(given.minutes)
    train(model, faces, given.method, clock, given.seed)
    memory_mib = peer_io.peak_memory_mib()
    with torch.no_grad():
        speed = write_images(torch, model, given, faces, validation)
    facts = {
        "method": f"pythae-{given.method}",
        "framework": "pythae",
        "versions": {name: importlib.metadata.version(name) for name in ("pythae", "torch", "numpy")},
        "seed": given.seed,
        "threads": given.threads,
        "seen_images": clock.seen_images,
        "train_seconds": clock.train_seconds,
        "parameters": {
            part: sum(weight.numel() for weight in getattr(model, part).parameters())
            for part in ("encoder", "decoder", "discriminator")
            if hasattr(model, part)
        },
        "latent_dim": model.latent_dim,
        "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE[given.method],
        **speed,
        "peak_memory_mib": memory_mib,
        "loss_history": clock.loss_history(),
        "notes": f"{NOTES[given.method]} Weights at the end of the budget; constant learning rate.",
    }
    peer_io.write_json(given.out / "facts.json", facts)


def write_images(
    torch: Any, model: Any, given: peer_io.PeerArguments, faces: peer_io.Faces, validation: peer_io.Faces
) -> dict[str, float]:
    """Write the samples of each sampler and the reconstructions of `validation`; returns the timings."""
    normal: Any = importlib.import_module("pythae.samplers").NormalSampler(model)
    mixture: Any = None if given.method == "vaegan" else mixture_sampler(model, faces, given.seed)
    usual = mixture if given.method == "rae" else normal
    torch.manual_seed(given.seed)
    peer_io.write_npy(given.out / "samples.npy", to_faces(usual.sample(given.samples)))
    if given.method == "vae":
        peer_io.write_npy(given.out / "samples-gmm.npy", to_faces(mixture.sample(given.samples)))

    def encode(images: peer_io.Faces) -> Any:
        parts = torch.from_numpy(images).split(BATCH_SIZE)
        return torch.cat([model.encoder(to_unit(torch, part.numpy())).embedding for part in parts])

    def decode(z: Any) -> NDArray[Any]:
        return np.concatenate([to_faces(model.decoder(part).reconstruction) for part in z.split(BATCH_SIZE)])

    peer_io.write_npy(given.out / "reconstructions.npy", decode(encode(validation)))
    many = min(200, given.samples)
    return peer_io.measure_speed(lambda count: to_faces(usual.sample(count)), encode, faces, many)


if __name__ == "__main__":
    main()
