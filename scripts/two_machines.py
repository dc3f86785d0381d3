"""One run on two machines, played by two network namespaces with addresses of their own on this one.

    python scripts/two_machines.py DATA OUT          # DATA: a prepared dataset; needs root and iproute2

Each machine runs torchrun with one process. First nobody is disturbed; then, in a run each, one machine dies
in the middle (SIGKILL to all its processes), and the other one does. The survivor must stop with an error
that says what happened; both are started again with the same command, and the final weights are held against
those of the run that was left alone. --only cable pulls the cable between them instead.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

PORT = 29_400
CANNOT = 77
"""Exit code where no namespaces can be made."""
STOP_LIMIT_S = 120
"""A survivor that has not stopped by then hangs."""
TIMEOUT_MINUTES = 1.0
"""Of the processes for each other. Only the pulled cable takes so long to be noticed."""


@dataclass(frozen=True)
class Machine:
    """A network namespace, its end of the cable and its address."""

    namespace: str
    cable: str
    address: str

    def processes(self) -> list[int]:
        """Ids of all processes in it."""
        return [int(pid) for pid in ip("netns", "pids", self.namespace).split()]


def ip(*words: str) -> str:
    """Output of an `ip` command."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Two namespaces joined by a cable; removed with all their processes at the end."""
    tag = f"fv{os.getpid()}"
    first, second = (Machine(f"{tag}{side}", f"{tag}{side}", f"10.77.0.{host}")
                     for side, host in (("a", 1), ("b", 2)))  # fmt: skip
    try:
        for machine in (first, second):
            ip("netns", "add", machine.namespace)
        ip("link", "add", first.cable, "netns", first.namespace, "type", "veth",
           "peer", "name", second.cable, "netns", second.namespace)  # fmt: skip
        for machine in (first, second):
            ip("-n", machine.namespace, "address", "add", f"{machine.address}/24", "dev", machine.cable)
            for device in ("lo", machine.cable):
                ip("-n", machine.namespace, "link", "set", device, "up")
        yield first, second
    finally:
        for machine in (first, second):
            if (Path("/run/netns") / machine.namespace).exists():
                kill(machine)
                ip("netns", "delete", machine.namespace)


def kill(machine: Machine) -> None:
    """The machine dies: SIGKILL to everything that runs on it."""
    for pid in machine.processes():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it ended by itself meanwhile


def start(machine: Machine, host: Machine, training: list[str], log: Path) -> subprocess.Popen[bytes]:
    """torchrun on a machine; `host` holds the rendezvous."""
    launcher = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"{host.address}:{PORT}", "--rdzv-id", "run",
        "--rdzv-conf", f"is_host={machine is host}", "--local-addr", machine.address,
    ]  # fmt: skip
    environment = {
        **os.environ, "GLOO_SOCKET_IFNAME": machine.cable, "OMP_NUM_THREADS": "1", "COLUMNS": "1000",
    }  # fmt: skip
    command = ["ip", "netns", "exec", machine.namespace, *launcher, "-m", "facevae", *training]
    with log.open("ab") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)


def training(data: Path, run: Path, images: int) -> list[str]:
    """The command of the run: preset tiny, with the adversary in its second half."""
    sets = [
        f"images={images}", "batch_size=32", "precision=fp32", "checkpoint_minutes=none",
        f"checkpoint_images={images // 8}", "perceptual_weight=0.5", "adversary_weight=0.3",
        f"adversary_images={images // 2}", "prior=gmm", f"process_timeout_minutes={TIMEOUT_MINUTES}",
        "keep_checkpoints=100",
    ]  # fmt: skip
    options = [word for field in sets for word in ("--set", field)]
    return ["train", str(data), "--out", str(run), "--preset", "tiny", "--device", "cpu", *options]


