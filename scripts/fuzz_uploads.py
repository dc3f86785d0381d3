"""At least a thousand malformed uploads against a live service: is it alive afterwards, and no larger?

    python scripts/fuzz_uploads.py --count 1000 --model face64

Starts `facevae serve` on a free port, sends every file as a form or, each fourth, as JSON to one of four
operations that take photos, all of them twice, then a good photo. Prints, as Markdown, the answers of the
second time by kind and status, and the memory after the first time and after the second. Exit code 1 when
an answer is of 500 or above, the good photo is refused, or memory grew by more than GROWTH_MIB. Needs Linux
(for /proc) and the extra 'dev'.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import random
import re
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

GROWTH_MIB = 64.0
"""Beyond this, what memory grows by is no noise."""
PATHS = ("reconstruct", "encode", "edit", "stylize")
OPTIONS = {"edit": {"changes": {"age": "+20"}}, "stylize": {"style": "pencil"}}

Maker = Callable[[random.Random], bytes]


def good(kind: str, side: int = 48) -> bytes:
    """A picture of noise, without a face, that decodes well."""
    pixels = np.random.default_rng(side).integers(0, 255, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, depth: int = 8, colour: int = 2, *more: bytes) -> bytes:
    """A PNG that claims these sizes, whatever its data."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", head), *more, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def truncated(rng: random.Random) -> bytes:
    data = good(rng.choice(("PNG", "JPEG", "WEBP", "AVIF")))
    return data[: rng.randrange(1, len(data) - 1)]


def flipped(rng: random.Random) -> bytes:
    """Bytes in the header changed, so that what follows makes no sense."""
    data = bytearray(good(rng.choice(("PNG", "JPEG", "WEBP", "AVIF"))))
    for _ in range(rng.randrange(1, 40)):
        data[rng.randrange(4, len(data))] = rng.randrange(256)
    return bytes(data)


def huge_header(rng: random.Random) -> bytes:
    side = rng.choice((2**31 - 1, 2**16, 50_000, 5_001))
    return png(side, rng.choice((side, 5_001)), zlib.compress(b"\0" * 1000))


def bomb(rng: random.Random) -> bytes:
    """A few kilobytes that become many megabytes: data that inflate far beyond the picture, or long texts."""
    zeros = zlib.compress(bytes(rng.choice((20, 60)) * 2**20), 9)
    if rng.random() < 0.5:
        return png(rng.randrange(1, 4000), rng.randrange(1, 4000), zeros)
    text = chunk(b"zTXt", b"Comment\0\0" + zeros) * rng.randrange(1, 5)
    return png(8, 8, zlib.compress(bytes(8 * 25)), 8, 2, text)


def nested_profile(rng: random.Random) -> bytes:
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(rng.randbytes(2000)))
    return png(8, 8, zlib.compress(bytes(8 * 25)), 8, 2, profile)


def polyglot(rng: random.Random) -> bytes:
    """A file that is two things: the start of one, the rest of another."""
    start = rng.choice(
        (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP", b"GIF89a", b"%PDF-1.7\n")
    )
    rest = rng.choice((b"<?php system($_GET['c']); ?>", b"PK\x03\x04", b"<svg onload=alert(1)>", b"MZ\x90\0"))
    return start + rest * rng.randrange(1, 50) + good("JPEG")


def wrong_type(rng: random.Random) -> bytes:
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: good(rng.choice(("GIF", "BMP", "TIFF", "PPM", "ICO", "TGA", "PCX"))),
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        lambda: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        lambda: b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
        lambda: b"PK\x03\x04" + rng.randbytes(200),
        lambda: b"https://example.org/me.jpg",
        lambda: b"",
    )
    return rng.choice(kinds)()


