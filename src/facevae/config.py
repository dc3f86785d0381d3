"""Every field that shapes a model or its training, with meaning, unit, range and why this default."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from facevae.attributes import Schema
from facevae.errors import ConfigError, did_you_mean
from facevae.fields import as_mapping, check_kinds, parse_value
from facevae.private_config import PrivateConfig, check_private

SIZES_PX = (32, 64, 128, 256, 512)


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the networks. Stored in a trained model's config.json."""

    size_px: int = 64
    """Height and width of the faces: 32, 64, 128, 256 or 512. 64 trains in an hour on two cores."""
    latent_dim: int = 256
    """Width D of the latent. 64 is enough for 32 px; more than 512 only slows the prior."""
    width: int = 256
    """Channels at the coarsest stage (4 x 4); finer stages take a fixed share. A multiple of 16."""
    blocks: int = 1
    """Residual blocks per stage, in the encoder and in the decoder."""
    style_width: int = 256
    """Width of the mapped latent that scales and shifts every block of the decoder. 0: the latent enters at
    the decoder's start alone."""
    fine_blocks: int = 1
    """Residual blocks that the decoder has besides at its finest stage, where texture is made."""
    detail_width: int = 16
    """Channels of the decoder's block at full size. 0: a pixel-shuffle from half the size has the last word,
    which leaves cross-hatching. A multiple of 16."""
    smoothing: float = 0.0
    """Share of each pixel that the finished decoder gives to each neighbour in its row and column, 0 to 0.25.
    Found after training, where samples came out sharper than photos (docs/recipe.md): leave it at 0."""
    schema: Schema = field(default_factory=Schema)
    """Attributes that encoder and decoder are conditioned on; empty for an unconditional VAE."""

    def __post_init__(self) -> None:
        check_kinds(self)
        _check(self.size_px in SIZES_PX, "size_px", self.size_px, f"one of {', '.join(map(str, SIZES_PX))}")
        _check(1 <= self.latent_dim <= 4096, "latent_dim", self.latent_dim, "1 to 4096")
        _check(self.width >= 16 and self.width % 16 == 0, "width", self.width, "a positive multiple of 16")
        _check(1 <= self.blocks <= 16, "blocks", self.blocks, "1 to 16")
        _check(0 <= self.style_width <= 4096, "style_width", self.style_width, "0 to 4096")
        _check(0 <= self.fine_blocks <= 16, "fine_blocks", self.fine_blocks, "0 to 16")
        _check(self.detail_width >= 0 and self.detail_width % 16 == 0, "detail_width", self.detail_width,
               "0 or a multiple of 16")  # fmt: skip
        _check(0 <= self.smoothing <= 0.25, "smoothing", self.smoothing, "0 to 0.25")

    @property
    def stage_widths(self) -> tuple[int, ...]:
        """Channels per stage from the finest (size_px / 2) to the coarsest (4 x 4), multiples of 16."""
        shares = (1, 0.75, 0.375, 0.1875, 0.125, 0.0625, 0.0625)  # of `width`, at 4, 8, 16, 32, ... px
        stages = int(math.log2(self.size_px)) - 2
        widths = [max(16, round(self.width * share / 16) * 16) for share in shares[:stages]]
        return tuple(reversed(widths))

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in _names(ModelConfig) if name != "schema"}
        return {**values, "attributes": self.schema.to_json()}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> ModelConfig:
        values = as_mapping(values, "ModelConfig")
        values = {"style_width": 0, "fine_blocks": 0, "detail_width": 0, **values}  # as before the fields
        schema = Schema.from_json(values.pop("attributes", ()))
        return ModelConfig(**_known(values, ModelConfig), schema=schema)


