"""What computation runs on: precision, processes and memory."""

from __future__ import annotations

import ctypes
import os

import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

from facevae.config import TrainConfig
from facevae.errors import ConfigError


def make_accelerator(config: TrainConfig, device: str = "auto") -> Accelerator:
    """The engine for one process or many, on `device`; bf16 autocast where the machine has it.

    Raises ConfigError when the batch does not divide by the processes, or the precision cannot be had.
    """
    bf16 = config.precision == "bf16" or (config.precision == "auto" and has_bf16(device))
    try:
        accelerator = Accelerator(mixed_precision="bf16" if bf16 else "no", cpu=device == "cpu")
    except ValueError as error:
        raise ConfigError(f"precision {config.precision} cannot be had on this machine: {error}") from error
    if config.batch_size % accelerator.num_processes:
        raise ConfigError(
            f"batch_size {config.batch_size} does not divide by the {accelerator.num_processes} processes"
        )
    return accelerator


def keep_freed_memory() -> None:
    """Let glibc hand freed memory out again instead of returning it to the system after every step.

    A step frees its activations and the next asks for as much; the page faults between them took a tenth of
    the time (docs/train.md). Without effect where the C library has no mallopt.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)


def out_of_memory(error: Exception) -> bool:
    """Whether memory, of the device or of the machine, is all that an operation lacked."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or bool(should_reduce_batch_size(error))


def free_memory() -> None:
    """Hand back what nothing holds any more, so that a smaller try finds it."""
    clear_device_cache(garbage_collection=True)


def has_bf16(device: str = "auto") -> bool:
    """True when bf16 arithmetic is done by the hardware."""
    if device != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())
