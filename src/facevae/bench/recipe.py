"""The training recipe taken apart: rows that differ in one part, trained on as many images, judged alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from facevae.bench.peers.peer_io import write_npy
from facevae.bench.quality import Job, Method, claim_options, judge_job
from facevae.checkpoint import read_json, write_json
from facevae.config import preset
from facevae.engine import keep_freed_memory
from facevae.errors import ConfigError, FaceVAEError, did_you_mean
from facevae.evaluation.pictures import figure
from facevae.evaluation.real import RealFaces, StageProgress, load_real_faces, silent
from facevae.evaluation.speed import machine
from facevae.generator import FaceGenerator
from facevae.layers import parameter_count
from facevae.metrics.extractor import FeatureExtractor
from facevae.models import pick_device
from facevae.refit import fit_prior
from facevae.run import prepared
from facevae.train import train


@dataclass(frozen=True)
class Share:
    """A share of all the images seen, for a field that counts images."""

    of_images: float


@dataclass(frozen=True)
class RecipeRow:
    """One row of the ablation."""

    key: str
    title: str
    shows: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of ModelConfig and TrainConfig that it has otherwise than `base`."""
    base: str | None = "full"
    """The row that it is to be compared with; None for one that stands alone."""

    @property
    def only_prior(self) -> bool:
        """True when the autoencoder is that of `base`: another prior is fitted, nothing is trained."""
        return set(self.settings) == {"prior"}


FULL: Mapping[str, Any] = {
    "beta": 8.0, "fine_blocks": 0, "detail_width": 0, "prior": "flow",
    "adversary_weight": 1.0, "adversary_images": Share(0.4), "adversary_samples": "prior",
    "freeze_encoder": True,
}  # fmt: skip
"""The whole recipe over the preset. What the preset says too is named again where a row takes it away, so
that the rows keep their meaning when a default changes."""

RECIPE_ROWS = (
    RecipeRow(
        "first-try", "the first try", "Where the recipe began.",
        {
            "reconstruction": "l1", "pixel_scale": 0.5, "perceptual_weight": 4.0, "beta": 12.3,
            "adversary_weight": 0.1, "adversary_images": Share(0.62), "adversary_samples": "normal",
            "freeze_encoder": False, "decoder_learning_rate": 1e-3, "learning_rate": 1e-3, "batch_size": 48,
            "fine_blocks": 0, "detail_width": 0, "prior": "flow", "flow_width": 768, "flow_steps": 6000,
        },
        base=None,
    ),
    RecipeRow("full", "the whole recipe", "What the rows below take one thing from.", base=None),
    RecipeRow(
        "no-adversary", "no adversary", "What the adversary adds; the encoder is trained to the end.",
        {"adversary_weight": 0.0},
    ),
    RecipeRow(
        "normal-samples", "the adversary sees samples from N(0, I)",
        "Whether it matters which prior the loop is closed with.", {"adversary_samples": "normal"},
    ),
    RecipeRow(
        "no-samples", "the adversary sees reconstructions alone: the loop is open",
        "What samples of the learned prior in the adversary's batch add.", {"adversary_samples": "none"},
    ),
    RecipeRow(
        "trained-encoder", "the loop is open and the encoder goes on learning",
        "What freezing the encoder costs or saves, beside `no-samples`.", {"freeze_encoder": False},
        base="no-samples",
    ),
    RecipeRow(
        "weak-adversary", "a fifth of the adversary's weight", "How much the weight matters.",
        {"adversary_weight": 0.2},
    ),
    RecipeRow(
        "low-beta", "less weight on the KL",
        "Closer reconstructions against a latent that is easier to sample.",
        {"beta": 3.0},
    ),
    RecipeRow(
        "no-style", "the latent enters at the decoder's start alone",
        "What z in every block of the decoder adds.",
        {"style_width": 0},
    ),
    RecipeRow(
        "detail", "a block more at the finest stage and one at full size",
        "Whether more network where texture is made pays for its time.",
        {"detail_width": 16, "fine_blocks": 1},
    ),
    RecipeRow(
        "gmm-prior", "sampled from a Gaussian mixture",
        "What the flow adds at sampling; the decoder is the same.",
        {"prior": "gmm"},
    ),
    RecipeRow(
        "normal-prior", "sampled from N(0, I)",
        "What a learned prior adds at sampling; the decoder is the same.",
        {"prior": "normal"},
    ),
)  # fmt: skip
KEYS = tuple(row.key for row in RECIPE_ROWS)


