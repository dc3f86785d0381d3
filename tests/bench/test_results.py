"""Results land in a page under their date, machine and command, and replace their predecessors alone."""

from __future__ import annotations

from pathlib import Path

from facevae.bench.results import markdown, rows_table, write_section


def test_a_section_is_added_then_replaced_and_the_rest_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    write_section(page, "train", "facevae bench train", "first")
    write_section(page, "generate", "facevae bench generate", "other")
    page.write_text(page.read_text() + "\nwords of a person\n")
    write_section(page, "train", "facevae bench train --steps 9", r"second \1")
    text = page.read_text()
    assert "first" not in text
    assert r"second \1" in text
    assert "`facevae bench train --steps 9`" in text
    assert text.count("## Train") == text.count("## Generate") == 1
    assert "words of a person" in text
    assert "cores" in text


def test_rows_become_an_aligned_table() -> None:
    table = rows_table([{"what": "a", "images_per_s": 123.456, "peak_mib": None}])
    assert table == [["what", "images per s", "peak mib"], ["a", "123.5", "–"]]
    assert markdown(table).splitlines()[1] == "| --- | --: | --: |"
