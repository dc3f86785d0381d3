"""Timings on this machine: facevae bench train, generate, looks."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch.utils.flop_counter import FlopCounterMode

from facevae.bench.environment import PEERS, peer_environment, run_command
from facevae.config import TrainConfig, preset
from facevae.data.dataset import FaceBatch
from facevae.engine import keep_freed_memory, make_accelerator
from facevae.errors import require
from facevae.evaluation.speed import median_seconds
from facevae.generator import FaceGenerator
from facevae.layers import parameter_count
from facevae.looks import LOOKS, apply_look
from facevae.model import FaceVAE
from facevae.models import pick_device
from facevae.step import StepResult, train_step
from facevae.train import make_features, make_state
from facevae.train_state import TrainState, switch_adversary_on

WARMUP_STEPS = 4
TRAINED: dict[str, dict[str, Any]] = {
    "VAE alone": {"perceptual_weight": 0.0, "adversary_weight": 0.0},
    "VAE with perceptual term": {"adversary_weight": 0.0},
    "with the adversary": {"adversary_samples": "normal"},  # decoded as those of the prior are
}
MATRIX = 2048
LOOKS_SIZE, FACE_SIDE_PX = (1920, 1280), 512
"""Width and height of the photo that looks are timed on, and the side of its largest face's crop."""


def train_bench(steps: int = 30, device: str = "auto", pythae: bool = False) -> list[dict[str, Any]]:
    """Training speed of the preset 'small' at 64 px on random pixels, alone, with the perceptual term, and
    with the adversary as well.

    One row each: images/s from the median step, parameters in millions, GFLOP of one forward pass, and what
    share of the measured matrix product's rate the networks reach (a step counts three forward passes; the
    frozen network's own work is not counted).
    """
    keep_freed_memory()
    peaks, rows = peak_rows(device), []
    for what, fields in TRAINED.items():
        state, config, accelerator, step = ready_to_step(fields, device)
        size_px = state.model.config.size_px
        rng = np.random.default_rng(0)
        shape = (config.batch_size, size_px, size_px, 3)
        photos = torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8))
        batch = FaceBatch(photos, None, np.arange(config.batch_size))
        seconds = median_seconds(
            lambda: step(batch).terms.total_loss.item(),  # noqa: B023
            steps,
            WARMUP_STEPS,
        )
        images_per_s, gflop = config.batch_size / seconds, forward_gflop(state.model)
        rows.append(
            {
                "what": what,
                "images_per_s": images_per_s,
                "encoder_m": parameter_count(state.model.encoder) / 1e6,
                "decoder_m": parameter_count(state.model.decoder) / 1e6,
                "forward_gflop": gflop,
                "precision": accelerator.mixed_precision,
                "share_of_peak": _share(images_per_s, 3 * gflop, peaks[accelerator.mixed_precision]),
            }
        )
    if pythae:
        alone, rate = rows[0], pythae_train_rate(steps)
        share = _share(rate, 3 * alone["forward_gflop"], peaks["no"])
        rows.append(
            {
                **alone, "what": "pythae's trainer, the same networks alone", "images_per_s": rate,
                "precision": "no", "share_of_peak": share,
            }
        )  # fmt: skip
    for row in rows:
        row["peak_gflop_per_s"] = peaks[row["precision"]]
    return rows


def ready_to_step(
    fields: Mapping[str, Any], device: str = "auto"
) -> tuple[TrainState, TrainConfig, Accelerator, Callable[[FaceBatch], StepResult]]:
    """Fresh networks of the preset small with these fields, in their last phase, and what takes a step."""
    model_config, config = preset("small", fields)
    accelerator = make_accelerator(config, device)
    state = make_state(model_config, config, accelerator.device)
    if config.adversary_weight:
        switch_adversary_on(state, config, accelerator.device)
        assert state.adversary is not None
        state.adversary.prepare(accelerator)
    wrapped, state.optimizer = accelerator.prepare(state.model, state.optimizer)
    features = make_features(config, accelerator.device)

    def step(batch: FaceBatch) -> StepResult:
        return train_step(state, wrapped, batch, config, features, accelerator)

    return state, config, accelerator, step


