"""The options of `facevae train-upscaler`: one frozen object, described field by field, cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from facevae.config import TrainConfig
from facevae.errors import ConfigError, did_you_mean
from facevae.fields import check_kinds


@dataclass(frozen=True)
class UpscalerConfig:
    """Shape of the upscaler and how it is trained."""

    size_px: int = 64
    """Side of the faces it is given; it returns twice that. With a model, the model's own size. A multiple
    of 4."""
    channels: int = 64
    """Channels at half the size of the input, where the network works. A multiple of 16."""
    blocks: int = 4
    """Residual blocks there."""
    images: int | None = 100_000
    """Faces seen in all, repeats counted, those that a model made included. None: found from `minutes`."""
    minutes: float | None = None
    """Train for about this long instead: the speed of the first steps decides how many images that is."""
    batch_size: int = 32
    """Faces per optimiser step."""
    seed: int = 0
    """Decides weights at the start, order of the faces, flips, degradation and what the model makes."""
    made_share: float = 0.5
    """Share of each batch that the model made, half reconstructions and half samples: what the upscaler will
    be given. They have no original: the adversary and the consistency term judge them. 0 without a model."""
    made_faces: int = 4096
    """Faces that the model makes once, before training; every batch draws from them."""
    blur_px: float = 0.6
    """Real small faces are blurred by a Gaussian of 0 to this std, so that soft faces are sharpened too."""
    noise_levels: float = 2.0
    """They get noise with a std of 0 to this many of the 256 levels, so that noise is not."""
    reconstruction: Literal["l1", "mse"] = "l1"
    """Pixel likelihood between the upscaled and the real face: Laplace or Gaussian."""
    pixel_scale: float = 0.1
    """Scale of the Laplace, std of the Gaussian, in units of the pixel range -1..1."""
    perceptual_weight: float = 0.5
    """Nats per pixel value for one unit of perceptual distance; 0 leaves the frozen net out."""
    consistency_weight: float = 1.0
    """Weight of the pixel likelihood of a made face under its own upscaling, shrunk to its size again."""
    adversary_weight: float = 0.1
    """Nats per pixel value for one unit of the adversary's verdict on the upscaled faces; 0: no adversary."""
    adversary_images: int = 30_000
    """The adversary is switched on after so many images, once edges are where they belong."""
    learning_rate: float = 1e-3
    """Peak rate of AdamW until then, after warm-up and before the cosine to zero."""
    adversary_phase_learning_rate: float = 4e-4
    """Rate of AdamW once the adversary is on: constant, then down to 0 over the last fifth of the images."""
    adversary_learning_rate: float = 1e-3
    """Rate of the adversary's heads."""
    warmup_images: int = 2_000
    """Images over which the learning rate grows linearly from 0."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay."""
    clip_norm: float | None = 1.0
    """Gradients longer than this are shortened to it. None: never."""
    ema_images: int = 5_000
    """Half-life of the averaged weights, in images; the average is what the finished upscaler holds."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """bf16 autocast where the machine has it, else fp32."""
    cache_gb: float = 4.0
    """A dataset that fits in so much memory is kept there as uint8; a larger one streams."""
    checkpoint_images: int | None = None
    """A checkpoint every so many images. None: by time only."""
    checkpoint_minutes: float | None = 5.0
    """A checkpoint every so many minutes. None: by images only."""
    keep_checkpoints: int = 2
    """Checkpoints kept; older ones are deleted once a newer one is complete."""
    log_images: int = 1_600
    """A line in metrics.jsonl and TensorBoard every so many images."""

    def __post_init__(self) -> None:
        check_kinds(self)
        _check(self.size_px >= 8 and self.size_px % 4 == 0, "size_px", self.size_px, "a multiple of 4 from 8")
        _check(self.channels >= 16 and self.channels % 16 == 0, "channels", self.channels,
               "a positive multiple of 16")  # fmt: skip
        _check(1 <= self.blocks <= 32, "blocks", self.blocks, "1 to 32")
        _check(0 <= self.made_share < 1, "made_share", self.made_share, "0 or more and less than 1")
        _check(self.made_faces >= 2, "made_faces", self.made_faces, "2 or more")
        _check(0 <= self.blur_px <= 1, "blur_px", self.blur_px, "0 to 1")
        for name in ("noise_levels", "consistency_weight"):
            _check(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _check(self.adversary_phase_learning_rate > 0, "adversary_phase_learning_rate",
               self.adversary_phase_learning_rate, "more than 0")  # fmt: skip
        self.training()

    @property
    def made_count(self) -> int:
        """Faces of a batch that the model made; at least one is real."""
        return min(self.batch_size - 1, round(self.made_share * self.batch_size))

    def training(self) -> TrainConfig:
        """The fields that it shares with the autoencoder's training, whose loop, states and rates serve both.

        Raises ConfigError for an impossible one.
        """
        known = {field.name for field in fields(TrainConfig)}
        shared = {name: value for name, value in asdict(self).items() if name in known}
        return TrainConfig(
            **shared, decoder_learning_rate=self.adversary_phase_learning_rate, freeze_encoder=False,
            adversary_samples="none",
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def upscaler_config(settings: Mapping[str, Any] | None = None) -> UpscalerConfig:
    """The defaults with these fields replaced. Raises ConfigError for an unknown or impossible one."""
    values = dict(settings or {})
    known = [field.name for field in fields(UpscalerConfig)]
    for name in values:
        if name not in known:
            raise ConfigError(
                f"there is no field '{name}'.{did_you_mean(name, known)} Fields: {', '.join(known)}"
            )
    if values.get("minutes") is not None:
        values.setdefault("images", None)
    return UpscalerConfig(**values)


def _check(holds: bool, name: str, got: object, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{name} cannot be {got!r}: expected {expected}.")
