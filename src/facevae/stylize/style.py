"""The three kinds of style, told apart by what is asked for: a look, an artwork, a decoder's style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from facevae.errors import ConfigError, did_you_mean
from facevae.features import FrozenFeatures
from facevae.generator import FaceGenerator
from facevae.images import Photos
from facevae.looks import LOOKS, apply_look, check_strength
from facevae.models import pick_device
from facevae.stylize.decoder_style import DecoderStyle, load_style
from facevae.stylize.decoder_style import styled as with_style
from facevae.stylize.transfer import TransferConfig, keep_colours, transfer_style

Progress = Callable[[int, int], None]
SPELLINGS = {"watercolor": "watercolour"}


@dataclass(frozen=True)
class Art:
    """A picture whose manner others are painted in."""

    name: str
    picture: Photos  # (H, W, 3) uint8


Style = str | Art | DecoderStyle
"""The name of a look, an artwork, or what a decoder has learned."""


def find_style(asked: str | Path) -> Style:
    """The style of this name or file: one of LOOKS, STYLE.safetensors, or a picture.

    Raises ConfigError for what is none of them, CheckpointError for a damaged style file, DataError for a
    picture that cannot be read.
    """
    from facevae.data.photos import read_photo

    name, path = SPELLINGS.get(str(asked), str(asked)), Path(asked)
    if name in LOOKS:
        return name
    if path.suffix == ".safetensors":
        return load_style(path)
    if path.is_file():
        return Art(path.stem, read_photo(path))
    raise ConfigError(
        f"there is no style '{asked}'. Expected {', '.join(LOOKS)}, the file of an artwork, or a "
        f"STYLE.safetensors made with --train-style.{did_you_mean(name, LOOKS)}"
    )


@dataclass
class Stylist:
    """A style ready to draw with. One per style: the frozen features and the styled decoder are made once."""

    style: Style
    strength: float = 1.0
    """0..1: from the photo itself to all of the style."""
    keeps_colours: bool = False
    """True: the style's brightness with the photo's own hues."""
    transfer: TransferConfig = field(default_factory=TransferConfig)
    device: str = "auto"

    def __post_init__(self) -> None:
        check_strength(self.strength)

    @property
    def name(self) -> str:
        return self.style if isinstance(self.style, str) else self.style.name

    @property
    def kind(self) -> str:
        """'look', 'artwork' or 'decoder'."""
        kinds = {Art: "artwork", DecoderStyle: "decoder"}
        return kinds.get(type(self.style), "look")

    def draw(self, photo: Photos, progress: Progress | None = None, face_px: float | None = None) -> Photos:
        """The photo (H, W, 3) uint8 in the style; an artwork's at `transfer.side_px`, a look's as large.

        For looks and artworks; a decoder's style draws latents (`styled`). progress: called with
        (done, in all) between steps; what it raises ends the drawing. face_px: as of `apply_look`. Raises
        MissingExtraError without the extra photos (looks) or perceptual (artworks), DataError for a photo
        that is too large for a look.
        """
        if isinstance(self.style, Art):
            art = self.style.picture
            drawn = transfer_style(photo, art, self._features, self.strength, self.transfer, progress)
        elif isinstance(self.style, str):
            drawn = apply_look(photo, self.style, self.strength, face_px, progress)
        else:
            raise ConfigError(f"the style '{self.name}' draws a model's faces, not whole photos.")
        return keep_colours(drawn, photo) if self.keeps_colours else drawn

    def styled(self, generator: FaceGenerator) -> FaceGenerator:
        """The generator with the decoder's style, or itself for looks and artworks."""
        if isinstance(self.style, DecoderStyle):
            return with_style(generator, self.style, self.strength)
        return generator

    def facts(self) -> dict[str, object]:
        """What a picture's line and metadata say of the style."""
        facts: dict[str, object] = {"style": self.name, "kind": self.kind, "strength": self.strength}
        facts |= {"keeps_colours": True} if self.keeps_colours else {}
        return facts | ({"steps": self.transfer.steps} if self.kind == "artwork" else {})

    @cached_property
    def _features(self) -> FrozenFeatures:
        return FrozenFeatures().to(pick_device(self.device))
