"""Every method trained on the same faces for the same time, then judged by the same evaluation."""

from __future__ import annotations

import json
import os
import queue
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facevae.bench.environment import PEERS, PeerName, peer_environment, run_command
from facevae.bench.peers.peer_io import write_npy
from facevae.checkpoint import read_json, write_json
from facevae.data.dataset import FaceDataset
from facevae.engine import keep_freed_memory
from facevae.errors import ConfigError, FaceVAEError, did_you_mean
from facevae.evaluation.codes import reconstruction_figures
from facevae.evaluation.pictures import judge_samples, without_nan
from facevae.evaluation.real import RealFaces, StageProgress, load_real_faces, silent
from facevae.metrics.extractor import FeatureExtractor
from facevae.run import prepared


@dataclass(frozen=True)
class Method:
    """One way to make faces, and how it is started."""

    name: str
    label: str
    environment: PeerName | None = None
    """None: this one. Else the peer environment that it runs in."""
    script: str = ""
    seeds: int = 1
    """Runs with different seeds, for stability."""

    def label_of(self, suffix: str) -> str:
        """The label of one of its sample sets: '' or '-gmm'."""
        return f"{self.label}, GMM sampler" if suffix == "-gmm" else self.label

    def command(self, python: Path, data: Path, faces: Path, out: Path, options: Sequence[str]) -> list[str]:
        paths = ["--train", str(faces / "train.npy"), "--validation", str(faces / "validation.npy")]
        rest = [*paths, "--out", str(out), *options]
        if self.environment is None:
            return [
                str(python),
                "-m",
                "facevae.bench.ours",
                "--method",
                self.name,
                "--data",
                str(data),
                *rest,
            ]
        return [str(python), str(PEERS / self.script), "--method", self.name.rpartition("-")[2], *rest]


METHODS = {
    method.name: method
    for method in (
        Method("pca", "PCA + Gaussian (scikit-learn)"),
        Method("small", "facevae small", seeds=3),
        Method("gan", "GAN: decoder of small + adversary", seeds=3),
        # Two, because its dense layer of 16 rectifiers can die: with seed 0 it did.
        Method("keras-vae", "classic Keras VAE", "keras", "keras_vae.py", seeds=2),
        Method("pythae-vae", "pythae VAE", "pythae", "pythae_methods.py"),
        Method("pythae-rae", "pythae RAE", "pythae", "pythae_methods.py"),
        Method("pythae-vaegan", "pythae VAEGAN", "pythae", "pythae_methods.py"),
        Method("tiny", "facevae tiny"),
    )
}


@dataclass(frozen=True)
class Job:
    """One method with one seed, and the folder that its result is in."""

    method: Method
    seed: int
    folder: Path

    @property
    def done(self) -> bool:
        return (self.folder / "facts.json").is_file()


def quality_bench(
    data: Path,
    out: Path,
    minutes: float = 15.0,
    samples: int = 5000,
    size_px: int = 64,
    methods: Sequence[str] = tuple(METHODS),
    side_by_side: int = 1,
    most_seeds: int = 3,
    judge_only: bool = False,
    progress: StageProgress = silent,
) -> list[dict[str, Any]]:
    """Train what is not trained yet, judge what is not judged yet; one row of figures per set of samples.

    minutes: training time of each run by the wall clock; start-up, sampling and the fitting of priors are not
    counted. side_by_side: runs at once, each on its share of the cores. Called again with the same `out` it
    goes on; `judge_only` leaves out what is not trained yet. A method that fails is reported in its row and
    stops no other. Raises ConfigError for an unknown method or other options than `out` was started with.
    """
    for name in methods:
        if name not in METHODS:
            known = ", ".join(METHODS)
            raise ConfigError(
                f"there is no method '{name}'.{did_you_mean(name, METHODS)} There are: {known}."
            )
    keep_freed_memory()
    data = prepared(data)
    faces = _export(data, out / "faces", size_px)
    claim_options(
        out, {"minutes": minutes, "samples": samples, "size_px": size_px, "side_by_side": side_by_side}
    )
    jobs = [
        Job(METHODS[name], seed, out / (name if seed == 0 else f"{name}-{seed}"))
        for seed in range(most_seeds)
        for name in methods
        if seed < METHODS[name].seeds
    ]
    options = ["--minutes", f"{minutes:g}", "--samples", str(samples)]
    if judge_only:
        jobs = [job for job in jobs if job.done]
    failures = _train_all([job for job in jobs if not job.done], data, faces, options, side_by_side, progress)
    extractor = FeatureExtractor()
    real = load_real_faces(data, size_px, samples, 0, extractor, progress)
    rows = []
    for job in jobs:
        if job.done:
            rows += judge_job(job, real, extractor, progress)
        else:
            rows.append(
                {"name": job.folder.name, "label": job.method.label, "failed": failures[job.folder.name]}
            )
    write_json(out / "quality.json", {"rows": rows})
    return rows


