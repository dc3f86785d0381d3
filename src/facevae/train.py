"""Training: the job and the loop of its steps (step.py).

Weights after N images depend on the two configurations and the data alone: the order of the faces, flips
and noise are drawn from (seed, images seen), so a resumed run goes on exactly, on any number of processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console

from facevae.attributes import Schema
from facevae.checkpoint import list_checkpoints, load_model
from facevae.config import ModelConfig, TrainConfig, preset
from facevae.data.dataset import FaceBatch, FaceDataset, is_prepared, prefetch, read_dataset_info
from facevae.data.store import local_path
from facevae.ema import EMA
from facevae.engine import check_same_start, keep_freed_memory, make_accelerator, share_of, start_processes
from facevae.errors import ConfigError, DataError, TrainingError
from facevae.features import FrozenFeatures
from facevae.layers import parameter_count, place
from facevae.model import FaceVAE
from facevae.models import find_model
from facevae.private import make_ledger, per_face_gradients, poisson_indices
from facevae.run import claim_run, faults_told, finish, load_splits, prepared, prior_latents, tidy_run
from facevae.runlog import RunLog
from facevae.step import ADVERSARY_FROM, StepResult, adversary_due, train_step
from facevae.train_state import (
    TrainState,
    averaged_model,
    load_state,
    make_optimizer,
    shard_state,
    switch_adversary_on,
    whole_state,
)

CALIBRATION_STEPS = 20
"""With `minutes`, steps timed (after as many untimed ones) before the number of images is fixed."""
ADVERSARY_COST = 1.7
"""Steps without the adversary that take as long as one with it: 144 against 83 images/s on two cores."""


def train(
    data: Path | str,
    out: Path | str,
    preset_name: str = "small",
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
) -> Path:
    """Train on a prepared dataset or a folder of photos, fit the prior, and write the model to `out`/model.

    settings: any field of ModelConfig or TrainConfig, over the preset. Called again with the same `out` it
    goes on where it stopped; finished, it changes nothing. Returns `out`/model; where a launcher started
    several processes, process 0 writes it while the others return already. Raises
    any FaceVAEError, and KeyboardInterrupt (after SIGTERM SystemExit) once the checkpoint that it asks for is
    written.
    """
    run = Path(out)
    model_config, config = preset(preset_name, settings)
    processes = start_processes(config, device)
    with faults_told(run), processes.main_process_first(), processes.local_main_process_first():
        path = training_data(data)
        claim_run(run, model_config, config, read_dataset_info(path))
        if processes.is_main_process:
            tidy_run(run)
    if (run / "model" / "config.json").is_file():
        return run / "model"
    if processes.is_main_process:
        console, count = Console(stderr=True), processes.num_processes
        console.print(f"reading {path}", highlight=False, markup=False)
        if count > 1:
            console.print(f"{count} processes share each batch", highlight=False)
    splits = load_splits(path, model_config, config)
    with faults_told(run):
        state = fit(*splits, run, model_config, config, device)
        if processes.is_main_process:
            finish(run, averaged_model(state), *splits, config, state)
    return run / "model"


def training_data(place: str | Path) -> str | Path:
    """The folder or address of the prepared dataset at `place`, which may be photos of this machine.

    Raises DataError when there is nothing, or an address that cannot be reached.
    """
    where = local_path(place)
    if isinstance(where, Path):
        return prepared(where)
    if not is_prepared(where):
        raise DataError(
            f"nothing is prepared at {where}. Photos are prepared from a folder, into an address: "
            f"facevae prepare PHOTOS {where}"
        )
    return where


def fit(
    data: FaceDataset,
    validation: FaceDataset,
    run: Path,
    model_config: ModelConfig,
    config: TrainConfig,
    device: str = "auto",
) -> TrainState:
    """Train until `images` or `minutes` are reached, resuming from `run`'s newest checkpoint if there is one.

    Writes checkpoints, sheets and metrics into `run` (process 0 only). Deterministic on CPU for a number of
    threads and processes. Raises TrainingError at a non-finite loss, and KeyboardInterrupt or SystemExit
    after the checkpoint that Ctrl-C or SIGTERM asks for.
    """
    keep_freed_memory()
    accelerator = make_accelerator(config, device)
    state = make_state(model_config, config, accelerator.device)
    passed_over = load_state(state, run / "checkpoints", config, accelerator.device)
    check_same_start(state.seen_images, run, accelerator)
    state.ledger = make_ledger(config, len(data), accelerator.num_processes)
    features = make_features(config, accelerator.device)
    wrapped = None
    with RunLog(run, config, state, validation, accelerator, passed_over) as log:
        for batch in batches(data, config, state.seen_images, accelerator):
            if state.done or log.stopping:
                break
            switching = adversary_due(state, config)
            if switching:
                log.checkpoint(state)
                state = whole_state(state)
                switch_adversary_on(state, config, accelerator.device)
            if wrapped is None or switching:
                wrapped = prepare_phase(state, data, config, run, accelerator)
            started = time.perf_counter()
            result = train_step(state, wrapped, batch, config, features, accelerator)
            check_finite(result, state, run)
            state.trained_seconds += time.perf_counter() - started
            calibrate(state, config, accelerator)
            log.step(state, result.terms, result.mean, result.gradient_norm)
            tell_shards(log, data, state)
            if log.checkpoint_due(state):
                log.checkpoint(state)
        log.checkpoint(state)
    if not state.done:
        log.end_by_signal()
    return whole_state(state)


def prepare_phase(
    state: TrainState, data: FaceDataset, config: TrainConfig, run: Path, accelerator: Accelerator
) -> torch.nn.Module:
    """Hand the networks of this phase to the engine; returns the wrapped autoencoder."""
    if state.adversary is not None:
        schema = Schema.from_names(config.adversary_condition_on)
        if schema.width:
            state.adversary.attributes = torch.tensor([schema.encode(row) for row in data.rows()])
        if config.adversary_samples == "prior":
            with accelerator.main_process_first():
                bank = prior_latents(state.model, data, config, run)
            state.adversary.latents, state.adversary.asked = bank["latents"], bank.get("asked")
        state.adversary.prepare(accelerator)
    if state.ledger is not None:
        return per_face_gradients(state.model)
    if config.sharded and accelerator.num_processes > 1:
        shard_state(state)
        return state.model
    wrapped, state.optimizer = accelerator.prepare(state.model, state.optimizer)
    module: torch.nn.Module = wrapped
    return module


def batches(
    data: FaceDataset, config: TrainConfig, seen_images: int, accelerator: Accelerator
) -> Iterator[FaceBatch]:
    """This process's share of every batch from `seen_images` on, made ahead."""
    if config.dp_noise_multiplier is not None:
        return prefetch(lambda _: data.batch(poisson_indices(config.batch_size, len(data))), seen_images, 0)
    make = data.batches(config.seed, config.batch_size, share_of(accelerator))
    return prefetch(make, seen_images, config.batch_size)