class Plan(NamedTuple):
    """What every row has in common."""

    images: int = 120_000
    """Faces that each row sees in training."""
    samples: int = 5000
    """Faces that each row is judged by."""
    preset_name: str = "small"
    settings: Mapping[str, Any] = {}
    """Fields that every row has otherwise than the preset, but for those that a row is about."""
    device: str = "auto"


@dataclass(frozen=True)
class RecipeJob:
    """A row with one seed, and the folder that its run and its figures are in."""

    row: RecipeRow
    seed: int
    out: Path

    @property
    def folder(self) -> Path:
        return self.out / (self.row.key if self.seed == 0 else f"{self.row.key}-{self.seed}")

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def trained(self) -> bool:
        return (self.model / "config.json").is_file()

    @property
    def base(self) -> RecipeJob:
        assert self.row.base is not None, "a row that changes only the prior has a base"
        return RecipeJob(find_row(self.row.base), self.seed, self.out)

    def for_judge(self) -> Job:
        """The same as the quality bench knows it."""
        return Job(Method(self.row.key, self.row.title), self.seed, self.folder)


def find_row(name: str) -> RecipeRow:
    """The row of this key or number. Raises ConfigError naming those that there are."""
    if name.isdecimal() and int(name) < len(KEYS):
        return RECIPE_ROWS[int(name)]
    if name not in KEYS:
        known = ", ".join(f"{index} {key}" for index, key in enumerate(KEYS))
        raise ConfigError(f"there is no row '{name}'.{did_you_mean(name, KEYS)} There are: {known}.")
    return RECIPE_ROWS[KEYS.index(name)]


def parse_seeds(text: str) -> list[int]:
    """'0,1' as [0, 1]. Raises ConfigError for anything but whole numbers of 0 or more."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--seeds takes whole numbers such as 0,1,2, got '{text}'")
    return sorted({int(part) for part in parts})


def row_settings(row: RecipeRow, plan: Plan) -> dict[str, Any]:
    """The row's fields over the preset, shares turned into numbers of images."""
    lineage = [row]
    while lineage[0].base is not None:
        lineage.insert(0, find_row(lineage[0].base))
    values = {**FULL, **plan.settings}
    for part in lineage:
        values |= part.settings
    counted = {
        name: round(value.of_images * plan.images) if isinstance(value, Share) else value
        for name, value in values.items()
    }
    return {**counted, "images": plan.images}


def recipe_bench(
    data: Path,
    out: Path,
    plan: Plan = Plan(),  # noqa: B008 - immutable
    rows: Sequence[str] = KEYS,
    seeds: Sequence[int] = (0,),
    judge_only: bool = False,
    progress: StageProgress = silent,
) -> list[dict[str, Any]]:
    """Train what is not trained yet, judge what is not judged yet; one row of figures per row and seed.

    rows: keys or numbers of RECIPE_ROWS. Called again with the same `out` it goes on, in the middle of a run
    too; `judge_only` leaves out what is not trained. A row that fails is reported as failed and stops no
    other. Raises ConfigError for an unknown row, for one that needs a row that is not there, and for other
    options than `out` was started with.
    """
    chosen = sorted({find_row(name).key for name in rows}, key=KEYS.index)
    jobs = [RecipeJob(find_row(key), seed, out) for seed in seeds for key in chosen]
    if judge_only:
        jobs = [job for job in jobs if job.trained]
    _check_jobs(jobs, out)
    model_config, _ = preset(plan.preset_name, row_settings(jobs[0].row, plan))
    keep_freed_memory()
    data = prepared(data)
    shared = {name: value for name, value in plan._asdict().items() if name != "device"}
    claim_options(out, {**shared, "settings": dict(plan.settings)})
    failures = {} if judge_only else _train_all(jobs, data, plan)
    extractor = FeatureExtractor(pick_device(plan.device))
    real = load_real_faces(data, model_config.size_px, plan.samples, 0, extractor, progress)
    results = []
    for job in jobs:
        if job.folder in failures:
            results.append({"name": job.folder.name, "method": job.row.key, "label": job.row.title,
                            "failed": failures[job.folder]})  # fmt: skip
        else:
            results.append(_judge(job, plan, real, extractor, progress))
    write_json(out / "recipe.json", {"rows": results})
    return results


