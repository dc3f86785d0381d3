"""Draw docs/images/describe.png again: eight faces for each description, none picked.

python scripts/describe_picture.py [MODEL] [GUIDANCE] [OUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from facevae import FaceGenerator
from facevae.describe import describe_faces
from facevae.output import labelled_tile
from facevae.provenance import write_png

TEXTS = (
    "a smiling old man",
    "二十多岁、表情严肃的女性",
    "a boy about seven, surprised",
    "非常开心的中年女人",
    "an angry man in his forties",
    "微微笑的老奶奶",
)
FACES, SEED = 8, 0


def draw(model: str, guidance: float | None, out: Path) -> None:
    generator = FaceGenerator.from_pretrained(model, "cpu")
    photos = []
    for number, text in enumerate(TEXTS, 1):
        described = describe_faces(generator, text, FACES, SEED, guidance=guidance)
        photos.append(described.chosen.samples.photos)
        print(number, described.description.summary().replace("\n", " "))
    labels = [str(number) for number in range(1, len(TEXTS) + 1)]
    sheet = labelled_tile(np.concatenate(photos), labels, [""] * FACES)
    write_png(out, sheet, model=generator.name, seed=SEED, job="describe")


if __name__ == "__main__":
    model, guidance, out = [*sys.argv[1:], *("face64", "", "docs/images/describe.png")[len(sys.argv) - 1 :]]
    draw(model, float(guidance) if guidance else None, Path(out))
