"""The small convolutional VAE of Keras tutorials, trained on faces under a clock.

    python keras_vae.py --train faces.npy --validation validation.npy --out DIR --minutes 15

Two convolutions each way (32 and 64 filters, stride 2, relu), a dense layer of 16, a latent of 16, binary
cross-entropy summed over pixels and channels plus KL, Adam 1e-3, batches of 128, all in float32.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from facevae.bench.peers import peer_io
else:
    import peer_io

LATENT_DIM, BATCH_SIZE, LEARNING_RATE = 16, 128, 1e-3
# Images per second of CPU time in training at 64 px: tensorflow 212, torch 92, jax below 10.
BACKEND = "tensorflow"


def build(keras: Any, size_px: int, seed: int) -> tuple[Any, Any, Any]:
    """(encoder giving mean and logvar, decoder, the two with the sampling between them for training)."""
    layers: Any = keras.layers
    ops: Any = keras.ops

    class Sample(layers.Layer):
        """z = mean + exp(logvar / 2) eps; adds KL(q || N(0, I)), in nats, to the loss."""

        def __init__(self) -> None:
            super().__init__()
            self.generator = keras.random.SeedGenerator(seed)

        def call(self, mean: Any, logvar: Any) -> Any:
            kl = 0.5 * ops.sum(ops.square(mean) + ops.exp(logvar) - 1.0 - logvar, axis=1)  # (B,)
            self.add_loss(ops.mean(kl))
            return mean + ops.exp(0.5 * logvar) * keras.random.normal(ops.shape(mean), seed=self.generator)

    half = {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}
    x = keras.Input((size_px, size_px, 3))
    h = layers.Conv2D(64, **half)(layers.Conv2D(32, **half)(x))  # (B, H/4, H/4, 64)
    h = layers.Dense(16, activation="relu")(layers.Flatten()(h))
    encoder = keras.Model(x, [layers.Dense(LATENT_DIM)(h), layers.Dense(LATENT_DIM)(h)])

    z = keras.Input((LATENT_DIM,))
    side = size_px // 4
    h = layers.Dense(side * side * 64, activation="relu")(z)
    h = layers.Reshape((side, side, 64))(h)
    h = layers.Conv2DTranspose(32, **half)(layers.Conv2DTranspose(64, **half)(h))  # (B, H, H, 32)
    decoder = keras.Model(z, layers.Conv2DTranspose(3, 3, padding="same", activation="sigmoid")(h))

    vae = keras.Model(x, decoder(Sample()(*encoder(x))))

    def reconstruction_loss(target: Any, prediction: Any) -> Any:
        return ops.sum(ops.binary_crossentropy(target, prediction), axis=(1, 2, 3))  # (B,)

    vae.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=reconstruction_loss)
    return encoder, decoder, vae


def train(keras: Any, vae: Any, faces: peer_io.Faces, clock: peer_io.Clock, seed: int) -> None:
    """Train until the clock is used up. Compiling happens before the clock starts and leaves no trace."""
    batch = min(BATCH_SIZE, len(faces))

    class Batches(keras.utils.PyDataset):
        """Shuffled, half flipped; whole batches only, so that nothing compiles twice."""

        def __init__(self) -> None:
            super().__init__()
            self.epoch = 0
            self.on_epoch_begin()

        def __len__(self) -> int:
            return len(faces) // batch

        def on_epoch_begin(self) -> None:
            self.order = np.random.default_rng([seed, self.epoch]).permutation(len(faces))

        def on_epoch_end(self) -> None:
            self.epoch += 1

        def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            rng = np.random.default_rng([seed, self.epoch, index])
            chosen = faces[self.order[index * batch : (index + 1) * batch]]
            pixels = peer_io.flip_half(chosen, rng).astype(np.float32) / 255.0  # (B, H, H, 3)
            return pixels, pixels

    class Stop(keras.callbacks.Callback):
        def on_train_batch_begin(self, _: int, logs: Any = None) -> None:  # noqa: ARG002
            clock.start()

        def on_train_batch_end(self, _: int, logs: Any = None) -> None:
            self.model.stop_training = clock.step(batch, float(logs["loss"]))

    vae.optimizer.build(vae.trainable_variables)
    variables = [*vae.variables, *vae.optimizer.variables]
    initial = [keras.ops.convert_to_numpy(variable) for variable in variables]
    vae.fit(Batches(), steps_per_epoch=1, verbose=0)
    for variable, value in zip(variables, initial, strict=True):
        variable.assign(value)
    vae.fit(Batches(), epochs=10**9, callbacks=[Stop()], verbose=0)


def main() -> None:
    """Train, then write samples.npy, reconstructions.npy and, last, facts.json."""
    given = peer_io.parse_arguments(["vae"])
    peer_io.limit_threads(given.threads)
    os.environ["KERAS_BACKEND"] = BACKEND
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    faces, validation = peer_io.load_faces(given.train), peer_io.load_faces(given.validation)
    framework: Any = importlib.import_module(BACKEND)
    framework.config.threading.set_intra_op_parallelism_threads(given.threads)
    framework.config.threading.set_inter_op_parallelism_threads(given.threads)
    keras: Any = importlib.import_module("keras")
    keras.utils.set_random_seed(given.seed)
    encoder, decoder, vae = build(keras, faces.shape[1], given.seed)
    clock = peer_io.Clock(given.minutes)
    train(keras, vae, faces, clock, given.seed)
    memory_mib = peer_io.peak_memory_mib()

    rng = np.random.default_rng(given.seed)

    def sample(count: int) -> peer_io.Faces:
        z = rng.standard_normal((count, LATENT_DIM), dtype=np.float32)
        return peer_io.to_uint8(in_batches(decoder, z))

    def encode(images: peer_io.Faces) -> NDArray[np.float32]:
        return in_batches(encoder, images.astype(np.float32) / 255.0, output=0)

    peer_io.write_npy(given.out / "samples.npy", sample(given.samples))
    means = encode(validation)  # (N, 16)
    peer_io.write_npy(given.out / "reconstructions.npy", peer_io.to_uint8(in_batches(decoder, means)))
    facts = {
        "method": "keras-vae",
        "framework": f"Keras on {BACKEND}",
        "versions": {"keras": keras.__version__, BACKEND: framework.__version__, "numpy": np.__version__},
        "seed": given.seed,
        "threads": given.threads,
        "seen_images": clock.seen_images,
        "train_seconds": clock.train_seconds,
        "parameters": {"encoder": encoder.count_params(), "decoder": decoder.count_params()},
        "latent_dim": LATENT_DIM,
        "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE,
        **peer_io.measure_speed(sample, encode, faces, min(200, given.samples)),
        "peak_memory_mib": memory_mib,
        "loss_history": clock.loss_history(),
        "notes": "Binary cross-entropy summed over pixels and channels plus KL, nats; constant learning "
        "rate; samples from N(0, I); the loss is the mean of its epoch so far; float32.",
    }
    peer_io.write_json(given.out / "facts.json", facts)


def in_batches(model: Any, inputs: NDArray[np.float32], output: int | None = None) -> NDArray[np.float32]:
    """The model's output (its `output`-th when it has several) for all `inputs`, 500 at a time."""
    parts = [model.predict_on_batch(inputs[start : start + 500]) for start in range(0, len(inputs), 500)]
    return np.concatenate([np.asarray(part if output is None else part[output]) for part in parts])


if __name__ == "__main__":
    main()