@dataclass(frozen=True)
class TrainConfig(PrivateConfig):
    """How a model is trained. Everything that decides the weights is here or in ModelConfig."""

    images: int | None = 900_000
    """Faces seen in all, repeats counted. None: found from `minutes`. 900,000 takes two cores two and a half
    hours."""
    minutes: float | None = None
    """Train for about this long instead: the speed of the first steps decides how many images that is."""
    batch_size: int = 64
    """Faces per optimiser step over all processes together."""
    seed: int = 0
    """Decides weights at the start, order of the faces, flips and noise."""
    reconstruction: Literal["mse", "l1", "bce"] = "mse"
    """Pixel likelihood: Gaussian, Laplace or Bernoulli. docs/train.md has the comparison on real faces."""
    pixel_scale: float = 0.17
    """Std of the Gaussian, scale of the Laplace, in units of the pixel range -1..1. Unused for bce."""
    perceptual_weight: float = 0.5
    """Nats per pixel value for one unit of perceptual distance; 0 leaves the frozen net out."""
    beta: float = 3.0
    """Weight of the KL term; 1 is the ELBO, more is a beta-VAE (Higgins et al. 2017). 3 because the
    perceptual term asks the latent for as much again as the pixels do."""
    kl_warmup_images: int = 20_000
    """The KL weight grows linearly from 0 to beta over so many images, against early collapse."""
    free_bits_nats: float = 0.0
    """Each latent dimension keeps this much KL for free, mean over the batch, also where it is taken in
    several passes (Kingma et al. 2016)."""
    condition_on: tuple[str, ...] = ()
    """Attributes the encoder and decoder are given (a CVAE): age, gender, expression, smile, yaw."""
    attribute_dropout: float = 0.1
    """Share of faces whose attributes are hidden in training, so that the model also works without any."""
    flip: bool = True
    """Mirror half of the faces at random."""
    pass_faces: int | None = None
    """Faces that a process takes through the networks at once; gradients of several passes are added up, so
    that a step stays that of the whole batch, but for the adversary's heads, which normalise by the
    statistics of each pass. None: all of its share, halved when memory runs out."""
    learning_rate: float = 6e-4
    """Peak rate of AdamW, after warm-up and before the cosine to zero."""
    warmup_images: int = 10_000
    """Images over which the learning rate grows linearly from 0."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay."""
    clip_norm: float | None = 1.0
    """Gradients longer than this are shortened to it. None: never."""
    ema_images: int = 20_000
    """Half-life of the averaged weights, in images; the average is what the finished model holds."""
    start_from: str | None = None
    """A trained model, by name or folder, whose weights the run begins with, where names and shapes agree."""
    adversary_weight: float = 0.0
    """Nats per pixel value for one unit of the adversary's verdict on the made faces; 0: no adversary."""
    adversary_images: int | None = None
    """The adversary is switched on after so many images, once reconstructions have shape. None: after two
    fifths of all."""
    adversary_samples: Literal["prior", "normal", "none"] = "prior"
    """What it sees besides reconstructions: as many samples from the learned prior, or from N(0, I)."""
    adversary_condition_on: tuple[str, ...] = ()
    """Attributes the adversary is told of every face, so that it also judges whether a face shows them: age,
    gender, expression, smile. A sample's are those that the prior was asked for."""
    freeze_encoder: bool = True
    """The encoder stays as it is once the adversary is on, so that the prior fitted to it stays true."""
    adversary_learning_rate: float = 1e-3
    """Rate of the adversary's heads."""
    decoder_learning_rate: float = 4e-4
    """Rate of AdamW once the adversary is on: constant, then down to 0 over the last fifth of the images."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """bf16 autocast where the machine has it (2.1 times the speed on two cores), else fp32."""
    cache_gb: float = 4.0
    """A dataset that fits in so much memory is kept there as uint8; a larger one streams."""
    shuffle_shards: int = 8
    """Faces are shuffled among those of so many shards; a dataset of no more is shuffled as a whole. Twice as
    many shards are held in memory while it streams."""
    on_bad_shard: Literal["stop", "skip"] = "stop"
    """What a shard that is damaged or out of reach does. skip: faces of the next good one stand in."""
    shard_retries: int = 3
    """Further tries of such a shard before that, after half a second, then one, two, ..."""
    checkpoint_images: int | None = None
    """A checkpoint every so many images. None: by time only."""
    checkpoint_minutes: float | None = 5.0
    """A checkpoint every so many minutes. None: by images only."""
    keep_checkpoints: int = 2
    """Checkpoints kept; older ones are deleted once a newer one is complete."""
    sharded: bool = False
    """Processes that train together split weights, average, gradients and moments among them (FSDP2) instead
    of each holding all (DDP): for models that do not fit into one device."""
    process_timeout_minutes: float = 30.0
    """Processes that train together give up when one has not answered for so long. A process that dies is
    noticed at once; this is for a machine or a network that falls silent. The others also wait so long at
    most while process 0 fits the adversary's prior."""
    log_images: int = 3_200
    """A line in metrics.jsonl and TensorBoard every so many images."""
    prior: Literal["normal", "gmm", "flow"] = "gmm"
    """Prior that samples are drawn from, fitted to the training latents at the end."""
    gmm_components: int = 8
    """Components of the Gaussian mixture, each with a full covariance."""
    prior_condition_on: tuple[str, ...] = ()
    """Attributes the flow is given: age, gender, expression, smile, yaw. The autoencoder need not
    know them."""
    flow_steps: int = 6000
    """Optimiser steps of the flow, 512 latents each."""
    flow_width: int = 512
    """Width of the flow's residual MLP."""
    flow_blocks: int = 4
    """Residual blocks of the flow's MLP."""

    def __post_init__(self) -> None:
        check_kinds(self)
        _check(0 <= self.seed < 2**63, "seed", self.seed, "0 or more, and less than 2^63")
        _check((self.images is None) != (self.minutes is None), "images and minutes",
               (self.images, self.minutes), "exactly one of them")  # fmt: skip
        for name in ("images", "batch_size", "shuffle_shards", "log_images", "checkpoint_images",
                     "keep_checkpoints",
                     "gmm_components", "flow_steps", "flow_width", "flow_blocks", "ema_images",
                     "pass_faces"):  # fmt: skip
            value = getattr(self, name)
            _check(value is None or value >= 1, name, value, "1 or more")
        for name in ("minutes", "pixel_scale", "learning_rate", "clip_norm", "checkpoint_minutes",
                     "process_timeout_minutes",
                     "adversary_learning_rate", "decoder_learning_rate"):  # fmt: skip
            value = getattr(self, name)
            _check(value is None or value > 0, name, value, "more than 0")
        for name in ("perceptual_weight", "beta", "kl_warmup_images", "free_bits_nats", "warmup_images",
                     "weight_decay", "cache_gb", "shard_retries", "adversary_weight",
                     "adversary_images"):  # fmt: skip
            value = getattr(self, name)
            _check(value is None or value >= 0, name, value, "0 or more")
        _check(0 <= self.attribute_dropout <= 1, "attribute_dropout", self.attribute_dropout, "0 to 1")
        _check(
            not self.adversary_weight or self.perceptual_weight > 0,
            "perceptual_weight",
            self.perceptual_weight,
            "more than 0 with an adversary (both look through the same network), or adversary_weight=0",
        )
        _check(
            not self.adversary_weight or self.freeze_encoder or self.adversary_samples != "prior",
            "adversary_samples",
            self.adversary_samples,
            "normal or none while the encoder is trained: a learned prior would no longer fit it",
        )
        check_private(self)
        Schema.from_names(self.condition_on)
        Schema.from_names(self.prior_condition_on)
        Schema.from_names(self.adversary_condition_on)
        _check(not self.prior_condition_on or self.prior == "flow", "prior_condition_on",
               self.prior_condition_on, "nothing, or prior=flow")  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _names(TrainConfig)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> TrainConfig:
        values = _known(as_mapping(values, "TrainConfig"), TrainConfig)
        lists = ("condition_on", "prior_condition_on", "adversary_condition_on")
        names = {name: tuple(values[name]) for name in lists if isinstance(values.get(name), list)}
        return TrainConfig(**{**values, **names})


