"""What the tabs have in common: how a control is wired to a function, and how its errors are told."""

from __future__ import annotations

import functools
import logging
import tempfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from facevae.data.photos import Photo
from facevae.errors import DataError, FaceVAEError
from facevae.generator import FaceGenerator
from facevae.images import Photos
from facevae.server.logs import places
from facevae.studio.parameters import MOST_SEED
from facevae.studio.service import BusyError, Service
from facevae.studio.wording import Words

LOG = logging.getLogger(__name__)
PROGRESS = gr.Progress()
"""A default of a function's argument, by which Gradio knows that it tells its progress."""

Answer = Callable[..., Any]


class Studio:
    """One language's face of the service."""

    def __init__(self, service: Service, words: Words) -> None:
        self.service, self.words = service, words

    @property
    def generator(self) -> FaceGenerator:
        return self.service.generator

    def on(
        self,
        events: Any,
        answer: Answer,
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        quick: bool = False,
        told: bool = False,
        at: Any = None,
    ) -> Any:
        """Wire events (one or several) to `answer`.

        quick: sent past the queue, and while one is on its way only the last of the others is kept, so that
        a slider's face is never behind by more than one. told: progress is shown. at: the output on which it,
        and a fault, is marked; the first without it.
        """
        return gr.on(
            events, self.answered(answer), list(inputs), list(outputs), queue=not quick,
            trigger_mode="always_last" if quick else "once", show_progress="full" if told else "hidden",
            show_progress_on=[at or outputs[0]], api_visibility="private",
            concurrency_limit=1, concurrency_id="studio",
        )  # fmt: skip

    def answered(self, answer: Answer) -> Answer:
        """`answer` in its turn, with its errors as messages for people."""

        @functools.wraps(answer)
        def wrapped(*values: Any, **named: Any) -> Any:
            try:
                with self.service.turn():
                    return answer(*values, **named)
            except gr.Error:
                raise
            except BusyError:
                raise self.error("error_busy") from None
            except FaceVAEError as error:
                raise self.message(str(error)) from None
            except Exception as error:
                LOG.error("an answer of the studio failed: %s", places(error))
                raise self.error("error_fault") from None

        # Gradio reads the hints, and those of a partial are not those of `wrapped`.
        wrapped.__annotations__ = getattr(answer, "__annotations__", {})
        return wrapped

    def error(self, key: str, **fill: Any) -> gr.Error:
        return self.message(self.words(key, **fill))

    def message(self, text: str) -> gr.Error:
        return gr.Error(escape(text), title=escape(self.words("error_title")), print_exception=False)

    def seed(self, text: str) -> int:
        """A seed that somebody wrote. Raises gr.Error in the visitor's language."""
        text = text.strip()
        plain = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_SEED))
        if not plain or int(text) > MOST_SEED:
            raise self.error("error_seed", text=text[:40], most=MOST_SEED)
        return int(text)

    def photo(self, data: bytes) -> Photo:
        """An upload, looked at with care. Raises gr.Error in the visitor's language."""
        try:
            return self.service.photo(data)
        except DataError as error:
            raise self.error("error_photo", reason=error) from None

    def enlarged(self, photos: Photos) -> tuple[Photos, dict[str, Any]]:
        """(N, H, W, 3) faces through the model's upscaler, and what their metadata says of it; as they are
        where the model has none."""
        if self.generator.upscaler is None:
            return photos, {}
        return self.generator.upscale(photos), {"upscaled": True}

    def drop(self, label: str, elem_id: str, several: bool = False) -> gr.File:
        """Where photos are dropped; hands over their bytes."""
        drop = gr.File(
            label=label, type="binary", file_count="multiple" if several else "single", height=140,
            elem_id=elem_id, elem_classes="fv-drop",
        )  # fmt: skip
        take = drop.async_move_resource_to_block_cache

        async def only_uploads(path: str | Path | None) -> str | None:
            # Gradio would download an address that a client sends in place of an uploaded file.
            if path is not None and "://" in str(path):
                raise self.error("error_photo", reason="an address, not an upload")
            result: str | None = await take(path)
            return result

        drop.async_move_resource_to_block_cache = only_uploads
        return drop

    def offered(self, name: str, data: bytes) -> str:
        """A file of this name with these bytes, for downloading; the server deletes it with its folder."""
        folder = Path(tempfile.mkdtemp(prefix="facevae-", dir=self.service.temporary))
        (folder / name).write_bytes(data)
        return str(folder / name)
