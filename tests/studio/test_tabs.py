"""The tabs' functions, called as Gradio calls them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import gradio as gr
import numpy as np
import pytest

from facevae.errors import DataError
from facevae.generator import FaceGenerator
from facevae.provenance import png_bytes
from facevae.studio.build import build_studio, in_a_loop
from facevae.studio.create import CreateTab, Steps
from facevae.studio.edit import EditTab
from facevae.studio.lineage import Lineage
from facevae.studio.mix import MixTab
from facevae.studio.parameters import Parameters
from facevae.studio.service import Service
from facevae.studio.studio import Studio
from facevae.studio.wording import Words
from facevae.upscaler import Upscaler

T = TypeVar("T")


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(Service(FaceGenerator.from_pretrained("face64", "cpu")), Words("zh"))


def laid(kind: Callable[[Studio], T], studio: Studio) -> T:
    """A tab, or something of one, on a page of its own."""

    def lay() -> T:
        with gr.Blocks(analytics_enabled=False):
            return kind(studio)

    return in_a_loop(lay)


def values_of(tab: CreateTab, **given: Any) -> list[Any]:
    """What the page sends, with some of it changed: by control, seed, count, lock."""
    panel = [
        given.get(component.elem_id.removeprefix("fv-create-"), component.value)
        for component in tab.panel.inputs
    ]
    settings = [0.8, 2.0, given.get("seed", 4), given.get("count", 1)]
    return [*panel, *settings, given.get("lock", True), Steps(Parameters(4))]


@pytest.mark.parametrize("trained_run", ["steerable", "trained"])
def test_the_studio_has_the_controls_that_a_model_has(
    trained_run: str, request: pytest.FixtureRequest
) -> None:
    generator = FaceGenerator.from_pretrained(request.getfixturevalue(trained_run), "cpu")
    blocks = build_studio(generator, "en")
    ids = {getattr(block, "elem_id", None) for block in blocks.blocks.values()}
    assert {f"fv-create-{name}" for name in generator.schema.names} <= ids
    assert ("fv-create-smile" in ids) == ("smile" in generator.schema.names)
    assert not blocks.analytics_enabled


def test_a_moved_slider_asks_for_its_control_and_the_lock_holds_the_seed(studio: Studio) -> None:
    tab = laid(CreateTab, studio)
    seed, box, faces, steps = tab.moved("age", True, *values_of(tab, age=70))
    assert box is False
    assert steps.present.controls == {"age": 70.0}
    assert steps.present.seed == 4
    assert "data:image/png" in faces
    assert isinstance(seed, dict), "the seed's field is left alone"
    unlocked, _, _, steps = tab.moved("age", True, *values_of(tab, age=70, lock=False))
    assert steps.present.seed == unlocked != 4


def test_words_that_cannot_be_read_change_nothing(studio: Studio) -> None:
    tab, steps = laid(CreateTab, studio), Steps(Parameters(4))
    for words, said in (("嘎嘎嘎", "没听懂"), ("戴眼镜", "暂时无法控制")):
        told, *rest = tab.described(words, 4, True, steps)
        assert said in told.value
        assert steps.present == Parameters(4)
        assert len(rest) == len(tab.shown)


def test_a_range_in_words_becomes_its_middle(studio: Studio) -> None:
    tab, steps = laid(CreateTab, studio), Steps(Parameters(4))
    tab.described("20 to 30 years old woman", 4, True, steps)
    assert steps.present.controls == {"age": 25.0, "gender": "female"}


def test_an_upscaler_doubles_a_few_faces() -> None:
    generator = FaceGenerator.from_pretrained("face64", "cpu")
    generator.upscaler = Upscaler(8, 1).eval()
    tab = laid(CreateTab, Studio(Service(generator), Words("en")))
    assert 'width="128"' in tab.draw(Parameters(1))
    assert 'width="64"' in tab.draw(Parameters(1, count=10))


@pytest.mark.parametrize(
    ("fault", "said"),
    [(DataError("<b>bad</b> photo"), "&lt;b&gt;bad&lt;/b&gt; photo"), (ValueError("secret"), "服务器日志")],
)
def test_errors_are_told_without_a_traceback(studio: Studio, fault: Exception, said: str) -> None:
    def fails() -> None:
        raise fault

    with pytest.raises(gr.Error) as told:
        studio.answered(fails)()
    assert said in told.value.message
    assert "secret" not in told.value.message
    assert not told.value.print_exception


@pytest.mark.parametrize("text", ["", "-1", "2.5", "2147483648", "9" * 5000, "七"])
def test_what_is_no_seed_is_told(studio: Studio, text: str) -> None:
    assert studio.seed(" 12 ") == 12
    with pytest.raises(gr.Error, match="种子"):
        studio.seed(text)


def test_two_faces_of_a_photo_can_be_chosen(astronaut: np.ndarray) -> None:
    studio = Studio(Service(FaceGenerator.from_pretrained("face64", "cpu")), Words("en"))
    tab = laid(EditTab, studio)
    first = tab.opened(png_bytes(np.hstack([astronaut, astronaut[:, ::-1]])), "auto", 1.0)
    assert first[0].visible
    assert [value for _, value in first[0].choices] == [0, 1]
    other = tab.chosen(1, "auto", 1.0, first[-1])
    assert other[-1].at == 1
    assert other[2 + len(tab.panel.inputs)] != first[2 + len(tab.panel.inputs)]


def test_every_step_of_mixing_can_be_undone(studio: Studio) -> None:
    tab = laid(lambda page: MixTab(page, gr.State()), studio)
    state = Lineage()
    tab.opened(Steps(Parameters(4, 9, 0.7)), state)
    assert np.array_equal(state.now.photos, Parameters(4, 8, 0.7).samples(studio.generator).photos)
    first, pick = state.here, SimpleNamespace(index=1)
    tab.picked(state, pick)  # type: ignore[arg-type]
    tab.undone(state)
    assert state.here == first
    with pytest.raises(gr.Error):
        tab.bred(0.2, state)
    for pick.index in (0, 3):
        tab.picked(state, pick)  # type: ignore[arg-type]
    tab.bred(0.2, state)
    assert len(state.now.latents) == 8
    assert state.now.parents == (0, 3)
    assert np.array_equal(state.now.latents[:2], state.generations[0].latents[[0, 3]])
    tab.taken(Steps(Parameters(6)), state)
    assert np.array_equal(state.now.latents[-1:], Parameters(6).samples(studio.generator).latents)
    tab.undone(state)
    assert len(state.now.latents) == 8


def test_a_photo_is_opened_edited_and_undone(astronaut: np.ndarray) -> None:
    studio = Studio(Service(FaceGenerator.from_pretrained("face64", "cpu")), Words("en"))
    tab = laid(EditTab, studio)
    fresh = tab.opened(png_bytes(astronaut), "auto", 1.0)
    state, shown = fresh[-1], fresh[1 : 1 + len(tab.panel.inputs)]
    face = fresh[2 + len(tab.panel.inputs)]
    older = [80.0 if component.elem_id == "fv-edit-age" else value
             for component, value in zip(tab.panel.inputs, shown, strict=True)]  # fmt: skip
    moved, state = tab.moved("age", *older, "auto", 1.0, state)
    assert moved != face
    undone = tab.undone("auto", 1.0, state)
    assert undone[len(tab.panel.inputs)] == face
