"""Claims about where a request came from, by clients that are no proxy: they must change nothing."""

from __future__ import annotations

from collections.abc import Iterator

from target import Finding, Target

EVIL, LIAR = "evil.example", "203.0.113.77"
CLAIMS = (
    {"X-Forwarded-Host": EVIL}, {"x-forwarded-host": f"{EVIL}, {EVIL}"}, {"X-Forwarded-Host": f"{EVIL}:443"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-Host": EVIL}, {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Scheme": "https"}, {"X-Forwarded-Ssl": "on"}, {"X-Forwarded-Port": "666"},
    {"X-Forwarded-Server": EVIL}, {"X-Forwarded-Prefix": "/" + EVIL}, {"X-Forwarded-For": LIAR},
    {"Forwarded": f"for={LIAR};host={EVIL};proto=https"}, {"X-Real-IP": LIAR}, {"X-Client-IP": LIAR},
    {"X-Original-Host": EVIL}, {"X-Host": EVIL}, {"X-Original-URL": "/" + EVIL},
    {"X-Rewrite-URL": "/" + EVIL},
    {"X-Gradio-Server": f"https://{EVIL}"}, {"X-Gradio-User": "app"}, {"X-Script-Name": "/" + EVIL},
    {"X-HTTP-Method-Override": "DELETE"}, {"Referer": f"https://{EVIL}/"},
)  # fmt: skip
PATHS = ("/", "/?lang=en", "/?lang=zh", "/zh", "/zh/", "/config", "/zh/config", "/v1/docs",
         "/v1/openapi.json", "/v1/health")  # fmt: skip


def attack(target: Target) -> Iterator[Finding]:
    """Every claim at every path, against what comes without it."""
    tried, through, detail = 0, 0, ""
    with target.client() as client:
        plain = {path: client.get(target.url + path) for path in PATHS}
        for claim in CLAIMS:
            for path, before in plain.items():
                tried += 1
                answer = client.get(target.url + path, headers=claim)
                told = answer.text + str(sorted(answer.headers.items()))
                secure = answer.text.count("https://") != before.text.count("https://")
                if EVIL in told or LIAR in told or answer.status_code != before.status_code or secure:
                    through += 1
                    detail = detail or f"{claim} at {path}: {answer.status_code}"
    yield Finding(
        "forwarded headers of no proxy at pages, redirects and descriptions", tried, through, detail
    )
