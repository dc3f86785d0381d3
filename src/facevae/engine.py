"""What computation runs on: precision, processes and memory."""

from __future__ import annotations

import ctypes
import os
import re
import warnings
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import distributed

from facevae.config import TrainConfig
from facevae.errors import CheckpointError, ConfigError
from facevae.layers import process_count


def start_processes(config: TrainConfig, device: str = "auto") -> PartialState:
    """Join the processes that a launcher started; one process where none did. Raises ConfigError."""
    # Of 1 x 1 kernels, whose two memory layouts are the same bytes.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    on_cpu = device == "cpu" or not torch.accelerator.is_available()
    processes = PartialState(cpu=on_cpu, timeout=timedelta(minutes=config.process_timeout_minutes))
    check_processes(processes.num_processes)
    return processes


def check_processes(found: int) -> None:
    """Raise ConfigError when a launcher started more processes than found each other.

    Each would train alone, and all of them would write into the same run.
    """
    started = os.environ.get("WORLD_SIZE", "1")
    if started.isdecimal() and int(started) > 1 and found == 1:
        raise ConfigError(
            f"{started} processes were started to train together, and each is alone: they find no device to "
            "talk over. Train with --device cpu, or without a launcher."
        )


def check_same_start(seen_images: int, run: Path, accelerator: Accelerator) -> None:
    """Wait until every process has read its checkpoint; raise CheckpointError when they are not the same."""
    here = torch.tensor([seen_images], device=accelerator.device)
    all_seen = accelerator.gather(here).tolist()
    if len(set(all_seen)) > 1:
        raise CheckpointError(
            f"processes of one run would go on from different places: one at {max(all_seen):,} images and "
            f"others at {min(all_seen):,}. {run} must be the same folder for all, on storage that they share."
        )


def share_of(accelerator: Accelerator) -> slice:
    """Which faces of a batch are this process's."""
    return slice(accelerator.process_index, None, accelerator.num_processes)


def lost_process(error: Exception) -> bool:
    """Whether processes that train together no longer hear each other."""
    if process_count() == 1:
        return False
    told = re.search(r"gloo|nccl|connection (closed|reset|refused)|broken pipe", str(error), re.I)
    return isinstance(error, distributed.DistError) or told is not None


def make_accelerator(config: TrainConfig, device: str = "auto") -> Accelerator:
    """The engine for one process or many, on `device`; bf16 autocast where the machine has it.

    Raises ConfigError when the batch does not divide by the processes, the precision cannot be had, or
    accelerate is to split the model by itself.
    """
    precision = "bf16" if wants_bf16(config, device) else "no"
    # accelerate refuses a process whose earlier run had another precision.
    if AcceleratorState._shared_state.get("_mixed_precision", precision) != precision:
        AcceleratorState._reset_state()
    try:
        accelerator = Accelerator(mixed_precision=precision, cpu=device == "cpu")
    except ValueError as error:
        raise ConfigError(f"precision {config.precision} cannot be had on this machine: {error}") from error
    if accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED):
        raise ConfigError(
            f"accelerate is configured for {accelerator.distributed_type.value}, which splits the model in "
            "its own way. Configure it for MULTI_GPU, and split the model with --set sharded=true."
        )
    count, batch = accelerator.num_processes, config.batch_size
    if batch % count:
        sizes = [str(size) for size in (batch // count * count, batch // count * count + count) if size]
        raise ConfigError(
            f"batch_size {batch} does not divide by the {count} processes. Start a run with --set batch_size="
            f"{' or '.join(sizes)}, or start {' or '.join(map(str, _divisors(batch)))} processes."
        )
    return accelerator


def _divisors(number: int) -> list[int]:
    return [count for count in range(1, number + 1) if number % count == 0]


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


def wants_bf16(config: TrainConfig, device: str = "auto") -> bool:
    """True when bf16 is asked for, or left to a machine that has it."""
    return config.precision == "bf16" or (config.precision == "auto" and has_bf16(device))


def has_bf16(device: str = "auto") -> bool:
    """True when bf16 arithmetic is done by the hardware."""
    if device != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())
