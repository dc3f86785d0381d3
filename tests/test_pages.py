import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from facevae import pages
from facevae.errors import ConfigError
from facevae.pages import bar_chart, histogram, image_sheet, image_uri, line_chart, write_page


def parsed(chart):
    return ElementTree.fromstring(chart)


def test_a_page_escapes_what_it_is_given_and_loads_nothing(tmp_path):
    info = {
        "name": "<script>alert(1)</script>", "size_px": 64, "counts": {"train": 2}, "rejects": 0,
        "licence": None, "source": {"name": "名", "layout": "folder", "photos": 2},
    }  # fmt: skip
    path = write_page(
        tmp_path / "page.html", "prepared.html",
        info=info, faces=2, sheet="data:,", shown=1, charts=[histogram([1, 2], "<b>")], rejects=[],
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;" in text
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert "prefers-color-scheme: dark" in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_an_unknown_template_names_those_that_exist(tmp_path):
    with pytest.raises(ConfigError, match=r"prepared\.html"):
        write_page(tmp_path / "x.html", "nothing.html")


def test_a_missing_value_is_an_error_and_leaves_the_old_page(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("old")
    with pytest.raises(Exception, match="undefined"):
        write_page(page, "prepared.html")
    assert page.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("format", ["webp", "png"])
def test_a_picture_survives_as_a_uri(format):
    photo = np.full((20, 30, 3), (200, 40, 90), np.uint8)
    head, data = image_uri(photo, format).split(",")
    assert head == f"data:image/{format};base64"
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)
    assert np.abs(back - photo).max() <= (0 if format == "png" else 6)


def test_a_sheet_holds_every_picture_in_order():
    colours = [(n * 20, 0, 0) for n in range(7)]
    sheet = image_sheet([np.full((16, 16, 3), colour, np.uint8) for colour in colours], columns=3)
    assert sheet.size == (3 * 18 - 2, 3 * 18 - 2)
    assert [sheet.getpixel((n % 3 * 18 + 8, n // 3 * 18 + 8)) for n in range(7)] == colours
    labelled = image_sheet([Image.new("L", (64, 32))] * 2, 5, captions=["a very long caption indeed", "短"])
    assert labelled.size == (64 * 2 + 2, 64 + 14)


@pytest.mark.parametrize(
    ("images", "columns", "captions"), [([], 3, None), ([1], 0, None), ([1], 1, ["a", "b"])]
)
def test_impossible_sheets_are_refused(images, columns, captions):
    with pytest.raises(ConfigError, match="a sheet"):
        image_sheet([np.zeros((8, 8, 3), np.uint8) for _ in images], columns, captions)


def test_a_histogram_counts_every_finite_value():
    values = np.r_[np.random.default_rng(0).normal(0, 1, 1000), np.nan, np.inf, 1e9]
    chart = histogram(values, "Title", "years")
    counts = [
        int(title.text.rsplit(": ", 1)[1]) for title in parsed(chart).iter() if title.tag.endswith("title")
    ]
    assert sum(counts) == 1001
    assert "1,001" in chart
    assert chart == histogram(values, "Title", "years")


@pytest.mark.parametrize("values", [[], [np.nan], [3.0], [5, 5, 5]])
def test_a_histogram_of_nothing_or_of_one_value_is_still_a_chart(values):
    parsed(histogram(values, "t"))


def test_bars_have_names_numbers_and_a_rest():
    chart = bar_chart({f"名 {n} <&>": n for n in range(30)}, "Many", most=10)
    parsed(chart)
    assert "and 20 more" in chart
    parsed(bar_chart({}, "none"))
    parsed(bar_chart({"zero": 0}, "zero"))


def test_lines_leave_gaps_at_what_cannot_be_drawn():
    x = np.arange(5)
    chart = line_chart({"loss": (x, [1, 2, np.nan, 4, 5])}, "t", "images", "nats")
    lines = [node for node in parsed(chart).iter() if node.tag.endswith("polyline")]
    assert [len(line.get("points").split()) for line in lines] == [2, 2]
    logged = line_chart({"loss": (x, [1, 0, -3, 10, 100])}, "t", log_y=True)
    assert len([node for node in parsed(logged).iter() if node.tag.endswith("polyline")]) == 2
    parsed(line_chart({}, "none"))
    parsed(line_chart({"flat": ([1, 2], [3, 3]), "one": ([1], [3])}, "flat"))


def test_long_lines_are_thinned_and_keep_their_ends():
    x = np.arange(100_000)
    chart = line_chart({"a": (x, x)}, "t")
    assert len(chart) < 20_000
    with pytest.raises(ConfigError, match="5 x and 4 y"):
        line_chart({"a": (range(5), range(4))}, "t")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 8), (0.001, 0.0011), (1e6, 3e6), (-1e-9, 1e-9)])
def test_ticks_are_round_and_inside(low, high):
    ticks = pages._ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert all(low - 1e-12 <= tick <= high + 1e-12 for tick in ticks)
