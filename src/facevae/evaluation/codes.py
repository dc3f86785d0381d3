"""Figures that need the model itself: reconstruction, likelihood bounds, and the health of the latent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facevae.data.dataset import FaceDataset
from facevae.distributions import bits_per_dim, reparameterise
from facevae.evaluation.pictures import figure, likeness, real_floors
from facevae.evaluation.real import RealFaces, StageProgress, silent
from facevae.generator import FaceGenerator
from facevae.images import Photos, to_photos, to_tensor
from facevae.metrics.elbo import best_std, elbo_terms, importance_weighted_nll
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.latent import active_units
from facevae.metrics.posterior import frechet_gap, kl_nats_per_dim, two_sample_accuracy
from facevae.metrics.reconstruction import psnr_db, ssim
from facevae.model import FaceVAE
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
    most: int | None = None,
    progress: StageProgress = silent,
) -> Codes:
    """Posteriors and reconstructions of the first `most` faces of a split, with their own attributes."""
    faces = FaceDataset(data, split, generator.size_px, generator.model.config.schema)
    count = min(len(faces), most or len(faces))
    means, logvars, pictures = [], [], []
    for x, attributes in eval_batches(generator.model, faces, count):
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
    generator: FaceGenerator, data: Path, seed: int, progress: StageProgress = silent
) -> dict[str, Any]:
    """The bounds on -log p(x) of validation faces, in nats and bits per pixel value.

    The observation is a Gaussian around the decoder's output whose one std is the likeliest for posterior
    draws of these faces (sigma-VAE), whatever the model was trained with, so that models compare. The prior
    is N(0, I), as in the ELBO. The importance-weighted bound takes BOUND_DRAWS draws of BOUND_FACES faces.
    """
    faces = FaceDataset(data, "validation", generator.size_px, generator.model.config.schema)
    model, draw = generator.model, torch.Generator().manual_seed(seed)
    std = _likeliest_std(model, faces, torch.Generator().manual_seed(seed))
    terms = []
    for x, attributes in eval_batches(model, faces):
        noise = torch.randn(1, len(x), generator.latent_dim, generator=draw).to(x.device)
        terms.append(torch.stack(elbo_terms(model, x, attributes, noise, std), dim=1).cpu())
    elbo, reconstruction, kl = torch.cat(terms).double().mean(dim=0).tolist()
    bound = _importance_weighted(generator, faces, std, draw, progress)
    dims, count, fewer = 3 * generator.size_px**2, len(faces), len(bound)
    per_dim = partial(_bits, dims=dims)
    return {
        "negative_elbo_nats": figure(elbo, count),
        "reconstruction_nats": figure(reconstruction, count),
        "kl_nats": figure(kl, count),
        "bits_per_dim": figure(per_dim(elbo), count),
        "importance_weighted_nats": figure(float(bound.mean()), fewer),
        "importance_weighted_bits_per_dim": figure(per_dim(float(bound.mean())), fewer),
        "pixel_std": figure(std, count),
    }


def latent_figures(codes: Codes, generator: FaceGenerator, seed: int) -> dict[str, Any]:
    """Use of the latent, and the gap between what the decoder was trained on and what it is sampled from.

    The floors compare two draws of the prior at the same count.
    """
    count, latent_dim = codes.mean.shape
    posterior = codes.draws(seed)
    prior, double = (_prior_draws(generator, count, seed + shift) for shift in (1, 2))
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


def _prior_draws(generator: FaceGenerator, count: int, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    choice = torch.rand(count, generator=draw)
    return generator.prior.sample(torch.randn(count, generator.latent_dim, generator=draw), choice)


@torch.no_grad()
def _likeliest_std(model: FaceVAE, faces: FaceDataset, draw: torch.Generator) -> float:
    variances = []
    for x, attributes in eval_batches(model, faces):
        mean, logvar = model.encoder(x, attributes)
        z = reparameterise(mean, logvar, torch.randn(mean.shape, generator=draw).to(mean.device))
        variances.append((len(x), best_std(x, model.decoder(z, attributes)) ** 2))
    return float((sum(n * v for n, v in variances) / sum(n for n, _ in variances)) ** 0.5)


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


def _bits(nats: float, dims: int) -> float:
    return float(bits_per_dim(torch.tensor([nats], dtype=torch.float64), dims))
