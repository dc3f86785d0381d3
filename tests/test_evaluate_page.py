from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facevae.charts import MarkedBar, heat_map, marked_bars, two_histograms
from facevae.errors import ConfigError, DataError
from facevae.evaluate_page import SHEETS, write_report_page
from facevae.figures import KINDS, Figure, against_floor, format_value, label, read_figures
from facevae.images import tile
from tests.conftest import blob_faces

QUESTIONS = (
    "How good?", "How diverse?", "How controllable?", "How fair?", "How fast?", "Against what?",
)  # fmt: skip
SECTIONS = ("generation", "classic", "truncation", "diversity", "memorisation", "reconstruction", "latent",
            "disentanglement", "control", "probes", "balance", "fairness", "speed", "against")  # fmt: skip


def fig(value: float, floor: float | None = None, std: float | None = None, count: int = 5000) -> dict:
    return {"value": value, "count": count, "floor": floor, "std": std}


def fake_report() -> dict[str, Any]:
    """A report with every section, its figures near those of a small model of 64 px."""
    rng = np.random.default_rng(0)
    edges = np.linspace(0.2, 1.4, 31)

    def space(median: float, memorises: bool = False) -> dict[str, Any]:
        counts = [np.histogram(rng.normal(m, 0.15, 5000), edges)[0].tolist() for m in (median, 0.8)]
        return {
            "below_first_percentile": fig(0.0042, 0.01), "median_ratio": fig(1.04),
            "memorises": memorises, "rule": "More than 5 % of samples below the 1st percentile.",
            "histogram": {"edges": edges.tolist(), "samples": counts[0], "validation": counts[1]},
        }  # fmt: skip

    def audit(values: dict[str, float]) -> dict[str, Any]:
        rows = [{"group": g, "count": 300 + 50 * n, "value": v} for n, (g, v) in enumerate(values.items())]
        return {"rows": rows, "worst_to_best": min(values.values()) / max(values.values())}

    ages = ["0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70 and over"]
    races = ["Black", "East Asian", "Indian", "Latino or Hispanic", "Middle Eastern", "White"]
    return {
        "format_version": 1,
        "model": {
            "name": "face64", "sha256": "0123456789abcdef" * 4, "size_px": 64, "latent_dim": 128,
            "parameters": {"encoder": 3_200_000, "decoder": 4_100_000}, "prior": "gmm",
            "seen_images": 6_400_000,
            "controls": ["age", "gender", "expression"],
        },
        "data": {"name": "faces64", "licence": "CC BY 4.0", "train": 86_744, "validation": 10_954,
                 "fingerprint": "fedcba9876543210"},
        "settings": {
            "samples": 5000, "seed": 0, "size_px": 64, "crop": "eyes level, 40 % of the width apart",
            "reference_faces": 5000,
            "extractor": {"name": "EfficientNet-Lite2", "sha256": "abcdef0123456789" * 4, "input_px": 260},
        },
        "made": {"date": "2025-06-01", "facevae_version": "0.1.0", "machine": "x86_64, 2 cores",
                 "device": "cpu", "seconds": 812.4},
        "reconstruction": {
            "psnr_db": fig(23.41, None, 2.13), "ssim": fig(0.7712, None, 0.061),
            "feature_distance": fig(0.2134),
            "identity_cosine": fig(0.6123), "negative_elbo_nats": fig(-8120.5),
            "reconstruction_nats": fig(-8301.2),
            "kl_nats": fig(180.7), "bits_per_dim": fig(5.0471), "importance_weighted_nats": fig(-8139.9),
            "importance_weighted_bits_per_dim": fig(5.0412), "pixel_std": fig(0.0713),
        },
        "generation": {
            "frechet_distance": fig(12.314, 1.021), "kernel_distance": fig(0.00812, -0.00001, 0.0004),
            "precision": fig(0.813, 0.742), "recall": fig(0.402, 0.741), "density": fig(1.021, 1.003),
            "coverage": fig(0.583, 0.962), "sharpness": fig(0.742, 1.0),
            "sliced_wasserstein_64": fig(0.0312, 0.004),
            "sliced_wasserstein_32": fig(0.0211, 0.0041), "sliced_wasserstein_16": fig(0.0163, 0.0042),
            "detected": fig(0.981, 0.997),
        },
        "classic": {"fid": fig(31.42, 3.11), "kid": fig(0.0213, 0.00012)},
        "truncation": [
            {"truncation": t, "detected": 0.98 + (1 - t) / 20, "frechet_distance": 12.3 + 6 * (1 - t),
             "recall": t * 0.4, "pairwise_distance": 9.1 * t} for t in (1.0, 0.9, 0.8, 0.6)
        ],
        "diversity": {"pairwise_distance": fig(9.123, 10.417)},
        "memorisation": {"feature": space(0.85), "pixel": space(0.7)},
        "latent": {
            "active_units": fig(97), "latent_dim": fig(128), "kl_nats": fig(180.7),
            "frechet_gap": fig(3.212, 0.412),
            "two_sample_accuracy": fig(0.581, 0.5),
            "kl_nats_per_dim": sorted((6 * rng.random(128) ** 2).tolist(), reverse=True),
        },
        "probes": {
            "age": {"kind": "number", "mae": 5.91, "pearson": 0.871, "count": 10_954},
            "gender": {"kind": "category", "accuracy": 0.934, "balanced_accuracy": 0.933, "chance": 0.531,
                       "count": 10_954},
            "expression": {"kind": "category", "accuracy": 0.712, "balanced_accuracy": 0.524, "chance": 0.612,
                           "count": 9_100},
        },
        "control": {
            "rows": [
                {"control": "gender", "asked": "female", "count": 500, "agreement": 0.941, "ceiling": 0.951,
                 "read_mean": None, "read_std": None, "real_mean": None},
                {"control": "age", "asked": 30, "count": 500, "agreement": 0.731, "ceiling": 0.762,
                 "read_mean": 31.25, "read_std": 6.31, "real_mean": 30.87},
                {"control": "expression", "asked": "sad", "count": 500, "agreement": 0.413, "ceiling": 0.502,
                 "read_mean": None, "read_std": None, "real_mean": None},
            ],
            "leakage": {"age": {"age": 0.93, "gender": -0.08, "expression": 0.05},
                        "gender": {"age": 0.11, "gender": 0.9, "expression": 0.04}},
        },
        "disentanglement": {
            "mig_age": fig(0.0712), "mig_gender": fig(0.0413), "sap_age": fig(0.0514),
            "sap_gender": fig(0.0315),
            "dci_disentanglement": fig(0.216), "dci_completeness": fig(0.317),
            "dci_informativeness": fig(0.718),
            "mutual_information_nats": {
                name: (0.4 * rng.random(128) ** 4).tolist()
                for name in ("age", "gender", "expression", "smile")
            },
        },
        "balance": {
            "gender": {"female": {"data": 0.481, "samples": 0.523}, "male": {"data": 0.519,
            "samples": 0.477}},
            "expression": {"neutral": {"data": 0.612, "samples": 0.701}, "happy": {"data": 0.388,
            "samples": 0.299}},
            "age": {age: {"data": 0.125, "samples": 0.1 + 0.007 * n} for n, age in enumerate(ages)},
        },
        "fairness": {
            "psnr_db": {"gender": audit({"female": 23.2, "male": 23.6}),
                        "race": audit({race: 22.9 + 0.2 * n for n, race in enumerate(races)})},
            "detected": {"race": audit({race: 0.95 + 0.008 * n for n, race in enumerate(races)}),
                         "age": audit({age: 0.99 - 0.01 * n for n, age in enumerate(ages)})},
            "control_agreement": {"gender": audit({"female": 0.813, "male": 0.911})},
        },
        "speed": {
            "samples_per_s": fig(1234.5), "encode_per_s": fig(812.3), "sample_ms_for_one": fig(4.13),
            "encode_ms_for_one": fig(6.27), "peak_memory_mib": fig(512.4), "device": "cpu", "threads": 2,
        },
        "against": [
            {"name": "face64-small", "frechet_distance": 15.71, "recall": 0.312},
            {"name": "face64-flow", "frechet_distance": 11.92, "recall": 0.455},
        ],
    }  # fmt: skip


