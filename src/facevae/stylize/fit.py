"""Teaching a decoder a style: a folder of artworks in, a `DecoderStyle` out, in minutes."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facevae.errors import ConfigError, DataError
from facevae.features import FrozenFeatures
from facevae.generator import FaceGenerator
from facevae.images import Photos, to_tensor
from facevae.model import Decoder
from facevae.stylize.decoder_style import DecoderStyle, decoder_sha256, trained_names
from facevae.stylize.sizes import lanczos
from facevae.stylize.statistics import (
    Statistics,
    activations,
    content_loss,
    pooled_statistics,
    statistics,
    style_loss,
)

Progress = Callable[[str, int, int], None]

MOST_ARTWORKS = 400
"""Artworks that are looked at, the first by name; more change the statistics little."""
LEAST_PX = 64
"""Side at which the network sees faces at least; those of smaller models are enlarged for it."""
CROP_SHARE = 8
"""A face is seen without 1 / CROP_SHARE of its side, cut elsewhere at each step: so that nothing settles on
the network's own grid of strides."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jp2")


@dataclass(frozen=True)
class FitConfig:
    """How a decoder is taught a style."""

    minutes: float | None = 5.0
    """How long, after the artworks are read. None: `steps` decide."""
    steps: int | None = None
    """Steps of AdamW instead of minutes: the same steps and seed give the same style on one machine."""
    batch_size: int = 16
    """Faces a step: half of them samples, half reconstructions of what the model makes."""
    learning_rate: float = 1e-3
    """Peak rate, down to 0 by a cosine."""
    content_weight: float = 2.0
    """Weight of what a face shows against how it is painted. More keeps the likeness, less paints."""
    pool: int = 256
    """Samples that are trained on, each also as the reconstruction of its picture."""
    seed: int = 0
    """Decides the samples, their order and the crops."""

    def __post_init__(self) -> None:
        if self.minutes is None and self.steps is None:
            raise ConfigError("a style needs minutes or steps to be trained for: both are None.")
        for name, value in (
            ("minutes", self.minutes),
            ("steps", self.steps),
            ("batch_size", self.batch_size),
        ):
            if value is not None and not value > 0:
                raise ConfigError(f"{name} cannot be {value:g}: expected more than 0.")


@dataclass(frozen=True)
class Artworks:
    """A folder of artworks as a model sees faces."""

    pictures: Photos  # (N, S, S, 3) uint8
    faces: int
    """How many of them are aligned faces; the others are whole artworks, cut square."""
    rejects: list[tuple[str, str]]
    """(file, reason) of those that could not be read."""


def fit_decoder_style(
    generator: FaceGenerator,
    artworks: Artworks,
    name: str,
    config: FitConfig | None = None,
    progress: Progress | None = None,
) -> DecoderStyle:
    """Fine-tune a copy of the generator's decoder until its faces have the artworks' statistics.

    The encoder is not touched, so photos can be drawn, too. Minimises the distance of the faces' statistics
    (of a batch together) to the artworks', and of their deeper activations to those of the original decoder's
    faces. progress: called with (stage, done, in all). Raises MissingExtraError without the frozen features.
    Sources: Gatys et al. 2016 and Li et al. 2017 (the statistics); as in Johnson et al. 2016, a network is
    trained on them instead of a picture.
    """
    config = config or FitConfig()
    features = FrozenFeatures().to(generator.device)
    pictures = enlarged(to_tensor(artworks.pictures).to(generator.device))
    wanted = pooled_statistics(features, torch.cat([pictures, pictures.flip(3)]))
    latents = _latents(generator, config)
    decoder = copy.deepcopy(generator.model.decoder)
    started, steps = time.monotonic(), _train(
        generator.model.decoder, decoder, latents, features, wanted, config, progress
    )  # fmt: skip
    before = dict(generator.model.decoder.named_parameters())
    differences = {
        key: (value.detach() - before[key]).half().cpu()
        for key, value in decoder.named_parameters()
        if key in set(trained_names(decoder))
    }
    settings = {
        **asdict(config), "steps": steps, "minutes": round((time.monotonic() - started) / 60, 2),
        "artworks": len(artworks.pictures), "faces": artworks.faces, "rejects": len(artworks.rejects),
    }  # fmt: skip
    sha256 = decoder_sha256(generator.model.decoder)
    return DecoderStyle(name, generator.name, sha256, differences, settings)


