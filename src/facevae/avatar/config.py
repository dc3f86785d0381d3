"""What is wanted of a set of avatars."""

from __future__ import annotations

import re
from dataclasses import dataclass

from facevae.errors import ConfigError, did_you_mean

SIZES_PX = (64, 1024)
FORMATS = ("png", "webp")
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True)
class AvatarConfig:
    """Portraits of one person: every age with every expression in every style, and the person as is."""

    size_px: int = 512
    """Side of the portraits, 64 to 1024 px."""
    background: str = "keep"
    """'keep', 'transparent', or a colour such as '#f2e6d9'."""
    format: str = "png"
    """'png' or 'webp'."""
    ages: tuple[float, ...] | None = None
    """Years. None: 10, 30, 50 and 70 where the model can change the age; () for as is."""
    expressions: tuple[str, ...] | None = None
    """None: neutral, happy and surprised where the model can change the expression; () for as is."""
    styles: tuple[str, ...] = ("photo", "cartoon", "pencil")
    """'photo' for none, a look, the file of an artwork, or a STYLE.safetensors."""
    truncation: float = 0.7
    """Of a person from words: 0 < t <= 1, smaller is more typical."""
    detail: float = 1.0
    """Of a person from a photo: share, 0 to 1, of the photo's detail kept where an edit leaves it alone."""

    def __post_init__(self) -> None:
        low, high = SIZES_PX
        if not low <= self.size_px <= high:
            raise ConfigError(f"an avatar's size cannot be {self.size_px} px: expected {low} to {high}.")
        if self.background not in ("keep", "transparent") and not _COLOUR.fullmatch(self.background):
            raise ConfigError(
                f"the background cannot be '{self.background}': expected keep, transparent, or a colour such "
                f"as #f2e6d9.{did_you_mean(self.background, ('keep', 'transparent'))}"
            )
        if self.format not in FORMATS:
            raise ConfigError(f"the format cannot be '{self.format}': expected {' or '.join(FORMATS)}.")
        if not self.styles:
            raise ConfigError("there must be a style: photo for none, a look, an artwork or a style file.")
        if not 0 <= self.detail <= 1:
            raise ConfigError(f"detail cannot be {self.detail:g}: expected 0 to 1.")

    @property
    def colour(self) -> tuple[int, int, int] | None:
        """Red, green and blue of a flat background, 0 to 255; None for another."""
        if not self.background.startswith("#"):
            return None
        digits = self.background[1:]
        pairs = [2 * digit for digit in digits] if len(digits) == 3 else re.findall("..", digits)
        red, green, blue = (int(pair, 16) for pair in pairs)
        return red, green, blue
