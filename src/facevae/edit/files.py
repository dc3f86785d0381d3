"""Edited photos as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facevae.attributes import Value
from facevae.edit.changes import parse_changes
from facevae.edit.mechanisms import editable, find_way, read_attributes
from facevae.edit.photo import Edit, edit_photo, paste_edits
from facevae.edit.pixels import DETAIL, keep_detail
from facevae.edit.way import Way
from facevae.errors import ConfigError, FaceVAEError
from facevae.generator import Controls, FaceGenerator
from facevae.images import Photos, tile
from facevae.output import free_name, write_latents, write_lines
from facevae.provenance import BESIDE_PHOTO, EDITED, write_png

StageProgress = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""

BESIDE = ("-edited", "-pasted")
"""Endings of the files that lie beside the picture of an edit."""


def edit_files(
    generator: FaceGenerator,
    photos: Sequence[Path],
    out: Path,
    changes: Mapping[str, Value],
    faces: str | Sequence[int] = "largest",
    mechanism: str = "auto",
    guidance: float | None = None,
    refine_steps: int = 0,
    detail: float = DETAIL,
    paste: bool = False,
    upscale: bool = False,
    progress: StageProgress | None = None,
) -> list[dict[str, Any]]:
    """Edit each photo into `out`; one row per face, and one with 'error' for a photo that failed.

    Arguments as of `edit_photo`. paste: also the whole photo with its edits. upscale: faces of twice the
    size. Writes NAME.png (original | reconstruction | edit), NAME-edited.png, NAME.npy (the edited latent),
    with paste NAME-pasted.png, and edits.jsonl; numbered when a photo has several faces or two share a name.
    Raises ControlError and ConfigError for what no photo could be edited by, CheckpointError to upscale
    without an upscaler.
    """
    from facevae.data.photos import read_photo

    if not 0 <= detail <= 1:
        raise ConfigError(f"detail must be between 0 and 1, got {detail:g}")
    if upscale:
        generator.require_upscaler()
    way, facts = _plan(generator, changes, mechanism, guidance, upscale)
    out.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    rows: list[dict[str, Any]] = []
    for done, path in enumerate(photos):
        report = partial(progress, f"editing {path.name}") if progress else None
        try:
            photo = read_photo(path)
            edits = edit_photo(generator, photo, changes, faces, way, None, refine_steps, detail, report)
        except FaceVAEError as error:
            rows.append({"photo": str(path), "error": str(error)})
        else:
            base, written = free_name(path.stem, taken, BESIDE), {}
            if paste:
                written = {"pasted_file": f"{base}-pasted.png"}
                pasted = paste_edits(generator, photo, edits, detail)
                write_png(out / written["pasted_file"], pasted, **facts, **EDITED)
            for index, edit in enumerate(edits):
                name = base if len(edits) == 1 else free_name(f"{base}-{index}", taken, BESIDE)
                shown = upscaled_edit(generator, photo, edit, detail) if upscale else _plain(edit)
                files = {**_write(out, name, edit, shown, facts), **written}
                rows.append({"photo": str(path), **files, **facts, **_figures(generator, edit)})
        if progress:
            progress("photos", done + 1, len(photos))
    write_lines(out / "edits.jsonl", rows)
    return rows


def _plan(
    generator: FaceGenerator,
    changes: Mapping[str, Value],
    mechanism: str,
    guidance: float | None,
    upscale: bool,
) -> tuple[Way, dict[str, Any]]:
    """How every photo is edited, and what its pictures say of that."""
    parsed = parse_changes(editable(generator, mechanism), changes)
    if not parsed:
        raise ConfigError("nothing to change: give at least one of --age, --gender, --expression, --smile")
    way = find_way(generator, {change.wanted for change in parsed}, mechanism, guidance)
    return way, {
        "model": generator.name, "job": "edit", "changes": ", ".join(map(str, parsed)),
        "mechanism": way.mechanism, **({"guidance": way.guidance} if way.mechanism == "flow" else {}),
        **({"upscaled": True} if upscale else {}),
    }  # fmt: skip


def _write(
    out: Path, name: str, edit: Edit, shown: Sequence[Photos], facts: Mapping[str, Any]
) -> dict[str, str]:
    """Write the three pictures side by side, the last one alone, and the edited latent; their file names."""
    files = {"file": f"{name}.png", "edited_file": f"{name}-edited.png", "latent_file": f"{name}.npy"}
    write_png(out / files["file"], tile(np.stack(shown), columns=3), **facts, **BESIDE_PHOTO)
    write_png(out / files["edited_file"], shown[2], **facts, **EDITED)
    write_latents(out / files["latent_file"], edit.edited_latent)
    return files


def _plain(edit: Edit) -> list[Photos]:
    return [edit.aligned, edit.reconstruction, edit.edited]


def upscaled_edit(generator: FaceGenerator, photo: Photos, edit: Edit, detail: float) -> list[Photos]:
    """Original, reconstruction and edit at twice the model's size; the original as the photo has it."""
    from facevae.data.align import align

    original = align(photo, edit.face.landmarks_px, 2 * generator.size_px)
    before, after = generator.upscale(np.stack([edit.reconstruction, edit.decoded]))
    return [original, before, keep_detail(original, before, after, detail)]


def _figures(generator: FaceGenerator, edit: Edit) -> dict[str, Any]:
    figures: dict[str, Any] = {"own": _rounded(edit.own), "asked": _rounded(edit.asked)}
    if generator.reader:
        figures["read"] = _rounded(read_attributes(generator, edit.edited_latent[None])[0])
    if edit.notes:
        figures["notes"] = list(edit.notes)
    return {**figures, "box_px": [round(float(edge), 1) for edge in edit.face.box_px]}


def _rounded(controls: Controls) -> dict[str, Value]:
    return {name: round(v, 3) if isinstance(v, float) else v for name, v in controls.items()}