RECIPE: dict[str, Any] = {"beta": 14.0, "adversary_weight": 1.0, "prior": "flow"}
"""What the sizes that are trained in earnest share (docs/recipe.md): how `face64` was made."""

PRESETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tiny": (
        {"size_px": 32, "latent_dim": 32, "width": 32, "style_width": 32},
        {"images": 2_000, "batch_size": 32, "perceptual_weight": 0.0, "prior": "normal", "log_images": 320,
         "kl_warmup_images": 500, "warmup_images": 200, "ema_images": 500, "learning_rate": 2e-3},
    ),
    "small": ({}, RECIPE),
    "base": (
        {"size_px": 128, "width": 512, "blocks": 2},
        {**RECIPE, "images": 10_000_000, "batch_size": 256},
    ),
    "large": (
        {"size_px": 256, "latent_dim": 512, "width": 768, "blocks": 3},
        {**RECIPE, "images": 50_000_000, "batch_size": 512, "learning_rate": 3e-4},
    ),
}  # fmt: skip
"""Changes to the defaults. tiny: seconds, for tests; small: two cores; base: one GPU; large: several."""


def preset(name: str, settings: Mapping[str, Any] | None = None) -> tuple[ModelConfig, TrainConfig]:
    """The preset with this name, with any field of either configuration replaced by `settings`.

    Raises ConfigError for an unknown preset or field (naming the nearest known one), or an impossible value.
    """
    if name not in PRESETS:
        raise ConfigError(
            f"there is no preset '{name}'. There are: {', '.join(PRESETS)}.{did_you_mean(name, PRESETS)}"
        )
    model_values, train_values = (dict(values) for values in PRESETS[name])
    for key, value in (settings or {}).items():
        if key in _names(ModelConfig) and key != "schema":
            model_values[key] = value
        elif key in _names(TrainConfig):
            train_values[key] = value
            if key in ("images", "minutes") and value is not None:
                train_values["minutes" if key == "images" else "images"] = None
        else:
            known = [*_names(ModelConfig), *_names(TrainConfig)]
            raise ConfigError(
                f"there is no field '{key}'.{did_you_mean(key, known)} Fields: {', '.join(known)}"
            )
    train_config = TrainConfig(**train_values)
    model_config = ModelConfig(**model_values, schema=Schema.from_names(train_config.condition_on))
    return model_config, train_config


