"""What an upscaler's training tells people while it runs: metrics, checkpoints and sheets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from facevae.config import TrainConfig
from facevae.data.dataset import FaceDataset
from facevae.images import Photos, tile, to_photos, to_tensor
from facevae.layers import place
from facevae.metrics.reconstruction import psnr_db
from facevae.provenance import BESIDE_PHOTO, write_png
from facevae.runlog import RunLog
from facevae.train_state import TrainState, save_state
from facevae.upscaler import Upscaler, bicubic, halved

VALIDATION_FACES = 512
VALIDATION_BATCH = 32
SHEET_FACES = 8
"""Real faces on a sheet, and as many that the model made: one row each."""


class UpscalerLog(RunLog):
    """RunLog (Ctrl-C, metrics.jsonl, TensorBoard, checkpoint times) with an upscaler's figures and sheets.

    made: (N, S, S, 3) uint8 faces that a model made, shown on the sheets; N may be 0.
    """

    def __init__(
        self, run: Path, config: TrainConfig, state: TrainState, validation: FaceDataset, made: Tensor,
        accelerator: Accelerator, passed_over: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(run, config, state, validation, accelerator, passed_over)
        self.made = made
        self.sums: dict[str, Tensor] = {}
        self.steps = 0
        self.window_started = time.monotonic()

    def record(self, state: TrainState, terms: dict[str, Tensor]) -> None:
        """Take in one step's scalars; every `log_images`, write and show a line of their means."""
        self.steps += 1
        for name, value in terms.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.progress.update(self.task, completed=state.seen_images, total=state.total_images)
        seen = state.seen_images - self.last_log_images
        if seen < self.config.log_images:
            return
        pace = seen / max(1e-9, time.monotonic() - self.window_started)
        row = {
            "step": state.step, "seen_images": state.seen_images, "images_per_s": round(pace, 1),
            "learning_rate": state.optimizer.param_groups[0]["lr"],
            **{name: float(value) / self.steps for name, value in self.sums.items()},
        }  # fmt: skip
        self.write(row, state.step)
        total = state.total_images
        share = f"{100 * state.seen_images / total:5.1f} %  " if total else ""
        left = f"  {(total - state.seen_images) / pace / 60:.1f} min left" if total else ""
        self._print(
            f"{share}{state.seen_images:,} images  {pace:.0f}/s  reconstruction "
            f"{row['reconstruction_loss']:.0f} nats  perceptual {row['perceptual_loss']:.3f}  "
            f"adversary {row['discriminator_loss']:.2f}{left}"
        )
        self.sums, self.steps = {}, 0
        self.last_log_images, self.window_started = state.seen_images, time.monotonic()

    def checkpoint(self, state: TrainState) -> None:
        """Write a checkpoint, measure the averaged weights on validation faces and draw a sheet of them."""
        if not self.main or self.saved_images == state.seen_images:
            return
        self.saved_images = state.seen_images
        upscaler = averaged_upscaler(state)
        figures = measure_upscaler(upscaler, self.validation)
        row = {f"validation_{name}": value for name, value in figures.items()}
        self.write({"step": state.step, "seen_images": state.seen_images, **row}, state.step)
        sheet = upscaler_sheet(upscaler, self.validation, self.made)
        path = self.run / "sheets" / f"{state.seen_images:012d}.png"
        write_png(path, sheet, model=self.run.resolve().name, job="train-upscaler", **BESIDE_PHOTO)
        save_state(state, self.run / "checkpoints", self.config.keep_checkpoints)
        self._print(
            f"[{state.seen_images:,} images] validation PSNR {figures['psnr_db']:.2f} dB "
            f"(bicubic {figures['bicubic_psnr_db']:.2f} dB), checkpoint and sheet written"
        )


def averaged_upscaler(state: TrainState) -> Upscaler:
    """An upscaler with the averaged weights, in evaluation mode, on the training device."""
    trained = cast(Upscaler, state.model)  # an UpscalerState's
    upscaler = place(Upscaler(**trained.settings), next(trained.parameters()).device)
    upscaler.load_state_dict(state.ema.weights)
    return upscaler.eval().requires_grad_(False)


@torch.no_grad()
def measure_upscaler(upscaler: Upscaler, validation: FaceDataset) -> dict[str, float]:
    """Mean PSNR in dB of upscaled and of bicubic faces, shrunk by means of pixels; no randomness."""
    device = next(upscaler.parameters()).device
    count = min(len(validation), VALIDATION_FACES)
    parts: list[Tensor] = []
    for start in range(0, count, VALIDATION_BATCH):
        photos = validation.batch(np.arange(start, min(start + VALIDATION_BATCH, count))).photos
        x = to_tensor(photos.to(device))  # (B, 3, 2S, 2S)
        small = halved(x)
        parts.append(torch.stack([psnr_db(x, upscaler(small)), psnr_db(x, bicubic(small).clamp(-1, 1))]))
    upscaled, plain = torch.cat(parts, dim=1).mean(dim=1).tolist()
    return {"faces": count, "psnr_db": upscaled, "bicubic_psnr_db": plain}


@torch.no_grad()
def upscaler_sheet(upscaler: Upscaler, validation: FaceDataset, made: Tensor) -> Photos:
    """Rows of input enlarged by repetition | bicubic | upscaled | real; made faces have no real one (white).

    validation: faces of 2S px; made: (N, S, S, 3) uint8.
    """
    count = min(len(validation), SHEET_FACES)
    real = validation.batch(np.arange(count)).photos
    rows = _row_of_four(upscaler, to_photos(halved(to_tensor(real))), real.numpy())
    if len(made):
        chosen = made[np.linspace(0, len(made) - 1, min(SHEET_FACES, len(made))).astype(int)].numpy()
        rows = np.concatenate([rows, _row_of_four(upscaler, chosen, None)])
    return tile(rows, columns=4)


def _row_of_four(upscaler: Upscaler, small: Photos, real: Photos | None) -> Photos:
    """(4 N, 2S, 2S, 3) uint8: four pictures of each of the (N, S, S, 3) small faces."""
    x = to_tensor(small).to(next(upscaler.parameters()).device)
    nearest = small.repeat(2, axis=1).repeat(2, axis=2)
    last = np.full_like(nearest, 255) if real is None else real
    four = np.stack([nearest, to_photos(bicubic(x)), to_photos(upscaler(x)), last], axis=1)
    return four.reshape(-1, *nearest.shape[1:])
