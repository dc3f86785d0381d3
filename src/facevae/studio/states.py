"""What the studio remembers of its visitors' pages, bounded in bytes over both languages."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import State
from gradio.state_holder import SessionState, StateHolder
from torch import Tensor

MOST_BYTES = 256 * 2**20
"""Of all pages together: photos, latents, faces of every generation."""
MOST_PAGES = 64
"""Pages that are remembered, of all visitors and in both languages."""
MOST_PAGES_OF_ONE = 8
"""Of one visitor."""
NAME_LENGTH = 32
"""Characters of a session's name that say whose it is (`facevae.studio.calls.session_name`)."""


class Memory:
    """How much each page takes; the page longest away is forgotten first."""

    def __init__(
        self, most_bytes: int = MOST_BYTES, most_pages: int = MOST_PAGES, most_of_one: int = MOST_PAGES_OF_ONE
    ) -> None:
        self.most_bytes, self.most_pages, self.most_of_one = most_bytes, most_pages, most_of_one
        self._sizes: OrderedDict[tuple[States, str], int] = OrderedDict()  # longest away first
        self._lock = threading.RLock()

    @property
    def bytes(self) -> int:
        """Of all pages together."""
        return sum(self._sizes.values())

    @property
    def pages(self) -> int:
        return len(self._sizes)

    def used(self, states: States, session: str, size: int | None = None) -> None:
        """A page is here; size: what it takes now, None for as before. Forgets others until all have room."""
        with self._lock:
            before = self._sizes.pop((states, session), 0)
            self._sizes[states, session] = before if size is None else size
            own = [one for one in self._sizes if one[1][:NAME_LENGTH] == session[:NAME_LENGTH]]
            for one in own[: -self.most_of_one]:
                self._forget(one)
            while len(self._sizes) > 1 and (self.pages > self.most_pages or self.bytes > self.most_bytes):
                self._forget(next(iter(self._sizes)))

    def _forget(self, one: tuple[States, str]) -> None:
        del self._sizes[one]
        states, session = one
        states.session_data.pop(session, None)
        states.time_last_used.pop(session, None)


class States(StateHolder):
    """Gradio's memory of sessions, held to what `memory` allows."""

    def __init__(self, blocks: gr.Blocks, memory: Memory) -> None:
        super().__init__()
        self.memory = memory
        self.set_blocks(blocks)

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            changed = partial(self._changed, session_id)
            self.session_data[session_id] = _Session(self.blocks, changed)
        self.memory.used(self, session_id)
        return self.session_data[session_id]

    def delete_state(self, session_id: str, expired_only: bool = False) -> None:
        """As Gradio calls it every second for each session: what has expired is forgotten."""
        had = len(self.session_data[session_id].state_data) if session_id in self.session_data else 0
        super().delete_state(session_id, expired_only)
        if session_id in self.session_data and len(self.session_data[session_id].state_data) != had:
            self._changed(session_id)

    def _changed(self, session_id: str) -> None:
        if session_id in self.session_data:
            held = list(self.session_data[session_id].state_data.values())
            self.memory.used(self, session_id, held_bytes(held))


class _Session(SessionState):
    """Gradio's memory of one session, without the last value of every component.

    Gradio keeps those, pictures and all, for links to a page as it is, which the studio does not have.
    """

    def __init__(self, blocks: gr.Blocks, changed: Callable[[], None]) -> None:
        super().__init__(blocks)
        self.config_values: dict[int, Any] = {}
        self._told = changed

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self.config_values.clear()
        if isinstance(self.blocks_config.blocks.get(key), State):
            self._told()

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


def held_bytes(value: Any) -> int:
    """Bytes that a value keeps in memory: arrays, tensors and texts, in containers and dataclasses too."""
    seen: set[int] = set()
    waiting, size = [value], 0
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            # A view keeps all of what it is a view of.
            waiting.append(one.base)
            size += sys.getsizeof(one) if one.base is None else 0
        elif isinstance(one, Tensor):
            size += one.untyped_storage().nbytes()
        else:
            size += sys.getsizeof(one)
            waiting += _parts(one)
    return size


def _parts(one: Any) -> list[Any]:
    if isinstance(one, dict):
        return [*one.keys(), *one.values()]
    if isinstance(one, list | tuple | set | frozenset):
        return list(one)
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        return [getattr(one, field.name) for field in dataclasses.fields(one)]
    return []
