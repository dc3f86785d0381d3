"""What files say of themselves cannot pass for what facevae says: in lines, in JSON and in tables."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from facevae.cli_inspect import in_json, in_words
from facevae.cli_inspect import inspect as inspect_command
from facevae.console import UNPRINTABLE, cell, print_rows, printable, say
from facevae.inspection import inspect
from facevae.provenance import png_bytes

FORGED = "\n  Content Credentials: trusted: unchanged since it was signed, by a key that you trust"
ODD = (
    FORGED, FORGED.replace("\n", "\r"), FORGED.replace("\n", "\u2028"), FORGED.replace("\n", "\x85"),
    "\x1b[2K\x1b[1A" + FORGED[1:], "\x9b2J", "\u202e" + FORGED[:0:-1], "\u2066x", "\ud83d", "\x00", "\x7f",
    "\x1b]8;;https://evil.example\x07x", " " * 400 + FORGED[1:], "x" * 100_000, "[red]x[/red]", "[/]",
)  # fmt: skip


def shown(path: Path, as_json: bool = False) -> str:
    inspector = typer.Typer()
    inspector.command()(inspect_command)
    result = CliRunner().invoke(inspector, [str(path), *(["--json"] if as_json else [])])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.stdout


def picture(tmp_path: Path, facts: dict[str, Any]) -> Path:
    """A picture that says these facts, whatever they are."""
    data = png_bytes(np.zeros((8, 8, 3), np.uint8), model="face64", seed=7)
    path = tmp_path / "face.png"
    path.write_bytes(data)
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    with Image.open(path) as image:
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", image.info["XML:com.adobe.xmp"])
        info.add_text("facevae", json.dumps(facts))
        image.save(path, pnginfo=info)
    return path


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_no_fact_of_a_picture_is_a_line_of_the_command(tmp_path: Path, odd: str) -> None:
    path = picture(tmp_path, {"seed": 7, "note": odd, "many": [odd, odd], "deep": {odd: odd}, odd: odd})
    honest = shown(picture(tmp_path, {"seed": 7, "note": "x", "many": "x", "deep": "x", "odd": "x"}))
    path = picture(tmp_path, {"seed": 7, "note": odd, "many": [odd, odd], "deep": {odd: odd}, odd: odd})
    text = shown(path)
    assert "seed: 7" in text
    assert len(text.split("\n")) == len(honest.split("\n"))
    assert all(unicodedata.category(one) not in UNPRINTABLE for one in text.replace("\n", ""))
    assert all(len(line) < 5000 for line in text.split("\n"))
    assert text.count("\n  Content Credentials:") == 1
    assert "\n  Content Credentials: trusted" not in text


def test_a_fact_cannot_take_the_name_of_a_line(tmp_path: Path) -> None:
    text = shown(picture(tmp_path, {"Content Credentials": "trusted", "signed by": "facevae", "seed": 7}))
    assert "\n  Content Credentials: trusted" not in text
    assert "\n  signed by" not in text
    assert "a fact named 'Content Credentials': trusted" in text


@pytest.mark.parametrize(
    "facts",
    [*({"note": odd, odd: [odd]} for odd in ODD), {"n": float("nan"), "i": [float("-inf")]}, {"d": 10**400},
     {"digital_source_type": ["x"], "facevae_version": {"x": 1}}],
    ids=str,
)  # fmt: skip
def test_json_is_json_whatever_a_picture_says(tmp_path: Path, facts: dict[str, Any]) -> None:
    line = shown(picture(tmp_path, facts), as_json=True)
    assert line.isascii()
    assert line.count("\n") == 1

    def never(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found = json.loads(line, parse_constant=never)
    json.dumps(found, ensure_ascii=False).encode("utf-8")
    assert found["kind"] == "image"


def test_values_deeper_than_any_of_ours_are_cut() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    assert "…" in json.dumps(json.loads(in_json({"kind": "image", "deep": deep})), ensure_ascii=False)


@pytest.mark.parametrize("odd", [one for one in ODD if "\0" not in one and "/" not in one and len(one) < 200])
def test_names_of_files_signers_and_models_are_no_lines_either(tmp_path: Path, odd: str) -> None:
    path = tmp_path / (odd.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape") + ".png")
    path.write_bytes(b"no picture")
    assert shown(path).count("\n") == 1
    credentials = {"state": "not trusted", "signer": odd, "problems": [odd]}
    found = {"path": odd, "kind": "image", "digital_source_type": odd, "meaning": "says so", "facts": {},
             "by_facevae": True, "facevae_version": odd, "credentials": credentials}  # fmt: skip
    lines = in_words(found)
    assert len(lines) == 6
    assert not [line for line in lines if line.startswith("  Content Credentials: trusted")]
    assert all(unicodedata.category(one) not in UNPRINTABLE for line in lines for one in line)


def test_shards_and_models_cannot_forge_lines(steerable: Path, tmp_path: Path) -> None:
    shard = tmp_path / "train-00000.tar"
    with tarfile.open(shard, "w") as tar:
        data = png_bytes(np.zeros((8, 8, 3), np.uint8), model=FORGED)
        member = tarfile.TarInfo("0.png")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    assert shown(shard).count("\n") == 3
    model = Path(shutil.copytree(steerable / "model", tmp_path / "model"))
    honest = shown(model).count("\n")
    config = json.loads((model / "config.json").read_text())
    config["dataset"] |= {"name": FORGED, "licence": FORGED}
    (model / "config.json").write_text(json.dumps(config))
    assert shown(model).count("\n") == honest
    for field in ("sha256", "dataset", "model"):
        (model / "config.json").write_text(json.dumps({**config, field: ["x", 1]}))
        assert "ERROR" in shown(model)
    (model / "config.json").write_text(json.dumps({**config, "measured": {"dp_epsilon": "x"}}))
    assert "ERROR" in shown(model)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_what_the_commands_say_is_one_line_without_markup(
    odd: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say(f"cannot read the photo {odd}")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert printable(odd) in said
    print_rows([{"what": odd, "name": odd}])
    assert "\x1b" not in capsys.readouterr().out
    console = Console(file=io.StringIO(), width=10**6)
    console.print(cell(odd))
    assert printable(odd) in console.file.getvalue()


def test_text_in_any_language_is_left_as_it_is() -> None:
    for text in ("a smiling old man", "微笑的老人,戴帽子 全角", "né à Zürich", "C:\\photos\\me.jpg", "👩🏽"):
        assert printable(text) == text


def test_a_shard_of_pictures_that_name_no_text_as_their_source_is_counted(tmp_path: Path) -> None:
    path = picture(tmp_path, {"digital_source_type": ["x"], "model": ["y"]})
    assert inspect(path)["by_facevae"]
