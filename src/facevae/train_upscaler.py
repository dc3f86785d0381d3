"""Training an upscaler: the job, the loop and its step.

States, rates, adversary and resuming are those of the autoencoder's training (`train.py`). As there, weights
after N images depend on the configuration and the data alone, so a resumed run goes on exactly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from facevae.adversary import Look
from facevae.checkpoint import list_checkpoints, read_json, read_tensors, save_upscaler, write_tensors
from facevae.data.dataset import FaceBatch, FaceDataset, read_dataset_info
from facevae.discriminator import adversarial_loss, draw_jitter
from facevae.ema import EMA
from facevae.engine import keep_freed_memory, make_accelerator
from facevae.errors import ConfigError, TrainingError
from facevae.features import FrozenFeatures
from facevae.files import atomic_file
from facevae.generator import FaceGenerator
from facevae.images import to_tensor
from facevae.layers import place
from facevae.losses import see
from facevae.model import VAEOutput
from facevae.models import find_model
from facevae.run import claim_run, faults_told, prepared, tidy_run
from facevae.schedules import ema_decay
from facevae.step import adversary_due, learning_rates
from facevae.train import batches, calibrate, make_features, prepare_phase
from facevae.train_state import TrainState, load_state, make_optimizer, switch_adversary_on
from facevae.upscaler import Upscaler, degraded, upscaler_loss
from facevae.upscaler_config import UpscalerConfig, upscaler_config
from facevae.upscaler_log import UpscalerLog, averaged_upscaler, measure_upscaler

MADE_FILE = "made-faces.safetensors"


@dataclass
class UpscalerState(TrainState):
    """Everything that changes while training, an upscaler in the autoencoder's place."""

    model: Upscaler  # type: ignore[assignment]


def train_upscaler(
    data: Path | str,
    out: Path | str,
    model: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
) -> Path:
    """Train an upscaler on faces of twice the size it will be given, and write it to `out`/upscaler.

    data: a prepared dataset or a folder of photos. model: a trained model (name, folder or Hub id) whose
    reconstructions and samples it should serve; None for real faces alone. settings: any field of
    UpscalerConfig. Called again with the same `out` it goes on where it stopped; finished, it changes
    nothing. Returns `out`/upscaler. Raises any FaceVAEError, and KeyboardInterrupt once the checkpoint that
    Ctrl-C asks for is written.
    """
    run = Path(out)
    config, maker = _suited(settings or {}, model, device)
    path = prepared(Path(data))
    made_by = _MadeBy(model)
    claim_run(run, made_by, config, read_dataset_info(path))  # type: ignore[arg-type]  # it asks for to_json
    if (run / "upscaler" / "config.json").is_file():
        return run / "upscaler"
    train, validation = (_faces(path, split, config) for split in ("train", "validation"))
    made = made_faces(maker, path, config, run)
    with faults_told(run):
        tidy_run(run)
        state = fit(train, validation, made, run, config, device)
    upscaler = averaged_upscaler(state)
    measured = {
        **measure_upscaler(upscaler, validation), "seen_images": state.seen_images,
        "trained_seconds": round(state.trained_seconds), "train_faces": len(train),
    }  # fmt: skip
    dataset = {name: train.info.get(name) for name in ("name", "size_px", "source", "licence")}
    facts = {"train": config.to_json(), **made_by.to_json(), "dataset": dataset}
    save_upscaler(run / "upscaler", upscaler, {**facts, "measured": measured})
    return run / "upscaler"


