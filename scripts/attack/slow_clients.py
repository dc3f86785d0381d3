"""Clients that say little or read nothing, on many connections. Throughout, /v1/health must answer in 2 s."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterator

from target import Finding, Target

HEALTH_S = 2.0
HEAD_S, BODY_S = 25.0, 45.0
"""A connection that is still open after so long is held for as long as the client likes."""
HEAD = (
    b"POST /v1/reconstruct HTTP/1.1\r\nHost: %b\r\n%bContent-Type: application/json\r\n"
    b"Content-Length: 400000\r\n"
)


def attack(target: Target) -> Iterator[Finding]:
    """Slow heads, idle connections, slow bodies, idle uploads, pipelined requests, unread answers."""
    for name, tried, act in (
        ("connections whose head comes byte by byte", 200, _slow_heads),
        ("connections opened and left idle", _files(1100), _idle),
        ("uploads of one byte a second", 30, _slow_bodies),
        ("photos refused while 30 uploads idle", 4, _idle_uploads),
        ("requests pipelined and not answered", 500, _pipelined),
        ("clients that read no answers", 3, _unread),
    ):
        held, probes, late = asyncio.run(_while_probed(target, act, tried))
        yield Finding(name, tried, held)
        yield Finding(f"/v1/health late or silent: {name}", probes, late)


Act = Callable[[Target, int], Awaitable[int]]


async def _while_probed(target: Target, act: Act, count: int) -> tuple[int, int, int]:
    """What got through, and how many probes of health there were and came late."""
    tried = late = 0

    async def probe() -> None:
        nonlocal tried, late
        while True:
            tried += 1
            try:
                told = await asyncio.wait_for(_asked(target, _get(target, "/v1/health")), HEALTH_S)
                late += b" 200 " not in told.split(b"\r\n", 1)[0]
            except OSError:  # of which TimeoutError is one
                late += 1
            await asyncio.sleep(0.25)

    probing = asyncio.ensure_future(probe())
    try:
        return await act(target, count), tried, late
    finally:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        await asyncio.sleep(0.1)  # for connections to end before the loop does


async def _slow_heads(target: Target, count: int) -> int:
    start = b"GET /v1/models HTTP/1.1\r\nHost: %b\r\nX-Long: " % _host(target)
    return await _held(target, [start] * count, HEAD_S)


async def _idle(target: Target, count: int) -> int:
    return await _held(target, [b""] * count, HEAD_S, drip=False)


async def _slow_bodies(target: Target, count: int) -> int:
    return await _held(target, [HEAD % (_host(target), _key(target)) + b'\r\n{"photo": "'] * count, BODY_S)


async def _idle_uploads(target: Target, count: int) -> int:
    """How many photos are refused while 30 uploads have begun and do not go on."""
    start = HEAD % (_host(target), _key(target)) + b'\r\n{"photo": "'
    others = [await _open(target) for _ in range(30)]
    try:
        for _, writer in others:
            writer.write(start)
        await asyncio.sleep(0.5)
        part = b'Content-Disposition: form-data; name="photo"; filename="a.png"'
        body = b"--b\r\n%b\r\n\r\n%b\r\n--b--\r\n" % (part, _grey())
        head = b"POST /v1/encode HTTP/1.1\r\nHost: %b\r\n%b" % (_host(target), _key(target))
        head += b"Content-Type: multipart/form-data; boundary=b\r\nConnection: close\r\n"
        head += b"Content-Length: %d\r\n\r\n" % len(body)
        refused = 0
        for _ in range(count):
            told = await asyncio.wait_for(_asked(target, head + body), target.patience_s)
            refused += told.split(b" ")[1:2] not in ([b"200"], [b"422"])  # 422: there is no face
        return refused
    finally:
        for _, writer in others:
            writer.close()


async def _pipelined(target: Target, count: int) -> int:
    reader, writer = await _open(target)
    writer.write(b"GET /v1/health HTTP/1.1\r\nHost: %b\r\n\r\n" % _host(target) * (count - 1))
    writer.write(_get(target, "/v1/health"))
    told = await asyncio.wait_for(reader.read(-1), target.patience_s)
    writer.close()
    return count - told.count(b"HTTP/1.1 200")


async def _unread(target: Target, count: int) -> int:
    """Clients that ask for 14 MB, read nothing for 25 s, and are then given it all the same."""
    asked = 200
    ask = b"GET /v1/openapi.json HTTP/1.1\r\nHost: %b\r\n\r\n" % _host(target) * (asked - 1)
    ask += _get(target, "/v1/openapi.json")
    clients = [await _open(target, limit=1024) for _ in range(count)]
    for _, writer in clients:
        writer.write(ask)
    await asyncio.sleep(25)
    kept = 0
    for reader, writer in clients:
        with contextlib.suppress(OSError):
            told = await asyncio.wait_for(reader.read(-1), target.patience_s)
            kept += told.count(b"HTTP/1.1 200") == asked
        writer.close()
    return kept


async def _held(target: Target, starts: list[bytes], patience_s: float, drip: bool = True) -> int:
    """How many connections that began so are open and unanswered after so long."""

    turns = asyncio.Semaphore(20)

    async def one(start: bytes) -> bool:
        try:
            async with turns:
                reader, writer = await _open(target)
                await asyncio.sleep(0.02)  # a thousand a second: it is their number that is tried
        except OSError:
            return False
        try:
            writer.write(start)
            for _ in range(int(patience_s)):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 1)
                    return False
                writer.write(b"a" if drip else b"")
            return True
        except OSError:
            return False
        finally:
            writer.close()

    return sum(await asyncio.gather(*(one(start) for start in starts)))


def _files(wanted: int) -> int:
    """As many connections, or half as many as there may be files: the service may be in this process."""
    try:
        import resource
    except ImportError:  # Windows, which counts otherwise
        return wanted
    return min(wanted, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)


async def _asked(target: Target, request: bytes) -> bytes:
    reader, writer = await _open(target)
    try:
        writer.write(request)
        return await reader.read(-1)
    finally:
        writer.close()


async def _open(target: Target, limit: int = 2**16) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """limit: bytes that are read ahead."""
    return await asyncio.open_connection(*target.address, limit=limit)


def _get(target: Target, path: str) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % (path.encode(), _host(target))


def _host(target: Target) -> bytes:
    return "{}:{}".format(*target.address).encode()


def _key(target: Target) -> bytes:
    return b"X-API-Key: %b\r\n" % target.key.encode() if target.key else b""


def _grey() -> bytes:
    """A grey PNG of 64 x 64 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x80" * 64) * 64)
    head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
