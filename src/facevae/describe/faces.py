"""A description as faces."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from facevae.controls import draw_controls
from facevae.describe.description import Description, understand
from facevae.errors import ConfigError, ControlError
from facevae.files import atomic_file

if TYPE_CHECKING:
    from facevae.attributes import Value
    from facevae.choosing import Chosen
    from facevae.generator import FaceGenerator, Progress


@dataclass(frozen=True)
class Described:
    """Faces made from words."""

    description: Description
    """Split for the model: `request` is what was asked of it, `lacking` what it has no control for."""
    controls: list[dict[str, Value]]
    """One face's each, drawn from the ranges of the request."""
    chosen: Chosen
    seed: int


def check_understood(description: Description) -> Description:
    """The description itself. Raises ConfigError for an empty text, ControlError where nothing was understood
    and something was not; 'a photo of a person' asks for nothing and is well."""
    if not description.text.strip():
        raise ConfigError(
            "the description is empty. Write one, such as: facevae describe 'a smiling old man'"
        )
    if not description.request and (description.not_understood or description.conflicts):
        hints = [f" Did you mean '{known}' by '{word}'?" for word, known in description.hints.items()]
        raise ControlError(
            f"nothing was understood that a control stands for; not {', '.join(description.not_understood)}."
            f"{''.join(hints)} Say an age, a gender, an expression or a smile: 'a smiling woman of 40', "
            "'二十多岁、表情严肃的女性' (docs/describe.md)"
        )
    return description


def describe_faces(
    generator: FaceGenerator,
    text: str,
    count: int = 16,
    seed: int = 0,
    truncation: float = 1.0,
    guidance: float | None = None,
    best_of: int = 1,
    progress: Progress | None = None,
) -> Described:
    """Faces for a description. Face i, the values drawn from its ranges too, is decided by seed + i alone.

    The other options are those of `choosing.choose_faces`. Raises ControlError when nothing in the text can
    be asked of the model, ConfigError for an empty or too long text and for a count below 1.
    """
    from facevae.choosing import choose_faces

    if count < 1:
        raise ConfigError(f"count must be 1 or more, got {count}")
    description = check_understood(understand(text)).against(generator.schema)
    controls = draw_controls(description.request, count, seed)
    chosen = choose_faces(generator, controls, seed, truncation, guidance, best_of, progress)
    return Described(description, controls, chosen, seed)


def write_described(
    out: Path,
    described: Described,
    generator: FaceGenerator,
    truncation: float = 1.0,
    guidance: float | None = None,
    best_of: int = 1,
    upscale: bool = False,
) -> None:
    """The faces as `generate` writes them, and description.json: what was understood, and what was not.

    upscale: at twice the size; raises CheckpointError when the model has no upscaler.
    """
    from facevae.output import write_samples

    chosen, description = described.chosen, described.description
    samples = chosen.samples
    if upscale:
        samples = replace(samples, photos=generator.upscale(samples.photos))
    used = generator.guidance_used(guidance) if generator.prior.schema.names else None
    write_samples(
        out, samples, generator.name, truncation, described.controls, used, upscale, chosen.notes(best_of)
    )
    facts = {"model": generator.name, "seed": described.seed, "count": len(samples.seeds)}
    with atomic_file(out / "description.json") as temporary:
        text = json.dumps({**description.to_json(), **facts}, ensure_ascii=False, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
