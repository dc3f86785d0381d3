"""The one catalogue of figures: what each is called, its unit, which way is better, what it says.

A figure in a report is `{"value": float, "count": int, "floor": float or null, "std": float or null}`.
Its floor is what real faces measure against other real faces at the same count: the best any model could do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Better = Literal["lower", "higher"]

LEVEL_SHARE = 0.02
"""A value within this share of its floor counts as level with it: at a few thousand faces that is chance."""


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure. unit '%' means that the value is a share of 1, shown times 100."""

    label: str
    unit: str
    digits: int
    better: Better | None
    meaning: str


KINDS: dict[str, FigureKind] = {
    # Reconstruction
    "psnr_db": FigureKind("PSNR", "dB", 2, "higher",
        "How close pixels come to the original; +3 dB halves the squared error."),
    "ssim": FigureKind("SSIM", "", 3, "higher",
        "How well local structure is kept; 1 is the same picture."),
    "feature_distance": FigureKind("Feature distance", "", 3, "lower",
        "How different original and reconstruction look to a vision network."),
    "identity_cosine": FigureKind("Identity cosine", "", 3, "higher",
        "Whether it is still the same person, as a network sees it; 1 is the same."),
    "negative_elbo_nats": FigureKind("Negative ELBO", "nats", 0, "lower",
        "Bound on the cost of describing a face: its pixels and its latent."),
    "reconstruction_nats": FigureKind("Reconstruction term", "nats", 0, "lower",
        "The part of that cost that the pixels take."),
    "kl_nats": FigureKind("KL to the prior", "nats", 1, None,
        "What the latent says about a face; 0 means that it says nothing."),
    "bits_per_dim": FigureKind("Bits per dimension", "bits", 3, "lower",
        "The same cost per pixel and colour channel, comparable across sizes."),
    "importance_weighted_nats": FigureKind("Importance-weighted bound", "nats", 0, "lower",
        "A tighter bound on the same cost, from several latents per face."),
    "importance_weighted_bits_per_dim": FigureKind("Importance-weighted bits", "bits", 3, "lower",
        "The tighter bound per pixel and colour channel."),
    "pixel_std": FigureKind("Pixel std of the decoder", "", 3, None,
        "The noise that the likelihood assumes on each pixel; it sets the scale of the nats above."),
    # Samples
    "frechet_distance": FigureKind("Fréchet distance", "", 2, "lower",
        "How far samples are from real faces in a network's features: quality and variety together."),
    "kernel_distance": FigureKind("Kernel distance", "", 4, "lower",
        "The same question without assuming Gaussian features; steadier at small counts."),
    "precision": FigureKind("Precision", "%", 1, "higher",
        "Share of samples that lie among real faces: are they believable?"),
    "recall": FigureKind("Recall", "%", 1, "higher",
        "Share of real faces that lie among samples: can it make every kind?"),
    "density": FigureKind("Density", "", 3, "higher",
        "Precision that outliers cannot inflate; near 1 for real faces."),
    "coverage": FigureKind("Coverage", "%", 1, "higher",
        "Share of real faces with a sample close by: recall that outliers cannot inflate."),
    "sharpness": FigureKind("Sharpness", "", 2, "higher",
        "Fine detail in the picture; real faces set the mark, and blur falls below it."),
    "detected": FigureKind("Face detected", "%", 1, "higher",
        "Share of pictures in which a face detector finds a face."),
    "fid": FigureKind("FID", "", 2, "lower",
        "Fréchet distance in Inception features, as papers report it."),
    "kid": FigureKind("KID", "", 4, "lower",
        "Kernel distance in Inception features, as papers report it."),
    "pairwise_distance": FigureKind("Distance between samples", "", 3, "higher",
        "How different two samples look on average; too low means that faces repeat."),
    # Memorisation
    "below_first_percentile": FigureKind("Suspiciously near", "%", 2, "lower",
        "Share of samples nearer to a training face than 99 % of unseen faces are; 1 % is chance."),
    "p_copies": FigureKind("Chance of so many by luck", "", 3, None,
        "How often samples that copy nothing lie as near; small beside a large share is copying."),
    "squared_error": FigureKind("Squared error", "", 4, "lower",
        "Mean squared difference of pixels on 0..1 between a face and its reconstruction."),
    "median_ratio": FigureKind("Nearest distance, samples to unseen faces", "", 3, None,
        "Median distance to the nearest training face over that of unseen faces; well below 1 is copying."),
    # Latent
    "active_units": FigureKind("Active dimensions", "", 0, "higher",
        "Latent dimensions that move with the face; the rest are idle."),
    "latent_dim": FigureKind("Latent dimensions", "", 0, None,
        "Width of the latent."),
    "frechet_gap": FigureKind("Prior gap", "", 2, "lower",
        "Fréchet distance between latents of faces and latents as samples are drawn from."),
    "two_sample_accuracy": FigureKind("Prior told apart", "%", 1, "lower",
        "How often a classifier tells latents of faces from those of samples; 50 % is a perfect prior."),
    # Disentanglement
    "dci_disentanglement": FigureKind("DCI disentanglement", "", 3, "higher",
        "Whether each latent dimension speaks of one attribute only."),
    "dci_completeness": FigureKind("DCI completeness", "", 3, "higher",
        "Whether each attribute sits in one latent dimension only."),
    "dci_informativeness": FigureKind("DCI informativeness", "", 3, "higher",
        "How well the attributes can be read from the latent at all."),
    # Probes and controls
    "mae": FigureKind("Mean error", "", 2, "lower",
        "Mean absolute error of the reading."),
    "pearson": FigureKind("Correlation", "", 3, "higher",
        "Pearson correlation of reading and label."),
    "accuracy": FigureKind("Accuracy", "%", 1, "higher",
        "Share of faces read correctly."),
    "balanced_accuracy": FigureKind("Balanced accuracy", "%", 1, "higher",
        "Accuracy with every class weighing the same."),
    "chance": FigureKind("By chance", "%", 1, None,
        "Accuracy of always naming the commonest class."),
    "agreement": FigureKind("Agreement", "%", 1, "higher",
        "How often a probe reads in a sample what was asked for."),
    "control_agreement": FigureKind("Agreement with the control", "%", 1, "higher",
        "How often a probe reads in a sample what was asked for."),
    "ceiling": FigureKind("Ceiling", "%", 1, None,
        "The same probe's agreement with the labels of real faces."),
    "read_mean": FigureKind("Read, mean", "", 2, None,
        "What the probe reads on average."),
    "read_std": FigureKind("Read, std", "", 2, None,
        "How much the readings spread."),
    "real_mean": FigureKind("Real faces, mean", "", 2, None,
        "What the probe reads on real faces of that label."),
    "worst_to_best": FigureKind("Worst to best", "", 3, "higher",
        "The worst group's figure over the best group's; 1 is even."),
    "real_share": FigureKind("Among real faces", "%", 1, None,
        "Share of the class among real faces."),
    "sample_share": FigureKind("Among samples", "%", 1, None,
        "Share of the class among samples."),
    "guidance": FigureKind("Guidance", "", 2, None,
        "How strongly the prior was asked for its controls: 1 is its own distribution."),
    "frechet_free": FigureKind("Fréchet distance, nothing asked", "", 2, "lower",
        "Samples as they are drawn when nothing is asked, against real faces, at this count."),
    "frechet_guided": FigureKind("Fréchet distance, controlled", "", 2, "lower",
        "As many samples with the controls of real faces, at this guidance, against the same real faces."),
    "frechet_unguided": FigureKind("Fréchet distance, controlled, guidance 1", "", 2, "lower",
        "The same controls without guidance."),
    "count": FigureKind("Faces", "", 0, None,
        "Faces measured."),
    "truncation": FigureKind("Truncation", "", 2, None,
        "Scale of the prior's spread: lower is safer and less varied."),
    # Upscaler
    "bicubic_psnr_db": FigureKind("PSNR, bicubic", "dB", 2, "higher",
        "Real faces halved and enlarged by interpolation alone, against the faces."),
    "upscaled_psnr_db": FigureKind("PSNR, upscaled", "dB", 2, "higher",
        "The same halves, enlarged by the upscaler."),
    "bicubic_feature_distance": FigureKind("Feature distance, bicubic", "", 3, "lower",
        "How different interpolated and real faces look to a vision network."),
    "upscaled_feature_distance": FigureKind("Feature distance, upscaled", "", 3, "lower",
        "How different upscaled and real faces look to it."),
    "bicubic_sharpness": FigureKind("Sharpness, bicubic", "", 2, "higher",
        "Fine detail of interpolated faces, over that of the real ones."),
    "upscaled_sharpness": FigureKind("Sharpness, upscaled", "", 2, "higher",
        "Fine detail of upscaled real faces, over that of the real ones."),
    "upscaled_sample_sharpness": FigureKind("Sharpness, upscaled samples", "", 2, "higher",
        "Fine detail of upscaled samples, over that of real faces of that size."),
    # Speed
    "samples_per_s": FigureKind("Samples per second", "/s", 0, "higher",
        "New faces per second, in batches."),
    "encode_per_s": FigureKind("Encodings per second", "/s", 0, "higher",
        "Faces encoded per second, in batches."),
    "sample_ms_for_one": FigureKind("One sample", "ms", 1, "lower",
        "Time for a single new face."),
    "encode_ms_for_one": FigureKind("One encoding", "ms", 1, "lower",
        "Time to encode a single face."),
    "peak_memory_mib": FigureKind("Peak memory", "MiB", 0, "lower",
        "Most memory held while sampling and encoding."),
}  # fmt: skip

