"""Words to requests: every phrase of the table, any text at all, and the journey from words to faces."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from facevae import ConfigError, ControlError, FaceVAEError
from facevae.attributes import CONTROLS, Schema
from facevae.cli import app
from facevae.controls import check_request
from facevae.describe import chinese, english, understand
from facevae.describe.traditional import SIMPLER
from tests.describe_phrases import CHINESE, ENGLISH, MENDED, PHRASES, Phrase
from tests.describe_strangers import STRANGERS
from tests.describe_variants import VARIANTS

ALL = Schema(CONTROLS)


@pytest.mark.parametrize("phrase", [*PHRASES, *MENDED, *STRANGERS, *VARIANTS], ids=lambda phrase: phrase.text)
def test_phrase_is_understood_as_the_table_says(phrase: Phrase) -> None:
    description = understand(phrase.text)
    assert description.request == phrase.request
    assert tuple(description.not_understood) == phrase.missing
    assert tuple(tuple(conflict) for conflict in description.conflicts) == phrase.conflicts


def test_the_table_is_large_and_half_of_it_chinese() -> None:
    assert len(PHRASES) >= 140
    assert len({phrase.text for phrase in PHRASES}) == len(PHRASES)
    written = [phrase for phrase in PHRASES if any("一" <= character <= "鿿" for character in phrase.text)]
    assert len(written) >= len(PHRASES) / 2


@pytest.mark.parametrize("phrase", ENGLISH, ids=lambda phrase: phrase.text)
def test_capitals_and_spaces_change_nothing(phrase: Phrase) -> None:
    assert understand(phrase.text.upper().replace(" ", "  ")).request == phrase.request


@pytest.mark.parametrize("phrase", CHINESE, ids=lambda phrase: phrase.text)
def test_politeness_and_traditional_characters_change_nothing(phrase: Phrase) -> None:
    back = {simple: traditional for traditional, simple in reversed(SIMPLER.items())}
    traditional = "".join(back.get(character, character) for character in phrase.text)
    assert understand(f"请给我生成一张照片：{traditional}。").request == phrase.request


@pytest.mark.parametrize("sources", [english, chinese], ids=["English", "Chinese"])
def test_no_word_has_two_meanings(sources: object) -> None:
    rows = sources.ROWS  # type: ignore[attr-defined]
    words = [word for _, text in rows for word in (text.split(", ") if sources is english else text.split())]
    assert len(words) == len(set(words))


def test_what_has_no_control_is_said_once_and_apart_from_what_is_not_understood() -> None:
    description = understand("a man with glasses, a frobnicator with glasses and glasses, with glasses")
    assert description.not_understood == ["with glasses", "frobnicator", "glasses"]
    assert description.without_control == ["with glasses", "glasses"]
    summary = description.summary()
    assert summary.count("'with glasses'") == 1
    assert "No control for 'with glasses', 'glasses' yet: that is left to chance." in summary
    assert "Not understood: 'frobnicator'." in summary
    assert "暂时无法控制“戴眼镜”，随机生成。" in understand("戴眼镜的老人").summary()


@pytest.mark.parametrize(
    "text",
    ["smile 0", "smile=1", "微笑 0", "smile .5", "smile 45", "smile: 5", "happiness 30", "笑容 60", "yaw 20",
     "身高 180", "体重70", "size 42", "iq 140", "-5 year old", "负五岁", "007", "24/7", "6'2\"", "5ft 6",
     "f/1.8", "512x512", "for 30 years", "100 years of solitude", "30 kg", "#45", "9 to 5 office",
     "family of four", "the 80s", "1990s", "80年代", "90后", "the nineteen-fifties", "summer of 69"],
)  # fmt: skip
def test_a_number_of_something_else_is_no_age(text: str) -> None:
    assert "age" not in understand(text).request


@pytest.mark.parametrize(("phrase", "told"), [("smile 45", ["45"]), ("-5 year old", ["-5 year old"])])
def test_a_number_that_is_set_aside_is_told(phrase: str, told: list[str]) -> None:
    assert understand(phrase).not_understood == told


def test_folding_reaches_every_chinese_word() -> None:
    assert not [word for word in chinese.CHINESE if set("".join(word)) & set(SIMPLER)]


vocabulary = sorted(
    {" ".join(words) for words in english.ENGLISH}
    | {"".join(words) for words in chinese.CHINESE}
    | set("七八十百两岁多几半来.,，、-~+%:!?'\"😀")
    | {"20", "30", "0.5", "150", "1000000000000", "twenty", "five", "thirties", "teens", "between",
       "about", "years old", "under", "over", "to", "以上", "左右", "出头", "ish", "hundred", "late", "mid",
       "smile 0.5"}
)  # fmt: skip
texts = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(vocabulary), max_size=14).map(" ".join),
    st.lists(st.sampled_from(vocabulary), max_size=14).map("".join),
    st.lists(st.one_of(st.sampled_from(vocabulary), st.text(max_size=4)), max_size=10).map(" ".join),
)


@settings(max_examples=150, deadline=None)
@given(texts)
def test_any_text_gives_a_possible_request_and_says_where_it_comes_from(text: str) -> None:
    description = understand(text)
    check_request(description.request, ALL)
    for value in description.request.values():
        if isinstance(value, tuple):
            assert value[0] < value[1]
    phrases = [phrase for phrase, _ in description.understood]
    phrases += [
        *description.not_understood,
        *description.without_control,
        *(side for pair in description.conflicts for side in pair),
    ]
    assert all(phrase and phrase in text for phrase in phrases)
    said = ", ".join(meaning for _, meaning in description.understood)
    assert all(name in said for name in description.request)
    assert understand(text) == description
    assert description.summary()
    assert json.loads(json.dumps(description.to_json()))["text"] == text


@pytest.mark.parametrize(
    "unit",
    [
        "a smiling old man, ",
        "very ",
        "七八",
        "with a ",
        "unknownn ",
        "not ",
        "1 ",
        "a hundred and ",
        "😀",
        "百",
        "(((((",
        "and a man with his old ",
        "像男人一样的",
        "smile 0.5 ",
        "happy sad ",
    ],
)
def test_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        taken = []
        for _ in range(3):
            start = time.process_time()
            understand(text)
            taken.append(time.process_time() - start)
        return min(taken)

    assert seconds(2000) < 6 * seconds(500) + 0.05  # 4 times as long; with squares it would be 16


@pytest.mark.parametrize(
    ("text", "message"),
    [("a" * 2001, "2,000 characters, got 2,001"), ("old \udcff man", "not valid Unicode")],
)
def test_a_text_that_is_no_description_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        understand(text)


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("a smilling wman", {"smilling": "smiling", "wman": "woman"}),
        ("a twentyy year old hapy girl", {"twentyy": "twenty", "hapy": "happy"}),
        ("a man with a beard and a hat", {}),
        ("a witch of a long family", {}),
    ],
)
def test_typos_are_hinted_at_and_nothing_else_is(text: str, hints: dict[str, str]) -> None:
    assert understand(text).hints == hints


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a smiling old man with glasses", ["age 65 to 85", "male", "smile 0.7", "'with glasses'"]),
        ("a boy of seventy", ["Contradiction: took 'seventy', dropped 'boy'"]),
        ("a smilling man", ["Did you mean 'smiling' by 'smilling'?"]),
        ("戴眼镜的微笑老人", ["年龄 65 到 85 岁", "笑容 0.6", "“戴眼镜”"]),
        ("七十岁的小男孩", ["年龄 70 岁", "采用“七十岁”，忽略“小男孩”"]),
        ("愤怒的 man", ["男性", "表情生气"]),
        ("a person", ["nothing that a control stands for"]),
    ],
)
def test_summary_reads_back_in_the_language_of_the_text(text: str, parts: list[str]) -> None:
    summary = understand(text).summary()
    assert all(part in summary for part in parts), summary


def test_every_understood_phrase_says_what_it_came_to() -> None:
    assert understand("a very broadly smiling boy, about seven").understood == [
        ("very broadly smiling", "smile 0.95"),
        ("boy", "age 6..8, gender male"),
        ("about seven", "age 6..8"),
    ]


def test_what_a_model_lacks_is_set_aside_and_asking_for_that_alone_is_an_error() -> None:
    description = understand("a smiling woman of 30")
    part = description.against(Schema.from_names(["age", "gender"]))
    assert part.request == {"age": 30.0, "gender": "female"}
    assert part.lacking == ["smile 0.7"]
    assert "no control for: smile 0.7" in part.summary()
    assert description.against(ALL) == description
    with pytest.raises(ControlError, match=r"no control for anything in 'smiling' .* It has: age"):
        understand("smiling").against(Schema.from_names(["age"]))
    with pytest.raises(ControlError, match="It has none"):
        description.against(Schema())
    assert understand("a photo of a person").against(Schema()).request == {}


def test_a_category_that_a_model_does_not_know_is_set_aside() -> None:
    few = Schema.from_json([{"name": "gender", "categories": ["female", "male"]},
                            {"name": "expression", "categories": ["neutral", "happy"]}])  # fmt: skip
    part = understand("an angry man").against(few)
    assert (part.request, part.lacking) == ({"gender": "male"}, ["expression angry"])


def test_understanding_needs_no_torch() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from facevae.cli import app; "
        "result = CliRunner().invoke(app, ['describe', 'a smiling old man', '--dry-run']); "
        "assert result.exit_code == 0 and 'smile 0.7' in result.output, result.output; "
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("  ", ConfigError, "is empty"),
        ("a pirate", ControlError, "not pirate.*Say an age"),
        ("smilling", ControlError, "Did you mean 'smiling' by 'smilling'"),
        ("x" * 3000, ConfigError, "at most 2,000"),
    ],
)
def test_words_that_ask_for_nothing_are_told_so(text: str, error: type[FaceVAEError], message: str) -> None:
    with pytest.raises(error, match=message):
        CliRunner().invoke(app, ["describe", text, "--dry-run"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"a smiling old man\n", "age 65 to 85, male"),
        ("微笑的老人".encode(), "年龄 65 到 85 岁"),
        (b"(" * 100_000, "at most 2,000"),
        (b"an old \xff man", "not valid Unicode"),
        (b"", "is empty"),
    ],
)
def test_a_dash_reads_the_description_from_standard_input(typed: bytes, said: str) -> None:
    result = CliRunner().invoke(app, ["describe", "-", "--dry-run"], input=typed)
    assert said in f"{result.output}{result.exception or ''}"


def describe(model: Path, out: Path, *words: str) -> tuple[str, dict[str, object], list[dict[str, object]]]:
    """What the command said, description.json, and the lines of faces.jsonl."""
    options = ["--model", str(model), "--out", str(out), "--seed", "5", "--device", "cpu"]
    result = CliRunner().invoke(app, ["describe", *words, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (out / "faces.jsonl").read_text("utf-8").splitlines()]
    return result.output, json.loads((out / "description.json").read_text("utf-8")), rows


def test_from_words_to_faces_in_both_languages(steerable: Path, tmp_path: Path) -> None:
    said, facts, rows = describe(
        steerable, tmp_path / "a", "a sad man of sixty, with glasses", "--count", "2"
    )
    assert "Understood: age 60, male, sad expression." in said
    assert "No control for 'with glasses' yet: that is left to chance." in said
    assert facts["request"] == {"age": 60.0, "gender": "male", "expression": "sad"}
    assert facts["not_understood"] == ["with glasses"]
    assert [row["controls"] for row in rows] == [facts["request"]] * 2
    said, facts, _ = describe(steerable, tmp_path / "b", "六十岁、戴眼镜、伤心的男人", "--count", "2")
    assert "听懂了：年龄 60 岁，男性，表情悲伤。" in said
    assert facts["not_understood"] == ["戴眼镜"]
    for name in ("00000.png", "00001.png", "grid.png", "latents.npy"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_range_is_drawn_anew_for_each_face(steerable: Path, tmp_path: Path) -> None:
    words = ("a woman in her twenties, slightly smiling", "--count", "3", "--best-of", "2")
    _, facts, rows = describe(steerable, tmp_path, *words)
    assert (facts["request"], facts["seed"], facts["count"]) == (
        {"age": [20.0, 29.0], "gender": "female", "smile": 0.4}, 5, 3,
    )  # fmt: skip
    ages = [row["controls"]["age"] for row in rows]  # type: ignore[index]
    assert len(set(ages)) == 3
    assert all(20 <= age <= 29 for age in ages)
    assert all(row["best_of"] == 2 for row in rows)
    assert np.asarray(Image.open(tmp_path / "00002.png")).shape == (32, 32, 3)


def test_a_model_without_the_controls_says_so(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ControlError, match=r"no control for anything .* It has: age, gender, expression"):
        describe(trained, tmp_path, "smiling")
    said, facts, _ = describe(trained, tmp_path, "a smiling woman", "--count", "2")
    assert "no control for: smile 0.7" in said
    assert facts["lacking"] == ["smile 0.7"]
