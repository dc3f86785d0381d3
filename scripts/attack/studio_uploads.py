"""Uploads and pages of the studio: other visitors', other origins', and more than the disk is to hold.

Got through: another visitor's file or answer comes back, another origin's request is taken, or more bytes are
taken than the studio's quota.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx
from target import Finding, Target

QUOTA = 200 * 2**20
"""Bytes of all uploads that the studio keeps by itself."""
SIZE = 9 * 2**20
ORIGINS = ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
           {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:1"})  # fmt: skip
"""What a browser says of a page elsewhere."""
POSTS = ("upload", "run/predict", "queue/join", "cancel", "reset")


def attack(target: Target) -> Iterator[Finding]:
    """Fills the studio's room for uploads last."""
    with target.client() as own:
        if own.get("/config").status_code != 200:
            yield Finding("uploads of the studio", 0, 0, "there is no studio")
            return
        yield _other_origins(own)
        path = _upload(own, secrets.token_bytes(1000)).json()[0]
        yield _file_of_another(target, path)
        yield _input_of_another(target, own, path)
        yield _page_of_another(target, own)
        yield _names(own)
    yield _more_than_the_quota(target)


def _upload(client: httpx.Client, data: bytes, name: str = "a.png", **headers: str) -> httpx.Response:
    return client.post("/gradio_api/upload", files={"files": (name, data, "image/png")}, headers=headers)


def _other_origins(own: httpx.Client) -> Finding:
    taken = []
    for headers in ORIGINS:
        taken += [str(headers)] * (_upload(own, b"x", **headers).status_code == 200)
        for post in POSTS:
            body = {"data": [], "fn_index": 0, "session_hash": "a", "event_id": "a"}
            answer = own.post(f"/gradio_api/{post}", json=body, headers=headers)
            taken += [f"{post} with {headers}"] * (answer.status_code != 403)
    tried = len(ORIGINS) * (1 + len(POSTS))
    return Finding("requests of a page of another origin", tried, len(taken), next(iter(taken), ""))


def _file_of_another(target: Target, path: str) -> Finding:
    with target.client() as other:
        other.get("/config")
        answers = [
            other.get(f"/gradio_api/file={one}")
            for one in (path, path.replace("/", "%2F"), f"{path}/", path.rpartition("/")[0], "/etc/passwd")
        ]
    through = sum(answer.status_code == 200 for answer in answers)
    return Finding("another visitor's upload is fetched", len(answers), through)


def _input_of_another(target: Target, own: httpx.Client, path: str) -> Finding:
    config = own.get("/config").json()
    drops = {one["id"] for one in config["components"] if one["type"] == "file"}
    calls = [one for one in config["dependencies"] if drops & set(one["inputs"])]
    through = 0
    with target.client() as other:
        for call in calls:
            data = [{"path": path, "meta": {"_type": "gradio.FileData"}} if one in drops else None
                    for one in call["inputs"]]  # fmt: skip
            body = {"data": data, "fn_index": call["id"], "session_hash": "a"}
            through += other.post("/gradio_api/queue/join", json=body).status_code == 200
    return Finding("another visitor's upload as an input", len(calls), through)


def _page_of_another(target: Target, own: httpx.Client) -> Finding:
    """The answers to one visitor's page are asked for by another who knows the page's number."""
    call = next(
        one for one in own.get("/config").json()["dependencies"] if one["queue"] and not one["inputs"]
    )
    body = {"data": [], "fn_index": call["id"], "session_hash": "known"}
    joined = own.post("/gradio_api/queue/join", json=body).status_code == 200
    with target.client() as other, other.stream("GET", "/gradio_api/queue/data?session_hash=known") as stream:
        told = "".join(stream.iter_lines())
    through = "estimation" in told or "process_" in told
    return Finding("the answers to another visitor's page", 1, int(through), "" if joined else "it has none")


def _names(own: httpx.Client) -> Finding:
    """Names that lead out of the folder of uploads."""
    names = (
        "../../../../tmp/out.png",
        "/etc/out.png",
        "..",
        ".",
        "",
        "a" * 5000,
        "a\x00b.png",
        "..\\..\\out.png",
    )
    folder = _upload(own, b"x").json()[0].rsplit("/", 2)[0]
    through = 0
    for name in names:
        answer = _upload(own, b"x", name)
        path = answer.json()[0] if answer.status_code == 200 else folder
        through += answer.status_code >= 500 or not path.startswith(folder) or "/../" in path
    return Finding("names of uploads that lead elsewhere", len(names), through)


def _more_than_the_quota(target: Target) -> Finding:
    """Each upload is of a new visitor; those that can still be fetched at the end are kept at once."""
    taken = []
    for _ in range(QUOTA // SIZE + 6):
        with target.client() as fresh:
            answer = _upload(fresh, secrets.token_bytes(1024) + bytes(SIZE))
            if answer.status_code == 200:
                taken.append((answer.json()[0], fresh.cookies))
    kept = sum(
        httpx.get(f"{target.url}/gradio_api/file={path}", cookies=cookies).status_code == 200
        for path, cookies in taken
    )
    over = kept * SIZE > QUOTA
    return Finding(
        "uploads beyond 200 MB", QUOTA // SIZE + 6, int(over), f"{kept * SIZE / 2**20:.0f} MB were kept"
    )
