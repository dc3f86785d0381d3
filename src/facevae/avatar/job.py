"""A set of avatars as files: portraits, a contact sheet and a manifest."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from facevae.attributes import Value
from facevae.avatar.config import AvatarConfig
from facevae.avatar.cutout import cutout, laid_on
from facevae.avatar.identity import Identity, find_identity
from facevae.avatar.sheet import contact_sheet
from facevae.checkpoint import write_json
from facevae.edit import apply_changes, edit_latents, editable, keep_detail, parse_changes
from facevae.edit.mechanisms import decoder_controls, find_way
from facevae.errors import ConfigError
from facevae.generator import FaceGenerator, Latents
from facevae.images import Photos
from facevae.output import write_latents
from facevae.provenance import write_png, write_webp
from facevae.stylize.sizes import FACE_PX, lanczos, resized_face
from facevae.stylize.style import Stylist, find_style
from facevae.stylize.transfer import TransferConfig

DEFAULT_AGES = (10.0, 30.0, 50.0, 70.0)
DEFAULT_EXPRESSIONS = ("neutral", "happy", "surprised")
PLAIN = "photo"
"""The style that is none."""
SHEET = "contact-sheet.png"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Variant:
    """The person at one age with one expression, or as is."""

    name: str
    """'as-is', or such as 'age30-happy'."""
    asked: dict[str, Value]
    notes: tuple[str, ...]
    latent: Latents  # (D,)
    controls: dict[str, Value]
    """What a conditional decoder is told."""


@dataclass(frozen=True)
class Painter:
    """One style, and the model that it draws with."""

    name: str
    stylist: Stylist | None
    model: FaceGenerator


def make_avatars(
    generator: FaceGenerator,
    who: str | Path,
    out: Path,
    config: AvatarConfig | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write portraits of one person into `out`, with contact-sheet.png, manifest.json and the latents.

    who: the file of a photo, or a description in English or Chinese. seed: of a person from words; None draws
    one. progress: called with (stage, done, in all). Returns the manifest. Raises DataError for a photo
    without face, ControlError for an age or expression that the model cannot change, and others as
    `find_identity` and `find_style` do, before any file is written.
    """
    config = config or AvatarConfig()
    plan = _plan(generator, config)
    seed = secrets.randbelow(2**31) if seed is None else seed
    person = find_identity(generator, who, seed, config.truncation, config.size_px)
    rows: list[dict[str, Any]] = []
    drawn = []
    for one in _drawn_by(plan, generator, person, config, progress):
        facts = {"job": "avatar"} | one.facts | person.seed_facts | person.source
        file = _write(out / f"{one.style}-{one.variant.name}", one.picture, config.format, facts)
        rows.append({"file": file, **one.facts, "latent_row": one.row, "notes": list(one.variant.notes),
                     "resampling": one.size, "mask": one.mask})  # fmt: skip
        drawn.append(one)
    write_png(out / SHEET, sheet_of(drawn), job="avatar", model=generator.name, **person.source)
    write_latents(out / "identity.npy", person.latent)
    latents = {one.row: one.variant.latent for one in drawn}
    write_latents(out / "latents.npy", np.stack([latents[row] for row in sorted(latents)]))
    manifest = _manifest(generator, person, config, rows)
    write_json(out / "manifest.json", manifest)
    return manifest


@dataclass(frozen=True)
class Drawn:
    """One portrait."""

    style: str
    variant: Variant
    row: int
    """Of the variant, 0 for the person as is."""
    columns: int
    """In which the variants are laid out."""
    picture: Photos
    """(S, S, 3) uint8, or (S, S, 4) without background."""
    facts: dict[str, Any]
    size: str
    """How it came to its size, in words."""
    mask: str | None
    """How the background was found; None where it is kept."""


def draw_avatars(
    generator: FaceGenerator, person: Identity, config: AvatarConfig, progress: Progress | None = None
) -> Iterator[Drawn]:
    """Every portrait of a person that `config` asks for, variant by variant, in every style.

    progress: called with (stage, done, in all). Raises ControlError for an age or expression that the model
    cannot change, and others as `find_style`, before the first.
    """
    return _drawn_by(_plan(generator, config), generator, person, config, progress)


def sheet_of(drawn: Sequence[Drawn]) -> Photos:
    """All portraits on one labelled page, (H, W, 3) uint8."""
    cells = {(one.style, one.variant.name): one.picture for one in drawn}
    styles = list(dict.fromkeys(one.style for one in drawn))
    names = list(dict.fromkeys(one.variant.name for one in drawn))
    return contact_sheet(cells, styles, names, drawn[0].columns)


Plan = tuple[list[Painter], list[list[tuple[str, Value]]]]


def _plan(generator: FaceGenerator, config: AvatarConfig) -> Plan:
    """The styles, and the values that vary; raises for what cannot be."""
    return _painters(generator, config), _wishes(generator, config)


def _drawn_by(
    plan: Plan, generator: FaceGenerator, person: Identity, config: AvatarConfig, progress: Progress | None
) -> Iterator[Drawn]:
    painters, wishes = plan
    variants = _variants(generator, person, wishes, progress)
    done = 0
    for row, variant in enumerate(variants):
        portrait, size = _portrait(generator, person, variants[0], variant, config)
        alpha, mask = (None, None) if config.background == "keep" else cutout(portrait)
        for painter in painters:
            if progress:
                progress("portraits", done, len(variants) * len(painters))
            drawn, how = _drawn(painter, variant, portrait, size, config.size_px, progress)
            picture = drawn if alpha is None else laid_on(drawn, alpha, config.colour)
            facts = {"style": painter.name, "controls": variant.asked, "model": painter.model.name}
            yield Drawn(painter.name, variant, row, _columns(wishes), picture, facts, how, mask)
            done += 1


