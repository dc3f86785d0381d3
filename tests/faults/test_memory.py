"""Memory that runs out in a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from facevae.config import TrainConfig, preset
from facevae.data.dataset import FaceBatch
from facevae.engine import make_accelerator, out_of_memory
from facevae.errors import TrainingError
from facevae.losses import LossTerms
from facevae.model import FaceVAE
from facevae.run import faults_told
from facevae.step import augmented, gradients, smaller_pass
from facevae.train import make_features, make_state
from facevae.train_state import TrainState, switch_adversary_on

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

FREE_BITS = 0.02
"""Nats that some dimensions of an untrained model have and others have not."""


class Tried(NamedTuple):
    state: TrainState
    terms: LossTerms
    gradients: dict[str, torch.Tensor]


def tried(
    most: int | None, monkeypatch: pytest.MonkeyPatch, adversary: bool = False, free_bits: float = 0.0
) -> Tried:
    """The gradients of 12 faces with room for `most` at once, None for all; and a step of the adversary."""
    fields: dict[str, Any] = {"batch_size": 12, "beta": 2.0, "free_bits_nats": free_bits}
    if adversary:
        fields |= {"adversary_weight": 0.3, "adversary_samples": "normal", "perceptual_weight": 0.5}
    model_config, config = preset("tiny", fields)
    accelerator = make_accelerator(config, "cpu")
    state = make_state(model_config, config, accelerator.device)
    if adversary:
        switch_adversary_on(state, config, accelerator.device)
        assert state.adversary is not None
        state.adversary.prepare(accelerator)
    forward = FaceVAE.forward

    def limited(self: FaceVAE, x: torch.Tensor, *rest: Any) -> Any:
        if most is not None and len(x) > most:
            raise FULL
        return forward(self, x, *rest)

    monkeypatch.setattr(FaceVAE, "forward", limited)
    photos = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    faces = augmented(FaceBatch(torch.from_numpy(photos), None, np.arange(12)), state, config, accelerator)
    features = make_features(config, accelerator.device)
    terms, _, looks = gradients(state, state.model, faces, config, features, accelerator)
    monkeypatch.undo()
    if state.adversary is not None:
        terms = terms._replace(discriminator_loss=state.adversary.learn(looks, 1e-3, accelerator))
    found = {name: p.grad for name, p in state.model.named_parameters() if p.grad is not None}
    return Tried(state, terms, found)


@pytest.mark.parametrize("free_bits", [0.0, FREE_BITS])
@pytest.mark.parametrize(("most", "size"), [(11, 6), (3, 3)])
def test_passes_of_half_as_many_faces_give_the_same_gradients(
    monkeypatch: pytest.MonkeyPatch, most: int, size: int, free_bits: float
) -> None:
    whole, parts = (tried(room, monkeypatch, free_bits=free_bits) for room in (None, most))
    assert (whole.state.pass_faces, parts.state.pass_faces) == (None, size)
    torch.testing.assert_close(parts.terms, whole.terms, rtol=1e-4, atol=1e-5)
    assert parts.gradients.keys() == whole.gradients.keys()
    one, other = (torch.cat([g.flatten() for g in run.gradients.values()]) for run in (whole, parts))
    assert float((one - other).norm() / one.norm()) < 1e-5


def test_the_adversary_learns_in_passes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = tried(None, monkeypatch, True), tried(6, monkeypatch, True)
    assert parts.state.pass_faces == 6
    torch.testing.assert_close(parts.terms.kl_loss, whole.terms.kl_loss)
    # Heads normalise by each pass's own statistics: alike, not equal.
    torch.testing.assert_close(
        parts.terms.discriminator_loss, whole.terms.discriminator_loss, rtol=0.2, atol=0.2
    )


def test_a_face_that_does_not_fit_ends_the_run_in_words() -> None:
    accelerator = make_accelerator(TrainConfig(), "cpu")
    with pytest.raises(TrainingError, match=r"out of memory with a single face.*smaller model"):
        smaller_pass(1, accelerator, FULL)


def test_many_processes_are_told_the_field_that_they_can_agree_on(monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator = make_accelerator(TrainConfig(), "cpu")
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 4)
    with pytest.raises(TrainingError, match=r"with 9 faces at once.*--set pass_faces=5"):
        smaller_pass(9, accelerator, FULL)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (FULL, True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_only_what_is_want_of_memory_is_taken_for_it(tmp_path: Path, error: Exception, memory: bool) -> None:
    assert out_of_memory(error) == memory
    with pytest.raises(TrainingError if memory else RuntimeError), faults_told(tmp_path):
        raise error
