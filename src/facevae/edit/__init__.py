"""Editing faces: other attributes for latents, and for the faces of photos."""

from __future__ import annotations

from facevae.edit.changes import Change, apply_changes, parse_changes
from facevae.edit.mechanisms import AUTO, WAYS, edit_latents, editable, read_attributes
from facevae.edit.photo import Edit, edit_photo, paste_edits, refine_latents
from facevae.edit.pixels import keep_detail, paste_back
from facevae.edit.way import Way

__all__ = [
    "AUTO",
    "WAYS",
    "Change",
    "Edit",
    "Way",
    "apply_changes",
    "edit_latents",
    "edit_photo",
    "editable",
    "keep_detail",
    "parse_changes",
    "paste_back",
    "paste_edits",
    "read_attributes",
    "refine_latents",
]
