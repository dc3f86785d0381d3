"""Training speed from shards against training speed from memory, steps of both taken in turn.

python scripts/streaming_speed.py DATA [--steps 60] [--rounds 5] [--copies 1] [--adversary]

DATA: a prepared dataset; its shards are taken `copies` times, so that there are more than are held. Each
round times so many steps of the preset small at 64 px from memory, then from the shards; the medians over the
rounds are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch

from facevae.bench.speed import ready_to_step
from facevae.data.dataset import FaceDataset, prefetch
from facevae.engine import keep_freed_memory


def many_shards(data: Path, out: Path, copies: int) -> Path:
    """The dataset with links to its training shards, `copies` times over."""
    info = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
    rows = []
    for row in copies * info["shards"]["train"]:
        name = f"train-{len(rows):05d}.tar"
        os.symlink((data / row["file"]).resolve(), out / name)
        rows.append({**row, "file": name})
    info["shards"] = {"train": rows}
    (out / "dataset.json").write_text(json.dumps(info), encoding="utf-8")
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--adversary", action="store_true")
    chosen = parser.parse_args()
    keep_freed_memory()
    fields = {"adversary_samples": "normal"} if chosen.adversary else {"adversary_weight": 0.0}
    _, config, _, step = ready_to_step(fields)
    with tempfile.TemporaryDirectory() as folder:
        many = many_shards(chosen.data, Path(folder), chosen.copies)
        sources = {}
        for name, path, cache_gb in (("memory", chosen.data, 9.0), ("shards", many, 0.0)):
            data = FaceDataset(path, "train", 64, cache_gb=cache_gb)
            make = data.batches(0, config.batch_size, slice(None))
            sources[name] = prefetch(make, 0, config.batch_size), data
        rates: dict[str, list[float]] = {name: [] for name in sources}
        for _ in range(chosen.rounds + 1):
            for name, (stream, _) in sources.items():
                next(stream)
                started = time.perf_counter()
                for _ in range(chosen.steps):
                    step(next(stream))
                rates[name].append(chosen.steps * config.batch_size / (time.perf_counter() - started))
        for name, (stream, _) in sources.items():
            stream.close()  # type: ignore[attr-defined]
            median = statistics.median(rates[name][1:])
            print(f"{name}: {median:.1f} images/s {[round(rate, 1) for rate in rates[name][1:]]}")
    ratio = statistics.median(b / a for a, b in zip(rates["memory"][1:], rates["shards"][1:], strict=True))
    print(f"from shards at {100 * ratio:.1f} % of the speed from memory, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