def _check_jobs(jobs: Sequence[RecipeJob], out: Path) -> None:
    if not jobs:
        raise ConfigError(f"none of these rows is trained in {out}: leave out --judge-only to train them.")
    folders = {job.folder for job in jobs}
    for job in jobs:
        if job.row.only_prior and not job.trained and not job.base.trained and job.base.folder not in folders:
            raise ConfigError(
                f"row '{job.row.key}' is row '{job.row.base}' with another prior, and that is not in {out}: "
                f"add {job.row.base} to --rows."
            )


def _train_all(jobs: Sequence[RecipeJob], data: Path, plan: Plan) -> dict[Path, str]:
    """Bring every job's model about; returns {folder: why it failed}."""
    failures: dict[Path, str] = {}
    for job in jobs:
        try:
            _train(job, data, plan)
        except FaceVAEError as error:
            failures[job.folder] = str(error)
            continue
        origin = job.folder / "trained.json"
        if not origin.is_file():
            device = pick_device(plan.device).type
            write_json(origin, {"machine": machine() + ("" if device == "cpu" else f", {device}")})
    return failures


def _train(job: RecipeJob, data: Path, plan: Plan) -> None:
    settings = {**row_settings(job.row, plan), "seed": job.seed}
    if not job.row.only_prior:
        train(data, job.folder, plan.preset_name, settings, plan.device)  # goes on, or finds it finished
    elif not job.trained:
        fit_prior(job.base.model, data, job.model, settings["prior"], seed=job.seed, device=plan.device)


def _judge(
    job: RecipeJob, plan: Plan, real: RealFaces, extractor: FeatureExtractor, progress: StageProgress
) -> dict[str, Any]:
    """The row of figures of a trained job; its faces are made where they are not there yet."""
    if not (job.folder / "facts.json").is_file():
        _make_faces(job, plan, real)
    (row,) = judge_job(job.for_judge(), real, extractor, progress)
    return {**row, "latent": {"kl_nats": figure(row["facts"]["kl_nats"], len(real.validation))}}


def _make_faces(job: RecipeJob, plan: Plan, real: RealFaces) -> None:
    """Write samples.npy (seeds from 0, whatever the job's), reconstructions.npy, and facts.json last."""
    generator = FaceGenerator.from_pretrained(job.model, plan.device)
    measured = read_json(job.model / "config.json")["measured"]
    write_npy(job.folder / "samples.npy", generator.sample(plan.samples, 0).photos)
    write_npy(job.folder / "reconstructions.npy", generator.decode(generator.encode(real.validation)))
    origin = job.folder / "trained.json"
    facts = {
        "seen_images": measured["seen_images"], "train_seconds": measured["trained_seconds"],
        "kl_nats": measured["kl_nats"],
        "parameters": {
            "encoder": parameter_count(generator.model.encoder),
            "decoder": parameter_count(generator.model.decoder),
        },
        "machine": read_json(origin)["machine"] if origin.is_file() else None,
    }  # fmt: skip
    write_json(job.folder / "facts.json", facts)
