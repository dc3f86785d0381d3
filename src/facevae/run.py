"""A run folder from its first claim to the finished model in it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from facevae.attributes import Schema
from facevae.checkpoint import (
    list_checkpoints,
    read_json,
    read_tensors,
    save_model,
    write_json,
    write_tensors,
)
from facevae.config import ModelConfig, TrainConfig
from facevae.data.dataset import FaceDataset, is_prepared
from facevae.data.shelf import BadShards
from facevae.distributions import reparameterise
from facevae.engine import lost_process, out_of_memory, wants_bf16
from facevae.errors import CheckpointError, ConfigError, DataError, MissingExtraError, TrainingError
from facevae.files import atomic_file, cache_folder, is_full, remove_leftovers
from facevae.flow_fit import FitProgress, fit_flow, mirrored_rows
from facevae.generator import FaceGenerator
from facevae.model import FaceVAE
from facevae.model_card import model_card
from facevae.prior import GaussianMixturePrior, NormalPrior, Prior
from facevae.readers import fit_reader
from facevae.run_page import write_run_page
from facevae.smoothing import MATCHED_FACES, match_sharpness
from facevae.train_state import TrainState
from facevae.validation import likelihood_figures, posteriors, validate

FREE_FIELDS = (
    "cache_gb", "checkpoint_images", "checkpoint_minutes", "keep_checkpoints", "log_images", "prior",
    "gmm_components", "prior_condition_on", "flow_steps", "flow_width", "flow_blocks", "pass_faces",
    "process_timeout_minutes", "sharded", "on_bad_shard", "shard_retries",
)  # fmt: skip
"""Fields of TrainConfig that may change when a run is resumed: none of them touches the weights, but for the
order in which `pass_faces` adds up."""

LATENTS_FILE = "prior-latents.safetensors"
BANK_LATENTS = 32_768
"""Latents that the adversary's samples are decoded from: drawing anew would cost a quarter of each step."""
BANK_GUIDANCE = 2.0
"""Where the prior has controls, each is asked for a training face's attributes with this guidance, as
sampling does: what guidance makes lies a little off the posteriors, and the decoder is to be sharp there."""


def prepared(path: Path) -> Path:
    """`path` when it is a prepared dataset, else the prepared form of that folder or archive of photos.

    It is kept in FACEVAE_CACHE (~/.cache/facevae unless set) under a name that changes with the photos.
    Raises DataError when there is nothing at `path`.
    """
    if is_prepared(path):
        return path
    if not path.exists():
        raise DataError(f"there is nothing at {path}: expected a prepared dataset, or a folder of photos.")
    from facevae.data.prepare import prepare

    out = cache_folder() / f"{path.resolve().name}-{_fingerprint(path)}"
    if not is_prepared(out):
        Console(stderr=True).print(
            f"{path} is not prepared yet: preparing it into {out}", highlight=False, markup=False
        )
    return prepare(path, out).path


def load_splits(path: str | Path, model: ModelConfig, config: TrainConfig) -> tuple[FaceDataset, FaceDataset]:
    """(train, validation) faces of a prepared dataset, a folder or an address, at the model's size.

    Raises ConfigError when the faces were prepared smaller than the model's size.
    """
    bad = BadShards(config.on_bad_shard, config.shard_retries)
    options = (model.size_px, model.schema, config.cache_gb, bad, config.shuffle_shards)
    train = FaceDataset(path, "train", *options)
    if train.info["size_px"] < model.size_px:
        raise ConfigError(
            f"{path} holds faces of {train.info['size_px']} px and the model asks for {model.size_px} px: "
            f"train with --size {train.info['size_px']}, or prepare with --size {model.size_px}."
        )
    return train, FaceDataset(path, "validation", *options)


