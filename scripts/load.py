"""The service under load, batched against unbatched, by wrk (Debian's package of that name).

    python scripts/load.py --seconds 60 --clients 16 --jobs generate reconstruct edit

Starts `facevae serve` on a free port once for each job and batch size, lets wrk ask for it over so many
connections, and prints one Markdown table: requests per second, latencies, answers by status. generate asks
for one new face at a time; reconstruct and edit send scikit-image's photo of an astronaut, 512 px, whom the
edit makes 20 years older. Exit code 1 when an answer is neither 200 nor 429, or a connection broke.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import httpx
from PIL import Image
from skimage.data import astronaut

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_uploads import memory_mib, served

JOBS = ("generate", "reconstruct", "edit")
HEAD = "job | at most in a pass | faces/pass | answers/s | p50 ms | p95 ms | p99 ms | answers | broken | MiB"
LUA = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What wrk saw of one service."""

    statuses: dict[int, int]
    broken: int
    seconds: float
    percentiles_ms: dict[int, float]
    faces_a_pass: float
    memory_mib: float

    @property
    def per_second(self) -> float:
        """Requests answered with faces."""
        return self.statuses.get(200, 0) / self.seconds


def body_of(job: str, mechanism: str) -> bytes | None:
    """What each request of a job sends; None for new faces, which differ."""
    if job == "generate":
        return None
    buffer = io.BytesIO()
    Image.fromarray(astronaut()).save(buffer, "JPEG", quality=90)
    asked = {"changes": {"age": "+20"}, "mechanism": mechanism} if job == "edit" else {}
    return json.dumps({"photo": base64.b64encode(buffer.getvalue()).decode(), **asked}).encode()


def measure(wish: argparse.Namespace, job: str, batch_size: int) -> Load:
    """One service, warmed up for a tenth of the time."""
    options = ("--model", wish.model, "--device", "cpu", "--batch-size", str(batch_size), *wish.serve)
    with served(*options) as (address, process), tempfile.NamedTemporaryFile() as file:
        sent = body_of(job, wish.mechanism)
        file.write(sent or b"")
        file.flush()
        asked = [wish.accept, f"/v1/{job}", *([file.name] if sent else [])]
        run_wrk(wish, address, max(1, wish.seconds // 10), asked)
        before = counters(address)
        told = run_wrk(wish, address, wish.seconds, asked)
        after = counters(address)
        faces, passes = (after[name] - before[name] for name in ("sum", "count"))
        memory = memory_mib(process.pid)
    found = {
        kind: re.findall(rf"^{kind}\s+(\S+)\s*(\S*)", told, re.M)
        for kind in ("status", "broken", "seconds", "percentile")
    }
    return Load(
        {int(code): int(count) for code, count in found["status"]},
        sum(int(float(number)) for number in found["broken"][0]),
        float(found["seconds"][0][0]),
        {int(share): float(ms) for share, ms in found["percentile"]},
        faces / max(passes, 1),
        memory,
    )


def run_wrk(wish: argparse.Namespace, address: str, seconds: int, asked: list[str]) -> str:
    threads = min(2, wish.clients)
    command = ["wrk", f"-t{threads}", f"-c{wish.clients}", f"-d{seconds}s", "--timeout", "60s",
               "-s", str(LUA), address, "--", *asked]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def counters(address: str) -> dict[str, float]:
    """Faces and passes of the network so far."""
    text = httpx.get(f"{address}/v1/metrics", timeout=60).text
    return {
        name: float(re.findall(rf"^facevae_batch_faces_{name} (\S+)", text, re.M)[0])
        for name in ("sum", "count")
    }


def main() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("this needs wrk: apt-get install wrk")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 1], metavar="N")
    parser.add_argument("--jobs", nargs="+", default=["generate"], choices=JOBS)
    parser.add_argument("--mechanism", default="auto", help="of the edit")
    parser.add_argument("--model", default="face64")
    parser.add_argument("--accept", default="image/png", help="or application/json")
    parser.add_argument("serve", nargs="*", help="further options of `facevae serve`, after --")
    wish = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {wish.clients} clients, {wish.seconds} s, "
        f"{wish.accept}\n"
    )
    print(f"| {HEAD} |")
    print("|---|--:|--:|--:|--:|--:|--:|---|--:|--:|")
    well = True
    for job, batch_size in product(wish.jobs, wish.batch_sizes):
        load = measure(wish, job, batch_size)
        times = " | ".join(f"{load.percentiles_ms[share]:.1f}" for share in (50, 95, 99))
        answers = ", ".join(f"{code}: {count:,}" for code, count in sorted(load.statuses.items()))
        print(f"| {job} | {batch_size} | {load.faces_a_pass:.1f} | {load.per_second:.1f} | {times} "
              f"| {answers} | {load.broken} | {load.memory_mib:.0f} |", flush=True)  # fmt: skip
        well = well and not load.broken and set(load.statuses) <= {200, 429}
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