def peak_rows(device: str = "auto") -> dict[str, float]:
    """{'no' and 'bf16': GFLOP/s} that a product of two 2048 x 2048 matrices reaches on this machine."""
    place = pick_device(device)
    rates = {}
    for name, dtype in (("no", torch.float32), ("bf16", torch.bfloat16)):
        a = torch.randn(MATRIX, MATRIX, device=place).to(dtype)
        seconds = median_seconds(lambda: (a @ a)[0, 0].item(), 5, WARMUP_STEPS)  # noqa: B023
        rates[name] = 2 * MATRIX**3 / seconds / 1e9
    return rates


def pythae_train_rate(steps: int) -> float:
    """Images/s of pythae's trainer on the networks of the preset small; makes its environment if needed.

    Raises ConfigError when the environment cannot be made, TrainingError when the run fails.
    """
    with tempfile.TemporaryDirectory(prefix="facevae-bench-") as folder:
        log = Path(folder) / "log"
        threads = torch.get_num_threads()
        script = [str(PEERS / "pythae_speed.py"), "--steps", str(steps)]
        command = [str(peer_environment("pythae")), *script, "--threads", str(threads)]
        run_command(command, threads, log, None)
        return float(json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["images_per_s"])


def generate_bench(model: str, count: int = 1000, device: str = "auto") -> dict[str, Any]:
    """Seconds to load a model, to sample `count` faces, and for one face."""
    started = time.perf_counter()
    generator = FaceGenerator.from_pretrained(model, device)
    loaded = time.perf_counter()
    generator.sample(count, seed=0)
    sampled = time.perf_counter()
    one = median_seconds(lambda: generator.sample(1, seed=0), 10, WARMUP_STEPS)
    rate = count / (sampled - loaded)
    return {
        "load_s": loaded - started, "sample_s": sampled - loaded, "one_ms": 1000 * one,
        "images_per_s": rate,
        "share_of_peak": _share(rate, decoder_gflop(generator), peak_rows(device)["no"]),
    }  # fmt: skip


def looks_bench(repeats: int = 3) -> list[dict[str, Any]]:
    """Seconds of each look on a photo of LOOKS_SIZE, by one thread and by all of OpenCV's; a row each.

    The photo: clouds and noise, drawn as one without a face and as one whose largest face is FACE_SIDE_PX.
    """
    cv2 = require("cv2", "photos", "timing looks")
    rng, most = np.random.default_rng(0), cv2.getNumThreads()
    soft = cv2.resize(rng.uniform(0, 255, (32, 48, 3)).astype(np.float32), LOOKS_SIZE)
    photo = (soft + rng.normal(0, 8, soft.shape)).clip(0, 255).astype(np.uint8)
    rows = []
    try:
        for look in LOOKS:
            row: dict[str, Any] = {"what": look, "width": photo.shape[1], "height": photo.shape[0]}
            for threads in dict.fromkeys((1, most)):
                cv2.setNumThreads(threads)
                for what, face_px in (("whole", None), ("face", FACE_SIDE_PX)):
                    row[f"{what}_s_threads_{threads}"] = median_seconds(
                        lambda: apply_look(photo, look, face_px=face_px),  # noqa: B023
                        repeats,
                        1,
                    )
            rows.append(row)
    finally:
        cv2.setNumThreads(most)
    return rows


def forward_gflop(model: FaceVAE) -> float:
    """Floating-point operations of encoding and decoding one face, in 10^9 (a multiply-add counts two)."""
    device = next(model.parameters()).device
    size = model.config.size_px
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        mean, _ = model.encoder(torch.zeros(1, 3, size, size, device=device))
        model.decoder(mean)
    return float(counter.get_total_flops()) / 1e9


def decoder_gflop(generator: FaceGenerator) -> float:
    """Floating-point operations of decoding one latent, in 10^9."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator.model.decoder(torch.zeros(1, generator.latent_dim, device=generator.device))
    return float(counter.get_total_flops()) / 1e9


def _share(images_per_s: float, gflop: float, peak: float) -> float:
    return images_per_s * gflop / peak
