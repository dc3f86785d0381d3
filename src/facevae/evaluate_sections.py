"""The parts of report.html after the six answers: figures, tables, charts and pictures of each section."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from facevae.attributes import CONTROLS
from facevae.charts import MarkedBar, heat_map, marked_bars, two_histograms
from facevae.evaluate_tiles import absence, machine_text, part, sentence_case, spaced_label
from facevae.figures import Figure, against_floor, figure_kind, format_value, label, read_figures
from facevae.pages import line_chart

UNITS = {attribute.name: f", {attribute.unit}" for attribute in CONTROLS if attribute.unit}
SHOWN_LATENTS = 32
"""Latent dimensions in the heat map: those that know most; more would be slivers."""


@dataclass(frozen=True)
class Table:
    """A table of text. columns: each name, and whether it holds numbers. folded: opens on demand."""

    title: str
    columns: list[tuple[str, bool]]
    rows: list[list[str]]
    folded: bool = False


@dataclass(frozen=True)
class FigureRow:
    """One figure of a section, in words."""

    label: str
    value: str
    note: str
    floor: str
    verdict: str
    meaning: str


@dataclass(frozen=True)
class FigureGroup:
    """Figures that share a table; `note` says over how many faces, when that is one number for all."""

    title: str
    note: str
    rows: list[FigureRow]

    @property
    def has_floors(self) -> bool:
        return any(row.floor for row in self.rows)


@dataclass(frozen=True)
class Picture:
    """A sheet inside the page."""

    uri: str
    caption: str
    width_px: int
    height_px: int


@dataclass
class Section:
    """One part of the page. absent: why there is nothing in it."""

    anchor: str
    title: str
    text: str = ""
    absent: str | None = None
    notes: list[str] = field(default_factory=list)
    groups: list[FigureGroup] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def page_sections(report: Mapping[str, Any], pictures: Mapping[str, Picture]) -> list[Section]:
    """Every section of the page in its order, absent ones too, then those that only the report knows."""
    sections = [_section(report, *entry, pictures) for entry in SECTIONS]
    known = {"format_version", "model", "data", "settings", "made", *(entry[0] for entry in SECTIONS)}
    for name in sorted(report.keys() - known):
        if groups := _groups("", report[name]):
            sections.append(Section(name, sentence_case(spaced_label(name)), groups=groups))
    return sections


def _section(
    report: Mapping[str, Any],
    name: str,
    title: str,
    text: str,
    sheets: tuple[str, ...],
    details: Details | None,
    pictures: Mapping[str, Picture],
) -> Section:
    content = report.get(name)
    absent = absence(content)
    section = Section(name, title, text, absent and absent.removesuffix("."))
    section.pictures = [pictures[sheet] for sheet in sheets if sheet in pictures]
    if section.absent is None:
        section.groups = _groups("", content)
        if details:
            details(content, section, report)
    elif name == "against":
        section.absent = (
            "no other model is in this report. Evaluate one with the same data, samples and seed, "
            "and lay the two pages side by side"
        )
    return section


def _groups(title: str, section: Any) -> list[FigureGroup]:
    """The figures of a section as one table, or none."""
    figures = read_figures(section) if isinstance(section, Mapping) else {}
    if not figures:
        return []
    counts = {figure.count for figure in figures.values()}
    shared = counts.pop() if len(counts) == 1 else None
    rows = [_figure_row(name, figure, shared is None) for name, figure in figures.items()]
    return [FigureGroup(title, f"Each over {shared:,} faces." if shared else "", rows)]


def _figure_row(name: str, figure: Figure, with_count: bool) -> FigureRow:
    notes = [f"± {format_value(name, figure.std)}"] if figure.std is not None else []
    notes += [f"{figure.count:,} faces"] if with_count and figure.count else []
    return FigureRow(
        label(name),
        format_value(name, figure.value),
        ", ".join(notes),
        "" if figure.floor is None else format_value(name, figure.floor),
        against_floor(name, figure),
        figure_kind(name).meaning,
    )


def _table(title: str, rows: Iterable[Mapping[str, Any]], folded: bool = False) -> list[Table]:
    """A table with a column for every key that some row has, in the order in which they come."""
    listed = list(rows)
    keys = list(dict.fromkeys(key for row in listed for key in row))
    if not keys:
        return []
    numeric = {key: all(_is_number(row.get(key)) or row.get(key) is None for row in listed) for key in keys}
    columns = [(sentence_case(spaced_label(key)), numeric[key]) for key in keys]
    return [Table(title, columns, [[_text(key, row.get(key)) for key in keys] for row in listed], folded)]


def _text(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and figure_kind(name).unit != "%":
        return f"{value:,}" if name != "seed" else str(value)
    if isinstance(value, float):
        return format_value(name, value) if figure_kind(name).meaning else f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "none"
    return format_value(name, value) if _is_number(value) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _truncation(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    section.tables += _table("", content)


def _memorisation(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    for space, measured in content.items():
        if not isinstance(measured, Mapping) or "value" in measured:
            continue
        title = f"{space.capitalize()} distances"
        section.groups += _groups(title, measured)
        if "memorises" in measured:
            verdict = "it memorises training faces" if measured["memorises"] else "no sign of memorising"
            section.notes.append(f"{title}: {verdict}. {measured.get('rule', '')}".rstrip())
        if counts := measured.get("histogram"):
            section.charts.append(
                two_histograms(
                    counts["edges"],
                    ("samples", counts["samples"]),
                    ("unseen real faces", counts["validation"]),
                    f"Distance to the nearest training face, {space}",
                    "distance",
                )
            )


def _latent(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    if kl := content.get("kl_nats_per_dim"):
        line = {"KL": (np.arange(1, len(kl) + 1), kl)}
        section.charts.append(line_chart(line, "KL of each latent dimension, sorted", "dimension", "nats"))


def _disentanglement(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    if known := content.get("mutual_information_nats"):
        values = np.array(list(known.values()), dtype=np.float64)  # (A, D)
        strength = np.nan_to_num(values).max(axis=0)
        order = np.argsort(-strength, kind="stable")[:SHOWN_LATENTS]
        title = "What each latent dimension knows of each attribute"
        columns = [str(index) for index in order]
        section.charts.append(heat_map(values[:, order], list(known), columns, title, "dimension · nats"))


def _probes(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    for kind in ("number", "category"):
        rows = [
            {
                "attribute": f"{name}{UNITS.get(name, '')}",
                **{key: value for key, value in probe.items() if key != "kind"},
            }
            for name, probe in content.items()
            if isinstance(probe, Mapping) and probe.get("kind") == kind
        ]
        section.tables += _table("Numbers" if kind == "number" else "Categories", rows)


def _control(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    section.tables += _table("", content.get("rows", ()))
    if leakage := content.get("leakage"):
        columns = list(dict.fromkeys(name for reads in leakage.values() for name in reads))
        values = [[reads.get(name, np.nan) for name in columns] for reads in leakage.values()]
        title = "Leakage: the control moved (row), what then moves (column)"
        section.charts.append(heat_map(values, list(leakage), columns, title, "attribute read"))


def _balance(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    rows = []
    for attribute, classes in content.items():
        bars = []
        for name, share in classes.items():
            real, sampled = share.get("data"), share.get("samples")
            rows.append({"attribute": attribute, "class": name, "real_share": real, "sample_share": sampled})
            bars.append(MarkedBar(str(name), _or_nan(sampled), _or_nan(real)))
        title, number = f"Share of samples: {attribute}", partial(format_value, "sample_share")
        section.charts.append(marked_bars(bars, title, "share of real faces", number))
    section.tables += _table("The shares in numbers", rows, folded=True)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _fairness(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    rows = []
    for name, by_attribute in content.items():
        for attribute, audit in by_attribute.items():
            groups = audit.get("rows", ())
            rows.append({"figure": label(name), "by": attribute, "groups": len(groups),
                         "smallest_group": min((row.get("count", 0) for row in groups), default=None),
                         "worst_to_best": audit.get("worst_to_best")})  # fmt: skip
            bars = [
                MarkedBar(str(row["group"]), _or_nan(row.get("value")), note=f" · {row.get('count', 0):,}")
                for row in groups
            ]
            title = f"{label(name)} by {attribute} · faces"
            section.charts.append(marked_bars(bars, title, number=partial(format_value, name)))
    section.tables += _table("", rows)


def _speed(content: Any, section: Section, _: Mapping[str, Any]) -> None:
    if machine := machine_text(content):
        section.notes.append(f"Measured {machine}.")


def _against(content: Any, section: Section, report: Mapping[str, Any]) -> None:
    keys = list(dict.fromkeys(key for row in content for key in row if key != "name"))
    own = read_figures(part(report, "generation"))
    mine = {key: own[key].value for key in keys if key in own}
    section.tables += _table("", [{"name": f"{report['model'].get('name')} (this model)", **mine}, *content])


Details = Callable[[Any, Section, Mapping[str, Any]], None]

SECTIONS: tuple[tuple[str, str, str, tuple[str, ...], Details | None], ...] = (
    ("generation", "Samples", "Faces from the prior, compared with as many real faces.", (), None),
    ("classic", "Classic figures", "For comparison with papers, where the same size, crop and count "
     "were used.", (), None),
    ("truncation", "Truncation", "A narrower prior gives safer and less varied faces.", ("truncation",),
     _truncation),
    ("diversity", "Variety", "", (), None),
    ("memorisation", "Memorisation", "Samples should be no nearer to training faces than unseen real "
     "faces are.", ("nearest",), _memorisation),
    ("reconstruction", "Reconstruction", "Validation faces through encoder and decoder.", ("best_worst",),
     None),
    ("latent", "Latent and prior", "", (), _latent),
    ("disentanglement", "Disentanglement", "Whether single latent dimensions stand for single attributes.",
     (), _disentanglement),
    ("control", "Control", "A probe reads in each sample what was asked for. The ceiling is the same probe "
     "on real faces with that label.", ("control",), _control),
    ("probes", "Probes", "The readers behind the figures of control, balance and fairness, tested on real "
     "faces: what they get wrong limits what those figures can say.", (), _probes),
    ("balance", "Balance", "Shares of each class as the probe reads them, among samples and among real "
     "validation faces.", (), _balance),
    ("fairness", "Fairness", "The same figure for each group; 1 is even. Small groups are uncertain.", (),
     _fairness),
    ("speed", "Speed", "", (), _speed),
    ("against", "Against other models", "", (), _against),
)  # fmt: skip
"""Name in the report, title, text, sheets, and what fills it beyond its figures."""
