"""How fast each runtime is here: decoding 1, 16 and 64 latents, and generating 64 faces.

    python scripts/runtime_speed.py [MODEL] [THREADS] [--docs docs/export.md]

PyTorch in fp32, ONNX, and every form of int8, in turns, the median of ROUNDS each; sizes of the files. With
--docs the table is written into that page. Run it on a machine with nothing else to do.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from facevae import FaceGenerator
from facevae.bench.results import markdown, write_section
from facevae.export.job import export
from facevae.export.runtime import onnx_generator
from facevae.export.to_int8 import FORMS

ROUNDS, WARMUPS = 15, 3
BATCHES = (1, 16, 64)
FACES = 64


def generators(model: str, folder: Path) -> dict[str, tuple[FaceGenerator, float]]:
    """Generator and MB of its networks' files, by runtime."""
    found = {}
    targets = {"ONNX fp32": ("onnx", {})} | {
        f"ONNX int8, {form}": ("onnx-int8", {"form": form}) for form in FORMS
    }
    for name, (to, options) in targets.items():
        out = folder / name.replace(" ", "-")
        export(model, to, out, **options)
        used = [path for path in out.glob("*.onnx") if path.stem != "sampler"]
        found[name] = (onnx_generator(out), sum(path.stat().st_size for path in used) / 1e6)
    reference = FaceGenerator.from_pretrained(model, "cpu")
    numbers = sum(p.numel() for p in reference.model.parameters())
    numbers += sum(value.numel() for value in reference.prior.tensors().values())
    numbers += sum(p.numel() for p in reference.upscaler.parameters()) if reference.upscaler else 0
    return {"PyTorch fp32": (reference, 4 * numbers / 1e6), **found}


def jobs(generator: FaceGenerator) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    latents = np.random.default_rng(0).normal(size=(max(BATCHES), generator.latent_dim)).astype(np.float32)
    timed: dict[str, Callable[[], object]] = {
        f"decode {size}, ms": lambda size=size: generator.decode(latents[:size]) for size in BATCHES
    }
    timed[f"generate {FACES}, ms"] = lambda: generator.sample(FACES, seed=0)
    return timed


def measure(found: dict[str, tuple[FaceGenerator, float]]) -> list[list[str]]:
    """Header and one line for each runtime. They take turns, so that a slower minute slows all alike."""
    timed = {name: jobs(generator) for name, (generator, _) in found.items()}
    columns = list(next(iter(timed.values())))
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(WARMUPS + ROUNDS):
        for name, own in timed.items():
            for column, work in own.items():
                started = time.perf_counter()
                work()
                if turn >= WARMUPS:
                    seconds.setdefault((name, column), []).append(time.perf_counter() - started)
    lines = [
        [
            name,
            *(f"{1000 * statistics.median(seconds[name, column]):.1f}" for column in columns),
            f"{size:.1f}",
        ]
        for name, (_, size) in found.items()
    ]
    return [["runtime", *columns, "networks, MB"], *lines]


def main(words: list[str]) -> None:
    docs = Path(words.pop(words.index("--docs") + 1)) if "--docs" in words else None
    words = [word for word in words if word != "--docs"]
    model = words[0] if words else "face64"
    torch.set_num_threads(int(words[1]) if len(words) > 1 else torch.get_num_threads())
    with tempfile.TemporaryDirectory(prefix="facevae-speed-") as folder:
        table = markdown(measure(generators(model, Path(folder))))
    print(table)
    if docs is not None:
        command = f"python scripts/runtime_speed.py {model} {torch.get_num_threads()}"
        write_section(docs, "speed", command, f"{torch.get_num_threads()} threads.\n\n{table}")


if __name__ == "__main__":
    main(sys.argv[1:])