FAMILIES: dict[str, FigureKind] = {
    "sliced_wasserstein_": FigureKind(
        "Sliced Wasserstein distance, {} px", "", 3, "lower",
        "How far the patches of samples are from those of real faces at this picture size.",
    ),
    "mig_": FigureKind(
        "MIG, {}", "", 3, "higher",
        "How much more one latent dimension knows of this attribute than the next one does; 1 is all of it.",
    ),
    "sap_": FigureKind(
        "SAP, {}", "", 3, "higher",
        "How much better one latent dimension predicts this attribute than the next one does.",
    ),
}  # fmt: skip
"""Kinds whose name ends in a size or an attribute."""


@dataclass(frozen=True)
class Figure:
    """One measured figure of a report; see this module's first lines."""

    value: float | None
    count: int | None = None
    floor: float | None = None
    std: float | None = None


def figure_kind(name: str) -> FigureKind:
    """The catalogue's entry; for an unknown name one with a readable label and no meaning."""
    if name in KINDS:
        return KINDS[name]
    for prefix, kind in FAMILIES.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            tail = _spaced(name.removeprefix(prefix))
            return FigureKind(kind.label.format(tail), kind.unit, kind.digits, kind.better, kind.meaning)
    return FigureKind(_spaced(name).capitalize(), "", 3, None, "")


