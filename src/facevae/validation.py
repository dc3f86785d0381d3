"""A model held against faces it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from facevae.config import TrainConfig
from facevae.data.dataset import FaceDataset
from facevae.distributions import kl_to_standard_normal, reparameterise
from facevae.images import Photos, tile, to_photos, to_tensor
from facevae.metrics.elbo import estimate_elbo
from facevae.metrics.latent import active_units
from facevae.metrics.reconstruction import psnr_db, ssim
from facevae.model import FaceVAE
from facevae.prior import GaussianMixturePrior, Prior
from facevae.train_state import TrainState, averaged_model

EVAL_BATCH = 64
SHEET_COLUMNS = 12
SHEET_FACES = 1024


@dataclass(frozen=True)
class Validation:
    """Means over `faces` faces, reconstructed from their posterior means."""

    faces: int
    psnr_db: float
    ssim: float
    kl_nats: float
    active_units: int
    mean: Tensor  # (N, D)
    logvar: Tensor  # (N, D)
    originals: Tensor  # (up to 64, 3, H, W), -1..1
    reconstructions: Tensor  # (up to 64, 3, H, W), -1..1

    def figures(self) -> dict[str, float]:
        names = ("faces", "psnr_db", "ssim", "kl_nats", "active_units")
        return {name: getattr(self, name) for name in names}


@torch.no_grad()
def validate(
    model: FaceVAE,
    data: FaceDataset,
    most: int | None = None,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Validation:
    """Encode and decode the first `most` faces of `data` (None: all), inside `autocast()`. No randomness."""
    columns: dict[str, list[Tensor]] = {}
    originals = reconstructions = torch.empty(0)
    some = None if most is None else np.arange(min(len(data), most))
    for x, attributes in eval_batches(model, data, some):
        with autocast():
            mean, logvar = model.encoder(x, attributes)
            reconstruction = model.decoder(mean, attributes)
        row = {
            "mean": mean,
            "logvar": logvar,
            "psnr": psnr_db(x, reconstruction),
            "ssim": ssim(x, reconstruction),
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value.float().cpu())
        if not len(originals):
            originals, reconstructions = x.cpu(), reconstruction.float().cpu()
    whole = {name: torch.cat(parts) for name, parts in columns.items()}
    kl = kl_to_standard_normal(whole["mean"], whole["logvar"]).sum(dim=1)  # (N,)
    return Validation(
        faces=len(kl),
        psnr_db=float(whole["psnr"].mean()),
        ssim=float(whole["ssim"].mean()),
        kl_nats=float(kl.mean()),
        active_units=active_units(whole["mean"]),
        mean=whole["mean"],
        logvar=whole["logvar"],
        originals=originals,
        reconstructions=reconstructions,
    )


def likelihood_figures(
    model: FaceVAE, prior: Prior, data: FaceDataset, result: Validation, seed: int = 0
) -> dict[str, float]:
    """What a model's card says of likelihood: the ELBO as `evaluate` measures it, and the prior's log-density
    of one draw of each posterior, each a mean in nats with its standard error. Deterministic for a seed."""
    elbo = estimate_elbo(model, partial(eval_batches, model, data), seed)
    noise = torch.randn(result.mean.shape, generator=torch.Generator().manual_seed(seed))
    log_prob = prior.log_prob(reparameterise(result.mean, result.logvar, noise)).double()  # (N,)
    return {
        "negative_elbo_nats": elbo.negative_elbo_nats,
        "negative_elbo_standard_error_nats": elbo.standard_error_nats,
        "bits_per_dim": elbo.bits_per_dim,
        "prior_log_likelihood_nats": float(log_prob.mean()),
        "prior_log_likelihood_standard_error_nats": float(log_prob.std() / len(log_prob) ** 0.5),
    }


@torch.no_grad()
def posteriors(model: FaceVAE, data: FaceDataset, flip: bool, told: bool = True) -> tuple[Tensor, Tensor]:
    """(mean, logvar), (N, D) each on the CPU, of every face; with `flip` of its mirror images after: 2N.

    told: whether a conditional encoder is given the attributes.
    """
    views: list[list[Tensor]] = [[], []]
    for x, attributes in eval_batches(model, data):
        for parts, view in zip(views, (x, x.flip(3)) if flip else (x,), strict=False):
            parts.append(
                torch.stack(model.encoder(view, attributes if told else None)).float().cpu()
            )  # (2, B, D)
    mean, logvar = torch.cat(views[0] + views[1], dim=1)
    return mean, logvar


def eval_batches(
    model: FaceVAE, data: FaceDataset, indices: NDArray[np.int64] | None = None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """(x, attributes) of the faces at `indices` (None: all, in their order), on the model's device."""
    device = next(model.parameters()).device
    indices = np.arange(len(data)) if indices is None else indices
    for start in range(0, len(indices), EVAL_BATCH):
        batch = data.batch(indices[start : start + EVAL_BATCH])
        attributes = None if batch.attributes is None else batch.attributes.to(device)
        yield to_tensor(batch.photos.to(device)), attributes


@torch.no_grad()
def validation_sheet(
    state: TrainState, validation: FaceDataset, accelerator: Accelerator, config: TrainConfig
) -> tuple[dict[str, float], Photos]:
    """Figures of the averaged weights on up to 1,024 validation faces, and a sheet in three bands.

    Bands: originals, reconstructions, samples from the learned prior once there is one, before that from a
    Gaussian fitted to these faces' latents.
    """
    model = averaged_model(state)
    result = validate(model, validation, SHEET_FACES, accelerator.autocast)
    columns = min(SHEET_COLUMNS, len(result.originals))
    generator = torch.Generator().manual_seed(config.seed)
    noise = torch.randn(result.mean.shape, generator=generator)
    if state.adversary is not None and state.adversary.latents is not None:
        z = state.adversary.latents[: 3 * columns]
    else:
        prior = GaussianMixturePrior.from_moments(reparameterise(result.mean, result.logvar, noise))
        noise = torch.randn(3 * columns, noise.shape[1], generator=generator)
        z = prior.sample(noise, torch.zeros(len(noise)))
    samples = model.decoder(z.to(accelerator.device))
    bands = [
        to_photos(band) for band in (result.originals[:columns], result.reconstructions[:columns], samples)
    ]
    return result.figures(), tile(np.concatenate(bands), columns)