def read_artworks(folder: Path, size_px: int, progress: Progress | None = None) -> Artworks:
    """The pictures of a folder (and the folders in it) at `size_px`: the largest face aligned, else whole.

    An artwork that cannot be read is left out and told. Raises DataError when none is left.
    """
    from facevae.data.align import align
    from facevae.data.detect import FaceDetector
    from facevae.data.photos import read_photo

    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: expected one with some 20 to 200 artworks.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:MOST_ARTWORKS]
    detector, pictures, rejects, faces = FaceDetector(), [], [], 0
    for done, path in enumerate(files):
        try:
            picture = read_photo(path)
            found = detector.detect(picture, every=False)
            pictures.append(
                align(picture, found[0].landmarks_px, size_px) if found else _square(picture, size_px)
            )
            faces += bool(found)
        except DataError as error:
            rejects.append((str(path), str(error)))
        if progress:
            progress("artworks", done + 1, len(files))
    if not pictures:
        reasons = f" ({rejects[0][1]})" if rejects else ""
        raise DataError(
            f"no artwork in {folder}{reasons}: expected some 20 to 200 pictures, PNG, JPEG or WebP."
        )
    return Artworks(np.stack(pictures), faces, rejects)


def _square(picture: Photos, size_px: int) -> Photos:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return lanczos(picture[top : top + side, left : left + side], size_px, size_px)


def _latents(generator: FaceGenerator, config: FitConfig) -> Tensor:
    """(2 * pool, D): samples of the prior, and the encodings of the faces that they make."""
    samples = generator.sample(config.pool, config.seed)
    both = np.concatenate([samples.latents, generator.encode(samples.photos)])
    return torch.from_numpy(both).to(generator.device)


def _train(
    original: Decoder,
    decoder: Decoder,
    latents: Tensor,
    features: FrozenFeatures,
    wanted: list[Statistics],
    config: FitConfig,
    progress: Progress | None,
) -> int:
    """Train `decoder` in place; returns how many steps that took."""
    parameters = _unfrozen(decoder)
    optimizer = torch.optim.AdamW(parameters, config.learning_rate, (0.9, 0.99), weight_decay=0.0)
    draw, started, step, share = torch.Generator().manual_seed(config.seed), time.monotonic(), 0, 0.0
    while share < 1:
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        z = latents[torch.randint(len(latents), (config.batch_size,), generator=draw).to(latents.device)]
        with torch.no_grad():
            shown = enlarged(original(z))
        crop = _crop(shown.shape[3], draw)
        got = activations(features, enlarged(decoder(z))[crop])
        with torch.no_grad():
            there = activations(features, shown[crop])
        loss = style_loss(statistics(got), wanted) + config.content_weight * content_loss(got, there)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        share = _share(step, time.monotonic() - started, config)
        if progress:
            progress("steps", step, max(step, round(step / max(share, 1e-6))))
    return step


def enlarged(x: Tensor) -> Tensor:
    """(B, 3, S, S) with S at LEAST_PX or more: in less the last tap has no places to compare."""
    factor = -(-LEAST_PX // x.shape[3])
    return x if factor == 1 else F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def _unfrozen(decoder: Decoder) -> list[nn.Parameter]:
    decoder.requires_grad_(False)
    chosen = set(trained_names(decoder))
    parameters = [value for name, value in decoder.named_parameters() if name in chosen]
    for value in parameters:
        value.requires_grad_(True)
    return parameters


def _crop(side_px: int, draw: torch.Generator) -> tuple[slice, ...]:
    margin = side_px // CROP_SHARE
    top, left = torch.randint(margin + 1, (2,), generator=draw).tolist()
    rows, columns = (slice(start, start + side_px - margin) for start in (top, left))
    return slice(None), slice(None), rows, columns


def _share(step: int, seconds: float, config: FitConfig) -> float:
    """How much of the training is done, 0 to 1; steps decide where they are given."""
    if config.steps is not None:
        return step / config.steps
    return seconds / (60 * (config.minutes or 1))
