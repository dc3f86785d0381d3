"""The README.md that travels with a model: what it is, from what it was made, what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facevae.config import TrainConfig
from facevae.layers import parameter_count
from facevae.model import FaceVAE
from facevae.prior import Prior

FIGURES = {
    "psnr_db": ("reconstruction PSNR", "{:.2f} dB"),
    "ssim": ("reconstruction SSIM", "{:.3f}"),
    "kl_nats": ("KL to N(0, I)", "{:.0f} nats per face"),
    "active_units": ("active latent dimensions", "{:.0f}"),
    "seen_images": ("faces seen in training, repeats counted", "{:,}"),
    "trained_seconds": ("time in training steps", "{:,} s"),
}

PRIORS = {"normal": "standard normal", "gmm": "Gaussian-mixture", "flow": "rectified-flow"}


def model_card(
    name: str,
    model: FaceVAE,
    prior: Prior,
    config: TrainConfig,
    dataset: Mapping[str, Any],
    measured: Mapping[str, float],
) -> str:
    """Markdown with the front matter that model hubs read."""
    shape = model.config
    millions = parameter_count(model) / 1e6
    controls = ", ".join(dict.fromkeys((*shape.schema.names, *prior.schema.names))) or "none"
    rows = "\n".join(
        f"| {label} | {form.format(measured[key])} |"
        for key, (label, form) in FIGURES.items()
        if key in measured
    )
    return f"""---
license: apache-2.0
library_name: facevae
pipeline_tag: unconditional-image-generation
tags: [vae, faces]
---
# {name}

A variational autoencoder for faces of {shape.size_px} px: {millions:.1f} M parameters, a latent of
{shape.latent_dim} dimensions, a {PRIORS[prior.kind]} prior. Controls: {controls}.

```python
from facevae import FaceGenerator

faces = FaceGenerator.from_pretrained("{name}").sample(16, seed=0)
```

## Data

{dataset.get("name") or "unnamed"}: {measured.get("train_faces", 0):,} different training faces of
{dataset.get("size_px")} px, mirrored at random: {"yes" if config.flip else "no"}.
Licence and credit of the data: {dataset.get("licence") or "not stated"}.

## Training

Reconstruction `{config.reconstruction}` (scale {config.pixel_scale:g}), perceptual weight
{config.perceptual_weight:g}, beta {config.beta:g}, seed {config.seed}. The rest is in `config.json`.

## Measured

On {measured["faces"]:,.0f} validation faces, reconstructed from their posterior means:

| figure | value |
|---|---|
{rows}
{_privacy(config, measured)}
## Limits

It knows near-frontal faces aligned as `facevae prepare` aligns them, and what its training data shows: groups
that are rare there come out worse. Generated faces are of nobody; do not use them to deceive. Every
image that facevae writes says in its metadata that it is AI-generated.
"""


def _privacy(config: TrainConfig, measured: Mapping[str, float]) -> str:
    """What private training promises; empty for other models."""
    if "dp_epsilon" not in measured:
        return ""
    noise, length = f"{config.dp_noise_multiplier:g}", f"{config.dp_max_grad_norm:g}"
    epsilon, delta = f"{measured['dp_epsilon']:.2f}", f"{measured['dp_delta']:g}"
    began = config.start_from
    started = f" It began with the weights of `{began}`, which must not have seen them." if began else ""
    return f"""
## Privacy

Trained with differential privacy (DP-SGD, noise multiplier {noise}, gradients of single faces clipped to
{length}, Poisson batches of {config.batch_size} expected faces): epsilon = {epsilon} at delta = {delta}
for each training face, counted by Opacus' RDP accountant. It covers this folder, for faces and not for
people who are in the data several times.{started}
"""