def whole_run(machines: tuple[Machine, Machine], command: list[str], out: Path, name: str) -> None:
    """Both machines until the run is finished. Exits with the log's end when one fails."""
    logs = [out / f"{name}-{side}.log" for side in "ab"]
    running = [start(machine, machines[0], command, log)
               for machine, log in zip(machines, logs, strict=True)]  # fmt: skip
    for process, log in zip(running, logs, strict=True):
        if process.wait():
            sys.exit(f"{name}: {log} ends with\n{log.read_text(errors='replace')[-3000:]}")


def disturbed_run(
    machines: tuple[Machine, Machine], how: str, data: Path, out: Path, images: int
) -> dict[str, str]:
    """A run that is disturbed once half of its images are seen, then finished. What happened, in words."""
    run = out / how
    command = training(data, run, images)
    logs = [out / f"{how}-{side}.log" for side in "ab"]
    running = [start(machine, machines[0], command, log)
               for machine, log in zip(machines, logs, strict=True)]  # fmt: skip
    while newest(run) < images // 2 + images // 8:
        if any(process.poll() is not None for process in running):
            sys.exit(f"{how}: ended before it was disturbed, see {logs}")
        time.sleep(0.05)
    disturbed = time.monotonic()
    survivors = disturb(machines, how)
    said, codes = [], []
    for survivor in survivors:
        try:
            codes.append(running[survivor].wait(STOP_LIMIT_S))
        except subprocess.TimeoutExpired:
            sys.exit(f"{how}: machine {'ab'[survivor]} hangs, see {logs[survivor]}")
        said += [line for line in logs[survivor].read_text(errors="replace").splitlines()
                 if "no answer from another process" in line]  # fmt: skip
    seconds = time.monotonic() - disturbed
    if not said or not all(codes):
        sys.exit(f"{how}: stopped with {codes} and no clear error, see {logs}")
    for process in running:
        process.wait()
    reached = newest(run)
    ip("-n", machines[1].namespace, "link", "set", machines[1].cable, "up")
    whole_run(machines, command, out, how)
    return {
        "disturbed after (images)": f"{reached:,}",
        "the others stopped within": f"{seconds:.1f} s, exit code {', '.join(map(str, codes))}",
        "what they said": said[0].strip(),
    }


def disturb(machines: tuple[Machine, Machine], how: str) -> list[int]:
    """Kill a machine or pull the cable; which machines live on."""
    if how == "cable":
        ip("-n", machines[1].namespace, "link", "set", machines[1].cable, "down")
        return [0, 1]
    victim = "ab".index(how)
    kill(machines[victim])
    return [1 - victim]


def newest(run: Path) -> int:
    """Images seen by the newest whole checkpoint; 0 when there is none."""
    return max((int(path.parent.name) for path in run.glob("checkpoints/*/state.json")
                if path.parent.name.isdigit()), default=0)  # fmt: skip


def difference(one: Path, other: Path) -> float:
    """Largest difference between two finished runs in a weight, an average or a moment."""
    checkpoints = [run / "checkpoints" / f"{newest(run):012d}" for run in (one, other)]
    largest = 0.0
    for file in checkpoints[0].glob("*.safetensors"):
        mine, theirs = load_file(file), load_file(checkpoints[1] / file.name)
        assert mine.keys() == theirs.keys()
        largest = max([largest, *(float((mine[name] - theirs[name]).abs().max()) for name in mine)])
    return largest


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=6_400)
    parser.add_argument("--only", default="b,a", help="which disturbances")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("ip") is None:
        print("network namespaces need root and iproute2", file=sys.stderr)
        sys.exit(CANNOT)
    calm = options.out / "undisturbed"
    try:
        with two_machines():
            pass
    except subprocess.CalledProcessError as error:
        print(f"no network namespaces here: {error.stderr.strip()}", file=sys.stderr)
        sys.exit(CANNOT)
    with two_machines() as machines:
        whole_run(machines, training(options.data, calm, options.images), options.out, "undisturbed")
        for how in options.only.split(","):
            told = disturbed_run(machines, how, options.data, options.out, options.images)
            told["largest difference from the undisturbed run"] = f"{difference(calm, options.out / how):g}"
            print(f"## {how}")
            for name, value in told.items():
                print(f"{name}: {value}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