def noise(rng: random.Random) -> bytes:
    start = rng.choice(
        (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x1cftypavif")
    )
    return start + rng.randbytes(rng.randrange(0, 5000))


def animation(rng: random.Random) -> bytes:
    frames = [Image.new("RGB", (8, 8), (index % 256, 0, 0)) for index in range(rng.randrange(101, 180))]
    buffer = io.BytesIO()
    frames[0].save(buffer, rng.choice(("PNG", "WEBP")), save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def odd_shape(rng: random.Random) -> bytes:
    """Pictures that decode, one pixel wide or of depths that few have."""
    width, height = rng.choice(((1, 1), (1, 4000), (4000, 1), (2, 2)))
    mode = rng.choice(("RGB", "L", "1", "P", "RGBA", "LA", "I;16"))
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def damaged_exif(rng: random.Random) -> bytes:
    data = good("JPEG")
    exif = b"Exif\0\0" + rng.choice((b"II*\0", b"MM\0*")) + rng.randbytes(rng.randrange(4, 400))
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


MAKERS: dict[str, Maker] = {
    "truncated": truncated, "bytes changed": flipped, "huge sizes in the header": huge_header,
    "decompression bombs": bomb, "damaged colour profiles": nested_profile, "polyglots": polyglot,
    "wrong types": wrong_type, "noise behind a signature": noise, "too many frames": animation,
    "odd shapes and depths": odd_shape, "damaged EXIF": damaged_exif,
}  # fmt: skip


def malformed(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """`count` pairs of kind and file, the kinds by turns; the same for the same seed. None shows a face."""
    names = list(MAKERS)
    for index in range(count):
        name = names[index % len(names)]
        yield name, MAKERS[name](random.Random(f"{seed} {index}"))


def request_of(index: int, data: bytes) -> tuple[str, dict[str, object]]:
    """The path, and what httpx is to send: forms, and each fourth as JSON."""
    path = PATHS[index % len(PATHS)]
    options = OPTIONS.get(path, {})
    if index % 4 == index // 4 % 4:
        return f"/v1/{path}", {"json": {"photo": base64.b64encode(data).decode(), **options}}
    files = {"photo": ("photo.jpg", data, "image/jpeg")}
    return f"/v1/{path}", {"files": files, "data": {"options": json.dumps(options)}}


def send(client: httpx.Client, index: int, data: bytes) -> int:
    """The status of the answer."""
    path, sent = request_of(index, data)
    return client.post(path, **sent).status_code  # type: ignore[arg-type]


def memory_mib(pid: int) -> float:
    """Resident memory of a process, MiB; 0 for one that is gone."""
    with contextlib.suppress(OSError):
        return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 1024
    return 0.0


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += (task / "children").read_text().split()
    return sorted({int(child) for child in found})


@contextlib.contextmanager
def served(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`facevae serve` with these options: its address, and its process."""
    command = [sys.executable, "-m", "facevae", "serve", "--port", "0", "--no-studio", "--no-log", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        match = re.search(r"http://[^ ]+:\d+", said)
        if match is None:
            raise SystemExit(f"the service did not start: {said}{process.stderr.read()}")
        yield match[0], process
    finally:
        process.terminate()
        process.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="how many files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="face64")
    wish = parser.parse_args()
    answers: dict[str, Counter[int]] = {name: Counter() for name in MAKERS}
    slowest = 0.0
    with (
        served("--model", wish.model, "--device", "cpu") as (address, process),
        httpx.Client(base_url=address, timeout=120) as client,
    ):
        for index, (_, data) in enumerate(malformed(wish.count, wish.seed)):
            send(client, index, data)
        # Memory grows while every job is done for the first time: what the same files take again is a leak.
        before = memory_mib(process.pid), sum(map(memory_mib, children_of(process.pid)))
        for index, (name, data) in enumerate(malformed(wish.count, wish.seed)):
            started = time.monotonic()
            answers[name][send(client, index, data)] += 1
            slowest = max(slowest, time.monotonic() - started)
        after = memory_mib(process.pid), sum(map(memory_mib, children_of(process.pid)))
        pencil = {"options": '{"style": "pencil"}'}
        last = client.post("/v1/stylize", files={"photo": good("PNG")}, data=pencil)
        alive = process.poll() is None and client.get("/v1/ready").status_code == 200
    tell(answers, before, after, slowest, alive and last.status_code == 200)


def tell(
    answers: dict[str, Counter[int]], before: tuple[float, float], after: tuple[float, float], slowest: float,
    alive: bool,
) -> None:  # fmt: skip
    """Print what happened as Markdown; exit 1 when it was not well."""
    statuses = sorted({status for counter in answers.values() for status in counter})
    print(f"| malformed uploads | {' | '.join(map(str, statuses))} | together |")
    print(f"|---|{'--:|' * (len(statuses) + 1)}")
    for name, counter in answers.items():
        print(f"| {name} | {' | '.join(str(counter[s]) for s in statuses)} | {counter.total()} |")
    together = sum(answers.values(), Counter[int]())
    print(f"| together | {' | '.join(str(together[s]) for s in statuses)} | {together.total()} |\n")
    print("| resident memory, MiB | after all files once | twice |\n|---|--:|--:|")
    for name, first, last in zip(("the service", "the process that decodes"), before, after, strict=True):
        print(f"| {name} | {first:.0f} | {last:.0f} |")
    print(f"\nSlowest answer {slowest:.1f} s. A good photo afterwards: {'answered' if alive else 'REFUSED'}.")
    grown = max(last - first for first, last in zip(before, after, strict=True))
    well = alive and not any(status >= 500 for status in together) and grown <= GROWTH_MIB
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