def write_fake(out: Path, report: dict[str, Any], sheets: tuple[str, ...] = tuple(SHEETS)) -> Path:
    (out / "sheets").mkdir(parents=True)
    (out / "report.json").write_text(json.dumps(report), encoding="utf-8")
    for seed, name in enumerate(sheets):
        Image.fromarray(tile(blob_faces(48, 64, seed), 16)).save(out / "sheets" / f"{name}.png")
    return write_report_page(out)


class Outline(HTMLParser):
    """The text of a page, its headings, its images' alternative texts, and the tags left open."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text, self.alts, self.ids, self.links = "", [], [], []
        self.open: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "img":
            self.alts.append(values.get("alt"))
        if "id" in values:
            self.ids.append(values["id"])
        if str(values.get("href", "")).startswith("#"):
            self.links.append(str(values["href"])[1:])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_fake(tmp_path_factory.mktemp("report"), fake_report()).read_text(encoding="utf-8")


def figures_of(section: Any) -> list[tuple[str, Figure]]:
    found = []
    if isinstance(section, dict):
        found += list(read_figures(section).items())
        for value in section.values():
            found += figures_of(value) if isinstance(value, dict) and "value" not in value else []
    return found


def test_every_figure_of_the_report_appears(page: str) -> None:
    text = Outline(page).text
    report = fake_report()
    figures = [
        entry for name in SECTIONS if isinstance(report[name], dict) for entry in figures_of(report[name])
    ]
    assert len(figures) > 60
    for name, figure in figures:
        assert label(name) in text, name
        assert format_value(name, figure.value) in text, name
        if figure.floor is not None:
            assert format_value(name, figure.floor) in text, name
    for row in report["truncation"]:
        assert all(format_value(name, value) in text for name, value in row.items())
    for shares in report["balance"].values():
        assert all(f"{100 * share['samples']:.1f} %" in text for share in shares.values())
    for name, audits in report["fairness"].items():
        rows = [row for audit in audits.values() for row in audit["rows"]]
        assert all(format_value(name, row["value"]) in text for row in rows)
    assert "face64-flow" in text
    assert "fedcba9876543210" in text


def test_first_screen_answers_six_questions(page: str) -> None:
    tiles = re.findall(r'<li class="tile"><h2>(.*?)</h2>\s*<b>(.*?)</b>', page)
    assert [question for question, _ in tiles] == list(QUESTIONS)
    assert [value for _, value in tiles] == ["12.31", "40.2 %", "69.5 %", "0.892", "1,234/s", "2 of 3"]
    first = page[: page.index("<nav")]
    said_there = ("real faces: 1.02", "12 times as far", "Sharpness 0.74", "No sign of memorised faces",
                  "expression = sad", "female 81.3 %", "One face takes 4.1 ms", "flow, 11.92")  # fmt: skip
    for said in said_there:
        assert said in first, said


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    outline = Outline(page)
    assert not outline.open
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.links) <= set(outline.ids)
    assert len(outline.alts) == len(SHEETS)
    assert all(outline.alts)
    assert not re.search(r"(?:src|href|url\()\s*=?\s*[\"']?(?:https?:)?//", page)
    for chart in re.findall(r"<svg.*?</svg>", page, re.S):
        ElementTree.fromstring(chart)


@pytest.mark.parametrize("name", SECTIONS)
def test_any_section_may_be_missing_or_absent(tmp_path: Path, name: str) -> None:
    report = fake_report()
    del report[name]
    text = Outline(write_fake(tmp_path / "missing", report, ()).read_text(encoding="utf-8")).text
    assert "Absent: not measured." in text or name == "against"
    report[name] = {"absent": "for reason <7>."}
    text = Outline(write_fake(tmp_path / "absent", report, ()).read_text(encoding="utf-8")).text
    assert "for reason <7>." in text or name == "against"
    assert "<7>.." not in text


def test_the_least_report_is_still_a_page(tmp_path: Path) -> None:
    report = {name: {} for name in ("model", "data", "settings")}
    report["model"] = {"name": "least"}
    text = Outline(write_fake(tmp_path, {"format_version": 1, **report}, ()).read_text(encoding="utf-8")).text
    assert text.count("Absent:") == len(SECTIONS)
    assert all(question in text for question in QUESTIONS)


def test_values_that_are_not_numbers_are_said_to_be_none(tmp_path: Path) -> None:
    report = fake_report()
    report["generation"]["frechet_distance"] = fig(float("nan"), 1.0)
    report["generation"]["recall"] = {"value": None, "count": 0, "floor": None, "std": None}
    report["fairness"]["psnr_db"]["race"]["rows"][0]["value"] = None
    report["novel"] = {"strange_score": fig(0.25), "words": "none"}
    text = Outline(write_fake(tmp_path, report).read_text(encoding="utf-8")).text
    assert "not finite" in text
    assert "no value" in text
    assert "Strange score" in text


def test_memorising_is_said_at_the_top(tmp_path: Path) -> None:
    report = fake_report()
    report["memorisation"]["feature"]["memorises"] = True
    page = write_fake(tmp_path, report, ()).read_text(encoding="utf-8")
    assert "It memorises training faces (feature distances)." in page[: page.index("<nav")]


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'

    def poison(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: poison(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [poison(entry) for entry in value]
        return evil if isinstance(value, str) and value not in ("number", "category") else value

    report = poison(copy.deepcopy(fake_report()))
    report["balance"][evil] = report["balance"].pop("gender")
    report["balance"][evil][evil] = report["balance"][evil].pop("male")
    report["fairness"]["detected"][evil] = report["fairness"]["detected"].pop("race")
    report["disentanglement"]["mutual_information_nats"][evil] = [0.1] * 128
    report["control"]["leakage"][evil] = {evil: 0.5}
    report["memorisation"][evil] = report["memorisation"].pop("pixel")
    report[evil] = {evil: fig(1.0)}
    text = write_fake(tmp_path, report, ()).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not Outline(text).open


def test_a_report_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="facevae evaluate"):
        write_report_page(tmp_path)
    for text, said in (("{", "not JSON"), ('{"format_version": 2}', "format 2"), ("[]", "format None"),
                       ('{"format_version": 1, "model": {}}', "data, settings")):  # fmt: skip
        (tmp_path / "report.json").write_text(text)
        with pytest.raises(DataError, match=said):
            write_report_page(tmp_path)


def test_catalogue_is_complete_and_needs_no_torch() -> None:
    for name, kind in KINDS.items():
        assert kind.label, name
        assert kind.meaning.endswith((".", "?")), name
        assert kind.better in ("lower", "higher", None), name
    code = "import sys, facevae.figures; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("psnr_db", 23.414, "23.41 dB"), ("recall", 0.4, "40.0 %"), ("recall", 0, "0.0 %"),
        ("frechet_distance", 0.0123, "0.012"), ("samples_per_s", 1234.4, "1,234/s"),
        ("active_units", 97, "97"), ("kernel_distance", -0.00001, "-0.00001"), ("psnr_db", None, "–"),
        ("ssim", float("inf"), "not finite"),
        ("never_heard_of", 0.5, "0.500"),
    ],
)  # fmt: skip
def test_values_have_their_units_and_digits(name: str, value: float | None, text: str) -> None:
    assert format_value(name, value) == text


def test_labels_of_families_and_of_unknown_names() -> None:
    assert label("sliced_wasserstein_64") == "Sliced Wasserstein distance, 64 px"
    assert label("mig_age") == "MIG, age"
    assert label("never_heard_of") == "Never heard of"


@pytest.mark.parametrize(
    ("name", "value", "floor", "words"),
    [
        ("frechet_distance", 12.0, 1.0, "worse, 12×"),
        ("frechet_distance", 2.1, 1.0, "worse, 2.1×"),
        ("recall", 0.4, 0.8, "worse, 50 %"), ("recall", 0.795, 0.8, "level"), ("precision", 0.9, 0.8,
        "beyond"),
        ("kernel_distance", 0.01, -0.001, "worse"), ("recall", 0.4, None, ""), ("kl_nats", 5, 4, ""),
        ("recall", float("nan"), 0.8, ""),
    ],
)  # fmt: skip
def test_a_value_beside_its_floor_is_told_in_words(
    name: str, value: float, floor: float | None, words: str
) -> None:
    assert against_floor(name, Figure(value, 10, floor)) == words


def test_heat_map_names_each_cell_and_refuses_wrong_shapes() -> None:
    chart = heat_map([[1, -2], [np.nan, 0]], ["a", "<b>"], ["x", "y"], "t")
    titles = [node.text for node in ElementTree.fromstring(chart).iter() if node.tag.endswith("title")]
    assert titles == ["a, x: 1", "a, y: -2", "<b>, y: 0"]
    ElementTree.fromstring(heat_map(np.zeros((3, 32)), list("abc"), [str(n) for n in range(32)], "zeros"))
    ElementTree.fromstring(heat_map([], [], [], "none"))
    with pytest.raises(ConfigError, match=r"shape \(1, 2\)"):
        heat_map([[1, 2]], ["a"], ["x"], "t")


def test_bars_show_marks_and_values_that_are_missing() -> None:
    bars = [MarkedBar("a", 0.5, 0.7), MarkedBar("b", float("nan")), MarkedBar("<c>", 0.0, 0.1)]
    chart = ElementTree.fromstring(marked_bars(bars, "t", "real"))
    assert len([node for node in chart.iter() if node.get("class") == "mark"]) == 3
    assert "no value" in "".join(chart.itertext())
    ElementTree.fromstring(marked_bars([], "none"))
    ElementTree.fromstring(marked_bars([MarkedBar("zero", 0)], "zero"))


def test_two_histograms_are_shares_of_each() -> None:
    chart = two_histograms([0, 1, 2], ("a", [1, 3]), ("b", [200, 200]), "t")
    text = "".join(ElementTree.fromstring(chart).itertext())
    assert "25.0%" in text
    assert "75.0%" in text
    ElementTree.fromstring(two_histograms([0, 1], ("a", [0]), ("b", [0]), "zero"))
    ElementTree.fromstring(two_histograms([], ("a", []), ("b", []), "none"))
    with pytest.raises(ConfigError, match="one edge more"):
        two_histograms([0, 1], ("a", [1, 2]), ("b", [1]), "t")