def _painters(generator: FaceGenerator, config: AvatarConfig) -> list[Painter]:
    stylists = [_stylist(style, generator, config) for style in config.styles]
    names = [stylist.name if stylist else PLAIN for stylist in stylists]
    if len(set(names)) < len(names):
        raise ConfigError(f"two styles have one name: {', '.join(names)}. Give each once, or rename a file.")
    models = [stylist.styled(generator) if stylist else generator for stylist in stylists]
    return [Painter(*parts) for parts in zip(names, stylists, models, strict=True)]


def _stylist(style: str, generator: FaceGenerator, config: AvatarConfig) -> Stylist | None:
    if style == PLAIN:
        return None
    transfer = TransferConfig(side_px=int(np.clip(config.size_px, 64, 256)))
    return Stylist(find_style(style), transfer=transfer, device=generator.device.type)


def _wishes(generator: FaceGenerator, config: AvatarConfig) -> list[list[tuple[str, Value]]]:
    """The values of each attribute that is to vary, those of the columns last. ControlError if impossible."""
    can = editable(generator)
    expressions, ages = config.expressions, config.ages
    if expressions is None:
        known = next((one.categories for one in can.attributes if one.name == "expression"), ())
        expressions = tuple(one for one in DEFAULT_EXPRESSIONS if one in known)
    if ages is None:
        ages = DEFAULT_AGES if "age" in can.names else ()
    wishes: list[list[tuple[str, Value]]] = [
        [("expression", value) for value in expressions], [("age", value) for value in ages]
    ]  # fmt: skip
    for name, value in (pair for values in wishes for pair in values):
        parse_changes(can, {name: value})
    return [values for values in wishes if values]


def _variants(
    generator: FaceGenerator,
    person: Identity,
    wishes: Sequence[Sequence[tuple[str, Value]]],
    progress: Progress | None,
) -> list[Variant]:
    """The person as is, then in every combination of what is wished for."""
    way = find_way(generator, {values[0][0] for values in wishes})
    can, own = editable(generator, way), person.own
    told = decoder_controls(generator, [own], [own], way.mechanism)[0]
    variants = [Variant("as-is", {}, (), person.latent, dict(told))]
    for wished in product(*wishes) if wishes else ():
        asked, notes = apply_changes(can, own, parse_changes(can, dict(wished)))
        report = partial(progress, "steps of an edit") if progress else None
        latent = edit_latents(generator, person.latent[None], [own], [asked], way, progress=report)[0]
        told = decoder_controls(generator, [own], [asked], way.mechanism)[0]
        name = "-".join(_word(control, value) for control, value in reversed(wished))
        variants.append(Variant(name, dict(wished), tuple(notes), latent, dict(told)))
    return variants


def _portrait(
    generator: FaceGenerator, person: Identity, as_is: Variant, variant: Variant, config: AvatarConfig
) -> tuple[Photos, str]:
    """One variant as a photo of the wanted size, (S, S, 3), and how it came to its size."""
    before, after = generator.decode(
        np.stack([as_is.latent, variant.latent]), [as_is.controls, variant.controls]
    )
    portrait, size = resized_face(generator, after, config.size_px)
    if person.original is None or not config.detail:
        return portrait, size
    plain, _ = resized_face(generator, before, config.size_px)
    return (
        keep_detail(person.original, plain, portrait, config.detail),
        f"{size}; the photo's own detail at {config.size_px} px where the edit leaves it alone",
    )


def _drawn(
    painter: Painter,
    variant: Variant,
    portrait: Photos,
    size: str,
    size_px: int,
    progress: Progress | None,
) -> tuple[Photos, str]:
    """The portrait in a style, (S, S, 3), and how it came to its size."""
    stylist = painter.stylist
    if stylist is None:
        return portrait, size
    if stylist.kind == "decoder":
        face = painter.model.decode(variant.latent[None], variant.controls)[0]
        return resized_face(painter.model, face, size_px)
    large = portrait if size_px >= FACE_PX else lanczos(portrait, FACE_PX, FACE_PX)
    drawn = stylist.draw(large, partial(progress, "steps of a portrait") if progress else None)
    if len(drawn) != size_px:
        size += f", drawn at {len(drawn)} px, Lanczos to {size_px} px"
        drawn = lanczos(drawn, size_px, size_px)
    return drawn, size


def _columns(wishes: Sequence[Sequence[tuple[str, Value]]]) -> int:
    return len(wishes[-1]) if wishes else 1


def _word(control: str, value: Value) -> str:
    return f"{control}{value:g}" if isinstance(value, float) else str(value)


def _write(stem: Path, picture: Photos, format: str, facts: dict[str, Any]) -> str:
    path = stem.with_name(f"{stem.name}.{format}")
    (write_png if format == "png" else write_webp)(path, picture, **facts)
    return path.name


def _manifest(
    generator: FaceGenerator, person: Identity, config: AvatarConfig, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    identity = {**person.facts, "latent_file": "identity.npy", "attributes": person.own}
    return {
        "model": generator.name, "upscaler": generator.upscaler is not None, "identity": identity,
        "size_px": config.size_px, "background": config.background, "format": config.format,
        "latents_file": "latents.npy", "contact_sheet": SHEET, "files": rows,
    }  # fmt: skip
