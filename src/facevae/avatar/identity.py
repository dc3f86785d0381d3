"""Who the avatars show: the largest face of a photo, or somebody found for words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facevae.attributes import Value
from facevae.edit import read_attributes
from facevae.errors import ConfigError, DataError
from facevae.generator import FaceGenerator, Latents, Progress
from facevae.images import Photos
from facevae.provenance import EDITED

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic")
BEST_OF = 4
"""People drawn for words; the one that the detector and the encoder like best is kept."""


@dataclass(frozen=True)
class Identity:
    """One person, as the model knows them."""

    latent: Latents  # (D,)
    own: dict[str, Value]
    """Attributes as read off the latent, or as asked for in words where the model cannot read them."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Where the person comes from, as JSON."""
    original: Photos | None = None
    """(S, S, 3) uint8: the photo's own face, aligned; None for a person from words."""

    @property
    def seed_facts(self) -> dict[str, int]:
        """The seed that makes this person again; empty for a person from a photo."""
        return {"seed": self.facts["seed"]} if "seed" in self.facts else {}

    @property
    def source(self) -> dict[str, str]:
        """What a picture's provenance says of its source, where that is a photo."""
        return {} if self.original is None else EDITED


def find_identity(
    generator: FaceGenerator, who: str | Path, seed: int, truncation: float, size_px: int
) -> Identity:
    """The person of a photo's file or of a description in English or Chinese.

    seed, truncation: of a person from words. size_px: of the photo's own face. Raises DataError for a photo
    that is not there or shows no face, ConfigError for words that say nothing about a face, ControlError for
    words that the model can do nothing of.
    """
    path = Path(who)
    if _is_file(path):
        return _from_photo(generator, path, size_px)
    if path.suffix.lower() in PICTURES:
        raise DataError(
            f"there is no photo '{who}'. Give the file of a photo, or words that describe a face."
        )
    return person_of_words(generator, str(who), seed, truncation)


def person_in_photo(
    generator: FaceGenerator, photo: Photos, size_px: int, progress: Progress | None = None
) -> Identity:
    """The person with the largest face of a photo, (H, W, 3) uint8. Raises DataError when it shows none.

    size_px: of the photo's own face. progress: as of `FaceGenerator.reconstruct`.
    """
    from facevae.data.align import align

    (result,) = generator.reconstruct(photo, progress=progress)
    own = _read(generator, result.latent, {})
    box = [round(float(edge), 1) for edge in result.face.box_px]
    original = align(photo, result.face.landmarks_px, size_px)
    return Identity(result.latent, own, {"box_px": box}, original)


def _from_photo(generator: FaceGenerator, path: Path, size_px: int) -> Identity:
    from facevae.data.photos import read_photo

    person = person_in_photo(generator, read_photo(path), size_px)
    return replace(person, facts={"photo": str(path), **person.facts})


def person_of_words(
    generator: FaceGenerator, text: str, seed: int, truncation: float, progress: Progress | None = None
) -> Identity:
    """Somebody whom a description in English or Chinese fits, by `seed`. Raises as `find_identity`.

    progress: as of `choosing.choose_faces`.
    """
    from facevae.choosing import choose_faces
    from facevae.controls import draw_controls
    from facevae.describe import understand

    description = understand(text)
    if not description.request:
        raise ConfigError(
            f"there is no photo '{text}', and as a description it says nothing about a face that a model "
            "could draw. Give the file of a photo, or words such as 'a smiling old man'."
        )
    description = description.against(generator.schema)
    controls = draw_controls(description.request, 1, seed)
    chosen = choose_faces(generator, controls, seed, truncation, None, BEST_OF, progress)
    facts = {
        "text": text, "understood": [list(pair) for pair in description.understood],
        "not_understood": description.not_understood, "lacking": description.lacking,
        "controls": controls[0], "seed": chosen.samples.seeds[0], "truncation": truncation,
    }  # fmt: skip
    return Identity(
        chosen.samples.latents[0], _read(generator, chosen.samples.latents[0], controls[0]), facts
    )


def _read(generator: FaceGenerator, latent: Latents, otherwise: dict[str, Value]) -> dict[str, Value]:
    """What the model reads off a latent (D,): changes are measured from there."""
    return dict(read_attributes(generator, latent[None])[0]) if generator.reader else otherwise


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a description may be longer than a file's name can be
        return False
