"""Configuration: presets, settings from the command line, refusals that help."""

from __future__ import annotations

import json

import pytest

from facevae.config import PRESETS, SIZES_PX, ModelConfig, TrainConfig, parse_settings, preset
from facevae.data.prepare_config import PrepareConfig
from facevae.errors import ConfigError, ControlError


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name: str) -> None:
    model, train = preset(name, {"condition_on": ("age", "gender")})
    assert ModelConfig.from_json(json.loads(json.dumps(model.to_json()))) == model
    assert TrainConfig.from_json(json.loads(json.dumps(train.to_json()))) == train


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_stages_reach_from_half_the_size_to_four_px(size_px: int) -> None:
    widths = ModelConfig(size_px=size_px).stage_widths
    assert size_px / 2 ** len(widths) == 4
    assert all(width % 16 == 0 for width in widths)


def test_minutes_replace_images() -> None:
    assert preset("small", {"minutes": 5.0})[1].images is None


def test_settings_are_typed() -> None:
    got = parse_settings(
        ["beta=2", "flip=false", "batch_size=1e2", "clip_norm=none", "condition_on=age,gender"]
    )
    assert got == {
        "beta": 2.0, "flip": False, "batch_size": 100, "clip_norm": None, "condition_on": ("age", "gender")
    }  # fmt: skip
    assert parse_settings(["layout=lfw", "max_yaw=0.2"], PrepareConfig) == {"layout": "lfw", "max_yaw": 0.2}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("betta=2", "Did you mean 'beta'"),
        ("beta", "takes name=value"),
        ("beta=much", "must be a number"),
        ("batch_size=2.5", "a whole number"),
        ("batch_size=inf", "must be a number"),
        ("beta=nan", "finite"),
        ("flip=perhaps", "true or false"),
        ("beta=none", "cannot be switched off"),
        ("reconstruction=l3", "mse, l1, bce"),
    ],
)
def test_wrong_settings_say_what_is_right(pair: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_settings([pair])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size_px": 100}, "32, 64, 128"),
        ({"beta": -1.0}, "0 or more"),
        ({"batch_size": 0}, "1 or more"),
        ({"images": None}, "exactly one"),
        ({"widht": 3}, "Did you mean 'width'"),
        ({"width": 30}, "multiple of 16"),
    ],
)
def test_impossible_fields_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        preset("small", settings)


def test_unknown_preset_names_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="tiny, small, base, large"):
        preset("smal")


def test_conditioning_on_what_is_no_control_lists_the_controls() -> None:
    with pytest.raises(ControlError, match="age, gender, expression"):
        preset("small", {"condition_on": ("race",)})
