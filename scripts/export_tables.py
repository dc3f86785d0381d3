"""The tables of docs/export.md: how far each export is from PyTorch, and what int8 costs.

    python scripts/export_tables.py [MODEL] [--photos FACES] [--samples N] [--docs docs/export.md]

FACES: aligned faces (a folder of square crops or a prepared dataset) for the loss of int8; N: faces drawn for
its Fréchet distance (needs the extra 'evaluate'). With --docs the tables are written into that page.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facevae.bench.results import markdown, write_section
from facevae.export.job import export
from facevae.export.to_int8 import FORMS

TARGETS = ("onnx", "keras", "torch")


def parity_table(exported: Mapping[str, Mapping[str, Any]]) -> str:
    """One line for each runtime and output."""
    lines = [["runtime", "network", "output", "inputs", "largest difference", "mean difference"]]
    for facts in exported.values():
        for row in facts["checks"]:
            figures = (f"{row[f'{kind}_difference']:.1e}" for kind in ("largest", "mean"))
            lines.append([row["runtime"], row["network"], row["output"], str(row["inputs"]), *figures])
    return markdown(lines, texts=3)


def loss_table(forms: Mapping[str, Mapping[str, Any]]) -> str:
    """One line for each form of int8."""
    first = next(iter(forms.values()))
    lines = [["form", "MB", *(name.replace("_", " ") for name in first["loss"] if name != "measured_on")]]
    for form, facts in forms.items():
        figures = [value for name, value in facts["loss"].items() if name != "measured_on"]
        size = f"{facts['bytes_after'] / 1e6:.1f}"
        lines.append([form, size, *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in figures)])
    before = f"fp32: {first['bytes_before'] / 1e6:.1f} MB. Measured on {first['loss']['measured_on']}."
    return f"{before}\n\n{markdown(lines)}"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="face64")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--docs", type=Path)
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="facevae-export-") as folder:
        exported = {to: export(given.model, to, Path(folder) / to) for to in TARGETS}
        options = {"photos": given.photos, "samples": given.samples}
        forms = {
            form: export(given.model, "onnx-int8", Path(folder) / form, form=form, **options)
            for form in FORMS
        }
    parity, loss = parity_table(exported), loss_table(forms)
    print(parity, loss, sep="\n\n")
    if given.docs is not None:
        words = ["--photos", "FACES"] if given.photos else []
        words += ["--samples", str(given.samples)] if given.samples else []
        command = " ".join(["python scripts/export_tables.py", given.model, *words])
        write_section(given.docs, "parity", command, parity)
        write_section(given.docs, "int8", command, loss)


if __name__ == "__main__":
    main()
