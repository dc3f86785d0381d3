"""Ship a trained model inside the package: half-precision weights, and a card with their own figures.

    python scripts/ship.py RUN/model DATA NAME [RUN2/upscaler]

The fourth argument puts an upscaler in; without it, one that the model has already stays. So does its reader.
Refuses when the halved weights measure more than 0.02 dB below the trained ones on the validation split.
"""

from __future__ import annotations

import sys
from pathlib import Path

from facevae.checkpoint import load_model, load_reader, load_upscaler, save_model
from facevae.config import TrainConfig
from facevae.data.dataset import FaceDataset
from facevae.model_card import model_card
from facevae.models import SHIPPED
from facevae.validation import validate

MOST_LOST_DB = 0.02


def main(source: Path, data: Path, name: str, upscaler_folder: Path | None = None) -> None:
    model, prior, config = load_model(source)
    upscaler, reader = load_upscaler(upscaler_folder or source), load_reader(source)
    train_config = TrainConfig.from_json(config["train"])
    validation = FaceDataset(data, "validation", model.config.size_px, model.config.schema, cache_gb=1)
    before, target = validate(model, validation, train_config), SHIPPED / name
    extra = {key: config[key] for key in ("train", "dataset", "measured")}
    parts = {"upscaler": upscaler, "reader": reader}
    save_model(target, model, prior, "", extra, half=True, **parts)
    after = validate(load_model(target)[0], validation, train_config)
    print(f"validation PSNR {before.psnr_db:.4f} dB trained, {after.psnr_db:.4f} dB shipped")
    if before.psnr_db - after.psnr_db > MOST_LOST_DB:
        sys.exit("half precision costs too much: ship full precision")
    measured = {**config["measured"], **after.figures()}
    card = model_card(name, model, prior, train_config, config["dataset"], measured)
    save_model(target, model, prior, card, {**extra, "measured": measured}, half=True, **parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], *map(Path, sys.argv[4:5]))
