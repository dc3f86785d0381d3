import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facevae.data.photos import decode_photo, read_photo
from facevae.errors import DataError

ROWS = np.arange(64, dtype=np.uint8)[:, None] * 4


def gradient():
    """(64, 48, 3) uint8: brighter downwards, redder to the right."""
    photo = np.zeros((64, 48, 3), np.uint8)
    photo[:] = ROWS[:, :, None]
    photo[:, 24:, 0] = 255
    return photo


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_png_comes_back_exactly(tmp_path):
    path = tmp_path / "人 脸.png"
    Image.fromarray(gradient()).save(path)
    assert np.array_equal(read_photo(path), gradient())
    assert np.array_equal(read_photo(path.read_bytes()), gradient())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    upright = Image.fromarray(gradient())
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(decode_photo(saved(stored, "PNG", exif=exif)), gradient())


def test_cmyk_is_converted():
    photo = decode_photo(saved(Image.fromarray(gradient()).convert("CMYK"), "JPEG", quality=98))
    assert photo.shape == (64, 48, 3)
    assert np.abs(photo.astype(int) - gradient()).mean() < 12


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "PA", "RGBA", "I;16"])
def test_every_mode_becomes_rgb_uint8(mode):
    grey = Image.fromarray(gradient()).convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = grey.convert("P").convert("PA") if mode == "PA" else grey.convert(mode)
    photo = decode_photo(saved(image, "TIFF" if mode == "PA" else "PNG"))
    assert photo.dtype == np.uint8
    assert photo.shape == (64, 48, 3)
    assert photo[:8].mean() < photo[-8:].mean()  # still brighter downwards


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_and_not_clipped(kind):
    wide = (ROWS.astype(np.uint16) * 257).repeat(48, axis=1)
    photo = decode_photo(saved(Image.fromarray(wide), kind))
    assert np.array_equal(photo[:, :, 1], ROWS.repeat(48, axis=1))


def test_float_values_are_scaled_by_their_range():
    unit = (ROWS / 255).astype(np.float32).repeat(48, axis=1)
    assert np.array_equal(
        decode_photo(saved(Image.fromarray(unit), "TIFF"))[:, :, 0], ROWS.repeat(48, axis=1)
    )
    with pytest.raises(DataError, match="negative or infinite"):
        decode_photo(saved(Image.fromarray(unit - 2), "TIFF"))


def test_transparency_is_laid_over_white():
    image = Image.fromarray(gradient()).convert("RGBA")
    image.putalpha(Image.fromarray((np.arange(48) < 24).astype(np.uint8)[None].repeat(64, axis=0) * 255))
    photo = decode_photo(saved(image, "PNG"))
    assert np.array_equal(photo[:, :24], gradient()[:, :24])
    assert (photo[:, 24:] == 255).all()


def test_a_palette_with_a_transparent_colour_is_laid_over_white():
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 1)
    photo = decode_photo(saved(image, "GIF", transparency=0))
    assert photo[0, 0].tolist() == [200, 100, 50]
    assert photo[4, 4].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "green")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    assert np.abs(decode_photo(data)[5, 5].astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"hello, I am a text", "not an image"),
        (b"\xff\xd8\xff", "image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(data, reason):
    with pytest.raises(DataError, match=reason):
        decode_photo(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_truncated_image_is_refused(kind):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8))
    data = saved(noise, kind)
    with pytest.raises(DataError, match=r"damaged|not an image"):
        decode_photo(data[: len(data) // 2])


def test_too_many_pixels_are_refused_before_decoding(monkeypatch):
    data = saved(Image.new("1", (12_000, 12_000)), "PNG")
    monkeypatch.setattr(Image.Image, "load", lambda _self: pytest.fail("it was decoded"))
    with pytest.raises(DataError, match="12,000 x 12,000, at most 64,000,000"):
        decode_photo(data)


def test_a_decompression_bomb_is_refused():
    header = bytearray(saved(Image.new("1", (8, 8)), "PNG"))
    header[16:24] = (100_000).to_bytes(4, "big") * 2
    with pytest.raises(DataError, match=r"too many pixels|damaged|not an image"):
        decode_photo(bytes(header))


def test_damaged_exif_costs_no_photo():
    data = saved(Image.fromarray(gradient()), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x99" * 40)
    assert decode_photo(data).shape == (64, 48, 3)


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_gives_a_photo_or_a_data_error(seed):
    random = np.random.default_rng(seed)
    data = bytearray(saved(Image.fromarray(gradient()), ("JPEG", "PNG", "WEBP", "TIFF")[seed % 4]))
    for place in random.integers(0, len(data), 12):
        data[place] = random.integers(0, 256)
    try:
        photo = decode_photo(bytes(data))
    except DataError:
        return
    assert photo.dtype == np.uint8
    assert photo.ndim == 3


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "not a photo.jpg"
    path.write_text("no")
    with pytest.raises(DataError, match=r"not a photo\.jpg.*not an image"):
        read_photo(path)
    with pytest.raises(DataError, match=r"absent\.jpg"):
        read_photo(Path("absent.jpg"))
    with pytest.raises(DataError, match="cannot read"):
        read_photo(tmp_path)
