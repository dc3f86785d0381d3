"""The options of `facevae prepare`: one frozen object, described field by field, cheap to import."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from facevae.errors import ConfigError, did_you_mean
from facevae.fields import check_kinds

LAYOUTS = ("folder", "imagefolder", "celeba", "fairface", "utkface", "lfw", "ffhq")
FORMATS = ("webp", "png")


@dataclass(frozen=True)
class PrepareConfig:
    """How photos become faces. Everything but `workers` is part of the result's identity."""

    size_px: int = 128
    """Side of a face in px, 16 to 1024. 128 serves models of 128 px and, shrunk, of 64 and 32 px."""
    faces: str = "largest"
    """'largest': one face per photo. 'all': every face found; slower, as small ones are searched for."""
    layout: str | None = None
    """How the source is laid out, one of LAYOUTS. None recognises it by its files."""
    aligned: bool = False
    """The photos are square crops of aligned faces already: they are only resized, without detection."""
    min_score: float = 0.5
    """Least confidence of the face detector, 0 to 1."""
    min_face_px: int = 32
    """Least size of a face in the photo, in px: the shorter side of its box. None found is no face."""
    min_sharpness: float = 120.0
    """Least sharpness: variance of the Laplacian of the crop at 64 px. 0 keeps blurred faces;
    the default keeps soft portraits and leaves out what is visibly out of focus."""
    max_yaw: float = 0.09
    """Most turn to the side: the nose's distance from the face's midline, as a fraction of the crop's
    side. 0 is frontal; 0.5 keeps profiles."""
    max_misfit: float = 0.08
    """Most distance (root mean square, fraction of the crop's side) between the five landmarks and the
    template. Catches profiles, odd angles of the camera, and finds that are no face."""
    max_disagreement: float = 0.3
    """Most distance between landmarks found in the photo and in its mirror image, as a fraction of the
    distance between the eyes. Large where something covers the face and the detector guesses. 1 keeps all."""
    max_outside: float = 0.4
    """Most of the crop that may lie outside the photo (0 to 1) and would be filled by reflection."""
    near_duplicate_bits: int | None = 36
    """Faces whose perceptual hashes differ in at most this many of 256 bits (0 to 64) are one picture.
    Up to 40, pairs are copies; from 54 on, different people. None keeps them; exact copies of a file
    are dropped in any case."""
    validation_fraction: float = 0.1
    """Share of faces (0 to 1) set aside by the hash of their file, where the source has no split."""
    image_format: str = "webp"
    """'webp' (lossy, quality 95: about 6 kB at 128 px) or 'png' (exact, about 30 kB)."""
    shard_faces: int = 2000
    """Faces per tar shard, at least 1."""
    limit: int | None = None
    """Only the first so many photos of the source; None takes all."""
    name: str | None = None
    """The dataset's name; None takes the source's."""
    licence: str | None = None
    """The photos' licence and credit, kept in dataset.json and handed on to model cards."""
    workers: int | None = None
    """Processes that work at once; None takes one per core. Does not change the result."""

    def __post_init__(self) -> None:
        check_kinds(self)
        self._check("size_px", 16 <= self.size_px <= 1024, "16 to 1024 px")
        self._check_choice("faces", ("largest", "all"))
        self._check_choice("image_format", FORMATS)
        if self.layout is not None:
            self._check_choice("layout", LAYOUTS)
        for name in ("min_score", "max_disagreement", "max_outside", "validation_fraction"):
            self._check(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        for name in ("min_sharpness", "max_yaw", "max_misfit", "min_face_px"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        for name in ("shard_faces", "limit", "workers"):
            value = getattr(self, name)
            self._check(name, value is None or value >= 1, "1 or more")
        bits = self.near_duplicate_bits
        self._check("near_duplicate_bits", bits is None or 0 <= bits <= 64, "0 to 64 bits")

    def identity(self) -> dict[str, Any]:
        """The fields that decide the result, as JSON values."""
        row = asdict(self)
        del row["workers"]
        return row

    def digest(self) -> str:
        """16 hex digits that differ when any field but `workers` does."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()[:16]

    @staticmethod
    def from_dict(row: dict[str, Any]) -> PrepareConfig:
        """The config with these fields; raises ConfigError for a name that is not one."""
        known = [field.name for field in fields(PrepareConfig)]
        for name in row:
            if name not in known:
                raise ConfigError(f"prepare has no option '{name}'.{did_you_mean(name, known)}")
        return PrepareConfig(**row)

    def _check(self, name: str, fine: bool, expected: str) -> None:
        if not fine:
            raise ConfigError(f"{name} cannot be {getattr(self, name)!r}: expected {expected}")

    def _check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise ConfigError(
                f"{name} cannot be {value!r}: expected one of {', '.join(choices)}."
                + did_you_mean(str(value), choices)
            )
