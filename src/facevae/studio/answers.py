"""Answers that wait in Gradio's queue for a page to hear them: bounded, and forgotten when nobody listens."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from facevae.server.problems import BusyError

MOST_AWAITED = 16
"""Calls of one page whose answers it has not heard."""
UNHEARD_S = 20.0
"""Time after which the answers to a page that does not listen are forgotten; what waits is not computed."""


class Answers:
    """Who listens to the queue of one language. Gradio keeps answers of megabytes until somebody does."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self._blocks = blocks
        self._listeners: Counter[str] = Counter()
        self._unheard: dict[str, float] = {}

    def joined(self, session: str) -> None:
        """A page is about to join the queue. Raises BusyError when it awaits too much already."""
        if len(self._queue.pending_event_ids_session.get(session, ())) >= MOST_AWAITED:
            raise BusyError(f"this page awaits {MOST_AWAITED} answers already: wait for them")
        if not self._listeners[session]:
            self._unheard.setdefault(session, time.monotonic())

    def known(self, session: str) -> bool:
        """Whether there is anything to listen to."""
        return session in self._queue.pending_messages_per_session

    @contextmanager
    def heard(self, session: str) -> Iterator[None]:
        """While a page listens."""
        self._listeners[session] += 1
        self._unheard.pop(session, None)
        try:
            yield
        finally:
            self._listeners[session] -= 1
            if not self._listeners[session]:
                del self._listeners[session]
                self._unheard[session] = time.monotonic()

    async def forget_unheard(self) -> None:
        """Forget what has waited for UNHEARD_S without a listener."""
        before = time.monotonic() - UNHEARD_S
        for session in [session for session, since in self._unheard.items() if since <= before]:
            del self._unheard[session]
            await self._queue.clean_events(session_hash=session)
            self._queue.pending_event_ids_session.pop(session, None)
            self._queue.pending_messages_per_session.pop(session, None)

    @property
    def _queue(self) -> Any:
        return self._blocks._queue