def label(name: str) -> str:
    """What the figure is called in text: 'Fréchet distance' for frechet_distance."""
    return figure_kind(name).label


def format_value(name: str, value: float | None) -> str:
    """The value with its unit and its usual digits: '23.41 dB', '71.2 %'; '–' for None."""
    if value is None:
        return "–"
    kind = figure_kind(name)
    number = float(value) * (100 if kind.unit == "%" else 1)
    if not math.isfinite(number):
        return "not finite"
    digits = kind.digits
    if 0 < abs(number) < 10.0 ** (1 - digits):
        # A floor can be far smaller than the figures it is for: two significant digits always remain.
        digits = min(12, 1 - math.floor(math.log10(abs(number))))
        text = f"{number:.{digits}f}".rstrip("0").rstrip(".") if digits > 0 else f"{number:.0f}"
    else:
        text = f"{number:,.{digits}f}"
    return f"{text} {kind.unit}".rstrip().replace(" /", "/")


def read_figures(section: Mapping[str, Any]) -> dict[str, Figure]:
    """The figures of a section of a report, in its order; a bare number counts if the catalogue has it."""
    figures = {}
    for name, entry in section.items():
        if isinstance(entry, Mapping) and "value" in entry:
            figures[name] = Figure(*(entry.get(key) for key in ("value", "count", "floor", "std")))
        elif isinstance(entry, int | float) and not isinstance(entry, bool) and name in KINDS:
            figures[name] = Figure(entry)
    return figures


def against_floor(name: str, figure: Figure) -> str:
    """In words, the value beside its floor: 'worse, 2.1×', 'worse, 81 %', 'level' or 'beyond'.

    Empty without a floor, for values that are not finite and for figures of which neither way is better.
    """
    better, value, floor = figure_kind(name).better, figure.value, figure.floor
    if better is None or value is None or floor is None or not math.isfinite(value + floor):
        return ""
    if abs(value - floor) <= LEVEL_SHARE * abs(floor):
        return "level"
    if (value < floor) == (better == "lower"):
        return "beyond"
    if floor <= 0 or value < 0:
        return "worse"
    return f"worse, {times(value / floor)}" if better == "lower" else f"worse, {100 * value / floor:.0f} %"


def times(ratio: float) -> str:
    """A ratio in few digits: '2.1×', '34×'."""
    return f"{ratio:,.1f}×" if ratio < 10 else f"{ratio:,.0f}×"


def _spaced(name: str) -> str:
    return name.replace("_", " ").strip()
