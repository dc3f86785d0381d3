"""What the commands say, and how they count."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode's categories of control characters, those of format (which turn the direction of writing),
unpaired surrogates, private use, and ends of lines and paragraphs."""


def printable(text: object) -> str:
    """`text` as one line that shows what it holds: whatever moves the cursor or cannot be UTF-8 is escaped.

    For words that come from files, their names and clients: a newline in them would be a line of our own.
    """
    return "".join(
        one.encode("unicode_escape").decode("ascii") if unicodedata.category(one) in UNPRINTABLE else one
        for one in str(text)
    )


def say(text: str) -> None:
    """Print a line for people, on standard error, so that standard output stays clean."""
    Console(stderr=True).print(printable(text), highlight=False, markup=False, soft_wrap=True)


def cell(text: object, style: str = "") -> Text:
    """What a cell of a table shows: `text` as it is, without rich's markup, which a file's name may hold."""
    return Text(printable(text), style)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback (done, in all) that draws a bar with its speed and the time left."""
    columns = (
        TextColumn(f"{{task.completed}} of {{task.total}} {what}"), BarColumn(),
        TextColumn("{task.fields[pace]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, pace="")
        start: list[tuple[float, int]] = []

        def update(done: int, total: int) -> None:
            now = time.monotonic()
            if not start:
                start.append((now, done))
            seconds, photos = now - start[0][0], done - start[0][1]
            bar.update(
                task,
                completed=done,
                total=total,
                pace=f"{photos / max(1e-3, seconds):.0f}/s" if photos else "",
            )

        yield update


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """A callback (stage, done, in all) that draws one bar per stage, with its speed and the time left."""
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=20),
        TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield update


def print_rows(rows: list[dict[str, Any]]) -> None:
    """A table on standard output with a column per row of figures, so that it fits however many there are."""
    table = Table("", *(Column(cell(row.get("what", ""))) for row in rows))
    for name in (name for name in rows[0] if name != "what"):
        values = [row[name] for row in rows]
        table.add_row(cell(name), *(cell(f"{v:.4g}" if isinstance(v, float) else v) for v in values))
    Console().print(table)
