"""What a generated picture says of itself: how it was made, by which model, from which seed.

PNG is what facevae writes; WebP is for the pages of the docs; the service hands out both, and JPEG; films
are WebP, GIF or MP4. All of them are read back by `read_provenance`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facevae import __version__
from facevae.data.photos import MAX_PIXELS
from facevae.errors import DataError
from facevae.files import atomic_file
from facevae.images import Photos
from facevae.regular_files import open_regular

SOURCE = "digital_source_type"
"""The fact that says how a picture was made, by a term of IPTC; DIGITAL_SOURCE_TYPE where it is not given."""
VERSION = "facevae_version"
IPTC_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DIGITAL_SOURCE_TYPE = IPTC_TERMS + "trainedAlgorithmicMedia"
"""IPTC's term for media made by a trained model out of nothing but its latents."""
EDITED = {SOURCE: IPTC_TERMS + "compositeWithTrainedAlgorithmicMedia"}
"""Of a picture that a model made out of a photo: edits, avatars, reconstructions, artworks' styles."""
BESIDE_PHOTO = {SOURCE: IPTC_TERMS + "compositeSynthetic"}
"""Of a sheet that shows real photos beside what a model made."""
FILTERED = {SOURCE: IPTC_TERMS + "algorithmicallyEnhanced"}
"""Of a photo that filters drew over, with no trained model."""
XMP_KEY, FACTS_KEY = "XML:com.adobe.xmp", "facevae"
EXIF_DESCRIPTION = 0x010E
"""Where a WebP and a JPEG keep the facts: they have no text chunks."""
WEBP_QUALITY = 90
JPEG_QUALITY = 92
MOST_METADATA = 2**20
"""Bytes of an MP4's description that are read; facevae writes less than a thousandth of it."""


def png_bytes(photo: Photos, **facts: Any) -> bytes:
    """A (H, W, 3) uint8 picture as PNG with its provenance in XMP (IPTC) and as JSON in a text chunk.

    facts: what is known of its making, such as model, seed, controls; and EDITED, BESIDE_PHOTO or FILTERED
    where it is not a model's work alone. The same input gives the same bytes.
    """
    info = PngInfo()
    info.add_itxt(XMP_KEY, xmp_packet(facts))
    info.add_text(FACTS_KEY, _facts_json(facts))
    buffer = io.BytesIO()
    # Level 1: a third of the time of the default for 64 px faces, 4 % larger.
    Image.fromarray(photo).save(buffer, format="PNG", pnginfo=info, compress_level=1)
    return buffer.getvalue()


def write_png(path: Path, photo: Photos, **facts: Any) -> None:
    """Write `png_bytes` to `path`, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(png_bytes(photo, **facts))


def write_webp(path: Path, photo: Photos, **facts: Any) -> None:
    """Write a (H, W, 3) uint8 picture as WebP with the same provenance in XMP and EXIF, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(webp_bytes(photo, method=6, **facts))


def webp_bytes(photo: Photos, method: int = 4, **facts: Any) -> bytes:
    """A (H, W, 3) or (H, W, 4) uint8 picture as WebP with the same provenance in XMP and EXIF.

    method: 0 (fast) to 6 (small).
    """
    buffer = io.BytesIO()
    options = {"quality": WEBP_QUALITY, "method": method, **exif_and_xmp(facts)}
    Image.fromarray(photo).save(buffer, format="WEBP", **options)
    return buffer.getvalue()


def jpeg_bytes(photo: Photos, **facts: Any) -> bytes:
    """A (H, W, 3) uint8 picture as JPEG with the same provenance in XMP and EXIF.

    (H, W, 4) is laid on white: JPEG has no transparency.
    """
    picture = Image.fromarray(photo)
    if picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
        picture = flat
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=JPEG_QUALITY, **exif_and_xmp(facts))
    return buffer.getvalue()


