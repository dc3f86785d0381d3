"""Figures that need the model itself: reconstruction, likelihood bounds, and the health of the latent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facevae.data.dataset import FaceDataset
from facevae.distributions import bits_per_dim, reparameterise
from facevae.evaluation.pictures import figure, likeness, real_floors
from facevae.evaluation.real import RealFaces, StageProgress, silent
from facevae.generator import FaceGenerator
from facevae.images import Photos, to_photos, to_tensor
from facevae.metrics.elbo import estimate_elbo, importance_weighted_nll
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.latent import active_units
from facevae.metrics.posterior import frechet_gap, kl_nats_per_dim, two_sample_accuracy
from facevae.metrics.reconstruction import psnr_db, ssim
from facevae.validation import eval_batches

BOUND_FACES = 256
"""Faces that the importance-weighted bound is measured on: K decodings each."""
BOUND_DRAWS = 64
BOUND_BATCH = 16


@dataclass(frozen=True)
class Codes:
    """Posteriors of a split and the reconstructions of their means."""

    mean: Tensor  # (N, D)
    logvar: Tensor  # (N, D)
    reconstructions: Photos  # (N, H, W, 3) uint8

    def draws(self, seed: int) -> Tensor:
        """(N, D) one draw of each posterior."""
        noise = torch.randn(self.mean.shape, generator=torch.Generator().manual_seed(seed))
        return reparameterise(self.mean, self.logvar, noise)


@torch.no_grad()
def encode_split(
    generator: FaceGenerator,
    data: Path,
    split: str,
    indices: NDArray[np.int64] | None = None,
    progress: StageProgress = silent,
) -> Codes:
    """Posteriors and reconstructions of the faces at `indices` of a split (None: all), with their own
    attributes, in that order."""
    faces = FaceDataset(data, split, generator.size_px, generator.model.config.schema)
    count = len(faces) if indices is None else len(indices)
    means, logvars, pictures = [], [], []
    for x, attributes in eval_batches(generator.model, faces, indices):
        mean, logvar = generator.model.encoder(x, attributes)
        pictures.append(to_photos(generator.model.decoder(mean, attributes)))
        means.append(mean.cpu())
        logvars.append(logvar.cpu())
        progress(f"{split} faces through the model", sum(map(len, means)), count)
    return Codes(torch.cat(means), torch.cat(logvars), np.concatenate(pictures))


def reconstruction_figures(
    real: RealFaces, reconstructions: Photos, extractor: FeatureExtractor, seed: int
) -> dict[str, Any]:
    """How close reconstructions are to the validation faces, in pixels and in what the extractor sees.

    (M, H, W, 3) uint8, in the order of the faces. The floor of the two feature figures is a face against its
    own mirror image: the same person, another picture. Needs no model: any method's can be judged.
    """
    count, floors = len(real.validation), real_floors(real, extractor, seed)
    x, y = to_tensor(real.validation), to_tensor(reconstructions)
    figures = {
        "psnr_db": figure(float(psnr_db(x, y).mean()), count),
        "ssim": figure(float(ssim(x, y).mean()), count),
        **likeness(real, reconstructions, extractor),
    }
    for name in ("feature_distance", "identity_cosine"):
        figures[name]["floor"] = floors[name]["value"]
    return figures


def likelihood_figures(
    generator: FaceGenerator, data: Path, split: str, seed: int, progress: StageProgress = silent
) -> dict[str, Any]:
    """The bounds on -log p(x) of held-out faces, in nats and bits per pixel value.

    The ELBO is that of `metrics.elbo.estimate_elbo`, with its standard error. The importance-weighted bound,
    of the same observation and prior, takes BOUND_DRAWS draws of BOUND_FACES faces.
    """
    faces = FaceDataset(data, split, generator.size_px, generator.model.config.schema)
    elbo = estimate_elbo(generator.model, partial(eval_batches, generator.model, faces), seed)
    draw = torch.Generator().manual_seed(seed)
    bound = _importance_weighted(generator, faces, elbo.pixel_std, draw, progress).double()
    count, fewer = len(faces), len(bound)
    bits = bits_per_dim(bound.mean()[None], 3 * generator.size_px**2)
    return {
        "negative_elbo_nats": figure(elbo.negative_elbo_nats, count, std=elbo.standard_error_nats),
        "reconstruction_nats": figure(elbo.reconstruction_nats, count),
        "kl_nats": figure(elbo.kl_nats, count),
        "bits_per_dim": figure(elbo.bits_per_dim, count),
        "importance_weighted_nats": figure(float(bound.mean()), fewer, std=float(bound.std() / fewer**0.5)),
        "importance_weighted_bits_per_dim": figure(float(bits), fewer),
        "pixel_std": figure(elbo.pixel_std, count),
    }


def latent_figures(codes: Codes, generator: FaceGenerator, seed: int) -> dict[str, Any]:
    """Use of the latent, and the gap between what the decoder was trained on and what it is sampled from.

    The prior's latents are drawn as `FaceGenerator.sample` draws them, with the model's own guidance. The
    floors compare two such draws at the same count.
    """
    count, latent_dim = codes.mean.shape
    posterior = codes.draws(seed)
    prior, double = (sampled_latents(generator, count, seed + shift * count) for shift in (1, 2))
    per_dim = kl_nats_per_dim(codes.mean, codes.logvar).sort(descending=True).values
    return {
        "active_units": figure(active_units(codes.mean), count),
        "latent_dim": figure(latent_dim, count),
        "kl_nats": figure(float(per_dim.sum()), count),
        "frechet_gap": figure(frechet_gap(posterior, prior), count, frechet_gap(double, prior)),
        "two_sample_accuracy": figure(
            two_sample_accuracy(posterior, prior, seed), count, two_sample_accuracy(double, prior, seed)
        ),
        "kl_nats_per_dim": per_dim.tolist(),
    }


def sampled_latents(generator: FaceGenerator, count: int, seed: int) -> Tensor:
    """(N, D) latents of `FaceGenerator.sample(count, seed)`."""
    seeds = [seed + index for index in range(count)]
    return torch.from_numpy(generator.draw_latents(seeds, [{}] * count, 1.0, generator.guidance_used()))


def _importance_weighted(
    generator: FaceGenerator, faces: FaceDataset, std: float, draw: torch.Generator, progress: StageProgress
) -> Tensor:
    parts: list[Tensor] = []
    count = min(BOUND_FACES, len(faces))
    for start in range(0, count, BOUND_BATCH):
        batch = faces.batch(np.arange(start, min(start + BOUND_BATCH, count)))
        x = to_tensor(batch.photos.to(generator.device))
        attributes = None if batch.attributes is None else batch.attributes.to(generator.device)
        noise = torch.randn(BOUND_DRAWS, len(x), generator.latent_dim, generator=draw).to(generator.device)
        parts.append(importance_weighted_nll(generator.model, x, attributes, noise, std).cpu())
        progress("importance-weighted bound", start + len(x), count)
    return torch.cat(parts)
