"""Results of a bench as a section of a Markdown page, with the date, the machine and the command."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import facevae
from facevae.evaluation.speed import machine
from facevae.files import atomic_file


def write_section(page: Path, name: str, command: str, text: str) -> None:
    """Put `text` between `page`'s markers of section `name`, or at its end where it has none yet."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    facts = f"{datetime.date.today().isoformat()}, {machine()}, facevae {facevae.__version__}: `{command}`"
    section = f"{begin}\n{facts}\n\n{text.strip()}\n{end}"
    old = page.read_text(encoding="utf-8") if page.is_file() else "# Benchmarks\n"
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    if re.search(pattern, old, re.S):
        new = re.sub(pattern, lambda _: section, old, flags=re.S)
    else:
        new = f"{old.rstrip()}\n\n## {name.capitalize()}\n\n{section}\n"
    with atomic_file(page) as temporary:
        temporary.write_text(new, encoding="utf-8")


def markdown(table: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A Markdown table from a header and lines of cells: `texts` columns of words, then numbers to the
    right."""
    header, *lines = table
    rule = [*["---"] * texts, *["--:"] * (len(header) - texts)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines))


def rows_table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A header and lines from rows of figures with the same names, numbers to four digits."""
    header = [name.replace("_", " ") for name in rows[0]]
    return [header, *([_text(value) for value in row.values()] for row in rows)]


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)
