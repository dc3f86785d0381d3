"""Methods of the bench that need no environment of their own, by the same command line as the peers.

    python -m facevae.bench.ours --method pca|gan|tiny|small|... --train F.npy --validation F.npy --out DIR

A preset also needs --data, the prepared dataset that the .npy files were read from.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import facevae
from facevae.bench.gan import sample_gan, train_gan
from facevae.bench.peers.peer_io import (
    PeerArguments,
    load_faces,
    measure_speed,
    parse_arguments,
    peak_memory_mib,
    to_uint8,
    write_json,
    write_npy,
)
from facevae.checkpoint import read_json
from facevae.config import PRESETS, preset
from facevae.engine import keep_freed_memory
from facevae.errors import require
from facevae.generator import FaceGenerator
from facevae.images import Photos
from facevae.layers import parameter_count
from facevae.train import train

PCA_COMPONENTS = 256
"""As many as the presets' latents have dimensions."""
METHODS = ("pca", "gan", *PRESETS)


@dataclass(frozen=True)
class Trained:
    """A method ready to be judged."""

    sample: Callable[[int], Photos]
    encode: Callable[[Photos], Any] | None
    reconstruct: Callable[[Photos], Photos] | None
    facts: dict[str, Any]


def main(argv: list[str] | None = None) -> None:
    """Train one method under the clock and write samples, reconstructions and facts into --out."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--data", type=Path)
    extra, rest = parser.parse_known_args(argv)
    given = parse_arguments(METHODS, rest)
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    faces, validation = load_faces(given.train), load_faces(given.validation)
    if given.method == "pca":
        trained = fit_pca(faces, given.seed)
    elif given.method == "gan":
        trained = fit_gan(faces, given)
    else:
        trained = fit_preset(extra.data, faces.shape[1], given)
    write_npy(given.out / "samples.npy", trained.sample(given.samples))
    if trained.reconstruct:
        write_npy(given.out / "reconstructions.npy", trained.reconstruct(validation))
    encode = trained.encode or (lambda _: None)
    speed = measure_speed(trained.sample, encode, validation, min(500, given.samples))
    if trained.encode is None:
        del speed["encode_per_s"]
    facts = {
        "method": given.method, "framework": "facevae" if given.method != "pca" else "scikit-learn",
        "versions": {"facevae": facevae.__version__, "torch": torch.__version__}, "seed": given.seed,
        **trained.facts, **speed, "peak_memory_mib": peak_memory_mib(),
    }  # fmt: skip
    write_json(given.out / "facts.json", facts)


def fit_pca(faces: Photos, seed: int) -> Trained:
    """Principal components and a Gaussian with their variances: the statistical method, in seconds.

    Source: Turk and Pentland 1991 (eigenfaces); Tipping and Bishop 1999 for the Gaussian.
    """
    decomposition = require("sklearn.decomposition", "gmm", "PCA")
    started = time.perf_counter()
    rows = np.concatenate([_rows(faces), _rows(faces[:, :, ::-1])])
    count = min(PCA_COMPONENTS, len(rows) - 1)
    pca = decomposition.PCA(count, svd_solver="randomized", random_state=seed).fit(rows)
    seconds = time.perf_counter() - started
    std = np.sqrt(pca.explained_variance_)

    def decode(codes: NDArray[np.floating]) -> Photos:
        return to_uint8(pca.inverse_transform(codes).reshape(-1, *faces.shape[1:]))

    def sample(many: int) -> Photos:
        noise = np.random.default_rng(seed).standard_normal((many, count))
        return decode(noise * std)

    return Trained(
        sample,
        lambda photos: pca.transform(_rows(photos)),
        lambda photos: decode(pca.transform(_rows(photos))),
        {
            "seen_images": len(rows), "train_seconds": seconds, "latent_dim": count, "batch_size": len(rows),
            "parameters": {"encoder": int(pca.components_.size), "decoder": int(pca.components_.size)},
            "loss_history": [], "notes": f"{count} principal components, Gaussian with their variances",
        },
    )  # fmt: skip


def fit_gan(faces: Photos, given: PeerArguments) -> Trained:
    """The decoder of the preset small as generator, against the feature-space adversary."""
    config, _ = preset("small", {"size_px": faces.shape[1]})
    gan = train_gan(faces, config, given.minutes, given.seed)

    return Trained(
        lambda many: sample_gan(gan, many, config.latent_dim, given.seed),
        None,
        None,
        {
            "seen_images": gan.seen_images, "train_seconds": gan.train_seconds,
            "latent_dim": config.latent_dim, "loss_history": gan.loss_history,
            "parameters": {
                "generator": parameter_count(gan.generator),
                "adversary": parameter_count(gan.adversary.heads),
            },
            "notes": "hinge loss on frozen EfficientNet-Lite0 features, z ~ N(0, I), averaged weights",
        },
    )  # fmt: skip


def fit_preset(data: Path, size_px: int, given: PeerArguments) -> Trained:
    """A preset as `facevae train` trains it, prior included."""
    run = given.out / "run"
    settings = {"minutes": given.minutes, "seed": given.seed, "size_px": size_px}
    model = train(data, run, given.method, {**settings, "checkpoint_minutes": 5.0}, device="cpu")
    generator = FaceGenerator.from_pretrained(model, "cpu")
    measured = read_json(model / "config.json")["measured"]
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    history = [json.loads(line) for line in lines]
    return Trained(
        lambda many: generator.sample(many, given.seed).photos,
        generator.encode,
        lambda photos: generator.decode(generator.encode(photos)),
        {
            "seen_images": measured["seen_images"], "train_seconds": measured["trained_seconds"],
            "latent_dim": generator.latent_dim,
            "loss_history": [
                [row["seen_images"], row["total_loss"]] for row in history if "total_loss" in row
            ],
            "parameters": {
                "encoder": parameter_count(generator.model.encoder),
                "decoder": parameter_count(generator.model.decoder),
            },
            "notes": f"preset {given.method}, {generator.prior.kind} prior",
        },
    )  # fmt: skip


def _rows(photos: Photos) -> NDArray[np.float32]:
    return (photos.reshape(len(photos), -1) / 255).astype(np.float32)


if __name__ == "__main__":
    main()
