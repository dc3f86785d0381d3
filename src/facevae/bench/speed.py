"""Timings on this machine: facevae bench train, generate, prepare."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from facevae.config import preset
from facevae.data.dataset import FaceBatch
from facevae.generator import FaceGenerator
from facevae.model import FaceVAE
from facevae.train import keep_freed_memory, make_accelerator, make_features, make_state, train_step

WARMUP_STEPS = 4


def train_bench(steps: int = 30, device: str = "auto") -> list[dict[str, Any]]:
    """Training speed of the preset 'small' at 64 px on random pixels, alone and with the perceptual term.

    One row each: images/s from the median step, parameters in millions, GFLOP of one forward pass.
    """
    keep_freed_memory()
    rows = []
    for weight in (0.0, 0.5):
        model_config, config = preset("small", {"perceptual_weight": weight})
        accelerator = make_accelerator(config, device)
        state = make_state(model_config, config, accelerator.device)
        wrapped, state.optimizer = accelerator.prepare(state.model, state.optimizer)
        features = make_features(config, accelerator.device)
        rng = np.random.default_rng(0)
        shape = (config.batch_size, model_config.size_px, model_config.size_px, 3)
        photos = torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8))
        batch = FaceBatch(photos, None, np.arange(config.batch_size))
        seconds = _seconds_each(
            lambda: train_step(state, wrapped, batch, config, features, accelerator).terms.total_loss.item(),  # noqa: B023
            steps,
        )
        rows.append(
            {
                "what": "VAE with perceptual term" if weight else "VAE alone",
                "images_per_s": config.batch_size / statistics.median(seconds),
                "encoder_m": sum(p.numel() for p in state.model.encoder.parameters()) / 1e6,
                "decoder_m": sum(p.numel() for p in state.model.decoder.parameters()) / 1e6,
                "forward_gflop": forward_gflop(state.model),
                "precision": accelerator.mixed_precision,
            }
        )
    return rows


def generate_bench(model: str, count: int = 1000, device: str = "auto") -> dict[str, Any]:
    """Seconds to load a model, to sample `count` faces, and for one face."""
    started = time.perf_counter()
    generator = FaceGenerator.from_pretrained(model, device)
    loaded = time.perf_counter()
    generator.sample(count, seed=0)
    sampled = time.perf_counter()
    one = statistics.median(_seconds_each(lambda: generator.sample(1, seed=0), 10))
    return {
        "load_s": loaded - started, "sample_s": sampled - loaded, "one_ms": 1000 * one,
        "images_per_s": count / (sampled - loaded),
    }  # fmt: skip


def forward_gflop(model: FaceVAE) -> float:
    """Floating-point operations of encoding and decoding one face, in 10^9 (a multiply-add counts two)."""
    device = next(model.parameters()).device
    size = model.config.size_px
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        mean, _ = model.encoder(torch.zeros(1, 3, size, size, device=device))
        model.decoder(mean)
    return float(counter.get_total_flops()) / 1e9


def _seconds_each(call: Callable[[], object], times: int) -> list[float]:
    for _ in range(WARMUP_STEPS):
        call()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return seconds