def exif_and_xmp(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The options of Pillow's `save` that put the provenance into a WebP or JPEG."""
    exif = Image.Exif()
    exif[EXIF_DESCRIPTION] = _facts_json(facts)
    return {"exif": exif, "xmp": xmp_packet(facts).encode()}


def comment(facts: Mapping[str, Any]) -> str:
    """The provenance for a GIF or an MP4, which have a comment alone."""
    source = facts.get(SOURCE, DIGITAL_SOURCE_TYPE)
    told = {SOURCE: source, "facevae": json.loads(_facts_json(facts)), VERSION: __version__}
    return json.dumps(told, sort_keys=True)


def read_provenance(path: Path | BinaryIO) -> dict[str, Any]:
    """The facts that facevae wrote into a picture or film, with 'digital_source_type' and 'facevae_version'.

    path: a PNG, WebP, JPEG, GIF or MP4, or one opened to be read as bytes. 'digital_source_type' is there for
    pictures of other makers, too; empty for a picture that says nothing. Raises DataError when it is none of
    these or damaged.
    """
    try:
        if isinstance(path, Path):
            with open_regular(path, None) as file:
                told = _read(file)
        else:
            told = _read(path)
        return {
            name: value
            for name, value in told.items()
            if name not in (SOURCE, VERSION) or isinstance(value, str)
        }
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except DataError as error:
        raise DataError(f"cannot read {path} as an image: {error}") from error


def xmp_packet(facts: Mapping[str, Any]) -> str:
    """An XMP packet with IPTC's DigitalSourceType, and the tool with its version and model."""
    tool = escape(f"facevae {__version__}, model {facts.get('model', 'unnamed')}")
    source = facts.get(SOURCE, DIGITAL_SOURCE_TYPE)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
        f"<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>"
        f"<xmp:CreatorTool>{tool}</xmp:CreatorTool>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def _facts_json(facts: Mapping[str, Any]) -> str:
    told = {name: value for name, value in facts.items() if name != SOURCE}
    return json.dumps(told, ensure_ascii=True, sort_keys=True)


def _read(file: BinaryIO) -> dict[str, Any]:
    start = file.read(12)
    file.seek(0)
    if start[4:8] == b"ftyp":
        return _of_comment(_mp4_comment(file))
    try:
        with Image.open(file, formats=("PNG", "WEBP", "JPEG", "GIF")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(
                    f"too many pixels: {image.width:,} x {image.height:,}, at most {MAX_PIXELS:,}"
                )
            image.load()
            info, kind = image.info, image.format
            exif = image.getexif().get(EXIF_DESCRIPTION, "{}") if kind in ("WEBP", "JPEG") else "{}"
    except Exception as error:  # decoders raise anything at all on damaged files
        raise DataError(str(error) or type(error).__name__) from error
    if kind == "GIF":
        return _of_comment(bytes(info.get("comment", b"")))
    if kind == "PNG":
        return _of_xmp(str(info.get(XMP_KEY, "")), str(info.get(FACTS_KEY, "")))
    return _of_xmp(info.get("xmp", b"").decode("utf-8", "replace"), str(exif))


def _object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _of_comment(text: bytes) -> dict[str, Any]:
    told = _object(text.decode("utf-8", "replace"))
    facts = told.get("facevae")
    if not isinstance(facts, dict):
        return {}
    return facts | {name: told[name] for name in (SOURCE, VERSION) if isinstance(told.get(name), str)}


def _of_xmp(xmp: str, facts: str) -> dict[str, Any]:
    """What the XMP says, and the facts beside it where facevae wrote both."""
    source = re.search(r"DigitalSourceType\s*(?:>|=\s*[\"'])\s*([^<\"'\s]+)", xmp)
    tool = re.search(r"CreatorTool>facevae(?: ([^<,]+))?, model", xmp)
    told = {SOURCE: source and source[1], VERSION: tool and tool[1]}
    return (_object(facts) if tool else {}) | {name: value for name, value in told.items() if value}


def _mp4_comment(file: BinaryIO) -> bytes:
    """The comment of an MP4: the box 'data' of moov/udta/meta/ilst/©cmt, empty where there is none."""
    end = file.seek(0, io.SEEK_END)
    start = 0
    for name in (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data"):
        found = _mp4_box(file, start, end, name)
        if found is None:
            return b""
        # 'meta' opens with a version, 'data' with a type and a language.
        start, end = found[0] + {b"meta": 4, b"data": 8}.get(name, 0), found[1]
    file.seek(start)
    return file.read(min(MOST_METADATA, max(0, end - start)))


def _mp4_box(file: BinaryIO, start: int, end: int, name: bytes) -> tuple[int, int] | None:
    """(first byte, end) of what the box `name` holds, among the boxes from `start` to `end`."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        size = end - start if size == 0 else size
        if size < header or start + size > end:
            raise DataError(f"damaged MP4: the box at byte {start} is {size} bytes long")
        if head[4:8] == name:
            return start + header, start + size
        start += size
    return None
