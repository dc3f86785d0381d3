"""Attacks on a running service of one's own: what gets through is told, and is a fault of facevae.

    python scripts/attack http://127.0.0.1:8000
    python scripts/attack http://127.0.0.1:8000 --only studio_files --only slow_clients

Each module beside this one is a kind of attack with a function `attack(target)` that yields findings. Prints
a Markdown table. Exit code 1 when anything got through or the service died of it. Only for a service that is
yours: some of it keeps the service busy for a minute.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
from target import Finding, Target  # noqa: E402  # found once its folder is on the path


def kinds() -> list[str]:
    """The names of the modules that attack."""
    return sorted(found.name for found in pkgutil.iter_modules([str(FOLDER)]) if found.name not in NO_ATTACKS)


NO_ATTACKS = {"__main__", "target"}


def attacked(target: Target, names: list[str]) -> Iterator[Finding]:
    """The findings of these kinds, and after each whether the service still answers."""
    for name in names:
        yield from importlib.import_module(name).attack(target)
        deadline = time.monotonic() + target.patience_s
        while not (alive := target.alive()) and time.monotonic() < deadline:
            time.sleep(0.5)
        yield Finding(f"the service answers after {name}", 1, int(not alive))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url", help="where the service answers")
    parser.add_argument("--key", help="an API key of the service")
    parser.add_argument("--only", action="append", choices=kinds(), metavar="KIND", help=", ".join(kinds()))
    wish = parser.parse_args()
    target = Target(wish.url.rstrip("/"), wish.key)
    if not target.alive():
        raise SystemExit(f"no service answers at {target.url}/v1/health: start one with `facevae serve`")
    print("| attack | tried | got through | |\n|---|--:|--:|---|")
    through = 0
    for finding in attacked(target, wish.only or kinds()):
        cells = (finding.attack, f"{finding.tried:,}", f"{finding.got_through:,}", finding.detail)
        print(f"| {' | '.join(cells)} |", flush=True)
        through += finding.got_through
    sys.exit(1 if through else 0)


if __name__ == "__main__":
    main()
