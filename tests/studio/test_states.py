"""What is remembered of visitors' pages stays within its bounds."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
import numpy as np
import pytest
import torch

from facevae.studio.build import in_a_loop
from facevae.studio.calls import session_name
from facevae.studio.files import Visitor
from facevae.studio.lineage import MOST_BYTES, Generation, Lineage
from facevae.studio.states import Memory, States, held_bytes

MB = 2**20


@pytest.fixture
def page() -> tuple[gr.Blocks, gr.State, gr.HTML]:
    """A page with a state and a place for pictures."""

    def lay() -> tuple[gr.Blocks, gr.State, gr.HTML]:
        with gr.Blocks(analytics_enabled=False) as blocks:
            return blocks, gr.State(None), gr.HTML()

    return in_a_loop(lay)


def name(visitor: str, page: str = "a") -> str:
    return session_name(Visitor(visitor, ""), page)


def test_the_page_longest_away_is_forgotten_first_in_both_languages(
    page: tuple[gr.Blocks, gr.State, gr.HTML],
) -> None:
    blocks, state, _ = page
    memory = Memory(most_bytes=10 * MB)
    english, chinese = States(blocks, memory), States(blocks, memory)
    english[name("one")][state._id] = bytes(4 * MB)
    chinese[name("two")][state._id] = bytes(4 * MB)
    english[name("one")]  # is here again
    english[name("three")][state._id] = bytes(4 * MB)
    assert name("two") not in chinese
    assert name("one") in english
    assert memory.bytes == pytest.approx(8 * MB, rel=0.01)
    english[name("one")][state._id] = None
    assert memory.bytes == pytest.approx(4 * MB, rel=0.01)


def test_one_visitor_cannot_make_others_forgotten_by_opening_pages(
    page: tuple[gr.Blocks, gr.State, gr.HTML],
) -> None:
    states = States(page[0], Memory(most_pages=6, most_of_one=3))
    states[name("one")]
    for number in range(20):
        states[name("many", str(number))]
    assert name("one") in states
    assert states.memory.pages == 4


def test_pages_are_bounded_in_number(page: tuple[gr.Blocks, gr.State, gr.HTML]) -> None:
    states = States(page[0], Memory(most_pages=5))
    for number in range(50):
        states[name(str(number))]
    assert len(states.session_data) == states.memory.pages == 5


def test_pictures_that_were_shown_are_not_remembered(page: tuple[gr.Blocks, gr.State, gr.HTML]) -> None:
    blocks, state, shown = page
    states = States(blocks, Memory())
    session = states[name("one")]
    session[shown._id] = shown
    session._update_value_in_config(shown._id, "x" * 7 * MB)
    session[state._id] = 1
    assert held_bytes(session.config_values) < 1000
    assert held_bytes(vars(session)["state_data"]) < 1000


@dataclass
class Held:
    """Something with arrays in it."""

    photos: list[np.ndarray]
    latent: torch.Tensor


def test_what_a_value_holds_is_counted_once_and_views_by_what_they_keep() -> None:
    photo = np.zeros((1024, 1024), np.uint8)
    held = Held([photo, photo[:2, :2], photo[4:8]], torch.zeros(MB // 4))
    assert held_bytes({"a": (held, held)}) == pytest.approx(2 * MB, rel=0.01)


def test_a_lineage_is_full_before_it_is_large() -> None:
    lineage, photos = Lineage(), np.zeros((24, 64, 64, 3), np.uint8)
    while not lineage.full:
        lineage.add(Generation(np.zeros((24, 256), np.float32), photos.copy(), None, (), {"kind": "new"}))
    assert 50 < len(lineage.generations) < 100
    assert held_bytes(lineage) < MOST_BYTES + MB
