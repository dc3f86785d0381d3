"""A FaceGenerator with the Hub's own methods: from_pretrained, save_pretrained, push_to_hub."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

from facevae.checkpoint import read_json
from facevae.errors import require
from facevae.export.card import PICTURES, write_card
from facevae.generator import FaceGenerator
from facevae.models import DEFAULT_MODEL, find_local, find_model, from_hub, is_hub_id, name_of

_Mixin: Any = require("huggingface_hub", "hub", "a generator with the Hub's methods").ModelHubMixin


class HubFaceGenerator(_Mixin, FaceGenerator):
    """A FaceGenerator that knows its folder, so that it can be saved and pushed byte for byte.

    Needs the extra 'hub'. Files are JSON, safetensors, Markdown and PNG; nothing is pickled.
    """

    folder: Path

    def __init__(
        self,
        folder: str | Path,
        device: str = "auto",
        report: str | Path | None = None,
        repository: str | None = None,
    ) -> None:
        """folder, device: as for `FaceGenerator.from_pretrained`. report, repository: for the card, see
        `write_card`. Raises CheckpointError as that does."""
        self.folder = find_model(folder)
        self.report = None if report is None else Path(report)
        self.repository = repository
        own = FaceGenerator.from_pretrained(self.folder, device)
        FaceGenerator.__init__(
            self, own.model, own.prior, name_of(self.folder), device, own.upscaler, own.reader
        )

    @classmethod
    def from_pretrained(
        cls, name_or_dir: str | Path = DEFAULT_MODEL, device: str = "auto", **options: Any
    ) -> HubFaceGenerator:
        """As `FaceGenerator.from_pretrained`; options: those of `ModelHubMixin.from_pretrained` for a Hub id
        (revision, token, cache_dir, force_download, local_files_only)."""
        folder = find_local(name_or_dir)
        if folder is None and is_hub_id(name_or_dir) and not Path(name_or_dir).exists():
            folder = from_hub(str(name_or_dir), **options)
        return cast(
            HubFaceGenerator, super().from_pretrained(folder or find_model(name_or_dir), device=device)
        )

    @classmethod
    def _from_pretrained(cls, *, model_id: str, device: str = "auto", **options: Any) -> HubFaceGenerator:
        del options  # what was to be downloaded is here already
        return cls(model_id, device)

    def _save_pretrained(self, save_directory: Path) -> None:
        """The model's files as they are, a card and pictures: those there are, or new ones."""
        config = read_json(self.folder / "config.json")
        names = ["config.json", "README.md", *(f"{name}.safetensors" for name in config["sha256"])]
        for name in names:
            shutil.copyfile(self.folder / name, save_directory / name)
        if (self.folder / PICTURES).is_dir():
            shutil.copytree(self.folder / PICTURES, save_directory / PICTURES)
        else:
            write_card(save_directory, self, config, self.report, self.repository)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Push what `save_pretrained` writes to USER/NAME; the address of the commit. options: as of
        `ModelHubMixin.push_to_hub` (private, token, commit_message, ...)."""
        self.repository = self.repository or repo_id
        options.setdefault("commit_message", f"{self.name}, by facevae")
        return str(super().push_to_hub(repo_id, **options))
