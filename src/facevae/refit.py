"""Another prior, or a reader, for a finished model: the rest stays as it is, byte for byte in precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch

from facevae.checkpoint import load_model, load_reader, load_upscaler, read_tensors, save_model
from facevae.config import TrainConfig
from facevae.errors import CheckpointError, ConfigError, DataError
from facevae.flow import FlowPrior
from facevae.flow_fit import FitProgress
from facevae.layers import place
from facevae.linear_reader import LEAST_LABELLED
from facevae.model_card import model_card
from facevae.models import find_model, pick_device
from facevae.readers import fit_reader as read_as_configured
from facevae.run import fit_prior as fit_as_configured
from facevae.run import load_splits, prepared
from facevae.validation import likelihood_figures, posteriors, validate


def fit_prior(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    kind: Literal["flow", "gmm", "normal"] = "flow",
    condition_on: Sequence[str] = (),
    steps: int | None = None,
    guidance: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    progress: FitProgress | None = None,
) -> Path:
    """Write into `out` the autoencoder of `model` with a prior newly fitted to the faces of `data`.

    model: a shipped name, a folder or a Hub id; best with the data it was trained on. condition_on: controls
    of the flow, of those that the data knows. steps: of the flow's fit, else as the model's configuration
    says. guidance: what the flow is sampled with unless asked otherwise. The reader of attributes is fitted
    anew where the data has labels, and stays where it has none. Deterministic for a seed on one machine.
    Returns `out`. Raises any FaceVAEError.
    """
    folder, out = find_model(model), Path(out)
    _check_out(out)
    if not guidance >= 0 or (guidance != 1 and not condition_on):
        raise ConfigError(f"guidance cannot be {guidance:g}: expected 0 or more, and controls to guide.")
    autoencoder, _, stored = load_model(folder)
    changes: dict[str, Any] = {"prior": kind, "prior_condition_on": tuple(condition_on)}
    if steps is not None:
        changes["flow_steps"] = steps
    own = TrainConfig.from_json(stored.get("train", {}))
    if kind != "normal":
        _check_not_private(folder, own)
    config = replace(own, **changes)
    train, validation = load_splits(prepared(Path(data)), autoencoder.config, config)
    place(autoencoder, pick_device(device))
    encoded = None if kind == "normal" else posteriors(autoencoder, train, config.flip)
    prior = fit_as_configured(autoencoder, train, config, seed, progress, encoded)
    reader = read_as_configured(autoencoder, train, config, encoded) or load_reader(folder)
    if isinstance(prior, FlowPrior):
        prior.default_guidance = guidance
    result = validate(autoencoder, validation)
    likelihoods = likelihood_figures(autoencoder, prior, validation, result)
    measured = {**stored.get("measured", {}), **result.figures(), **likelihoods}
    dataset = stored.get("dataset") or train.info
    card = model_card(out.resolve().name, autoencoder, prior, config, dataset, measured)
    extra = {key: stored[key] for key in stored.keys() - WRITTEN_BY_SAVE} | {
        "train": config.to_json(), "measured": measured,
        "prior_fit": {"seed": seed, "dataset": train.info.get("name"), "train_faces": len(train)},
    }  # fmt: skip
    save_model(out, autoencoder, prior, card, extra, _is_half(folder), load_upscaler(folder), reader)
    return out


def fit_reader(model: str | Path, data: str | Path, out: str | Path, device: str = "auto") -> Path:
    """Write into `out` the model `model` with a reader of attributes fitted to the labelled faces of `data`.

    All else stays as it is; `out` may be the model's own folder. Deterministic. Returns `out`. Raises
    DataError when `data` labels hardly any face, and any other FaceVAEError.
    """
    folder, out = find_model(model), Path(out)
    _check_out(out)
    autoencoder, prior, stored = load_model(folder)
    config = TrainConfig.from_json(stored.get("train", {}))
    _check_not_private(folder, config)
    train, _ = load_splits(prepared(Path(data)), autoencoder.config, config)
    place(autoencoder, pick_device(device))
    reader = read_as_configured(autoencoder, train, config)
    if reader is None:
        raise DataError(f"{data} labels too few faces to read attributes: expected {LEAST_LABELLED} or more.")
    card = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").is_file() else ""
    extra = {key: stored[key] for key in stored.keys() - WRITTEN_BY_SAVE}
    save_model(out, autoencoder, prior, card, extra, _is_half(folder), load_upscaler(folder), reader)
    return out


WRITTEN_BY_SAVE = {"format_version", "model", "prior", "prior_settings", "upscaler", "editing", "sha256"}


def _check_not_private(folder: Path, config: TrainConfig) -> None:
    if config.dp_noise_multiplier is not None:
        raise ConfigError(
            f"{folder} was trained to be private: what is fitted to faces without noise would tell of them. "
            "Keep its normal prior (docs/privacy.md)."
        )


def _check_out(out: Path) -> None:
    if out.exists() and not (out / "model.safetensors").is_file() and (out.is_file() or any(out.iterdir())):
        raise CheckpointError(f"{out} is not empty and is no model of facevae: choose another --out.")


def _is_half(folder: Path) -> bool:
    weights = read_tensors(folder / "model.safetensors").values()
    return any(tensor.dtype == torch.float16 for tensor in weights)
