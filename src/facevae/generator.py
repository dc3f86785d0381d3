"""A trained model in use: sample, encode, decode, reconstruct, interpolate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facevae.attributes import Schema, Value
from facevae.checkpoint import load_model, load_reader, load_upscaler
from facevae.distributions import slerp
from facevae.editing import LatentReader
from facevae.errors import CheckpointError, ConfigError, ControlError, DataError
from facevae.images import Photos, to_photos, to_tensor
from facevae.layers import place
from facevae.metrics.reconstruction import psnr_db, ssim
from facevae.model import FaceVAE
from facevae.models import DEFAULT_MODEL, find_model, pick_device
from facevae.prior import Prior
from facevae.upscaler import Upscaler

if TYPE_CHECKING:
    from facevae.data.detect import Face, FaceDetector
    from facevae.describe import Described
    from facevae.edit import Edit

DECODE_BATCH = 64

Latents = NDArray[np.float32]
Controls = Mapping[str, Value]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Samples:
    """Generated faces."""

    photos: Photos  # (N, H, W, 3) uint8
    latents: Latents  # (N, D)
    seeds: list[int]
    """One seed per face: `sample(1, seed=seeds[i])` makes face i again."""


@dataclass(frozen=True)
class Reconstruction:
    """One face of a photo, through the model and back."""

    face: Face
    """Where it was found: box and landmarks in px of the photo."""
    aligned: Photos  # (H, W, 3) uint8
    reconstruction: Photos  # (H, W, 3) uint8
    latent: Latents  # (D,)
    psnr_db: float
    ssim: float


class FaceGenerator:
    """Model and prior, ready to use.

    Photos are uint8 RGB arrays; latents are float32 arrays of width `latent_dim`.
    """

    folder: Path | None = None  # that it was loaded from, which holds its card and reports

    def __init__(
        self,
        model: FaceVAE,
        prior: Prior,
        name: str,
        device: str = "auto",
        upscaler: Upscaler | None = None,
        reader: LatentReader | None = None,
    ) -> None:
        self.device = pick_device(device)
        self.model = place(model, self.device).eval()
        self.prior = prior
        self.name = name
        self.upscaler = upscaler and place(upscaler, self.device).eval()
        self.reader = reader

    @classmethod
    def from_pretrained(cls, name_or_dir: str | Path = DEFAULT_MODEL, device: str = "auto") -> FaceGenerator:
        """A shipped model by name ('face64'), a model's or run's directory, or a Hub id (USER/NAME).

        A Hub id is downloaded into the Hub's cache; only JSON, safetensors and the card are fetched.
        Raises CheckpointError when there is no such model, it cannot be had or is damaged.
        """
        folder = find_model(name_or_dir)
        model, prior, _ = load_model(folder)
        name = folder.resolve().parent.name if folder.name == "model" else folder.resolve().name
        generator = cls(model, prior, name, device, load_upscaler(folder), load_reader(folder))
        generator.folder = folder
        return generator

    @property
    def size_px(self) -> int:
        return self.model.config.size_px

    @property
    def latent_dim(self) -> int:
        return self.model.config.latent_dim

    @property
    def schema(self) -> Schema:
        """The controls that this model has: those of its autoencoder, then those that its prior adds."""
        own = self.model.config.schema
        added = (attribute for attribute in self.prior.schema.attributes if attribute.name not in own.names)
        return Schema((*own.attributes, *added))

    def sample(
        self,
        count: int,
        seed: int = 0,
        controls: Controls | Sequence[Controls] | None = None,
        truncation: float = 1.0,
        guidance: float | None = None,
        progress: Progress | None = None,
    ) -> Samples:
        """`count` new faces. Face i is decided by seed + i alone, on one machine and in one batch size.

        controls: values of the model's controls, such as {'age': 60}, for all faces or one such for each;
        each goes to the prior, the decoder or both, as they know it. ControlError for one that neither does.
        A face for which nothing is asked is drawn with the attributes of somebody in the training data.
        truncation: 0 < t <= 1; smaller is less diverse and more typical. ConfigError outside.
        guidance: 0 or more; above 1 the prior shows its controls more clearly and varies less. None: the
        model's own. ConfigError when given to a model whose prior has no controls.
        progress: called with (faces done, faces in all) after each batch.
        """
        if count < 1:
            raise ConfigError(f"count must be 1 or more, got {count}")
        if not 0 < truncation <= 1:
            raise ConfigError(f"truncation must be more than 0 and at most 1, got {truncation:g}")
        rows, strength = self._rows(controls, count), self.guidance_used(guidance)
        seeds = [seed + index for index in range(count)]
        latents = self.draw_latents(seeds, rows, truncation, strength)
        return Samples(self.decode(latents, rows, progress), latents, seeds)

    def draw_latents(
        self, seeds: Sequence[int], rows: Sequence[Controls], truncation: float, guidance: float
    ) -> Latents:
        """(N, D) latents as `sample` draws them, each by its seed and its controls, which are not checked."""
        draws = [torch.Generator().manual_seed(seed) for seed in seeds]
        choice = torch.stack([torch.rand((), generator=draw) for draw in draws])  # (N,)
        noise = torch.stack([torch.randn(self.latent_dim, generator=draw) for draw in draws])  # (N, D)
        attributes, somebody = _encoded(self.prior.schema, rows), self.prior.somebody(choice)
        if attributes is not None and somebody is not None:
            attributes = torch.where(attributes.any(dim=1, keepdim=True), attributes, somebody)
        latents: Latents = self.prior.sample(noise, choice, truncation, attributes, guidance).numpy()
        return latents

    def encode(self, photos: Photos, controls: Controls | Sequence[Controls] | None = None) -> Latents:
        """Posterior means of aligned faces: (N, H, W, 3) uint8 at the model's size to (N, D).

        Raises DataError for another shape or type.
        """
        self._check_photos(photos)
        attributes = self._attributes(controls, len(photos))
        parts = []
        with torch.no_grad():
            for start in range(0, len(photos), DECODE_BATCH):
                x = to_tensor(photos[start : start + DECODE_BATCH]).to(self.device)
                mean, _ = self.model.encoder(x, _slice(attributes, start))
                parts.append(mean.cpu().numpy())
        return np.concatenate(parts)

    def decode(
        self,
        latents: Latents,
        controls: Controls | Sequence[Controls] | None = None,
        progress: Progress | None = None,
    ) -> Photos:
        """(N, D) latents to (N, H, W, 3) uint8 faces. Raises DataError for another width.

        controls, for all or for each, reach the decoder of a conditional autoencoder; those that the prior
        alone knows are in the latents already and change nothing here.
        """
        if latents.ndim != 2 or latents.shape[1] != self.latent_dim:
            raise DataError(
                f"latents must be of shape (N, {self.latent_dim}) for this model, got {latents.shape}"
            )
        attributes = self._attributes(controls, len(latents))
        parts = []
        with torch.no_grad():
            for start in range(0, len(latents), DECODE_BATCH):
                z = torch.from_numpy(latents[start : start + DECODE_BATCH]).to(self.device)
                parts.append(to_photos(self.model.decoder(z, _slice(attributes, start))))
                if progress:
                    progress(start + len(z), len(latents))
        return np.concatenate(parts)

    def upscale(self, photos: Photos, progress: Progress | None = None) -> Photos:
        """(N, H, W, 3) uint8 faces at twice their size. Raises DataError for others, and as below."""
        return self.require_upscaler().upscale(photos, progress)

    def require_upscaler(self) -> Upscaler:
        """The model's upscaler. Raises CheckpointError, with the remedy, when it has none."""
        if self.upscaler is None:
            remedy = f"facevae train-upscaler DATA --out RUN --model {self.name} (docs/upscaler.md)"
            raise CheckpointError(f"the model '{self.name}' has no upscaler. Train one with: {remedy}")
        return self.upscaler

    def reconstruct(
        self, photo: Photos, faces: str = "largest", progress: Progress | None = None
    ) -> list[Reconstruction]:
        """Find and align the faces of a photo, encode and decode them; the largest first.

        photo: (H, W, 3) uint8, any size. faces: 'largest' or 'all'. progress: called with (faces done, faces
        in all). Raises DataError when no face is found.
        """
        found, aligned = self.find_faces(photo, faces, progress)
        latents = self.encode(aligned)
        return reconstructions(found, aligned, self.decode(latents, progress=progress), latents)

    def find_faces(
        self, photo: Photos, faces: str = "largest", progress: Progress | None = None
    ) -> tuple[list[Face], Photos]:
        """Where the faces are and each aligned, (N, H, W, 3) uint8; arguments and errors of `reconstruct`."""
        from facevae.data.align import align

        found = self.detector.detect(photo, faces == "all", progress)
        if not found:
            raise DataError(f"no face found in a photo of {photo.shape[1]} x {photo.shape[0]} px")
        chosen = found if faces == "all" else found[:1]
        return chosen, np.stack([align(photo, face.landmarks_px, self.size_px) for face in chosen])

    def edit(self, photo: Photos, changes: Controls, **options: Any) -> list[Edit]:
        """The faces of a photo with other attributes; options as of `facevae.edit.edit_photo`."""
        from facevae.edit import edit_photo

        return edit_photo(self, photo, changes, **options)

    def describe(self, text: str, count: int = 16, seed: int = 0, **options: Any) -> Described:
        """Faces for words in English or Chinese; options as of `facevae.describe.describe_faces`."""
        from facevae.describe import describe_faces

        return describe_faces(self, text, count, seed, **options)

    def avatar(self, who: str | Path, out: Path, **options: Any) -> dict[str, Any]:
        """Portraits of one person in `out`; options as of `facevae.avatar.make_avatars`."""
        from facevae.avatar import make_avatars

        return make_avatars(self, who, out, **options)

    def stylize(self, photo: Photos, style: str, strength: float = 1.0) -> Photos:
        """A photo in a look or after an artwork's file; see `facevae.stylize.style.Stylist`."""
        from facevae.stylize.sizes import largest_face_px
        from facevae.stylize.style import Stylist, find_style

        stylist = Stylist(find_style(style), strength, device=self.device.type)
        face_px = largest_face_px(photo, self.detector) if stylist.kind == "look" else None
        return stylist.draw(photo, face_px=face_px)

    def interpolate(self, latents: Latents, frames: int, loop: bool = False) -> Latents:
        """(frames, D) latents on the path through (K, D) latents, K >= 2, spherical between neighbours."""
        stops = np.concatenate([latents, latents[:1]]) if loop else latents
        if len(stops) < 2 or frames < 2:
            raise ConfigError(f"a path needs two latents and two frames, got {len(latents)} and {frames}")
        places = np.linspace(0, len(stops) - 1, frames)
        legs = np.minimum(places.astype(int), len(stops) - 2)
        return np.stack(
            [slerp(stops[leg], stops[leg + 1], t - leg) for leg, t in zip(legs, places, strict=True)]
        )

    def guidance_used(self, guidance: float | None = None) -> float:
        """The guidance itself, or the model's own for None. Raises ConfigError as `sample` does."""
        if guidance is None:
            return self.prior.default_guidance
        if not (math.isfinite(guidance) and guidance >= 0):
            raise ConfigError(f"guidance must be a number of 0 or more, got {guidance:g}")
        if not self.prior.schema.names:
            raise ConfigError(
                f"guidance needs a prior with controls, and this model's {self.prior.kind} prior has none. "
                "Fit one with: facevae prior MODEL DATA --out NEW --condition-on age,gender,expression"
            )
        return guidance

    @cached_property
    def detector(self) -> FaceDetector:
        from facevae.data.detect import FaceDetector

        return FaceDetector()

    def _rows(self, controls: Controls | Sequence[Controls] | None, count: int) -> list[Controls]:
        """The controls of each face, checked."""
        rows = [controls or {}] if controls is None or isinstance(controls, Mapping) else list(controls)
        for row in rows:
            self.schema.check(row)
        if len(rows) not in (1, count):
            raise ControlError(f"controls must be one mapping or one per face: {count}, got {len(rows)}")
        return rows * (count // len(rows))

    def _attributes(self, controls: Controls | Sequence[Controls] | None, count: int) -> Tensor | None:
        """(N, A) as the autoencoder is given them; None when it is unconditional."""
        attributes = _encoded(self.model.config.schema, self._rows(controls, count))
        return None if attributes is None else attributes.to(self.device)

    def _check_photos(self, photos: Photos) -> None:
        shape = (self.size_px, self.size_px, 3)
        if photos.dtype != np.uint8 or photos.ndim != 4 or photos.shape[1:] != shape or not len(photos):
            raise DataError(
                f"faces must be uint8 of shape (N, {', '.join(map(str, shape))}) for this model, got "
                f"{photos.dtype} {photos.shape}. Use reconstruct() for a photo: it finds and aligns the face."
            )


def reconstructions(
    found: Sequence[Face], aligned: Photos, decoded: Photos, latents: Latents
) -> list[Reconstruction]:
    """Faces, (N, H, W, 3) uint8, before and after the model with their latents (N, D): how near they are."""
    x, y = to_tensor(aligned), to_tensor(decoded)
    near = psnr_db(x, y).tolist(), ssim(x, y).tolist()
    return [Reconstruction(*parts) for parts in zip(found, aligned, decoded, latents, *near, strict=True)]


def _encoded(schema: Schema, rows: Sequence[Controls]) -> Tensor | None:
    """(N, A) float32, None for an empty schema."""
    return torch.tensor([schema.encode(row) for row in rows]) if schema.width else None


def _slice(attributes: Tensor | None, start: int) -> Tensor | None:
    return None if attributes is None else attributes[start : start + DECODE_BATCH]
