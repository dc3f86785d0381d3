"""What the tabs have in common: how a control is wired to a function, and how its errors are told."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from facevae.data.photos import Photo
from facevae.errors import DataError, FaceVAEError
from facevae.generator import FaceGenerator, Progress
from facevae.images import Photos
from facevae.server.logs import places
from facevae.server.problems import BusyError
from facevae.studio.files import SCOPE_KEY, Visitor
from facevae.studio.parameters import MOST_SEED
from facevae.studio.service import TICKET, Service, TookTooLongError
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
        long: bool = False,
        at: Any = None,
    ) -> Any:
        """Wire events (one or several) to `answer`.

        quick: sent past the queue, and while one is on its way only the last of the others is kept, so that
        a slider's face is never behind by more than one. told: progress is shown. long: it may take many
        seconds, and so waits apart from the others; it tells its progress by `report`. at: the output on
        which it, and a fault, is marked; the first without it.
        """
        return gr.on(
            events, self.answered(answer, long), list(inputs), list(outputs), queue=not quick,
            trigger_mode="always_last" if quick else "once", show_progress="full" if told else "hidden",
            show_progress_on=[at or outputs[0]], api_visibility="private",
            concurrency_limit=1, concurrency_id="studio long" if long else "studio",
        )  # fmt: skip

    def answered(self, answer: Answer, long: bool = False) -> Answer:
        """`answer` in its turn, with its errors as messages for people."""

        @functools.wraps(answer)
        def wrapped(*values: Any, **named: Any) -> Any:
            try:
                return self.service.compute(lambda: answer(*values, **named), long, _leaving())
            except gr.Error:
                raise
            except BusyError:
                raise self.error("error_busy") from None
            except TookTooLongError as error:
                raise self.error("error_late", seconds=f"{error.seconds:g}") from None
            except FaceVAEError as error:
                raise self.message(str(error)) from None
            except Exception as error:
                LOG.error("an answer of the studio failed: %s", places(error))
                raise self.error("error_fault") from None

        # Gradio reads the hints, and those of a partial are not those of `wrapped`.
        wrapped.__annotations__ = getattr(answer, "__annotations__", {})
        return wrapped

    def report(self, progress: gr.Progress, text: str) -> Progress:
        """Tells the visitor how far it is with `text`, and ends the answer when the visitor has left."""
        ticket = TICKET.get(None)

        def told(done: int, total: int) -> None:
            if ticket is not None:
                ticket.check()
            progress((done, total), desc=text)

        return told

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
        return gr.File(
            label=label, type="binary", file_count="multiple" if several else "single", height=140,
            elem_id=elem_id, elem_classes="fv-drop",
        )  # fmt: skip

    def offered(self, name: str, data: bytes) -> str:
        """A file of this name with these bytes, for the visitor who is answered to download.

        Raises TooLargeError and BusyError where there is no room for it.
        """
        request = LocalContext.request.get(None)
        visitor = request.request.scope[SCOPE_KEY] if request else Visitor("", "")
        return self.service.files.keep(visitor, name, data)


def _leaving() -> Callable[[], bool]:
    """Whether the visitor whose event this thread answers has left, as Gradio's queue notes it.

    What is sent past the queue is short, and always seen as awaited.
    """
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    running = [] if blocks is None else [one for job in blocks._queue.active_jobs for one in job or ()]
    event = next((one for one in running if one._id == event_id), None)
    return lambda: event is not None and not event.alive
