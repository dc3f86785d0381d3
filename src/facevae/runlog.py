"""What a run tells people while it trains: progress, metrics, sheets, and warnings in time."""

from __future__ import annotations

import json
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from facevae.config import TrainConfig
from facevae.data.dataset import FaceDataset
from facevae.errors import MissingExtraError, require
from facevae.files import atomic_file
from facevae.losses import LossTerms
from facevae.metrics.latent import ACTIVE_VARIANCE
from facevae.provenance import BESIDE_PHOTO, write_png
from facevae.schedules import linear_warmup
from facevae.train_state import TrainState, save_state, whole_state
from facevae.validation import validation_sheet

STOPPING = (signal.SIGINT, signal.SIGTERM)
COLLAPSED_SHARE = 0.02
"""Below this share of active latent dimensions, the latent is reported as collapsed."""


class RunLog:
    """Writes metrics.jsonl, tensorboard/ and sheets/ of a run and its progress line, on process 0.

    Use as a context manager. While it is open, Ctrl-C and SIGTERM ask for a stop after the current step
    (`stopping`); a second one interrupts at once.
    """

    def __init__(
        self, run: Path, config: TrainConfig, state: TrainState, validation: FaceDataset,
        accelerator: Accelerator, passed_over: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        self.run, self.config, self.validation, self.accelerator = run, config, validation, accelerator
        self.main = bool(accelerator.is_main_process)
        self.console = Console(stderr=True)
        self.window = _Window()
        self.last_log_images = self.last_checkpoint_images = state.seen_images
        self.last_checkpoint_time = time.monotonic()
        self.saved_images = -1 if passed_over is None else state.seen_images
        self.stop_signal: int | None = None
        self.agreed_stop = False
        self.pass_faces = state.pass_faces
        self.collapse_reported = False
        self.board: Any = None
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>4.1f} %"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not (self.main and self.console.is_terminal),
        )
        self.task = self.progress.add_task("starting", total=None)
        if self.main:
            _truncate_metrics(run / "metrics.jsonl", state.seen_images)
            self.board = _open_board(run / "tensorboard", state.step)
        for problem in passed_over or ():
            self._print(f"damaged checkpoint passed over: {problem}")
        if passed_over is not None:
            self._print(f"resuming at {state.seen_images:,} images")

    def __enter__(self) -> RunLog:
        self._old_handlers = {number: _set_handler(number, self._ask_stop) for number in STOPPING}
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.progress.stop()
        for number, handler in self._old_handlers.items():
            _set_handler(number, handler)
        if self.board is not None:
            self.board.close()

    def step(self, state: TrainState, terms: LossTerms, mean: Tensor, gradient_norm: Tensor) -> None:
        """Take in one step; every `log_images`, reduce over processes, write and show a line."""
        self.window.add(terms, mean, gradient_norm)
        if state.pass_faces != self.pass_faces:
            self.pass_faces = state.pass_faces
            self._print(
                f"[{state.seen_images:,} images] out of memory: from here on in passes of {state.pass_faces} "
                f"faces, whose gradients are added up; a step still sees {self.config.batch_size}"
            )
        self.progress.update(self.task, completed=state.seen_images, total=state.total_images)
        if state.seen_images - self.last_log_images < self.config.log_images:
            return
        values = self.window.reduce(self.accelerator)
        seconds = self.window.seconds()
        pace = (state.seen_images - self.last_log_images) / seconds
        self.last_log_images = state.seen_images
        self.window = _Window()
        active = int((values.pop("mean_variance") > ACTIVE_VARIANCE).sum())
        row = {
            "step": state.step, "seen_images": state.seen_images, "images_per_s": round(pace, 1),
            "learning_rate": state.optimizer.param_groups[0]["lr"],
            "kl_weight": self.config.beta * linear_warmup(state.seen_images, self.config.kl_warmup_images),
            **{name: float(value) for name, value in values.items()}, "active_units": active,
        }  # fmt: skip
        self.write(row, state.step)
        self._show(row, state)
        self._watch_collapse(active, mean.shape[1], state)

    def write(self, row: dict[str, Any], step: int) -> None:
        """Append a row to metrics.jsonl and TensorBoard."""
        if not self.main:
            return
        with (self.run / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self.board is not None:
            for name, value in row.items():
                if name not in ("step", "seen_images"):
                    self.board.add_scalar(name, value, step)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for; the same on every process, as of the last `checkpoint_due`."""
        return self.agreed_stop if self.accelerator.num_processes > 1 else self.stop_signal is not None

    def end_by_signal(self) -> None:
        """Raise KeyboardInterrupt after Ctrl-C, SystemExit (143) after SIGTERM; nothing after neither."""
        if self.stop_signal == signal.SIGTERM:
            sys.exit(128 + signal.SIGTERM)
        if self.stopping:
            raise KeyboardInterrupt

    def checkpoint_due(self, state: TrainState) -> bool:
        """True on every process when enough images or minutes have passed since the last checkpoint.

        To be asked after every step: processes also agree here whether to stop.
        """
        config = self.config
        # A clock that was set back must not put the next checkpoint off.
        self.last_checkpoint_time = min(self.last_checkpoint_time, time.monotonic())
        due = (
            config.checkpoint_images is not None
            and state.seen_images - self.last_checkpoint_images >= config.checkpoint_images
        ) or (
            config.checkpoint_minutes is not None
            and time.monotonic() - self.last_checkpoint_time >= config.checkpoint_minutes * 60
        )
        if self.accelerator.num_processes > 1:  # clocks differ: process 0 decides for all, a signal to any
            flags = torch.tensor([due and self.main, self.stop_signal is not None], dtype=torch.int32)
            due, self.agreed_stop = (
                self.accelerator.reduce(flags.to(self.accelerator.device), "sum").bool().tolist()
            )
        if due:
            self.last_checkpoint_images, self.last_checkpoint_time = state.seen_images, time.monotonic()
        return due

    def checkpoint(self, state: TrainState) -> None:
        """Write a checkpoint, measure the averaged weights on validation faces and draw a sheet of them."""
        if self.saved_images == state.seen_images:
            return
        self.saved_images = state.seen_images
        state = whole_state(state)
        if not self.main:
            return
        row, picture = validation_sheet(state, self.validation, self.accelerator, self.config)
        measured = {f"validation_{name}": value for name, value in row.items()}
        measured |= {"step": state.step, "seen_images": state.seen_images, **state.spent}
        self.write(measured, state.step)
        path = self.run / "sheets" / f"{state.seen_images:012d}.png"
        write_png(path, picture, model=self.run.resolve().name, job="train", **BESIDE_PHOTO)
        # Last: what is resumed from has its figures, and those that a kill left ahead of it are dropped.
        save_state(state, self.run / "checkpoints", self.config.keep_checkpoints)
        spent = "" if state.ledger is None else f"epsilon {state.spent['dp_epsilon']:.2f} spent, "
        self._print(
            f"[{state.seen_images:,} images] validation PSNR {row['psnr_db']:.2f} dB, "
            f"KL {row['kl_nats']:.0f} nats, {spent}checkpoint and sheet written"
        )

    def _show(self, row: dict[str, Any], state: TrainState) -> None:
        text = (
            f"{state.seen_images:,} images  {row['images_per_s']:.0f}/s  "
            f"reconstruction {row['reconstruction_loss']:.0f}  KL {row['kl_loss']:.0f} nats  "
            f"perceptual {row['perceptual_loss']:.3f}  active {row['active_units']}"
        )
        total = state.total_images
        self.progress.update(self.task, description=text)
        if not self.console.is_terminal:
            share = f"{100 * state.seen_images / total:5.1f} %  " if total else ""
            pace = max(0.05, row["images_per_s"])  # rounded, so perhaps 0
            left = f"  {(total - state.seen_images) / pace / 60:.1f} min left" if total else ""
            self._print(share + text + left)

    def _watch_collapse(self, active: int, latent_dim: int, state: TrainState) -> None:
        warm = state.seen_images >= self.config.kl_warmup_images
        collapsed = warm and active < max(2, COLLAPSED_SHARE * latent_dim)
        if collapsed and not self.collapse_reported:
            self._print(
                f"[{state.seen_images:,} images] the latent is collapsing: {active} of {latent_dim} "
                "dimensions are active, so faces will look alike. Train with a smaller --set beta, a longer "
                "--set kl_warmup_images, --set free_bits_nats=0.1 or a smaller --set pixel_scale."
            )
        self.collapse_reported = collapsed

    def _print(self, text: str) -> None:
        if self.main:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _ask_stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        again, self.stop_signal = self.stop_signal is not None, number
        if again:
            self.agreed_stop = True
            self.end_by_signal()
        self._print(
            f"{signal.Signals(number).name}: stopping after this step, with a checkpoint. The run can be "
            "resumed: run the same command to go on. Once more stops at once, without."
        )


class _Window:
    """Sums over the steps since the last line."""

    def __init__(self) -> None:
        self.steps = self.faces = 0
        self.sums: dict[str, Tensor] = {}
        self.started = time.monotonic()

    def add(self, terms: LossTerms, mean: Tensor, gradient_norm: Tensor) -> None:
        self.steps += 1
        self.faces += len(mean)
        parts = {**terms._asdict(), "gradient_norm": gradient_norm.float(),
                 "mean_sum": mean.sum(dim=0), "mean_squares": mean.square().sum(dim=0)}  # fmt: skip
        for name, value in parts.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def reduce(self, accelerator: Accelerator) -> dict[str, Tensor]:
        """Averages per step, and the variance of the posterior means over the window's faces, (D,)."""
        sums = {name: accelerator.reduce(value, "mean") for name, value in self.sums.items()}
        centre = sums.pop("mean_sum") / self.faces
        variance = sums.pop("mean_squares") / self.faces - centre.square()
        return {**{name: value / self.steps for name, value in sums.items()}, "mean_variance": variance}

    def seconds(self) -> float:
        return max(1e-9, time.monotonic() - self.started)


def _truncate_metrics(path: Path, seen_images: int) -> None:
    """Drop rows beyond the checkpoint that is resumed from, so that no image is logged twice."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["seen_images"] <= seen_images:
                kept.append(line + "\n")
        except (ValueError, KeyError):
            continue  # a line cut short by a kill
    with atomic_file(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")


def _open_board(folder: Path, step: int) -> Any:
    """TensorBoard's writer, or None without the extra 'tensorboard'."""
    # TensorBoard loads TensorFlow where it finds it, which costs seconds; its own stub writes scalars too.
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            require("tensorboard", "tensorboard", "TensorBoard scalars")
            from torch.utils.tensorboard import SummaryWriter
        return SummaryWriter(str(folder), purge_step=step + 1)
    except MissingExtraError:
        return None


Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


def _set_handler(number: int, handler: Handler) -> Handler:
    """Install a handler for a signal; nothing outside the main thread, where Python allows none."""
    try:
        return signal.signal(number, signal.SIG_DFL if handler is None else handler)
    except ValueError:
        return None
