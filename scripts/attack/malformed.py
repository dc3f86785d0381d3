"""Requests that no client should send: broken JSON, other content types, other methods, other origins.

All of it is made from the service's own description, /v1/openapi.json: a new route is attacked too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from target import Finding, Target

JSON, FORM, PROBLEM = "application/json", "multipart/form-data", "application/problem+json"
SURROGATE = r'"\ud83d"'
"""Half of a character beyond U+FFFF, as JSON has it: no text that could be written as UTF-8."""
OTHER_TYPES = (
    None, "text/plain", "text/plain; charset=utf-8", "application/x-www-form-urlencoded", "text/json",
    "application/vnd.api+json", "application/problem+json", "application/json; charset=utf-7",
    "application/json; charset=utf-16", "application/octet-stream", "image/png", "*/*", "json", "", ";",
)  # fmt: skip
ORIGINS = ("http://localhost:1234", "http://127.0.0.1:9", "null", "https://evil.example")
STUDIO_PATHS = ("/", "/config", "/theme.css", "/gradio_api/upload", "/gradio_api/run/predict",
                "/gradio_api/queue/join", "/gradio_api/file=/x", "/gradio_api/info")  # fmt: skip
OTHER_METHODS = ("TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "X")


def attack(target: Target) -> Iterator[Finding]:
    with target.client() as client:
        paths: dict[str, dict[str, Any]] = client.get("/v1/openapi.json").raise_for_status().json()["paths"]
        posts = [Post.of(path, methods["post"]) for path, methods in paths.items() if "post" in methods]
        for attack, bodies in BODIES.items():
            yield _bodies(client, attack, posts, bodies)
        yield _forms(client, posts)
        yield _around(client, posts)
        yield _content_types(client, posts)
        yield from _methods(client, paths)
        yield _origins(client, paths)


@dataclass(frozen=True)
class Post:
    """A route that takes a body, and one that it answers."""

    path: str
    example: dict[str, Any]
    form: bool

    @classmethod
    def of(cls, path: str, operation: dict[str, Any]) -> Post:
        content = operation["requestBody"]["content"]
        return cls(path, content[JSON]["example"], FORM in content)

    def with_member(self, member: str) -> list[bytes]:
        """The example as text with one more member, in it and in each object within it."""
        return [text.encode() for text in _with_member(self.example, member)]


def _with_member(value: Any, member: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield json.dumps(value)[:-1] + (", " if value else "") + member + "}"
        for name, one in value.items():
            rest = {key: other for key, other in value.items() if key != name}
            for inner in _with_member(one, member):
                yield json.dumps(rest)[:-1] + (", " if rest else "") + f"{json.dumps(name)}: {inner}}}"
    elif isinstance(value, list):
        for inner in value[:1]:
            yield from (f"[{text}]" for text in _with_member(inner, member))


def _surrogates(post: Post) -> list[bytes]:
    values = [f'{{"{name}": {SURROGATE}}}'.encode() for name in post.example]
    nested = [f'{{"{name}": {{{SURROGATE}: [{SURROGATE}]}}}}'.encode() for name in post.example]
    return [*post.with_member(f"{SURROGATE}: 1"), *post.with_member(f'"x": {SURROGATE}'), *values, *nested]


def _numbers(post: Post) -> list[bytes]:
    odd = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" + "0" * 5000, "1" + "0" * 4000, "1e308")
    extra = [body for number in odd for body in post.with_member(f'"x": {number}')]
    return extra + [f'{{"{name}": {number}}}'.encode() for name in post.example for number in odd]


def _shapes(post: Post) -> list[bytes]:
    name, text = next(iter(post.example)), json.dumps(post.example)
    twice = text[:-1] + f", {json.dumps(name)}: {json.dumps(post.example[name])}}}"
    return [
        b"", b"{", b"null", b"[]", b'"x"', b"1", b"{}{}", b"\xff\xfe", b"\x00" * 8, b'{"\x00": 1}',
        b"[" * 100_000, b'{"a":' * 100_000, b'{"x": ' + b"[" * 500 + b"]" * 500 + b"}", twice.encode(),
        b'{"' + b"k" * 2**19 + b'": 1}', b'{"' + b"k" * 2**20 + b'": 1}',
        ("{" + ", ".join(f'"k{index}": 1' for index in range(50_000)) + "}").encode(),
        text.encode("utf-16"), text.encode("utf-32"), text.encode("utf-16-le"),
        text.encode() + b"\xed\xa0\x80",
        b'{"\xed\xa0\xbd": 1}', b'{"' + "\u202eforged\r\nInjected: 1".encode() + b'": 1}',
    ]  # fmt: skip


BODIES: dict[str, Callable[[Post], list[bytes]]] = {
    "an unpaired surrogate in JSON": _surrogates,
    "numbers that are none, or of 5,000 digits, in JSON": _numbers,
    "no JSON, deep, doubled, large, of another encoding": _shapes,
}


@dataclass
class Tally:
    """Counts what was tried and what got through."""

    attack: str
    tried: int = 0
    through: list[str] = field(default_factory=list)

    def note(self, what: str, fault: str) -> None:
        """fault: empty when the service did as it should."""
        self.tried += 1
        if fault:
            self.through.append(f"{what}: {fault}")

    @property
    def finding(self) -> Finding:
        shown = ascii(self.through[0])[1:201] if self.through else ""
        return Finding(self.attack, self.tried, len(self.through), shown)


def _refused(answer: httpx.Response) -> str:
    """What is wrong with an answer that ought to be a 4xx problem; empty for nothing."""
    if not 400 <= answer.status_code < 500:
        return f"answered {answer.status_code}"
    if answer.headers.get("content-type") != PROBLEM:
        return f"{answer.status_code} of the type {answer.headers.get('content-type')}"
    try:
        told = json.loads(answer.content.decode("utf-8"))
        json.dumps(told, ensure_ascii=False).encode("utf-8")
    except ValueError as error:
        return f"{answer.status_code} whose body is no JSON in UTF-8: {error}"
    return "" if told["status"] == answer.status_code else "another status in the body"


def _no_failure(answer: httpx.Response) -> str:
    """As `_refused`, where the service may as well do what is asked."""
    return "" if answer.status_code in (200, 204) else _refused(answer)


def _bodies(
    client: httpx.Client, attack: str, posts: list[Post], bodies: Callable[[Post], list[bytes]]
) -> Finding:
    tally = Tally(attack)
    for post in posts:
        for body in bodies(post):
            answer = client.post(post.path, content=body, headers={"Content-Type": JSON})
            tally.note(f"{post.path} {body[:80]!r}", _refused(answer))
    return tally.finding


def _forms(client: httpx.Client, posts: list[Post]) -> Finding:
    """The same within a form: in its options, the names of its fields and of its files."""
    tally = Tally("the same in a form, its fields' and files' names")
    for post in (post for post in posts if post.form):
        bodies = [body for make in BODIES.values() for body in make(post) if len(body) < 2**19]
        parts = [_part("options", body) for body in bodies]
        parts += [_part(name, b"{}") for name in (b"\xed\xa0\x80", b"\xff", b"x" * 20_000, b"", b'a"; b')]
        parts += [
            _part("photo", b"GIF89a", name)
            for name in (b"\xed\xa0\x80.png", b"\x1b[2J", b"../../x", b"n" * 9000)
        ]
        for part in parts:
            answer = _form(client, post.path, part)
            tally.note(f"{post.path} {part[:160]!r}", _refused(answer))
    for cut in (b"", b"--b", b"--b\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\nx", b"\r\n" * 5000):
        for post in (post for post in posts if post.form):
            answer = client.post(post.path, content=cut, headers={"Content-Type": f"{FORM}; boundary=b"})
            tally.note(f"{post.path} {cut[:80]!r}", _refused(answer))
            answer = client.post(post.path, content=cut, headers={"Content-Type": FORM})
            tally.note(f"{post.path} without a boundary", _refused(answer))
    return tally.finding


def _part(name: str | bytes, body: bytes, file: bytes | None = None) -> bytes:
    named = name.encode() if isinstance(name, str) else name
    filename = b"" if file is None else b'; filename="' + file + b'"'
    return (
        b'--b\r\nContent-Disposition: form-data; name="'
        + named
        + b'"'
        + filename
        + b"\r\n\r\n"
        + body
        + b"\r\n"
    )


def _form(client: httpx.Client, path: str, part: bytes) -> httpx.Response:
    return client.post(path, content=part + b"--b--\r\n", headers={"Content-Type": f"{FORM}; boundary=b"})


def _around(client: httpx.Client, posts: list[Post]) -> Finding:
    """Bytes that are no text in the query, the path and the headers; a body where none belongs."""
    tally = Tally("no text in paths, queries and headers; bodies of GET requests")
    odd = {"Accept": b"\xed\xa0\x80/\xff", "X-Request-Id": b"\xff\xfe",
           "Authorization": b"Bearer \xed\xa0\xbd", "X-API-Key": b"\xff",
           "Accept-Language": b"\xff;q=\xed", "X-Facevae": b"\xed\xa0\x80"}  # fmt: skip
    for post in posts:
        for name, value in odd.items():
            answer = client.post(post.path, content=b"[]", headers=[("Content-Type", JSON), (name, value)])  # type: ignore[list-item]
            tally.note(f"{post.path} {name}: {value!r}", _refused(answer))
        answer = client.post(
            post.path, content=b"[]", headers=[("Content-Type", b"application/\xed\xa0\x80")]
        )  # type: ignore[list-item]
        tally.note(f"{post.path} Content-Type", _refused(answer))
        for tail in ("?%ed%a0%80=%ff", "?x=%00"):
            answer = client.post(post.path + tail, content=b"[]", headers={"Content-Type": JSON})
            tally.note(post.path + tail, _refused(answer))
    for path in ("/v1/%ed%a0%80", "/v1/%ff", "/v1/%00", "/v1/%0d%0ax", "/v1/" + "x" * 5000, "/v1//"):
        tally.note(path[:40], _refused(client.get(path)))
    for path in ("/v1/health", "/v1/models", "/v1/docs"):
        answer = client.request("GET", path, content=b"\xff" * 1000, headers={"Content-Type": "text/plain"})
        tally.note(
            f"a body to GET {path}", "" if answer.status_code == 200 else f"answered {answer.status_code}"
        )
    return tally.finding


def _content_types(client: httpx.Client, posts: list[Post]) -> Finding:
    tally = Tally("another content type than the route takes")
    for post in posts:
        types = [*OTHER_TYPES, *(() if post.form else (f"{FORM}; boundary=b",))]
        for kind in types:
            headers = {} if kind is None else {"Content-Type": kind}
            answer = client.post(post.path, content=json.dumps(post.example).encode(), headers=headers)
            fault = (
                "" if answer.status_code == 415 and JSON in answer.text else f"answered {answer.status_code}"
            )
            tally.note(f"{post.path} with {kind}", fault or _refused(answer))
    return tally.finding


def _methods(client: httpx.Client, paths: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """HEAD as GET without its body, OPTIONS with what there is, all else 405."""
    head, options, others = (
        Tally("HEAD of what GET answers"),
        Tally("OPTIONS"),
        Tally("other methods than there are"),
    )
    known = {path: {method.upper() for method in methods} for path, methods in paths.items()}
    known |= {path: {"GET"} for path in ("/v1", "/v1/", "/v1/docs", "/v1/openapi.json")}
    for path, methods in known.items():
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        if "GET" in methods:
            got, answer = client.get(path), client.head(path)
            alike = all(
                got.headers.get(name) == answer.headers.get(name) for name in ("content-type", "allow")
            )
            well = answer.status_code == got.status_code == 200 and not answer.content and alike
            head.note(f"HEAD {path}", "" if well else f"answered {answer.status_code}, GET {got.status_code}")
        answer = client.options(path)
        told = {name.strip() for name in answer.headers.get("allow", "").split(",")}
        well = answer.status_code == 204 and told == allowed
        options.note(f"OPTIONS {path}", "" if well else f"answered {answer.status_code}, {sorted(told)}")
        for method in [*OTHER_METHODS, "GET", "HEAD", "POST"]:
            if method not in allowed:
                answer = client.request(method, path)
                told = {name.strip() for name in answer.headers.get("allow", "").split(",")}
                well = answer.status_code == 405 and told == allowed
                others.note(
                    f"{method} {path}", "" if well else f"answered {answer.status_code}, {sorted(told)}"
                )
    yield from (tally.finding for tally in (head, options, others))


def _origins(client: httpx.Client, paths: dict[str, dict[str, Any]]) -> Finding:
    """Whether a page of another origin, on this machine or not, may read what the service answers."""
    tally = Tally("a page of another origin, of another port of this machine")
    for path in (*paths, *STUDIO_PATHS):
        for origin in ORIGINS:
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
                     "Access-Control-Request-Headers": "content-type"}  # fmt: skip
            cookie = {"Origin": origin, "Cookie": "a=b"}
            for answer in (client.get(path, headers=cookie), client.options(path, headers=asked),
                           client.post(path, headers=cookie, content=b"")):  # fmt: skip
                granted = [name for name in answer.headers if name.startswith("access-control-")]
                tally.note(f"{path} from {origin}", f"granted {granted}" if granted else "")
    return tally.finding
