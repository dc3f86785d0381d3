"""Self-contained HTML pages: pictures and charts inside the file, nothing loaded from elsewhere.

Charts are SVG text that takes its colours from the page, so that one file serves light and dark
screens, any script in its labels, and comes out byte-identical for the same numbers.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from facevae.errors import ConfigError, require
from facevae.files import atomic_file

Picture = Image.Image | NDArray[np.uint8]
Series = tuple[ArrayLike, ArrayLike]

WIDTH, HEIGHT = 460, 240
"""Size of a chart's drawing in px; on the page it is scaled to the column it stands in."""
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 30, 40
SERIES_COLOURS = 6
"""Colours that base.html defines (`--c0` ... `--c5`); more series repeat them, dashed."""
MAX_POINTS = 600
"""Points drawn per line: more than the chart has pixels only makes the page heavy."""


def write_page(path: str | Path, template_name: str, **context: Any) -> Path:
    """Render templates/`template_name` to `path` (temporary file, then rename) and return the path.

    Text in `context` is escaped. Charts from this module are already markup: use `| safe` for them.
    Raises MissingExtraError without jinja2, ConfigError for a template that does not exist.
    """
    jinja2 = require("jinja2", "report", "writing an HTML page")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("facevae"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    try:
        template = environment.get_template(template_name)
    except jinja2.TemplateNotFound:
        known = ", ".join(environment.list_templates(extensions=["html"]))
        raise ConfigError(f"there is no page template '{template_name}'. There are: {known}.") from None
    path = Path(path)
    with atomic_file(path) as temporary:
        temporary.write_text(template.render(**context), encoding="utf-8")
    return path


def image_uri(image: Picture, format: str = "webp", quality: int = 90) -> str:
    """A `data:` URI that holds the picture. image: PIL, or (H, W, 3) or (H, W) uint8.

    format: 'webp' (lossy at `quality`, small) or 'png' (exact).
    """
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": quality, "method": 4} if format == "webp" else {"optimize": True}
    _as_pil(image).save(buffer, format=format.upper(), **options)
    return f"data:image/{format};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def image_sheet(
    images: Sequence[Picture],
    columns: int,
    captions: Sequence[str] | None = None,
    size_px: int | None = None,
    gap_px: int = 2,
) -> Image.Image:
    """One RGB picture with all images in rows of `columns`, each scaled to fit a square of `size_px`.

    size_px: None takes the largest side found. captions: one line below each, cut to the width.
    Raises ConfigError for no image, no column, or captions that do not match.
    """
    if not images or columns < 1:
        raise ConfigError(f"a sheet needs images and columns >= 1, got {len(images)} and {columns}")
    if captions is not None and len(captions) != len(images):
        raise ConfigError(f"a sheet of {len(images)} images got {len(captions)} captions")
    pictures = [_as_pil(image) for image in images]
    side = size_px or max(max(picture.size) for picture in pictures)
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    label_px = 14 if captions is not None else 0
    width = columns * (side + gap_px) - gap_px
    sheet = Image.new("RGB", (width, rows * (side + label_px + gap_px) - gap_px), "white")
    draw = ImageDraw.Draw(sheet)
    for index, picture in enumerate(pictures):
        x = index % columns * (side + gap_px)
        y = index // columns * (side + label_px + gap_px)
        scale = side / max(picture.size)
        fitted = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        if fitted != picture.size:
            picture = picture.resize(fitted, Image.Resampling.LANCZOS)
        sheet.paste(picture, (x + (side - fitted[0]) // 2, y + (side - fitted[1]) // 2))
        if captions is not None:
            draw.text((x + 1, y + side + 1), _fit(captions[index], side), fill="black", font=_caption_font())
    return sheet


def histogram(values: ArrayLike, title: str, unit: str = "", bins: int = 24) -> str:
    """SVG histogram of the finite values, the number of them and their median in the title."""
    finite = np.asarray(values, dtype=np.float64).ravel()
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return chart_frame(title, no_values())
    # A handful of outliers would press all the rest into one bar: the last bins hold the tails.
    low, high = np.percentile(finite, [0.5, 99.5])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(np.clip(finite, low, high), bins=bins, range=(low, high))
    x_of, y_of, axes = chart_axes((low, high), (0.0, float(counts.max())), unit, "faces" if not unit else "")
    bars = [
        f'<rect class="bar" x="{x_of(a) + 0.5:.1f}" y="{y_of(n):.1f}" width="{x_of(b) - x_of(a) - 1:.1f}" '
        f'height="{y_of(0) - y_of(n):.1f}"><title>{short_number(a)} to {short_number(b)}: {n}</title></rect>'
        for n, a, b in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    label = f"{title} · {finite.size:,} · median {short_number(float(np.median(finite)))} {unit}".rstrip()
    return chart_frame(label, axes + "".join(bars))


def bar_chart(counts: Mapping[str, float], title: str, most: int = 16) -> str:
    """SVG bars, one row per name with its number, in the order given; past `most` rows a line says so."""
    if not counts:
        return chart_frame(title, no_values())
    shown = list(counts.items())[:most]
    hidden = len(counts) - len(shown)
    total, largest = sum(counts.values()) or 1, max(counts.values()) or 1
    row_px, left = 22, 150
    parts = []
    for index, (name, value) in enumerate(shown):
        y = TOP + index * row_px
        length = (WIDTH - left - 110) * value / largest
        parts.append(
            f'<text class="label" x="{left - 8}" y="{y + 14}" text-anchor="end">'
            f"{html.escape(cut_text(str(name), 22))}</text>"
            f'<rect class="bar" x="{left}" y="{y + 3}" width="{max(length, 0.5):.1f}" height="{row_px - 7}"/>'
            f'<text class="tick" x="{left + length + 6:.1f}" y="{y + 14}">'
            f"{short_number(value)} · {value / total:.1%}</text>"
        )
    if hidden:
        parts.append(
            f'<text class="tick" x="{left}" y="{TOP + len(shown) * row_px + 14}">and {hidden} more</text>'
        )
    return chart_frame(title, "".join(parts), TOP + (len(shown) + bool(hidden)) * row_px + 8)


def line_chart(
    series: Mapping[str, Series], title: str, x_label: str = "", y_label: str = "", log_y: bool = False
) -> str:
    """SVG lines over a shared pair of axes. series: name -> (x, y), each 1-D and of one length.

    Values that are not finite, and those <= 0 when `log_y`, leave a gap. Raises ConfigError when a
    series' x and y differ in length.
    """
    points = {name: _clean(name, x, y, log_y) for name, (x, y) in series.items()}
    drawn = [p for p in points.values() if np.isfinite(p[:, 1]).any()]
    if not drawn:
        return chart_frame(title, no_values())
    stacked = np.concatenate(drawn)
    stacked = stacked[np.isfinite(stacked[:, 1])]
    lows, highs = stacked.min(axis=0), stacked.max(axis=0)
    x_of, y_of, axes = chart_axes((lows[0], highs[0]), (lows[1], highs[1]), x_label, y_label, log_y)
    parts = [axes]
    legend_x = float(LEFT)
    for index, (name, line) in enumerate(points.items()):
        dash = ' stroke-dasharray="5 3"' if index >= SERIES_COLOURS else ""
        style = f'class="line" style="stroke: var(--c{index % SERIES_COLOURS})"{dash}'
        parts += [f'<polyline {style} points="{run}"/>' for run in _runs(line, x_of, y_of)]
        parts.append(
            f'<path {style} d="M{legend_x:.0f} {HEIGHT - 6}h14"/>'
            f'<text class="tick" x="{legend_x + 18:.0f}" y="{HEIGHT - 2}">{html.escape(name)}</text>'
        )
        legend_x += 32 + 6.5 * len(name)
    return chart_frame(title, "".join(parts))


def _clean(name: str, x: ArrayLike, y: ArrayLike, log_y: bool) -> NDArray[np.float64]:
    """(N, 2) float64 with at most MAX_POINTS rows; y is NaN where it cannot be drawn, log10 when `log_y`."""
    xs, ys = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    if len(xs) != len(ys):
        raise ConfigError(f"the series '{name}' has {len(xs)} x and {len(ys)} y: expected as many of each")
    if len(xs) > MAX_POINTS:
        keep = np.unique(np.linspace(0, len(xs) - 1, MAX_POINTS).round().astype(int))
        xs, ys = xs[keep], ys[keep]
    usable = np.isfinite(xs) & np.isfinite(ys) & ((ys > 0) | (not log_y))
    ys = np.where(usable, ys, np.nan)
    return np.stack([xs, np.log10(ys) if log_y else ys], axis=1)


def _runs(line: NDArray[np.float64], x_of: Any, y_of: Any) -> list[str]:
    """The 'x,y x,y' of each stretch of points without a gap."""
    runs: list[list[str]] = [[]]
    for x, y in line.tolist():
        if math.isnan(y):
            runs.append([])
        else:
            runs[-1].append(f"{x_of(x):.1f},{y_of(y):.1f}")
    return [" ".join(run * 2 if len(run) == 1 else run) for run in runs if run]


def chart_axes(
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_label: str,
    y_label: str,
    log_y: bool = False,
) -> tuple[Any, Any, str]:
    """(x -> px, y -> px, the grid and its labels as SVG) for a plot of WIDTH by HEIGHT px.

    With `log_y`, y is in powers of ten.
    """
    x_low, x_high = _open(x_range)
    y_low, y_high = _open(y_range)
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x_of(x: float) -> float:
        return LEFT + plot_width * (x - x_low) / (x_high - x_low)

    def y_of(y: float) -> float:
        return TOP + plot_height * (y_high - y) / (y_high - y_low)

    parts = []
    for tick in _ticks(y_low, y_high):
        text = short_number(10**tick if log_y else tick)
        parts.append(
            f'<path class="grid" d="M{LEFT} {y_of(tick):.1f}h{plot_width}"/>'
            f'<text class="tick" x="{LEFT - 6}" y="{y_of(tick) + 4:.1f}" text-anchor="end">{text}</text>'
        )
    for tick in _ticks(x_low, x_high):
        parts.append(
            f'<text class="tick" x="{x_of(tick):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">'
            f"{short_number(tick)}</text>"
        )
    parts.append(
        f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 2}" text-anchor="end">'
        f"{html.escape(x_label)}</text>"
        f'<text class="tick" x="12" y="{TOP + plot_height / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 12 {TOP + plot_height / 2:.0f})">{html.escape(y_label)}</text>'
    )
    return x_of, y_of, "".join(parts)


def _open(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = float(bounds[0]), float(bounds[1])
    if high > low:
        return low, high
    return low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that lie within the bounds."""
    raw = (high - low) / wanted
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def short_number(value: float) -> str:
    """Short for an axis: 1.2M, 35k, 0.034."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if suffix == 'k' else size):.4g}{suffix}"
    return f"{value:.4g}"


def no_values() -> str:
    """What stands in a chart that has nothing to draw."""
    return (
        f'<text class="tick" x="{WIDTH / 2:.0f}" y="{HEIGHT / 2:.0f}" text-anchor="middle">no values</text>'
    )


def chart_frame(title: str, body: str, height: int = HEIGHT) -> str:
    """The whole SVG chart: its title, for eyes and for screen readers, and its body. Escapes the title."""
    escaped = html.escape(title)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escaped}" '
        f'xmlns="http://www.w3.org/2000/svg"><text class="title" x="4" y="17">{escaped}</text>{body}</svg>'
    )


def _as_pil(image: Picture) -> Image.Image:
    return (image if isinstance(image, Image.Image) else Image.fromarray(image)).convert("RGB")


@lru_cache(maxsize=1)
def _caption_font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=11)


def _fit(text: str, width_px: int) -> str:
    """The text cut to what fits; characters that the built-in font lacks are shown as '?'."""
    plain = text.encode("latin-1", "replace").decode("latin-1")
    font = _caption_font()
    while len(plain) > 1 and font.getlength(plain) > width_px:
        plain = plain[:-1]
    return plain


def cut_text(text: str, most: int) -> str:
    """At most `most` characters, the last an ellipsis when some are left out."""
    return text if len(text) <= most else text[: most - 1] + "…"
