"""Jobs killed, stopped, starved of disk and memory: do they end as if nothing had been?

Every job is the command itself, in a process of its own that is forked from one with torch loaded, so that a
moment to kill it at is one in which it works. What a run gives is held against an undisturbed one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from PIL import Image
from safetensors.torch import load_file

from facevae.bench.fault_jobs import JOBS, PRELOADED, at_the_end, digests, leftovers, room, work
from facevae.bench.preparing import varied_faces
from facevae.bench.results import markdown
from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig
from facevae.errors import ConfigError

Progress = Callable[[str, int, int], None]

PHOTOS = 48


@dataclass
class Row:
    """What came of one fault on one job."""

    fault: str
    job: str
    tried: int = 0
    """Times that the fault was set up."""
    hit: int = 0
    """Times that it met the job at work."""
    same: int = 0
    """Runs that ended with the undisturbed result to the bit, nothing left over."""
    runs: int = 0
    wrong: list[str] = field(default_factory=list)
    """What did not hold, in words."""

    def holds(self, what: str, fine: bool) -> None:
        if not fine:
            self.wrong.append(what)


class Site:
    """Photos, a dataset, and the undisturbed result of each job, in one folder."""

    def __init__(self, root: Path, photos: int = PHOTOS) -> None:
        self.root = root
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        first = context.Process(target=time.monotonic)  # starts the process that the jobs are forked from
        first.start()
        first.join()
        (root / "photos").mkdir(parents=True, exist_ok=True)
        for number, photo in enumerate(varied_faces(photos, 192)):
            Image.fromarray(photo).save(root / "photos" / f"{number:03d}.png")
        options = PrepareConfig(size_px=64, workers=1, validation_fraction=0.25)
        prepare(root / "photos", root / "data", options)
        self.results: dict[str, dict[str, str]] = {}
        self.seconds: dict[str, float] = {}

    def undisturbed(self, job: str) -> dict[str, str]:
        """The result of a job that nothing disturbed, made once; how long it took stands in `seconds`."""
        if job not in self.results:
            out = self.root / f"undisturbed {job}"
            started = time.monotonic()
            process = self.start(job, out)
            process.join()
            self.seconds[job] = time.monotonic() - started
            if process.exitcode:
                fault = ConfigError(f"{job} fails undisturbed:")
                fault.add_note(self.shown(out))
                raise fault
            self.results[job] = digests(job, out)
        return self.results[job]

    def start(self, job: str, out: Path, trick: str = "", amount: int = 0) -> BaseProcess:
        """The job at work in a process of its own; what it says goes into a file (`shown`)."""
        context = multiprocessing.get_context("forkserver")
        arguments = JOBS[job].command(self.root, out)
        process = context.Process(target=work, args=(arguments, job, str(out), trick, amount))
        process.start()
        return process

    def shown(self, out: Path) -> str:
        """What the processes of this result have said."""
        path = Path(f"{out}.txt")
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def compare(self, row: Row, job: str, out: Path, stopped: bool = False) -> None:
        """Count a run that is done, and forget it. stopped: it wrote checkpoints of its own."""
        row.runs += 1
        good, found = self.undisturbed(job), digests(job, out)
        if stopped:
            good, found = at_the_end(good), at_the_end(found)
        row.holds(f"{', '.join(sorted(name for name in good if good[name] != found.get(name))[:3])} differs",
                  found == good)  # fmt: skip
        row.holds(f"left over: {', '.join(leftovers(out))}", not leftovers(out))
        row.same += found == good and not leftovers(out)
        shutil.rmtree(out)
        Path(f"{out}.txt").unlink()


def kill(
    site: Site,
    job: str,
    kills: int,
    draw: random.Random,
    progress: Progress | None = None,
    least: float = 0,
) -> Row:
    """SIGKILL at random moments, each run started again until it is done, until `kills` have hit.

    least: the earliest moment, as a share of the time that an undisturbed run takes.
    """
    row = Row("SIGKILL at a random moment", job)
    site.undisturbed(job)
    while row.hit < kills:
        out = site.root / f"killed {job}"
        while True:
            process = site.start(job, out)
            process.join(draw.uniform(least, 1) * site.seconds[job])
            row.tried += 1
            if process.exitcode is not None:
                break
            process.kill()
            process.join()
            row.hit += 1
            if progress:
                progress(f"killing {job}", min(row.hit, kills), kills)
        row.holds(f"exit code {process.exitcode}: {site.shown(out)[-500:]}", process.exitcode == 0)
        site.compare(row, job, out)
    return row


def stop(site: Site, job: str, stops: int, draw: random.Random, progress: Progress | None = None) -> Row:
    """SIGINT and SIGTERM by turns at random moments: an end that says how to go on, and the same result."""
    row = Row("Ctrl-C or SIGTERM at a random moment", job)
    site.undisturbed(job)
    codes = {signal.SIGINT: (130, -signal.SIGINT), signal.SIGTERM: (143, -signal.SIGTERM)}
    while row.hit < stops and row.tried < 5 * stops:
        out, sent = site.root / f"stopped {job}", (signal.SIGINT, signal.SIGTERM)[row.hit % 2]
        process = site.start(job, out)
        process.join(draw.uniform(0.1, 0.8) * site.seconds[job])
        row.tried += 1
        if process.exitcode is None:
            assert process.pid is not None
            os.kill(process.pid, sent)
            process.join()
        if process.exitcode:
            row.hit += 1
            text = " ".join(site.shown(out).lower().split())
            row.holds(f"exit code {process.exitcode} after {sent.name}", process.exitcode in codes[sent])
            row.holds(f"no word of how to go on: {text[-300:]}", "run the same command" in text)
            again = site.start(job, out)
            again.join()
            row.holds(f"exit code {again.exitcode} when run again", again.exitcode == 0)
            if progress:
                progress(f"stopping {job}", row.hit, stops)
        site.compare(row, job, out, stopped=True)
    return row


def fill(site: Site, job: str, disks: int, draw: random.Random, progress: Progress | None = None) -> Row:
    """A disk (tmpfs) of a random size, smaller than the result: refused, made larger, run again."""
    row = Row("the disk fills up at a random write", job)
    site.undisturbed(job)
    whole = room(site.root / f"undisturbed {job}")
    for number in range(disks):
        out = site.root / f"filled {job}"
        process = site.start(job, out, "disk", int(draw.uniform(0.02, 0.95) * whole))
        process.join()
        row.tried += 1
        answer = json.loads(Path(f"{out}.json").read_text(encoding="utf-8"))
        if answer.get("refused"):
            raise ConfigError(f"this machine does not allow a disk of a chosen size: {answer['refused']}")
        row.hit += answer["code"] != 0
        text = " ".join(answer["shown"].split())
        row.holds(f"exit code {answer['code']}: {text[-300:]}", answer["code"] == 1)
        row.holds(f"not said clearly: {text[-300:]}", "the disk is full" in text and "Traceback" not in text)
        row.holds("a result that passes for whole", not answer["marker"])
        row.holds(f"exit code {answer['again']} with room: {answer['shown'][-300:]}", answer["again"] == 0)
        same = answer["digests"] == site.undisturbed(job)
        row.runs += 1
        row.same += same and not answer["leftovers"]
        row.holds(f"the result differs (disk of {answer['bytes']} bytes)", same)
        row.holds(f"left over: {answer['leftovers']}", not answer["leftovers"])
        Path(f"{out}.txt").unlink()
        if progress:
            progress(f"filling the disk of {job}", number + 1, disks)
    return row


def damage(site: Site, damages: int, draw: random.Random, progress: Progress | None = None) -> Row:
    """The newest checkpoint cut or with a flipped bit: noticed, said, the one before used."""
    row = Row("a file of the newest checkpoint cut, or one of its bits flipped", "train")
    site.undisturbed("train")
    for number in range(damages):
        out = site.root / "damaged"
        shutil.copytree(site.root / "undisturbed train", out)
        shutil.rmtree(out / "model")
        newest = sorted((out / "checkpoints").iterdir())[-1]
        spoil(draw.choice(sorted(newest.iterdir())), draw)
        process = site.start("train", out)
        process.join()
        row.tried += 1
        noticed = "damaged checkpoint passed over" in site.shown(out)
        row.hit += noticed
        row.holds(f"damage went unnoticed: {site.shown(out)[-300:]}", noticed)
        row.holds(f"exit code {process.exitcode}", process.exitcode == 0)
        site.compare(row, "train", out)
        if progress:
            progress("damaging checkpoints", number + 1, damages)
    return row


def spoil(path: Path, draw: random.Random) -> None:
    """Cut a file at a random byte, or flip a random bit of it."""
    data = bytearray(path.read_bytes())
    if draw.random() < 0.5:
        del data[draw.randrange(len(data)) :]
    else:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def cheat(site: Site, clocks: int, draw: random.Random, progress: Progress | None = None) -> Row:
    """Every clock set back by up to a day at a random moment."""
    row = Row("the clocks go back by up to a day, again and again", "train")
    site.undisturbed("train")
    for number in range(clocks):
        out = site.root / "cheated"
        process = site.start("train", out, "clock", draw.randrange(1, 86_400))
        process.join()
        row.tried, row.hit = row.tried + 1, row.hit + 1
        row.holds(f"exit code {process.exitcode}: {site.shown(out)[-300:]}", process.exitcode == 0)
        site.compare(row, "train", out)
        if progress:
            progress("setting clocks back", number + 1, clocks)
    return row


def starve(site: Site, sizes: Sequence[int], progress: Progress | None = None) -> tuple[Row, float]:
    """Memory for so many faces at once: smaller passes, said, of the same step.

    Returns the row, and the largest absolute difference of a weight from the undisturbed run's.
    """
    row, furthest = Row("memory for fewer faces than the batch has", "train alone"), 0.0
    site.undisturbed("train alone")
    good = load_file(site.root / "undisturbed train alone" / "model" / "model.safetensors")
    for number, size in enumerate(sizes):
        out = site.root / "starved"
        process = site.start("train alone", out, "memory", size)
        process.join()
        row.tried += 1
        said = "out of memory" in site.shown(out)
        row.hit += said
        row.holds(f"exit code {process.exitcode}: {site.shown(out)[-300:]}", process.exitcode == 0)
        row.holds(f"said nothing: {site.shown(out)[-300:]}", said)
        found = load_file(out / "model" / "model.safetensors")
        far = max(float((good[name] - value).abs().max()) for name, value in found.items())
        furthest, row.runs = max(furthest, far), row.runs + 1
        row.holds(f"weights lie {far:.2g} off", far < 1e-2)
        row.same += far < 1e-2
        shutil.rmtree(out)
        if progress:
            progress("starving of memory", number + 1, len(sizes))
    return row, furthest


def faults_bench(
    kills: int = 50,
    stops: int = 20,
    disks: int = 20,
    damages: int = 40,
    clocks: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[list[Row], float]:
    """Every fault on every job that it can meet, so many times each; 0 leaves one out.

    Returns the rows, and how far the weights of runs with too little memory lie from an undisturbed one's, at
    most. Moments, places and sizes are random by the seed, but for the machine's own pace. Needs Linux and
    the extras of `prepare`, and for full disks the right to mount one. Raises ConfigError without it.
    """
    rows, furthest = [], 0.0
    with tempfile.TemporaryDirectory(prefix="facevae-faults-") as folder:
        site, draw = Site(Path(folder)), random.Random(seed)
        for job in ("prepare", "prepare, two workers", "train", "augment"):
            rows += [kill(site, job, kills, draw, progress)] if kills else []
        for job in ("prepare", "train", "augment"):
            rows += [stop(site, job, stops, draw, progress)] if stops else []
            rows += [fill(site, job, disks, draw, progress)] if disks else []
        rows += [damage(site, damages, draw, progress)] if damages else []
        if clocks:
            row, furthest = starve(site, [1, 3, 7, 15][:clocks], progress)
            rows += [cheat(site, clocks, draw, progress), row]
    return rows, furthest


def faults_text(rows: Sequence[Row], furthest: float) -> str:
    """Markdown: a table of the rows, and in words what did not hold."""
    header = ["fault", "job", "tried", "met it at work", "runs to the end", "same result", "broken promises"]
    lines = [
        [row.fault, row.job, *(f"{n:,}" for n in (row.tried, row.hit, row.runs, row.same, len(row.wrong)))]
        for row in rows
    ]
    wrong = [f"- {row.fault}, {row.job}: {what}" for row in rows for what in row.wrong]
    told = [f"Weights after smaller passes lie at most {furthest:.1g} from those after whole ones."]
    return "\n".join([markdown([header, *lines], texts=2), "", *(told if furthest else []), *wrong])