def fit(
    data: FaceDataset,
    validation: FaceDataset,
    made: Tensor,
    run: Path,
    config: UpscalerConfig,
    device: str = "auto",
) -> UpscalerState:
    """Train until `images` or `minutes` are reached, resuming from `run`'s newest checkpoint if there is one.

    data, validation: faces of 2S px; made: (N, S, S, 3) uint8, N may be 0. Writes checkpoints, sheets and
    metrics into `run`. Deterministic on CPU for a number of threads. Raises ConfigError on several processes,
    TrainingError at a non-finite loss, and KeyboardInterrupt after the checkpoint that Ctrl-C asks for.
    """
    keep_freed_memory()
    training = config.training()
    accelerator = make_accelerator(training, device)
    if accelerator.num_processes > 1:
        raise ConfigError("an upscaler trains in one process: start it without a launcher.")
    state = make_state(config, accelerator.device)
    passed_over = load_state(state, run / "checkpoints", training, accelerator.device)
    features = make_features(training, accelerator.device)
    real_count = config.batch_size - (config.made_count if len(made) else 0)
    fetched = batches(data, replace(training, batch_size=real_count), state.step * real_count, accelerator)
    wrapped = None
    log = UpscalerLog(run, training, state, validation, made, accelerator, passed_over)
    with log:
        for batch in fetched:
            if state.done or log.stopping:
                break
            switching = adversary_due(state, training)
            if switching:
                log.checkpoint(state)
                switch_adversary_on(state, training, accelerator.device)
            if wrapped is None or switching:
                wrapped = prepare_phase(state, data, training, run, accelerator)
            started = time.perf_counter()
            terms = train_step(state, wrapped, batch, made, config, features, accelerator)
            check_finite(terms, state, run)
            state.trained_seconds += time.perf_counter() - started
            calibrate(state, training, accelerator)
            log.record(state, terms)
            if log.checkpoint_due(state):
                log.checkpoint(state)
        log.checkpoint(state)
    if not state.done:
        log.end_by_signal()
    return state


def train_step(
    state: UpscalerState,
    wrapped: torch.nn.Module,
    batch: FaceBatch,
    made: Tensor,
    config: UpscalerConfig,
    features: FrozenFeatures | None,
    accelerator: Accelerator,
) -> dict[str, Tensor]:
    """One step of the upscaler, and with the adversary on one of its heads; advances `state` by the batch.

    batch: real faces of 2S px; the rest of the batch is drawn from `made`. Returns scalars: the terms of the
    loss and the length of the gradient before clipping.
    """
    training, adversary = config.training(), state.adversary
    draw = np.random.default_rng((config.seed, state.seen_images, 1))
    x = _flipped(batch.photos, draw).to(accelerator.device)
    small = degraded(x, config.blur_px, config.noise_levels, _generator(draw))
    if len(made):
        chosen = torch.from_numpy(draw.integers(len(made), size=config.made_count))
        small = torch.cat([small, _flipped(made[chosen], draw).to(accelerator.device)])  # (B, 3, S, S)
    rate, adversary_rate = learning_rates(state, training)
    for group in state.optimizer.param_groups:
        group["lr"] = rate

    jitter = (draw_jitter(len(x), _generator(draw)), draw_jitter(len(small) - len(x), _generator(draw)))
    with accelerator.autocast():
        upscaled = wrapped(small.contiguous(memory_format=torch.channels_last))  # (B, 3, 2S, 2S)
        none = x.new_empty(0)
        output = VAEOutput(upscaled[: len(x)], none, none, sampled=upscaled[len(x) :])
        seen = see(x, output, features, jitter) if adversary is not None and features is not None else None
        verdict = adversarial_loss(adversary.heads(seen.made)) if adversary is not None and seen else None
        terms = upscaler_loss(x, small[len(x) :], output, config, features, seen, verdict)
    accelerator.backward(terms.total_loss)
    gradient_norm = accelerator.clip_grad_norm_(wrapped.parameters(), config.clip_norm or math.inf)
    state.optimizer.step()
    state.optimizer.zero_grad()
    if adversary is not None and seen is not None:
        terms = terms._replace(
            discriminator_loss=adversary.learn([Look(seen, None)], adversary_rate, accelerator)
        )

    state.step += 1
    state.seen_images += config.batch_size
    state.ema.update(state.model, ema_decay(state.seen_images, config.batch_size, config.ema_images))
    return {**{name: term.detach() for name, term in terms._asdict().items()}, "gradient_norm": gradient_norm}


