"""Answers that nobody listens to are forgotten."""

from __future__ import annotations

import asyncio

import gradio as gr
import pytest

from facevae.studio import answers as module
from facevae.studio.answers import Answers
from facevae.studio.build import in_a_loop


def test_answers_to_a_page_that_does_not_listen_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def lay() -> gr.Blocks:
        with gr.Blocks(analytics_enabled=False) as blocks:
            return blocks

    blocks = in_a_loop(lay)
    answers, queue = Answers(blocks), blocks._queue
    for session in ("listens", "left", "never"):
        answers.joined(session)
        queue.pending_messages_per_session[session] = ["an answer"]
        queue.pending_event_ids_session[session] = {"event"}
    with answers.heard("left"):
        pass
    with answers.heard("listens"):
        asyncio.run(answers.forget_unheard())
        assert set(queue.pending_messages_per_session) == {"listens", "left", "never"}, "they have some time"
        monkeypatch.setattr(module, "UNHEARD_S", 0.0)
        asyncio.run(answers.forget_unheard())
        assert set(queue.pending_messages_per_session) == {"listens"} == set(queue.pending_event_ids_session)
    assert answers.known("listens")
    asyncio.run(answers.forget_unheard())
    assert not answers.known("listens")
