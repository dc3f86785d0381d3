"""The nearest face that reads as asked: a short descent on the latent, by what a frozen network sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from facevae.engine import has_bf16
from facevae.errors import MissingExtraError
from facevae.face_reader import FaceReader, face_columns, face_taps
from facevae.features import FrozenFeatures, tap_distance
from facevae.layers import place

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
Changes = Sequence[tuple[int, Tensor]]
"""(row of the reader, by how much its reading is to change (N,)) of all that is asked."""


@lru_cache(maxsize=1)
def eyes(device: torch.device) -> FrozenFeatures | None:
    """The network that looks, None without the extra 'perceptual'."""
    try:
        return place(FrozenFeatures(), device)
    except MissingExtraError:
        return None


def search_step(
    reader: FaceReader,
    features: FrozenFeatures,
    decode: Decode,
    z: Tensor,
    start: Tensor,
    changes: Changes,
    held: Sequence[int],
) -> Tensor:
    """(N, D) to add to z (N, D), so that decode(z + step) reads as asked and looks as much as it did.

    start: (N, D), the step to begin with. held: rows of the reader that are to stay. Minimised by STEPS
    Adam steps, for each face as if it were alone:

        ASKED mean_asked ((r' - r - change) / std)^2 + HELD sum_attribute mean_rows ((r' - r) / std)^2
        + ALIKE d(x', x)

    r, r': readings before and after; d: `features.tap_distance`. Deterministic on one machine.
    Source: ours, after Abdal et al. 2019 (Image2StyleGAN) and Shen et al. 2020 (InterFaceGAN).
    """
    scale, std = reader.latent_std.to(z), reader.std.to(z)
    move = torch.zeros_like(z).requires_grad_()
    optimizer = torch.optim.Adam([move], RATE, betas=BETAS)
    with torch.no_grad():
        taps = _looked_at(features, decode, z)
        before = _values(reader, taps)
    attributes: dict[str, list[int]] = {}
    for row in held:
        attributes.setdefault(reader.readings[row].name, []).append(row)
    for done in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - done / STEPS)
        after = _looked_at(features, decode, z + start + move * scale)
        change = (_values(reader, after) - before) / std  # (N, K)
        off = [(change[:, row] - wanted.to(z) / std[row]).square() for row, wanted in changes]
        loss = ASKED * torch.stack(off).mean(dim=0) + ALIKE * tap_distance(taps, after)  # (N,)
        for rows in attributes.values():
            loss = loss + HELD * change[:, rows].square().mean(dim=1)
        optimizer.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return start + move.detach() * scale


@torch.no_grad()
def face_values(reader: FaceReader, features: FrozenFeatures, decode: Decode, z: Tensor) -> Tensor:
    """(N, K) on the CPU: what the reader reads of the faces of latents z (N, D)."""
    return _values(reader, _looked_at(features, decode, z)).cpu()


def _looked_at(features: FrozenFeatures, decode: Decode, z: Tensor) -> list[Tensor]:
    """Activations at every tap of the faces of z, in bf16 where the hardware has it."""
    with torch.autocast(z.device.type, torch.bfloat16, enabled=has_bf16(z.device.type)):
        return face_taps(features, decode(z).float())


def _values(reader: FaceReader, taps: Sequence[Tensor]) -> Tensor:
    columns = face_columns(taps[-1])
    return columns @ reader.weights.to(columns).T + reader.bias.to(columns)
