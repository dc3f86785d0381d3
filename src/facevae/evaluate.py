"""A model measured on a test set: report.json, report.html and sheets to look at."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import facevae
from facevae.checkpoint import read_json, write_json
from facevae.digests import sha256_file
from facevae.engine import keep_freed_memory
from facevae.errors import ConfigError
from facevae.evaluate_page import write_report_page
from facevae.evaluation.classic import classic_figures
from facevae.evaluation.codes import encode_split, latent_figures, likelihood_figures, reconstruction_figures
from facevae.evaluation.compare import comparison_row, read_other_report
from facevae.evaluation.labels import (
    CONTROL_FACES,
    balance_figures,
    control_fairness,
    control_figures,
    disentanglement_figures,
    fairness_figures,
    guidance_figures,
    probe_facts,
    real_probes,
)
from facevae.evaluation.pictures import found_faces, judge_samples, truncation_row, without_nan
from facevae.evaluation.real import (
    RealFaces,
    StageProgress,
    held_out_split,
    load_real_faces,
    silent,
)
from facevae.evaluation.sheets import write_sheets
from facevae.evaluation.speed import machine, speed_figures
from facevae.evaluation.upscaling import upscaling_figures
from facevae.generator import FaceGenerator
from facevae.images import Photos, to_tensor
from facevae.layers import parameter_count
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.reconstruction import psnr_db
from facevae.models import find_model
from facevae.run import prepared

TRUNCATIONS = (1.0, 0.8, 0.6)
LABELLED_FACES = 4000
"""Training faces whose latents are held against their labels."""


def evaluate(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    samples: int = 5000,
    seed: int = 0,
    against: Sequence[str | Path] = (),
    inception_weights: str | Path | None = None,
    device: str = "auto",
    guidance: float | None = None,
    progress: StageProgress = silent,
    split: str | None = None,
) -> Path:
    """Measure `model` on the faces of `data`; returns `out`/report.html, beside report.json and sheets/.

    model: a shipped name, a folder or a Hub id. data: a prepared dataset, or photos (prepared first).
    against: other reports (folders or report.json) shown beside this one; ConfigError when they were not
    measured alike. inception_weights: the file that adds the classic FID and KID. guidance: what controls are
    asked with; the model's own unless given. split: of `data`, the faces held out to measure on: 'validation'
    or 'test'; the test split where there is one unless given. Deterministic for a seed on one machine, but
    for the section 'speed'. Raises any FaceVAEError.
    """
    if samples < 2:
        raise ConfigError(f"samples must be 2 or more, got {samples}; 5,000 make figures that mean something")
    started, out = time.perf_counter(), Path(out)
    keep_freed_memory()
    folder = find_model(model)
    generator = FaceGenerator.from_pretrained(model, device)
    generator.guidance_used(guidance)
    extractor = FeatureExtractor(generator.device)
    data = prepared(Path(data))
    others = [(Path(path), read_other_report(Path(path))) for path in against]
    split = split or held_out_split(data)
    real = load_real_faces(data, generator.size_px, samples, seed, extractor, progress, split)
    report: dict[str, Any] = {
        "format_version": 1,
        "model": _model_facts(folder, generator),
        "data": real.facts(),
        "settings": real.settings(samples, seed, extractor),
    }
    report["against"] = [comparison_row(report, other, path) for path, other in others]
    report |= measure(
        generator, folder, data, real, extractor, out, samples, seed, inception_weights, guidance, progress
    )
    report["made"] = {
        "date": datetime.date.today().isoformat(), "facevae_version": facevae.__version__,
        "machine": machine(), "device": str(generator.device),
        "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip
    write_json(out / "report.json", without_nan(report))
    return write_report_page(out)


def measure(
    generator: FaceGenerator,
    folder: Path,
    data: Path,
    real: RealFaces,
    extractor: FeatureExtractor,
    out: Path,
    samples: int,
    seed: int,
    inception_weights: str | Path | None,
    guidance: float | None,
    progress: StageProgress,
) -> dict[str, Any]:
    """Every section of figures, and the sheets in `out`/sheets."""
    photos = {t: _sampled(generator, samples, seed, t, progress) for t in TRUNCATIONS}
    judged = judge_samples(photos[1.0], real, extractor, seed, progress)
    report = dict(judged.sections)
    report["truncation"] = [
        truncation_row(t, photos[t], judged, real, extractor, seed, progress) for t in TRUNCATIONS
    ]
    report["classic"] = classic_figures(photos[1.0], real, inception_weights, seed)
    codes = encode_split(generator, data, real.split, real.validation_indices, progress)
    report["reconstruction"] = {
        **reconstruction_figures(real, codes.reconstructions, extractor, seed),
        **likelihood_figures(generator, data, real.split, seed, progress),
    }
    report["latent"] = latent_figures(codes, generator, seed)
    progress("probes of labelled faces", 0, 1)
    probes = real_probes(real, seed)
    progress("probes of labelled faces", 1, 1)
    report["probes"] = probe_facts(probes)
    report["control"], controlled = control_figures(
        generator, probes, real, extractor, min(samples, CONTROL_FACES), seed, progress, guidance
    )
    report["control"] |= guidance_figures(
        generator, real, extractor, judged.features, seed, progress, guidance
    )
    report["balance"] = balance_figures(judged.places, probes, real)
    known = encode_split(generator, data, "train", real.train_indices[:LABELLED_FACES], progress)
    report["disentanglement"] = disentanglement_figures(known.mean, real.train_rows[:LABELLED_FACES])
    psnr = psnr_db(to_tensor(real.validation), to_tensor(codes.reconstructions)).numpy()
    report["fairness"] = _fairness(real, codes.reconstructions, psnr, report["control"], progress)
    if generator.upscaler is not None:
        report["upscaler"] = upscaling_figures(generator, data, photos[1.0], extractor, progress, real.split)
    report["speed"] = speed_figures(generator, str(folder), real.validation)
    write_sheets(out / "sheets", generator.name, real, judged, codes, -psnr, photos, controlled)
    return report


def _sampled(
    generator: FaceGenerator, count: int, seed: int, truncation: float, progress: StageProgress
) -> Photos:
    stage = f"samples at truncation {truncation:g}"
    return generator.sample(
        count, seed, truncation=truncation, progress=lambda done, total: progress(stage, done, total)
    ).photos


def _fairness(
    real: RealFaces,
    reconstructions: Photos,
    psnr: np.ndarray[Any, np.dtype[np.floating]],
    control: dict[str, Any],
    progress: StageProgress,
) -> dict[str, Any]:
    """Squared error and detection of reconstructions by group, and control success by category."""
    error = 10 ** (-psnr / 10)  # mean squared error on 0..1: a ratio of decibels would mean nothing
    found = found_faces(reconstructions, progress).astype(np.float64)
    section = fairness_figures(
        real.validation_rows, {"squared_error": (error, "lower"), "detected": (found, "higher")}
    )
    agreement = control_fairness(control)
    return {**section, "control_agreement": agreement} if agreement else section


def _model_facts(folder: Path, generator: FaceGenerator) -> dict[str, Any]:
    config = read_json(folder / "config.json")
    model = generator.model
    return {
        "name": generator.name,
        "sha256": sha256_file(folder / "model.safetensors"),
        "prior_sha256": sha256_file(folder / "prior.safetensors"),
        "size_px": generator.size_px,
        "latent_dim": generator.latent_dim,
        "parameters": {
            "encoder": parameter_count(model.encoder),
            "decoder": parameter_count(model.decoder),
        },
        "prior": generator.prior.kind,
        "seen_images": config.get("measured", {}).get("seen_images"),
        "controls": list(generator.schema.names),
    }
