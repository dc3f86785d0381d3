"""The nearest face that reads as asked: a short descent on the latent, by what a frozen network sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from facevae.engine import has_bf16
from facevae.face_reader import FaceReader, face_columns, face_taps
from facevae.features import FrozenFeatures, tap_distance

STEPS = 24
RATE = 0.08
"""Of Adam, in standard deviations of each dimension of the latents; it falls to 0 in a straight line."""
BETAS = (0.8, 0.95)
ASKED = 8.0
HELD = 4.0
ALIKE = 12.0
"""Weights of what is asked, of what is held and of the distance from the face as it was; from the table in
docs/edit.md."""

Decode = Callable[[Tensor], Tensor]
Progress = Callable[[int, int], None]
Changes = Sequence[tuple[int, Tensor]]
"""(row of the reader, by how much its reading is to change (N,)) of all that is asked."""


class Look(NamedTuple):
    """Faces as the network sees them and the reader reads them."""

    taps: list[Tensor]
    """Activations at every tap, (N, C, H, W) each."""
    values: Tensor  # (N, K)


def look(reader: FaceReader, features: FrozenFeatures, decode: Decode, z: Tensor) -> Look:
    """At the faces of latents z (N, D), in bf16 where the hardware has it; differentiable in z."""
    with torch.autocast(z.device.type, torch.bfloat16, enabled=has_bf16(z.device.type)):
        taps = face_taps(features, decode(z).float())
    return Look(taps, reader.values(face_columns(taps[-1])))


def search_step(
    reader: FaceReader,
    features: FrozenFeatures,
    decode: Decode,
    z: Tensor,
    before: Look,
    start: Tensor,
    changes: Changes,
    held: Sequence[int],
    progress: Progress | None = None,
) -> Tensor:
    """(N, D) to add to z (N, D), so that decode(z + step) reads as asked and looks as much as it did.

    before: the faces of z. start: (N, D), the step to begin with. held: rows of the reader that are to
    stay. progress: called with (steps done, STEPS). Minimised by STEPS Adam steps, for each face as if it
    were alone:

        ASKED mean_asked ((r' - r - change) / std)^2 + HELD sum_attribute mean_rows ((r' - r) / std)^2
        + ALIKE d(x', x)

    r, r': readings before and after; d: `features.tap_distance`. Deterministic on one machine.
    Source: ours, after Abdal et al. 2019 (Image2StyleGAN) and Shen et al. 2020 (InterFaceGAN).
    """
    scale, std = reader.latent_std.to(z), reader.std.to(z)
    move = torch.zeros_like(z).requires_grad_()
    optimizer = torch.optim.Adam([move], RATE, betas=BETAS)
    attributes: dict[str, list[int]] = {}
    for row in held:
        attributes.setdefault(reader.readings[row].name, []).append(row)
    for done in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - done / STEPS)
        after = look(reader, features, decode, z + start + move * scale)
        change = (after.values - before.values) / std  # (N, K)
        off = [(change[:, row] - wanted.to(z) / std[row]).square() for row, wanted in changes]
        loss = ASKED * torch.stack(off).mean(dim=0) + ALIKE * tap_distance(before.taps, after.taps)  # (N,)
        for rows in attributes.values():
            loss = loss + HELD * change[:, rows].square().mean(dim=1)
        optimizer.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if progress:
            progress(done + 1, STEPS)
    return start + move.detach() * scale
