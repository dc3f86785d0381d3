"""Average the decoders of two models of one run, such as before and after the adversary.

    python scripts/blend.py BEFORE AFTER SHARE OUT [DATA]

The decoder of OUT is (1 - SHARE) BEFORE + SHARE AFTER, weight by weight; all else is AFTER's. With DATA it is
then smoothed until its samples are as sharp as faces of that dataset. Refuses models with different encoders:
their latents would mean different things. Source: Wang et al. 2018 (ESRGAN), section 3.4.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from facevae.checkpoint import load_model, load_reader, load_upscaler, save_model
from facevae.data.dataset import FaceDataset
from facevae.generator import FaceGenerator
from facevae.smoothing import MATCHED_FACES, match_sharpness

KEPT = ("train", "dataset", "measured", "prior_fit")


def main(before: Path, after: Path, share: float, out: Path, data: Path | None = None) -> None:
    first, _, _ = load_model(before)
    second, prior, config = load_model(after)
    encoders = first.encoder.state_dict(), second.encoder.state_dict()
    if not all(torch.equal(value, encoders[1][name]) for name, value in encoders[0].items()):
        sys.exit(f"{before} and {after} have different encoders: blend two models of one run.")
    weights = first.decoder.state_dict()
    blended = {name: value.lerp(weights_after, share) for (name, value), weights_after
               in zip(weights.items(), second.decoder.state_dict().values(), strict=True)}  # fmt: skip
    second.decoder.load_state_dict(blended)
    if data is not None:
        faces = FaceDataset(data, "train", second.config.size_px).read(range(4 * MATCHED_FACES))
        print(f"smoothing {match_sharpness(FaceGenerator(second, prior, 'blend', 'cpu'), faces)}")
    extra = {key: config[key] for key in KEPT if key in config} | {"blend": {"share": share}}
    card = (after / "README.md").read_text(encoding="utf-8")
    save_model(out, second, prior, card, extra, upscaler=load_upscaler(after), reader=load_reader(after))


if __name__ == "__main__":
    main(
        Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]), *map(Path, sys.argv[5:])
    )
