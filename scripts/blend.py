"""Average the decoders of two models of one run: before and after the adversary.

    python scripts/blend.py BEFORE AFTER SHARE OUT

The decoder of OUT is (1 - SHARE) BEFORE + SHARE AFTER, weight by weight; all else is AFTER's. Refuses models
with different encoders: their latents would mean different things. Source: Wang et al. 2018 (ESRGAN),
section 3.4.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from facevae.checkpoint import load_model, load_reader, load_upscaler, save_model

KEPT = ("train", "dataset", "measured", "prior_fit")


def main(before: Path, after: Path, share: float, out: Path) -> None:
    first, _, _ = load_model(before)
    second, prior, config = load_model(after)
    encoders = first.encoder.state_dict(), second.encoder.state_dict()
    if not all(torch.equal(value, encoders[1][name]) for name, value in encoders[0].items()):
        sys.exit(f"{before} and {after} have different encoders: blend two models of one run.")
    weights = first.decoder.state_dict()
    blended = {name: value.lerp(weights_after, share) for (name, value), weights_after
               in zip(weights.items(), second.decoder.state_dict().values(), strict=True)}  # fmt: skip
    second.decoder.load_state_dict(blended)
    extra = {key: config[key] for key in KEPT if key in config} | {"blend": {"share": share}}
    card = (after / "README.md").read_text(encoding="utf-8")
    save_model(out, second, prior, card, extra, upscaler=load_upscaler(after), reader=load_reader(after))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
