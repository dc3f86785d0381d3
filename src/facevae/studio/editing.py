"""A face of a photo under the knife: encoded once, so that a moved slider costs a step and a decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facevae.attributes import Schema, Value
from facevae.data.align import align
from facevae.edit import Change, Edit, apply_changes, edit_latents, editable, keep_detail, read_attributes
from facevae.edit.mechanisms import decoder_controls, find_way
from facevae.edit.pixels import DETAIL
from facevae.generator import Controls, FaceGenerator, Reconstruction
from facevae.images import Photos
from facevae.studio.panel import START, STEPS


@dataclass(frozen=True)
class Subject:
    """One face of a photo, as the model knows it."""

    found: Reconstruction
    own: Controls
    """As read off the latent; empty for a model without reader."""
    shown: Mapping[str, Value]
    """The same as sliders can show it: rounded to their steps."""
    large: Photos  # (S, S, 3) uint8
    """The aligned face at the size of the model's upscaler, where it has one."""


MOST_SUBJECTS = 16
"""Faces of one photo; each is kept in memory while the visitor's page is."""


def find_subjects(generator: FaceGenerator, photo: Photos) -> list[Subject]:
    """The MOST_SUBJECTS largest faces of a photo (H, W, 3) uint8, largest first. Raises DataError without."""
    found = generator.reconstruct(photo, "all")[:MOST_SUBJECTS]
    latents = np.stack([one.latent for one in found])
    own: Sequence[Controls] = read_attributes(generator, latents) if generator.reader else [{} for _ in found]
    schema, side = editable(generator), generator.size_px
    large = [
        align(photo, one.face.landmarks_px, 2 * side) if generator.upscaler else one.aligned for one in found
    ]
    return [
        Subject(one, mine, on_sliders(schema, mine), picture)
        for one, mine, picture in zip(found, own, large, strict=True)
    ]


def on_sliders(schema: Schema, own: Controls) -> dict[str, Value]:
    """Each attribute's value as a slider or choice of the studio shows it."""
    shown: dict[str, Value] = {}
    for attribute in schema.attributes:
        value = own.get(attribute.name)
        if attribute.categories:
            shown[attribute.name] = value
            continue
        low, high = attribute.low, attribute.high
        step = STEPS.get(attribute.name, (high - low) / 50)
        number = START.get(attribute.name, (low + high) / 2) if value is None else float(value)
        shown[attribute.name] = round(low + round((number - low) / step) * step, 4)
    return shown


def edited(
    generator: FaceGenerator,
    subject: Subject,
    wanted: Controls,
    mechanism: str = "quick",
    detail: float = DETAIL,
) -> Edit:
    """The face with what differs in `wanted` from what the sliders showed of it. No randomness.

    Raises ControlError for what the mechanism cannot change.
    """
    changes = [
        Change(name, value)
        for name, value in wanted.items()
        if value is not None and value != subject.shown.get(name)
    ]
    found = subject.found
    way = find_way(generator, {change.wanted for change in changes}, mechanism)
    asked, notes = apply_changes(editable(generator, way), subject.own, changes)
    own, latents = [subject.own], found.latent[None]
    moved = edit_latents(generator, latents, own, [asked], way) if changes else latents
    before = generator.decode(latents, decoder_controls(generator, own, own, way.mechanism))[0]
    after = generator.decode(moved, decoder_controls(generator, own, [asked], way.mechanism))[0]
    return Edit(
        found.face, found.aligned, before, after, keep_detail(found.aligned, before, after, detail),
        found.latent, moved[0], subject.own, asked, way.mechanism, tuple(notes),
    )  # fmt: skip


def enlarged_edit(generator: FaceGenerator, subject: Subject, edit: Edit, detail: float = DETAIL) -> Photos:
    """The edited face at the size of `subject.large`, (S, S, 3) uint8, with the photo's own detail there."""
    if generator.upscaler is None:
        return edit.edited
    before, after = generator.upscale(np.stack([edit.reconstruction, edit.decoded]))
    return keep_detail(subject.large, before, after, detail)