def made_faces(maker: FaceGenerator | None, path: Path, config: UpscalerConfig, run: Path) -> Tensor:
    """(N, S, S, 3) uint8: reconstructions of training faces, then as many samples; N = 0 without a model.

    Kept in `run`, so that a resumed run goes on with the same. Decided by the seed on one machine.
    """
    if maker is None or not config.made_count:
        return torch.empty(0, config.size_px, config.size_px, 3, dtype=torch.uint8)
    kept = run / MADE_FILE
    if kept.is_file():
        return read_tensors(kept)["faces"]
    faces = FaceDataset(path, "train", config.size_px)
    half = config.made_faces // 2
    chosen = np.random.default_rng((config.seed, 2)).integers(len(faces), size=half).tolist()
    reconstructions = maker.decode(maker.encode(faces.read(chosen)))
    made = np.concatenate([reconstructions, maker.sample(half, config.seed).photos])
    with atomic_file(kept) as temporary:
        write_tensors(temporary, {"faces": torch.from_numpy(made)})
    return torch.from_numpy(made)


def make_state(config: UpscalerConfig, device: torch.device) -> UpscalerState:
    """Weights as the seed decides them, their average and a fresh optimiser."""
    torch.manual_seed(config.seed)
    upscaler = place(Upscaler(config.channels, config.blocks), device)
    optimizer = make_optimizer(upscaler, config.training())  # type: ignore[arg-type]  # any module will do
    return UpscalerState(upscaler, EMA(upscaler), optimizer, total_images=config.images)


def check_finite(terms: Mapping[str, Tensor], state: TrainState, run: Path) -> None:
    """Raise TrainingError naming step, terms and the last good checkpoint when a term is not finite."""
    bad = [name for name, value in terms.items() if not torch.isfinite(value)]
    if bad:
        good = next(reversed(list_checkpoints(run / "checkpoints")), "none yet")
        raise TrainingError(
            f"{', '.join(bad)} became non-finite at step {state.step} ({state.seen_images} images seen). "
            f"Last good checkpoint: {good}. Train again into another --out with a lower "
            "--set learning_rate, or with --set precision=fp32."
        )


class _MadeBy:
    """Which model's faces a run was started with; {'made_by': None} for real faces alone."""

    def __init__(self, model: str | Path | None) -> None:
        self.sums = None if model is None else read_json(find_model(model) / "config.json").get("sha256")

    def to_json(self) -> dict[str, Any]:
        return {"made_by": self.sums}


def _suited(
    settings: Mapping[str, Any], model: str | Path | None, device: str
) -> tuple[UpscalerConfig, FaceGenerator | None]:
    """The configuration for this model's size, and the model ready to use; no made faces without one."""
    if model is None:
        return upscaler_config({**settings, "made_share": 0.0}), None
    maker = FaceGenerator.from_pretrained(model, device)
    if settings.get("size_px", maker.size_px) != maker.size_px:
        raise ConfigError(
            f"size_px cannot be {settings['size_px']}: the model '{maker.name}' makes faces of "
            f"{maker.size_px} px. Leave size_px out, or the model."
        )
    return upscaler_config({**settings, "size_px": maker.size_px}), maker


def _faces(path: Path, split: str, config: UpscalerConfig) -> FaceDataset:
    """The faces of a split at twice `size_px`. Raises ConfigError when they were prepared smaller."""
    large_px, there_px = 2 * config.size_px, read_dataset_info(path)["size_px"]
    if there_px < large_px:
        raise ConfigError(
            f"{path} holds faces of {there_px} px, and an upscaler from {config.size_px} px learns from "
            f"faces of {large_px} px: prepare the photos with --size {large_px}."
        )
    return FaceDataset(path, split, large_px, cache_gb=config.cache_gb)


def _flipped(photos: Tensor, draw: np.random.Generator) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 in -1..1, half of them mirrored."""
    x = to_tensor(photos)
    mirrored = torch.from_numpy(draw.random(len(x)) < 0.5)[:, None, None, None]
    return torch.where(mirrored, x.flip(3), x).contiguous(memory_format=torch.channels_last)


def _generator(draw: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(draw.integers(2**62)))