def claim_run(run: Path, model: ModelConfig, config: TrainConfig, dataset: dict[str, Any]) -> None:
    """Write `run`/config.json, or check that the run there was started with the same configuration and data.

    Raises ConfigError naming what differs, CheckpointError when `run` is something else.
    """
    wanted = {"model": model.to_json(), "train": config.to_json(), "dataset": _dataset_identity(dataset)}
    wanted = json.loads(json.dumps(wanted))
    path = run / "config.json"
    if not path.exists():
        if run.exists() and any(run.iterdir()):
            raise CheckpointError(f"{run} is not empty and is no run of facevae: choose another --out.")
        write_json(path, wanted)
        return
    found = read_json(path)
    # A run begun before a field was there had what is its default.
    defaults: dict[str, Mapping[str, Any]] = {"model": {}, "train": vars(type(config)), "dataset": {}}
    differing = []
    for part in ("model", "train", "dataset"):
        before = found.get(part)
        if not isinstance(before, dict):
            raise CheckpointError(
                f"{path} is damaged: it does not say with which {part} the run was started."
            )
        differing += [
            f"{name} was {before.get(name)!r}, is {value!r}"
            for name, value in wanted[part].items()
            if name not in FREE_FIELDS and before.get(name, defaults[part].get(name)) != value
        ]
    if differing:
        raise ConfigError(
            f"the run in {run} was started otherwise: {'; '.join(differing)}. "
            "Use the same settings to resume it, or another --out to start anew."
        )


def tidy_run(run: Path) -> None:
    """Delete what a killed process left half-written in a run."""
    for folder in (run, run / "sheets", run / "checkpoints"):
        remove_leftovers(folder)


@contextmanager
def faults_told(run: Path) -> Iterator[None]:
    """Errors of the disk, a process that no longer answers, and memory that runs out, as TrainingError that
    says how to go on."""
    try:
        yield
    except OSError as error:
        what = f"the disk is full ({run})" if is_full(error) else f"cannot read or write: {error}"
        remedy = "Free some space and run" if is_full(error) else "Then run"
        raise TrainingError(
            f"{what}. Last good checkpoint: {_newest(run)}. {remedy} the same command to go on."
        ) from error
    except (RuntimeError, MemoryError) as error:
        if lost_process(error):
            raise TrainingError(
                f"no answer from another process of this run ({str(error)[:200]}). It has stopped or died, "
                f"or its machine or the network has. Last good checkpoint: {_newest(run)}. Start all "
                "processes again with the same command to go on."
            ) from error
        if not out_of_memory(error):
            raise
        raise TrainingError(
            f"out of memory, and not for want of smaller passes: {str(error)[:200]}. Last good checkpoint: "
            f"{_newest(run)}. Run the same command where there is more memory, or train a smaller model."
        ) from error


def _newest(run: Path) -> str:
    return str(next(reversed(list_checkpoints(run / "checkpoints")), "none yet"))


def finish(
    run: Path,
    model: FaceVAE,
    data: FaceDataset,
    validation: FaceDataset,
    config: TrainConfig,
    state: TrainState,
) -> None:
    """Fit prior and reader, measure on the validation split, and write `run`/model and `run`/run.html."""
    console = Console(stderr=True)
    model = model.cpu()
    console.print(
        f"fitting the {config.prior} prior and measuring on {len(validation):,} faces", highlight=False
    )
    encoded = None if config.prior == "normal" else posteriors(model, data, config.flip)
    prior = fit_prior(model, data, config, progress=ConsoleLine(console), encoded=encoded)
    if config.adversary_weight:
        some = np.random.default_rng(config.seed).permutation(len(data))[:MATCHED_FACES]
        match_sharpness(FaceGenerator(model, prior, run.name, "cpu"), data.read(some.tolist()), config.seed)
    reader = fit_reader(model, data, config, encoded)
    result = validate(model, validation)
    for text in [*data.news(), *validation.news()]:
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    measured = {
        **result.figures(),
        **likelihood_figures(model, prior, validation, result),
        "seen_images": state.seen_images,
        "trained_seconds": round(state.trained_seconds),
        "train_faces": len(data),
        **state.spent,
    }
    extra = {"train": config.to_json(), "dataset": _dataset_identity(data.info), "measured": measured}
    card = model_card(run.resolve().name, model, prior, config, data.info, measured)
    try:
        write_run_page(run, measured)
    except MissingExtraError as error:
        console.print(f"run.html is left out: {error}", highlight=False, markup=False)
    # Last: a run that has it is finished, and left as it is.
    save_model(run / "model", model, prior, card, extra, reader=reader)