def parse_settings(pairs: Sequence[str], *kinds: type) -> dict[str, Any]:
    """['beta=2', 'flip=false'] as typed values of the fields of these dataclasses; 'none' switches one off.

    kinds: ModelConfig and TrainConfig unless given.

    Raises ConfigError for a pair without '=', an unknown field, or a value of the wrong type.
    """
    hints: dict[str, Any] = {}
    for kind in kinds or (ModelConfig, TrainConfig):
        hints |= typing.get_type_hints(kind)
    hints.pop("schema", None)
    settings = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        name = name.strip()
        if not separator:
            raise ConfigError(f"--set takes name=value, got '{pair}'")
        if name not in hints:
            raise ConfigError(f"there is no field '{name}'.{did_you_mean(name, hints)}")
        settings[name] = parse_value(name, text.strip(), hints[name])
    return settings


def _known(values: Mapping[str, Any], kind: type) -> dict[str, Any]:
    for name in values:
        if name not in _names(kind):
            raise ConfigError(
                f"unknown field '{name}' in a stored {kind.__name__}.{did_you_mean(name, _names(kind))} "
                "It was written by another version of facevae."
            )
    return dict(values)


def _names(kind: Any) -> list[str]:
    return [f.name for f in fields(kind)] if dataclasses.is_dataclass(kind) else []


def _check(holds: bool, name: str, got: object, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{name} cannot be {got!r}: expected {expected}.")