def judge_job(
    job: Job, real: RealFaces, extractor: FeatureExtractor, progress: StageProgress = silent
) -> list[dict[str, Any]]:
    """The figures of each sample set that a job wrote, kept in its folder as a report without a page.

    Such a report can be given to `facevae evaluate --against`.
    """
    rows = []
    facts = read_json(job.folder / "facts.json")
    for path in sorted(job.folder.glob("samples*.npy")):
        suffix = path.stem.removeprefix("samples")  # '' or '-gmm'
        kept = job.folder / f"report{suffix}.json"
        if not kept.is_file():
            photos = np.load(path, allow_pickle=False)
            report: dict[str, Any] = {
                "format_version": 1,
                "model": {"name": job.method.label_of(suffix)},
                "data": real.facts(),
                "settings": real.settings(len(photos), 0, extractor),
                **judge_samples(photos, real, extractor, 0, progress).sections,
            }
            reconstructions = job.folder / "reconstructions.npy"
            if reconstructions.is_file():
                made = np.load(reconstructions, allow_pickle=False)
                report["reconstruction"] = reconstruction_figures(real, made, extractor, 0)
            write_json(kept, without_nan(report))
        rows.append(
            {
                "name": f"{job.folder.name}{suffix}", "method": f"{job.method.name}{suffix}",
                "seed": job.seed,
                "label": job.method.label_of(suffix),
                "samples": str(path), "facts": facts, **read_json(kept),
            }
        )  # fmt: skip
    return rows


def _train_all(
    jobs: Sequence[Job],
    data: Path,
    faces: Path,
    options: Sequence[str],
    side_by_side: int,
    progress: StageProgress,
) -> dict[str, str]:
    """Run the jobs, `side_by_side` at once; returns {folder name: why it failed}."""
    failures: dict[str, str] = {}
    pythons: dict[PeerName | None, Path] = {None: Path(sys.executable)}
    for name in {job.method.environment for job in jobs if job.method.environment}:
        try:
            pythons[name] = peer_environment(name)
        except FaceVAEError as error:
            failures |= {job.folder.name: str(error) for job in jobs if job.method.environment == name}
    jobs = [job for job in jobs if job.folder.name not in failures]
    slots: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    for cpus in np.array_split(np.arange(os.cpu_count() or 1), side_by_side):
        slots.put(cpus.tolist())

    def work(job: Job) -> None:
        cpus = slots.get()
        arguments = [*options, "--seed", str(job.seed), "--threads", str(max(1, len(cpus)))]
        python = pythons[job.method.environment]
        try:
            run_command(
                job.method.command(python, data, faces, job.folder, arguments),
                threads=max(1, len(cpus)), log=job.folder.parent / f"{job.folder.name}.log", cpus=cpus,
            )  # fmt: skip
        except FaceVAEError as error:
            failures[job.folder.name] = str(error)
        finally:
            slots.put(cpus)

    with ThreadPoolExecutor(side_by_side) as pool:
        for done, _ in enumerate(pool.map(work, jobs)):
            progress("methods trained", done + 1, len(jobs))
    return failures


def _export(data: Path, folder: Path, size_px: int) -> Path:
    """Both splits as .npy, once."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation"):
        path = folder / f"{split}.npy"
        if not path.is_file():
            faces = FaceDataset(data, split, size_px)
            write_npy(path, faces.read(range(len(faces))))
    return folder


def claim_options(out: Path, options: dict[str, Any]) -> None:
    """Write `out`/options.json, or check that `out` was started with these. Raises ConfigError if not."""
    path, options = out / "options.json", json.loads(json.dumps(options))
    if path.is_file() and (found := read_json(path)) != options:
        raise ConfigError(
            f"{out} was started with {json.dumps(found)}: use the same options, or another --out."
        )
    write_json(path, options)