def tell_shards(log: RunLog, data: FaceDataset, state: TrainState) -> None:
    """Shards retried or passed over since the last call: a sentence each, and the counts in metrics.jsonl."""
    news = data.news()
    if news and log.main:
        for text in news:
            log.console.print(text, highlight=False, markup=False, soft_wrap=True)
        log.write({"step": state.step, "seen_images": state.seen_images, **data.troubles()}, state.step)


def make_state(model_config: ModelConfig, config: TrainConfig, device: torch.device) -> TrainState:
    """Weights as the seed or `start_from` decide them, their average and a fresh optimiser."""
    torch.manual_seed(config.seed)
    model = FaceVAE(model_config)
    if config.start_from is not None:
        take_over(model, load_model(find_model(config.start_from))[0])
    model = place(model, device)
    optimizer = make_optimizer(model, config)
    return TrainState(model, EMA(model), optimizer, total_images=config.images, pass_faces=config.pass_faces)


def take_over(model: FaceVAE, trained: FaceVAE) -> None:
    """Copy `trained`'s weights into `model` where names and shapes agree; the others stay.

    Raises ConfigError when less than half of the weights find their place.
    """
    own, theirs = model.state_dict(), trained.state_dict()
    agreeing = {name: value for name, value in theirs.items()
                if name in own and own[name].shape == value.shape}  # fmt: skip
    share = sum(value.numel() for value in agreeing.values()) / parameter_count(model)
    if share < 0.5:
        raise ConfigError(
            f"start_from: {share:.0%} of the weights find their place in that model. It has "
            f"{_shape(trained.config)}, the run asks for {_shape(model.config)}: give the run the same."
        )
    model.load_state_dict({**own, **agreeing})


def _shape(config: ModelConfig) -> str:
    return f"size_px={config.size_px} latent_dim={config.latent_dim} width={config.width}"


def make_features(config: TrainConfig, device: torch.device) -> FrozenFeatures | None:
    """The frozen network of the perceptual term, or None when its weight is 0."""
    if not config.perceptual_weight:
        return None
    return place(FrozenFeatures(), device)


def calibrate(state: TrainState, config: TrainConfig, accelerator: Accelerator) -> None:
    """With `minutes`, fix the number of images from the speed of the first steps, the same everywhere."""
    if config.minutes is None or state.total_images is not None:
        return
    if state.step <= CALIBRATION_STEPS:  # first steps are slower: memory is laid out, kernels are chosen
        state.trained_seconds = 0.0
    elif state.step >= 2 * CALIBRATION_STEPS:
        seconds = torch.tensor(state.trained_seconds, device=accelerator.device)
        pace = float(accelerator.reduce(seconds, "mean")) / (state.step - CALIBRATION_STEPS)
        pace = max(1e-6, pace)  # a clock that was set back
        steps = max(state.step, math.ceil(_affordable(config, config.minutes * 60 / pace)))
        state.total_images = steps * config.batch_size


def _affordable(config: TrainConfig, plain_steps: float) -> float:
    """Steps that take as long as `plain_steps` without the adversary, where it joins in on the way."""
    if not config.adversary_weight:
        return plain_steps
    if config.adversary_images is None:
        return plain_steps / (ADVERSARY_FROM + (1 - ADVERSARY_FROM) * ADVERSARY_COST)
    before = min(plain_steps, config.adversary_images / config.batch_size)
    return before + (plain_steps - before) / ADVERSARY_COST


def check_finite(result: StepResult, state: TrainState, run: Path) -> None:
    """Raise TrainingError naming step, terms and the last good checkpoint when a loss is not finite."""
    values = {**result.terms._asdict(), "gradient_norm": result.gradient_norm}
    finite = torch.isfinite(torch.stack([value.float() for value in values.values()])).tolist()
    if all(finite):
        return
    bad = [name for name, fine in zip(values, finite, strict=True) if not fine]
    good = next(reversed(list_checkpoints(run / "checkpoints")), "none yet")
    raise TrainingError(
        f"{', '.join(bad)} became non-finite at step {state.step} ({state.seen_images} images seen). "
        f"Last good checkpoint: {good}. Train again into another --out with a lower --set learning_rate, "
        "or with --set precision=fp32."
    )
