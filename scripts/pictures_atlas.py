"""Draws the pictures of docs/augment.md and docs/explore.md from what the two commands wrote.

    facevae augment DATA OUT --by gender,age_group --target 200
    facevae explore MODEL --data DATA --out ATLAS
    python scripts/pictures_atlas.py OUT ATLAS

Generated faces alone: made.png of an augmented dataset with variations shows likenesses of real people, so
the docs take its new faces only.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from facevae.augment.plan import NEW
from facevae.data.shelf import read_shard
from facevae.images import tile
from facevae.provenance import write_webp

IMAGES = Path(__file__).parent.parent / "docs" / "images"
FACES, COLUMNS = 60, 12


def new_faces(out: Path) -> np.ndarray:
    """(FACES, S, S, 3) uint8 new faces of an augmented dataset, from all over the plan."""
    found = []
    for shard in sorted(out.glob("train-*.tar")):
        places, rows = read_shard(shard)
        data = shard.read_bytes()
        found += [(key, data[places[key][0] : sum(places[key])]) for key in rows if rows[key]["kind"] == NEW]
    found.sort()
    chosen = np.linspace(0, len(found) - 1, FACES).round().astype(int).tolist()
    return np.stack([np.asarray(Image.open(io.BytesIO(found[at][1])).convert("RGB")) for at in chosen])


def strips(atlas: Path) -> np.ndarray:
    """(H, W, 3) uint8: the first eight principal directions, two a row."""
    paths = [atlas / "pictures" / f"principal-{number}.png" for number in range(1, 9)]
    sheets = [np.asarray(Image.open(path).convert("RGB")) for path in paths if path.is_file()]
    return tile(np.stack(sheets), 2, gap_px=14)


def main(out: Path, atlas: Path) -> None:
    model = json.loads((atlas / "atlas.json").read_text(encoding="utf-8"))["model"]["name"]
    sheet = tile(new_faces(out), COLUMNS)
    write_webp(IMAGES / "augment-made.webp", sheet, model=model, job="augment")
    write_webp(IMAGES / "explore-directions.webp", strips(atlas), model=model, job="explore")
    map_picture = np.asarray(Image.open(atlas / "pictures" / "map.png").convert("RGB"))
    write_webp(IMAGES / "explore-map.webp", map_picture, model=model, job="explore")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
