"""Ship a trained model inside the package: half-precision weights, and a card with their own figures.

    facevae evaluate RUN/model --data DATA --out REPORT
    python scripts/ship.py RUN/model DATA NAME --report REPORT [--upscaler RUN2/upscaler]

The upscaler is put in; without it, one that the model has already stays. So does its reader. Refuses without
a report of these very weights that finds no copies of training faces (docs/privacy.md), and when the halved
weights measure more than 0.02 dB below the trained ones on the validation split.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from facevae.checkpoint import load_model, load_reader, load_upscaler, save_model
from facevae.config import TrainConfig
from facevae.data.dataset import FaceDataset
from facevae.digests import sha256_file
from facevae.errors import FaceVAEError
from facevae.evaluation.shipping import check_may_ship
from facevae.files import atomic_file
from facevae.model_card import model_card
from facevae.models import SHIPPED
from facevae.validation import likelihood_figures, validate

MOST_LOST_DB = 0.02


def main(source: Path, data: Path, name: str, report: Path, upscaler_folder: Path | None = None) -> None:
    check_may_ship(report, source)
    model, prior, config = load_model(source)
    upscaler, reader = load_upscaler(upscaler_folder or source), load_reader(source)
    train_config = TrainConfig.from_json(config["train"])
    validation = FaceDataset(data, "validation", model.config.size_px, model.config.schema, cache_gb=1)
    before, target = validate(model, validation), SHIPPED / name
    extra = {key: config[key] for key in ("train", "dataset", "measured")}
    parts = {"upscaler": upscaler, "reader": reader}
    save_model(target, model, prior, "", extra, half=True, **parts)
    shipped, shipped_prior, _ = load_model(target)
    after = validate(shipped, validation)
    print(f"validation PSNR {before.psnr_db:.4f} dB trained, {after.psnr_db:.4f} dB shipped")
    if before.psnr_db - after.psnr_db > MOST_LOST_DB:
        sys.exit("half precision costs too much: ship full precision")
    likelihoods = likelihood_figures(shipped, shipped_prior, validation, after)
    measured = {**config["measured"], **after.figures(), **likelihoods}
    card = model_card(name, model, prior, train_config, config["dataset"], measured)
    save_model(target, model, prior, card, {**extra, "measured": measured}, half=True, **parts)
    write_sums(SHIPPED)


def write_sums(folder: Path) -> None:
    """SHA256SUMS of every file of the shipped models, as `sha256sum --check` reads it."""
    lines = [f"{sha256_file(path)}  {path.relative_to(folder)}\n" for path in sorted(folder.glob("*/*"))]
    with atomic_file(folder / "SHA256SUMS") as temporary:
        temporary.write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path, metavar="RUN/model")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--upscaler", type=Path)
    given = parser.parse_args()
    try:
        main(given.source, given.data, given.name, given.report, given.upscaler)
    except FaceVAEError as error:
        sys.exit(f"ship: {error}")
