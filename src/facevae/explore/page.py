"""atlas.html: directions with what they move, the map, and the neighbours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facevae.charts import MarkedBar, heat_map, marked_bars
from facevae.explore.directions import Direction, Effect, leakage_of, name_of
from facevae.images import Photos
from facevae.pages import image_uri, write_page


@dataclass(frozen=True)
class Strip:
    """One direction, what it moves and its picture."""

    direction: Direction
    effects: list[Effect]
    sheet: Photos


@dataclass(frozen=True)
class Atlas:
    """All that the page shows."""

    figures: dict[str, Any]
    """atlas.json."""
    strips: list[Strip]
    map: Photos
    views: list[str]
    """SVG."""
    nearest: Photos | None


def write_atlas_page(path: Path, atlas: Atlas) -> Path:
    """Write the page, self-contained. Raises MissingExtraError without the extra 'report'."""
    groups = [
        ("principal", "Principal directions",
         "The directions along which the latents of real faces differ most, largest variance first."),
        ("dimension", "Most active dimensions",
         "The axes of the latent that carry most of what the encoder tells, by their KL."),
    ]  # fmt: skip
    axes = [name_of(strip.effects) for strip in atlas.strips if strip.direction.kind == "principal"][:2]
    return write_page(
        path, "atlas.html",
        figures=atlas.figures,
        groups=[
            {"anchor": kind, "title": title, "text": text, "chart": _effect_chart(own),
             "strips": [_strip(strip) for strip in own]}
            for kind, title, text in groups
            if (own := [strip for strip in atlas.strips if strip.direction.kind == kind])
        ],
        shares=_share_chart(atlas.strips),
        map=image_uri(atlas.map), map_px=(atlas.map.shape[1], atlas.map.shape[0]), axes=axes,
        views=atlas.views,
        nearest=None if atlas.nearest is None else image_uri(atlas.nearest),
        probes=[_probe_line(name, facts) for name, facts in atlas.figures["probes"].items()],
    )  # fmt: skip


def _title(direction: Direction) -> str:
    return f"{direction.kind.capitalize()} {_number(direction)}"


def _number(direction: Direction) -> str:
    return str(direction.index + 1 if direction.kind == "principal" else direction.index)


def _strip(strip: Strip) -> dict[str, Any]:
    direction, named = strip.direction, [effect for effect in strip.effects if effect.named]
    leakage = leakage_of(strip.effects)
    facts = [f"{direction.share:.1%} of the variance"]
    facts += [] if direction.kl_nats is None else [f"{direction.kl_nats:.2f} nats"]
    if leakage is not None:
        facts.append(f"leakage {leakage:.2f}")
    return {
        "title": _title(direction), "name": name_of(strip.effects), "facts": " · ".join(facts),
        "also": ", ".join(effect.text() for effect in named[1:]),
        "picture": image_uri(strip.sheet), "width_px": strip.sheet.shape[1],
        "height_px": strip.sheet.shape[0],
    }  # fmt: skip


def _effect_chart(strips: list[Strip]) -> str:
    """Signed effects of every direction on every reading, in spreads of real faces."""
    names = sorted(effect.reading.name for effect in strips[0].effects)
    columns = [{effect.reading.name: effect for effect in strip.effects} for strip in strips]
    values = [[math.copysign(own[name].strength, own[name].per_std) for own in columns] for name in names]
    return heat_map(
        values, names, [_number(strip.direction) for strip in strips], "Change per standard deviation",
        "direction; in standard deviations of real faces",
        lambda value: f"{value:+.2f}" if abs(value) >= 0.005 else "0",
    )  # fmt: skip


def _share_chart(strips: list[Strip]) -> str:
    bars = [
        MarkedBar(_title(strip.direction), strip.direction.share)
        for strip in strips
        if strip.direction.kind == "principal"
    ]
    return marked_bars(bars, "Share of the latents' variance", number=lambda value: f"{value:.1%}")


def _probe_line(name: str, facts: Mapping[str, Any]) -> str:
    """How well an attribute is read off real faces."""
    if facts["kind"] == "category":
        return f"{name}: {facts['balanced_accuracy']:.0%} balanced accuracy"
    return f"{name}: off by {facts['mae']:.3g} on average (saying the median: {facts['chance']:.3g})"
