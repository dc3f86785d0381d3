"""One process trains more than once."""

from __future__ import annotations

from facevae.config import TrainConfig
from facevae.engine import make_accelerator


def test_a_process_may_train_again_with_another_precision() -> None:
    for precision, expected in (("fp32", "no"), ("bf16", "bf16"), ("fp32", "no")):
        accelerator = make_accelerator(TrainConfig(images=64, precision=precision), "cpu")
        assert accelerator.mixed_precision == expected
