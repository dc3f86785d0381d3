"""From face to face: the path through photos, latents and seeds, at constant speed, as a film or a strip."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from facevae.choosing import choose_faces
from facevae.distributions import slerp
from facevae.errors import ConfigError, DataError, require
from facevae.files import atomic_file
from facevae.flow import FlowPrior
from facevae.generator import FaceGenerator, Latents, Progress
from facevae.images import Photos, tile
from facevae.provenance import EDITED, WEBP_QUALITY, comment, exif_and_xmp, write_png
from facevae.regular_files import open_regular

FILMS = (".mp4", ".gif", ".webp", ".png")
SURVEY_FRAMES, SURVEY_ROUNDS = 24, 4
"""Frames by which a leg's speed is measured, at most, and how often they are shifted and measured again."""

Places = NDArray[np.float64]


@dataclass(frozen=True)
class Morph:
    """A path of faces."""

    photos: Photos  # (F, H, W, 3)
    latents: Latents  # (F, D)
    stops: list[int]
    """The frames that show the stops."""


def morph(
    generator: FaceGenerator,
    stops: Latents,
    frames: int,
    loop: bool = False,
    progress: Progress | None = None,
) -> Morph:
    """`frames` faces on the path through the stops, (K, D) latents with K >= 2, at constant speed.

    Every stop is a frame; between two of them the steps are equally long, in root mean square distance of
    pixels, and each leg has as many as its length asks for. loop: the path returns to the first stop, and
    ends one step before it, so that a film that starts again does not stand still. progress: called with
    (legs measured, legs in all), several times for each. Raises ConfigError for fewer than two stops or fewer
    frames than these need, DataError for latents of another width.
    """
    legs = len(stops) - (not loop)
    steps = frames - (not loop)
    if len(stops) < 2 or steps < legs:
        raise ConfigError(
            f"a path needs two stops, and {legs + (not loop)} frames for {len(stops)}; "
            f"got {len(stops)} and {frames}"
        )
    path = LatentPath(generator, np.concatenate([stops, stops[:1]]) if loop else stops)
    surveys: list[tuple[Places, float]] = []

    def report(*_: object) -> None:
        if progress:
            progress(len(surveys), legs)

    for leg in range(legs):
        surveys.append(
            _survey(lambda places: generator.decode(path(places), None, report), leg, -(-steps // legs))
        )
        report()
    shares = _shares([length for _, length in surveys], steps)
    places = [_spread(even, share)[:-1] for (even, _), share in zip(surveys, shares, strict=True)]
    latents = path(np.concatenate(places if loop else [*places, np.array([float(legs)])]))
    shown = np.cumsum([0, *shares]).tolist()
    return Morph(generator.decode(latents, None, report), latents, shown[:-1] if loop else shown)


class LatentPath:
    """The path through latents, spherical between neighbours where the prior is Gaussian.

    Where it is a flow, the path runs between the noises that the flow makes these latents of, and each point
    goes through the flow: every frame is as likely a face as any sample.
    """

    def __init__(self, generator: FaceGenerator, stops: Latents) -> None:
        """stops: (K, D), K >= 2. Raises DataError for another width."""
        if stops.ndim != 2 or stops.shape[1] != generator.latent_dim:
            raise DataError(
                f"stops must be of shape (K, {generator.latent_dim}) for this model, got {stops.shape}"
            )
        self._flow = generator.prior if isinstance(generator.prior, FlowPrior) else None
        self._ends = self._lost = np.asarray(stops, dtype=np.float32)
        if self._flow is not None:
            self._ends = self._flow.invert(torch.from_numpy(self._ends)).numpy()
            self._lost = self._lost - self._forwards(self._ends)

    def __call__(self, places: Places) -> Latents:
        """(M, D) latents at these places, (M,) between 0, the first stop, and K - 1, the last."""
        legs = np.minimum(places.astype(int), len(self._ends) - 2)
        parts = places - legs
        points = np.stack(
            [slerp(self._ends[leg], self._ends[leg + 1], t) for leg, t in zip(legs, parts, strict=True)]
        )
        if self._flow is None:
            return points
        # What the integration loses both ways goes back in, so that the path passes through its stops.
        t = parts.astype(np.float32)[:, None]  # (M, 1)
        lost: Latents = (1 - t) * self._lost[legs] + t * self._lost[legs + 1]
        return self._forwards(points) + lost

    def _forwards(self, noise: Latents) -> Latents:
        assert self._flow is not None
        latents: Latents = self._flow.sample(torch.from_numpy(noise), torch.zeros(len(noise))).numpy()
        return latents


def read_stops(
    generator: FaceGenerator, stops: Sequence[str], truncation: float = 1.0, progress: Progress | None = None
) -> tuple[Latents, list[str]]:
    """(K, D) latents of photos, .npy files and seeds, and the name of each for people.

    A whole number is a seed, of the face that `generate` makes of it, unless a file has that name. Each row
    of a .npy file is a stop; the largest face of a photo is one. Raises DataError for a file that cannot be
    used and for a photo without a face.
    """
    latents, names = [], []
    for done, stop in enumerate(stops):
        path, name = Path(stop), Path(stop).name
        if stop.isdecimal() and not path.exists():
            rows = choose_faces(generator, [{}], int(stop), truncation).samples.latents
            name = f"seed {stop}"
        elif path.suffix == ".npy":
            rows = _read_latents(path, generator.latent_dim)
        else:
            rows = _read_face(generator, path)
        latents.append(rows)
        names += [name] if len(rows) == 1 else [f"{name}, row {row}" for row in range(len(rows))]
        if progress:
            progress(done + 1, len(stops))
    return np.concatenate(latents), names


def write_film(path: Path | str, photos: Photos, fps: float = 24.0, **facts: Any) -> None:
    """Write (F, H, W, 3) uint8 frames, atomically, with their provenance: what `path` ends in says how.

    .mp4: H.264, needs the extra 'video'. .gif and .webp: animations that start again for ever. .png: a strip,
    frame beside frame. facts: as of `provenance.write_png`. Raises ConfigError for another ending,
    MissingExtraError without the extra.
    """
    path = Path(path)
    kind = check_film(path)
    if kind == ".png":
        write_png(path, tile(photos, len(photos)), **facts)
    elif kind == ".mp4":
        _write_mp4(path, photos, fps, comment(facts))
    else:
        _write_animation(path, photos, fps, facts)


def check_film(path: Path) -> str:
    """The ending of `path`; raises ConfigError when `write_film` knows none such."""
    kind = path.suffix.lower()
    if kind not in FILMS:
        raise ConfigError(f"cannot write a film as '{path.name}': its name must end in {', '.join(FILMS)}.")
    return kind


def resampled(photos: Photos, size_px: int) -> Photos:
    """(F, H, W, 3) uint8 frames at this side, by Lanczos: larger, not more detailed."""
    side = (size_px, size_px)
    pictures = [np.asarray(Image.fromarray(one).resize(side, Image.Resampling.LANCZOS)) for one in photos]
    return np.stack(pictures)


def step_lengths(photos: Photos) -> NDArray[np.float64]:
    """(F - 1,) root mean square distances of pixels between successive frames, 0 to 1."""
    return np.array(
        [np.sqrt(np.square(b.astype(np.float32) - a).mean()) / 255 for a, b in itertools.pairwise(photos)]
    )


def _survey(decode: Callable[[Places], Photos], leg: int, steps: int) -> tuple[Places, float]:
    """Places on a leg with steps of equal length between them, and the sum of these lengths.

    Shifts them along the piecewise straight line of what was measured, and measures again. Source: de Boor
    1974, good approximation by splines with variable knots (equidistribution).
    """
    count = min(max(steps, 2), SURVEY_FRAMES)
    places = np.linspace(leg, leg + 1, count + 1)
    for left in reversed(range(SURVEY_ROUNDS + 1)):
        lengths = step_lengths(decode(places))
        total = float(lengths.sum())
        if left == 0 or total == 0 or lengths.max() < 1.05 * lengths.mean():
            break
        reached = np.concatenate([[0.0], lengths.cumsum()])
        places = np.interp(np.linspace(0, total, count + 1), reached, places)
    return places, total


def _spread(even: Places, steps: int) -> Places:
    """`steps` + 1 places, as evenly spread as `even` is."""
    return np.interp(np.linspace(0, 1, steps + 1), np.linspace(0, 1, len(even)), even)


def _shares(lengths: Sequence[float], steps: int) -> list[int]:
    """Steps for each leg, one or more, `steps` in all: each further one goes where steps are longest."""
    shares = [1] * len(lengths)
    for _ in range(steps - len(lengths)):
        shares[int(np.argmax(np.divide(lengths, shares)))] += 1
    return shares


MOST_LATENT_BYTES = 2**30
"""Size of a file of latents: a million faces of 256 numbers."""


def stops_source(stops: Sequence[str]) -> dict[str, str]:
    """What a film says of its source, where one of its stops (as of `read_stops`) is a photo."""
    photos = [stop for stop in stops if Path(stop).suffix != ".npy" and Path(stop).is_file()]
    return EDITED if photos else {}


def _read_latents(path: Path, latent_dim: int) -> Latents:
    try:
        with open_regular(path, MOST_LATENT_BYTES) as file:
            latents = np.lib.format.read_array(file, allow_pickle=False, max_header_size=1000)
    except Exception as error:  # damaged headers raise what they happen to say, MemoryError included
        raise DataError(f"cannot read the latent {path}: {error}") from error
    fits = latents.ndim in (1, 2) and latents.shape[-1] == latent_dim and latents.size
    if not fits or latents.dtype.kind != "f" or not np.isfinite(latents).all():
        raise DataError(
            f"cannot use the latent {path}: got {latents.dtype} {latents.shape}, expected finite numbers of "
            f"shape ({latent_dim},) or (N, {latent_dim}), as this model's generate and reconstruct write"
        )
    return np.asarray(latents.reshape(-1, latent_dim), dtype=np.float32)


def _read_face(generator: FaceGenerator, path: Path) -> Latents:
    from facevae.data.photos import read_photo

    photo = read_photo(path)
    try:
        return generator.reconstruct(photo)[0].latent[None]
    except DataError as error:
        raise DataError(f"cannot use the photo {path}: {error}") from error


def _write_animation(path: Path, photos: Photos, fps: float, facts: dict[str, Any]) -> None:
    pictures = [Image.fromarray(photo) for photo in photos]
    options: dict[str, Any] = {"save_all": True, "duration": 1000 / fps, "loop": 0}
    if path.suffix.lower() == ".gif":
        # A palette for each frame: skin has too many shades to share 256 colours with every other frame.
        pictures = [picture.quantize(256, Image.Quantize.MEDIANCUT) for picture in pictures]
        options |= {"format": "GIF", "comment": comment(facts).encode(), "optimize": False}
    else:
        options |= {"format": "WEBP", "quality": WEBP_QUALITY, "method": 4, **exif_and_xmp(facts)}
    with atomic_file(path) as temporary:
        pictures[0].save(temporary, append_images=pictures[1:], **options)


def _write_mp4(path: Path, photos: Photos, fps: float, comment: str) -> None:
    video = require("imageio_ffmpeg", "video", "writing an mp4")
    metadata = ["-f", "mp4", "-movflags", "+faststart", "-metadata", f"comment={comment}"]
    height, width = photos.shape[1:3]
    with atomic_file(path) as temporary:
        try:
            writer = video.write_frames(
                temporary, (width, height), fps=fps, codec="libx264", quality=8, macro_block_size=2,
                ffmpeg_log_level="error", output_params=metadata,
            )  # fmt: skip
            writer.send(None)
            for photo in photos:
                writer.send(np.ascontiguousarray(photo))
            writer.close()
        except (OSError, RuntimeError) as error:
            raise DataError(f"cannot write {path}: {error}") from error
        if not temporary.is_file():
            raise DataError(f"cannot write {path}: ffmpeg gave up; it says why above")
