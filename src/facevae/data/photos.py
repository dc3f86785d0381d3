"""Reading photos that nobody has checked: a common format in, (H, W, 3) uint8 RGB out, or one clear error."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from facevae.errors import DataError
from facevae.regular_files import open_regular

Photo = NDArray[np.uint8]

MAX_PIXELS = 64_000_000
"""Width times height above which a photo is refused before decoding; two such PNGs fit in 1 GB."""
MAX_BYTES = 256 * 1024 * 1024
"""Size of file above which a photo is refused before reading."""

# Only decoders that stay inside Pillow: EPS, for one, would start Ghostscript on the user's file.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_photo(source: Path | str | bytes, max_pixels: int = MAX_PIXELS) -> Photo:
    """The photo as (H, W, 3) uint8 RGB, upright by its EXIF orientation, without its metadata.

    source: a file or its bytes. Animations give their first frame; transparency is laid over white;
    16-bit values are scaled to 8 bits. Raises DataError, naming the file and the reason, for whatever
    is no usable photo; more than `max_pixels` is refused before decoding.
    """
    if isinstance(source, bytes):
        return decode_photo(source, max_pixels)
    path = Path(source)
    try:
        with open_regular(path, None) as file:
            return decode_photo(file.read(MAX_BYTES + 1), max_pixels)
    except OSError as error:
        raise DataError(f"cannot read the photo {path}: {error.strerror or error}") from None
    except DataError as error:
        raise DataError(f"cannot use the photo {path}: {error}") from None


def decode_photo(data: bytes, max_pixels: int = MAX_PIXELS) -> Photo:
    """As `read_photo`, from the file's bytes; the DataError's message is the reason alone."""
    if not data:
        raise DataError("empty file")
    if len(data) > MAX_BYTES:
        raise DataError(f"too large a file: more than {MAX_BYTES // 2**20} MiB")
    # Pillow warns of damaged EXIF and of sizes that are checked here anyway.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError:
            raise DataError(_too_many_pixels("far more", max_pixels)) from None
        except UnidentifiedImageError:
            raise DataError("not an image: none of the known formats") from None
        except Exception as error:  # decoders raise anything at all on damaged headers
            raise DataError(f"damaged image: {_first_line(error)}") from None
        width, height = image.size
        if width * height > max_pixels:
            raise DataError(_too_many_pixels(f"{width:,} x {height:,}", max_pixels))
        try:
            orientation = _orientation(image)
            image.load()
            rgb = _to_rgb(image)
        except DataError:
            raise
        except Exception as error:  # as above: OSError, SyntaxError, struct.error, ValueError, ...
            raise DataError(f"damaged image: {_first_line(error)}") from None
    if orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[orientation])
    return np.asarray(rgb, dtype=np.uint8)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow as RGB: greyscale repeated, palettes looked up, alpha over white, 16 bits scaled."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        # White, as browsers and viewers show it: black would put a dark rim around cut-out faces.
        rgba = image.convert("RGBA")
        rgb = Image.new("RGB", image.size, "white")
        rgb.paste(rgba, mask=rgba.getchannel("A"))
        return rgb
    return image.convert("RGB")


def _to_8_bits(values: NDArray[np.generic]) -> Photo:
    """(H, W) of 16-bit, 32-bit or float values to uint8, by the range of their kind, without clipping."""
    if not np.isfinite(values).all() or values.min() < 0:
        raise DataError("unusable values: the image holds negative or infinite numbers")
    largest = float(values.max())
    if values.dtype.kind == "f":
        ranges: tuple[float, ...] = (1.0, 255.0, 65535.0)
    else:
        # Pillow opens some 16-bit files as 32-bit integers.
        ranges = (65535.0, 4294967295.0)
    full = next((top for top in ranges if largest <= top), None)
    if full is None:
        raise DataError(f"unusable values: up to {largest:g}, more than {ranges[-1]:g}")
    return np.asarray(np.rint(values.astype(np.float32) * (255.0 / full)), dtype=np.uint8)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1-8; 1 (upright) where the EXIF data is damaged."""
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # damaged EXIF costs a rotation at most, never the photo
        return 1


def _too_many_pixels(got: str, most: int) -> str:
    return f"too many pixels: {got}, at most {most:,}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
