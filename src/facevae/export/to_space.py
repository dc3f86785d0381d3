"""A Hugging Face Space: the studio of one model, in a folder that runs as it is."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from facevae.checkpoint import read_json
from facevae.errors import require
from facevae.export.networks import Source

MODELS = "models"
PACKAGE = Path(__file__).parent.parent
SYSTEM_PACKAGES = ("libgl1", "libglib2.0-0")
"""What opencv-python links, which the Space's image lacks."""

APP = '''"""The studio of facevae for the model {name}. Everything is computed here."""

from __future__ import annotations

from pathlib import Path

from facevae import FaceGenerator
from facevae.studio import build_studio
from facevae.studio.theme import looks

MODEL = Path(__file__).parent / "models" / "{folder}"

studio = build_studio(FaceGenerator.from_pretrained(MODEL))

if __name__ == "__main__":
    studio.launch(**looks())
'''

README = """---
title: facevae studio, {name}
emoji: 🙂
colorFrom: blue
colorTo: indigo
sdk: gradio
sdk_version: {gradio}
python_version: "{python}"
app_file: app.py
pinned: false
license: apache-2.0
short_description: Make, edit and morph faces with a small VAE
tags: [vae, faces, face-generation]
---
# facevae studio

Faces from the variational autoencoder `{name}` ({size} px): make them with sliders or words, edit a photo,
mix, morph, style. The models that it runs are in `models/`, the code in `facevae/`; it fetches nothing.

Generated faces are of nobody; do not use them to deceive. Every picture that it hands out says in its
metadata that it is AI-generated.

Licences: {licence}.
"""


def to_space(source: Source, out: Path) -> dict[str, Any]:
    """Write app.py, README.md with a Space's front matter, requirements and packages.txt, the model, facevae.

    facevae itself lies in the folder (its code, without the shipped weights), so that the Space needs no
    published package of it. Push it as a Space with `hf upload USER/NAME OUT --repo-type space`, or run it:
    `python OUT/app.py`. Raises MissingExtraError without the extra 'studio'.
    """
    gradio = require("gradio", "studio", "the export of a Space")
    model = out / MODELS / source.name.rpartition("/")[2]
    copy_model(source, model)
    shutil.copytree(
        PACKAGE, out / "facevae", ignore=shutil.ignore_patterns("__pycache__", "weights", "*.pyc")
    )
    values = {
        "name": source.name, "folder": model.name, "size": source.generator.size_px,
        "gradio": gradio.__version__, "python": "3.11", "licence": source.licence,
    }  # fmt: skip
    for file, text in {"app.py": APP.format(**values), "README.md": README.format(**values),
                       "requirements.txt": lines(requirements("studio")),
                       "packages.txt": lines(SYSTEM_PACKAGES)}.items():  # fmt: skip
        (out / file).write_text(text, encoding="utf-8")
    return {}


def copy_model(source: Source, folder: Path) -> None:
    """The files that config.json names, config.json itself and the card."""
    config: Mapping[str, Any] = read_json(source.folder / "config.json")
    folder.mkdir(parents=True)
    for name in ("config.json", "README.md", *(f"{name}.safetensors" for name in config["sha256"])):
        shutil.copyfile(source.folder / name, folder / name)


def requirements(extra: str) -> list[str]:
    """What pip must install for facevae with an extra, facevae itself left out."""
    found = {}
    for line in importlib.metadata.requires("facevae") or []:
        entry = Requirement(line)
        if entry.name != "facevae" and (entry.marker is None or entry.marker.evaluate({"extra": extra})):
            found[entry.name] = f"{entry.name}{entry.specifier}"
    return sorted(found.values(), key=str.lower)


def lines(entries: tuple[str, ...] | list[str]) -> str:
    return "".join(f"{entry}\n" for entry in entries)