def fit_prior(
    model: FaceVAE,
    data: FaceDataset,
    config: TrainConfig,
    seed: int | None = None,
    progress: FitProgress | None = None,
    encoded: tuple[Tensor, Tensor] | None = None,
) -> Prior:
    """The prior that `config` names, fitted to the posteriors of the training faces.

    Mirror images are faces too when the model was trained with them. seed: the configuration's unless given.
    encoded: what `posteriors` gives for them, where it is known already.
    """
    seed = config.seed if seed is None else seed
    if config.prior == "normal":
        return NormalPrior(model.config.latent_dim)
    mean, logvar = encoded or posteriors(model, data, config.flip)
    if config.prior == "gmm":
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
        return GaussianMixturePrior.fit(reparameterise(mean, logvar, noise), config.gmm_components, seed)
    schema = Schema.from_names(config.prior_condition_on)
    rows = data.rows() if schema.width else []
    rows = [*rows, *mirrored_rows(rows)] if config.flip else rows
    return fit_flow(
        mean, logvar, rows, schema, config.flow_steps, config.flow_width, config.flow_blocks,
        seed=seed, bf16=wants_bf16(config, "cpu"), progress=progress,
    )  # fmt: skip


def prior_latents(model: FaceVAE, data: FaceDataset, config: TrainConfig, run: Path) -> dict[str, Tensor]:
    """Draws of the prior fitted to `model`, kept in `run` for when it is resumed.

    latents: (BANK_LATENTS, D). asked, of a prior with controls: (BANK_LATENTS, A), what each was asked for as
    `adversary_condition_on` encodes it. Of every other one each attribute is left open by the toss of a
    coin, as people who ask for faces leave some open.
    """
    path = run / LATENTS_FILE
    if path.is_file():
        return read_tensors(path)
    prior = fit_prior(model, data, config, progress=ConsoleLine(Console(stderr=True)))
    draw = torch.Generator().manual_seed(config.seed)
    noise = torch.randn(BANK_LATENTS, prior.latent_dim, generator=draw)
    choice = torch.rand(BANK_LATENTS, generator=draw)
    bank = {}
    if prior.schema.width:
        rows = _asked_rows(data.rows(), prior.schema.names, np.random.default_rng((config.seed, 3)))
        asked = torch.tensor([prior.schema.encode(row) for row in rows])
        bank["latents"] = prior.sample(noise, choice, 1.0, asked, BANK_GUIDANCE).contiguous()
        told = Schema.from_names(config.adversary_condition_on)
        bank["asked"] = torch.tensor([told.encode(row) for row in rows]).reshape(BANK_LATENTS, told.width)
    else:
        bank["latents"] = prior.sample(noise, choice).contiguous()
    with atomic_file(path) as temporary:
        write_tensors(temporary, bank)
    return bank


def _asked_rows(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], draw: np.random.Generator
) -> list[dict[str, Any]]:
    """BANK_LATENTS rows of these names, over and over; of every other one, each is missing in half."""
    hidden = draw.random((BANK_LATENTS, len(names))) < 0.5
    hidden[::2] = False
    picked = draw.integers(len(rows), size=BANK_LATENTS)
    return [
        {name: rows[index].get(name) for name, hide in zip(names, hides, strict=True) if not hide}
        for index, hides in zip(picked.tolist(), hidden.tolist(), strict=True)
    ]


class ConsoleLine:
    """Progress of a flow's fit: after two seconds a line, and another every ten."""

    def __init__(self, console: Console) -> None:
        self.console, self.started, self.next_s = console, time.monotonic(), 2.0

    def __call__(self, step: int, steps: int, loss: float) -> None:
        passed_s = time.monotonic() - self.started
        if passed_s >= self.next_s:
            self.next_s = passed_s + 10
            left_s = passed_s / step * (steps - step)
            self.console.print(
                f"flow prior: step {step:,} of {steps:,}, loss {loss:.4f}, {left_s:.0f} s left",
                highlight=False,
            )


def _dataset_identity(info: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "size_px", "counts", "source", "licence")
    return {name: info.get(name) for name in names}


def _fingerprint(path: Path) -> str:
    """Twelve hex digits of the resolved path and of the names, sizes and times of the files below it."""
    digest = hashlib.sha256(str(path.resolve()).encode())
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        status = file.lstat()
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]
