"""Editing the faces of a photo: find, align, encode, refine, change, and paste back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from facevae.attributes import Value
from facevae.edit.changes import apply_changes, parse_changes
from facevae.edit.mechanisms import (
    decoder_controls,
    edit_latents,
    editable,
    find_way,
    read_attributes,
)
from facevae.edit.pixels import DETAIL, keep_detail, paste_back
from facevae.edit.way import Way
from facevae.errors import ConfigError, DataError
from facevae.features import FrozenFeatures, eyes, perceptual_distance
from facevae.generator import Controls, FaceGenerator, Latents, Progress, Reconstruction
from facevae.images import Photos, to_tensor

if TYPE_CHECKING:
    from facevae.data.detect import Face

REFINE_RATE = 0.03
REFINE_PERCEPTUAL = 0.1
"""Weight of the perceptual distance beside the mean squared error of pixels in -1..1."""
REFINE_PULL = 0.01
"""Weight of the mean squared distance from the encoder's latent: far from it, edits no longer fit."""


@dataclass(frozen=True)
class Edit:
    """One face of a photo, before and after."""

    face: Face
    """Where it was found: box and landmarks in px of the photo."""
    aligned: Photos  # (H, W, 3) uint8
    reconstruction: Photos  # (H, W, 3) uint8
    decoded: Photos  # (H, W, 3) uint8
    """The edited latent as the model draws it."""
    edited: Photos  # (H, W, 3) uint8
    """The same with the photo's own detail where the edit leaves it alone (`keep_detail`)."""
    latent: Latents  # (D,)
    edited_latent: Latents  # (D,)
    own: Controls
    """As read off the latent; empty for a model without reader."""
    asked: Controls
    mechanism: str
    notes: tuple[str, ...] = ()
    """What was asked for and had to be held within bounds."""


def edit_photo(
    generator: FaceGenerator,
    photo: Photos,
    changes: Mapping[str, Value],
    faces: str | int | Sequence[int] = "largest",
    mechanism: str | Way = "auto",
    guidance: float | None = None,
    refine_steps: int = 0,
    detail: float = DETAIL,
    progress: Progress | None = None,
) -> list[Edit]:
    """The chosen faces of a photo (H, W, 3) uint8 with other attributes, largest first. No randomness.

    changes: {'age': 60} for a value, {'age': '+20'} for a difference from what is read, {'gender': 'female'};
    values out of bounds are held within them, and the edit's notes say so. faces: 'largest', 'all', or
    indices in the order of size. mechanism, guidance: see `edit_latents`. refine_steps: see `refine_latents`.
    detail: share, 0 to 1, of the photo's own detail that is kept. progress: called with (done, in all) of
    the faces that are found, of the steps that refine and of those that search.
    Raises DataError when there is no face or not the one asked for, ControlError for a change that the model
    cannot make, ConfigError for other arguments.
    """
    parsed = parse_changes(editable(generator, mechanism), changes)
    if not parsed:
        raise ConfigError("nothing to change: give at least one attribute, such as age=+20")
    way = find_way(generator, {change.wanted for change in parsed}, mechanism, guidance)
    wanted = "largest" if faces == "largest" else "all"
    found = _chosen(generator.reconstruct(photo, wanted, progress), faces)
    aligned = np.stack([one.aligned for one in found])
    latents = np.stack([one.latent for one in found])
    own: list[Controls] = read_attributes(generator, latents) if generator.reader else [{} for _ in found]
    told = decoder_controls(generator, own, own, way.mechanism)
    if generator.model.config.schema.width:
        latents = generator.encode(aligned, told)
    if refine_steps:
        latents = refine_latents(generator, aligned, latents, refine_steps, progress, told)
    schema = editable(generator, way)
    asked, notes = zip(*(apply_changes(schema, one, parsed) for one in own), strict=True)
    moved = edit_latents(generator, latents, own, asked, way, progress=progress)
    before = generator.decode(latents, told)
    after = generator.decode(moved, decoder_controls(generator, own, asked, way.mechanism))
    return [
        Edit(
            found[i].face, aligned[i], before[i], after[i],
            keep_detail(aligned[i], before[i], after[i], detail), latents[i], moved[i], own[i], asked[i],
            way.mechanism, tuple(notes[i]),
        )
        for i in range(len(found))
    ]  # fmt: skip


def paste_edits(
    generator: FaceGenerator,
    photo: Photos,
    edits: Sequence[Edit],
    detail: float = DETAIL,
    progress: Progress | None = None,
) -> Photos:
    """The photo with all these edits in their places, (H, W, 3) uint8.

    Faces larger in the photo than the model draws them go through its upscaler, where it has one. progress:
    called with (faces done, faces in all).
    """
    for done, edit in enumerate(edits):
        if progress:
            progress(done, len(edits))
        pair = np.stack([edit.decoded, edit.reconstruction])
        if generator.upscaler is not None and edit.face.size_px > generator.size_px:
            pair = generator.upscale(pair)
        photo = paste_back(photo, pair[0], edit.face, pair[1], detail)
    return photo


def refine_latents(
    generator: FaceGenerator,
    aligned: Photos,
    latents: Latents,
    steps: int,
    progress: Progress | None = None,
    controls: Sequence[Controls] | None = None,
) -> Latents:
    """Latents (N, D) whose faces come closer to `aligned`, (N, H, W, 3) uint8, than the encoder's `latents`.

    `steps` Adam steps on the mean squared error of pixels, the perceptual distance of training (without the
    extra 'perceptual' none) and a pull to `latents`. controls: what a conditional decoder is told of each.
    progress: called with (steps done, steps in all). No randomness. Raises ConfigError for steps below 0.
    Source: Abdal et al. 2019 (Image2StyleGAN), section 4.1, from the encoder's latent instead of the mean.
    """
    if steps < 0:
        raise ConfigError(f"refining steps must be 0 or more, got {steps}")
    schema, device = generator.model.config.schema, generator.device
    told = None
    if schema.width:
        rows = controls or [{} for _ in latents]
        told = torch.tensor([schema.encode(row) for row in rows]).to(device)
    x, start = to_tensor(aligned).to(device), torch.from_numpy(latents).to(device)
    features = eyes(device)
    z = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=REFINE_RATE)
    for step in range(steps):
        loss = _refine_loss(generator.model.decoder(z, told), x, features)
        loss = loss + REFINE_PULL * (z - start).square().mean(dim=1).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.param_groups[0]["lr"] = REFINE_RATE * (1 - step / steps)
        optimizer.step()
        if progress:
            progress(step + 1, steps)
    refined: Latents = z.detach().cpu().numpy()
    return refined


def _refine_loss(made: Tensor, x: Tensor, features: FrozenFeatures | None) -> Tensor:
    """Summed over faces, so that each is refined as it would be alone."""
    loss = (made - x).square().mean(dim=(1, 2, 3))  # (N,)
    if features is not None:
        loss = loss + REFINE_PERCEPTUAL * perceptual_distance(features, x, made)
    return loss.sum()


def _chosen(found: list[Reconstruction], faces: str | int | Sequence[int]) -> list[Reconstruction]:
    if isinstance(faces, str):
        if faces not in ("largest", "all"):
            raise ConfigError(f"faces cannot be '{faces}': expected largest, all, or indices such as 0,2.")
        return found
    indices = [faces] if isinstance(faces, int) else list(faces)
    for index in indices:
        if not 0 <= index < len(found):
            raise DataError(
                f"there is no face {index} in the photo: {len(found)} found, counted from 0, largest first"
            )
    return [found[index] for index in indices]
