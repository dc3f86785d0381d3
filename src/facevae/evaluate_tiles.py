"""The six answers at the top of report.html: how good, diverse, controllable, fair, fast, against what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facevae.figures import Figure, figure_kind, format_value, label, read_figures, times

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Tile:
    """One question and its answer. anchor: the section of the page that holds the rest."""

    question: str
    value: str
    name: str
    beside: str
    sentence: str
    anchor: str


def six_tiles(report: Report) -> list[Tile]:
    """The six tiles of a report (format 1), in their order; a part that is absent is answered with why."""
    return [
        _good(report),
        _diverse(report),
        _controllable(report),
        _fair(report),
        _fast(report),
        _against(report),
    ]


def absence(section: Any) -> str | None:
    """Why a section has no figures: its reason, 'not measured' when it is missing; None when it is there."""
    if not section:
        return "not measured"
    return str(section["absent"]) if isinstance(section, Mapping) and "absent" in section else None


def part(report: Report, name: str) -> Mapping[str, Any]:
    """A section of the report; an empty one when it is absent or no mapping."""
    section = report.get(name)
    return section if isinstance(section, Mapping) and absence(section) is None else {}


def spaced_label(text: str) -> str:
    """A key of the report as text: 'control_agreement' to its label, 'made_by' to 'made by'."""
    kind = figure_kind(text)
    return kind.label if kind.meaning else text.replace("_", " ")


def sentence_case(text: str) -> str:
    """The text with a capital at its start and its other letters as they are."""
    return text[:1].upper() + text[1:]


def _good(report: Report) -> Tile:
    figures = read_figures(part(report, "generation"))
    distance, sharp = figures.get("frechet_distance"), figures.get("sharpness")
    sentences = []
    if distance and distance.value is not None and distance.floor:
        sentences.append(
            f"Samples lie {times(distance.value / distance.floor).rstrip('×')} times as far from real faces "
            "as those from each other."
        )
    if sharp and sharp.value is not None:
        share = f" (real faces: {format_value('sharpness', sharp.floor)})" if sharp.floor else ""
        sentences.append(f"Sharpness {format_value('sharpness', sharp.value)}{share}.")
    return _tile("How good?", report, "generation", "frechet_distance", distance, " ".join(sentences))


def _diverse(report: Report) -> Tile:
    figures = read_figures(part(report, "generation"))
    recall, coverage = figures.get("recall"), figures.get("coverage")
    sentences = []
    if coverage:
        floor = f" (real faces: {format_value('coverage', coverage.floor)})" if coverage.floor else ""
        sentences.append(f"Coverage {format_value('coverage', coverage.value)}{floor}.")
    sentences.append(_memorises(report))
    return _tile("How diverse?", report, "generation", "recall", recall, " ".join(sentences))


def _memorises(report: Report) -> str:
    memory = part(report, "memorisation")
    verdicts = {
        name: bool(space["memorises"]) for name, space in memory.items() if "memorises" in (space or ())
    }
    copied = [name for name, found in verdicts.items() if found]
    if copied:
        return f"It memorises training faces ({' and '.join(copied)} distances)."
    return "No sign of memorised faces." if verdicts else "Memorisation: not measured."


def _controllable(report: Report) -> Tile:
    control = part(report, "control")
    rows = [row for row in control.get("rows", ()) if row.get("agreement") is not None]
    if not rows:
        reason = absence(report.get("control")) or "no control has an agreement"
        return Tile("How controllable?", "–", "No controls measured", "", _sentence(reason), "control")
    weakest = min(rows, key=lambda row: row["agreement"])
    ceiling = _mean([row for row in rows if row.get("ceiling") is not None], "ceiling")
    return Tile(
        "How controllable?",
        format_value("agreement", _mean(rows, "agreement")),
        "of samples show what was asked for",
        "" if ceiling is None else f"ceiling, real faces: {format_value('ceiling', ceiling)}",
        f"Weakest: {weakest['control']} = {weakest['asked']}, "
        f"{format_value('agreement', weakest['agreement'])}.",
        "control",
    )


def _mean(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    """Mean of a column, each row weighing as many faces as it has; None without rows."""
    weights = [row.get("count") or 1 for row in rows]
    total = sum(weights)
    return sum(w * float(row[key]) for w, row in zip(weights, rows, strict=True)) / total if total else None


def _fair(report: Report) -> Tile:
    audits = [
        (float(audit["worst_to_best"]), name, attribute, audit)
        for name, by_attribute in part(report, "fairness").items()
        if isinstance(by_attribute, Mapping)
        for attribute, audit in by_attribute.items()
        if isinstance(audit, Mapping) and audit.get("worst_to_best") is not None
    ]
    if not audits:
        reason = absence(report.get("fairness")) or "no two groups to compare"
        return Tile("How fair?", "–", "Groups not compared", "", _sentence(reason), "fairness")
    ratio, name, attribute, audit = min(audits, key=lambda entry: entry[0])
    rows = [row for row in audit.get("rows", ()) if row.get("value") is not None]
    rows.sort(key=lambda row: float(row["value"]), reverse=figure_kind(name).better == "lower")
    sentence = ""
    if rows:
        worst, best = (f"{row['group']} {format_value(name, row['value'])}" for row in (rows[0], rows[-1]))
        sentence = f"From {worst} to {best}. The widest gap of {len(audits)} compared."
    return Tile(
        "How fair?",
        format_value("worst_to_best", ratio),
        f"worst to best: {label(name)} by {attribute}",
        "ideal: 1",
        sentence,
        "fairness",
    )


def _fast(report: Report) -> Tile:
    speed = part(report, "speed")
    figures = read_figures(speed)
    sentences = []
    if "sample_ms_for_one" in figures:
        sentences.append(
            f"One face takes {format_value('sample_ms_for_one', figures['sample_ms_for_one'].value)}."
        )
    if "encode_per_s" in figures:
        sentences.append(f"Encodes {format_value('encode_per_s', figures['encode_per_s'].value)}.")
    tile = _tile(
        "How fast?", report, "speed", "samples_per_s", figures.get("samples_per_s"), " ".join(sentences)
    )
    return Tile(tile.question, tile.value, tile.name, machine_text(speed), tile.sentence, tile.anchor)


def machine_text(speed: Mapping[str, Any]) -> str:
    """'on cpu, 2 threads', of what is known."""
    threads = speed.get("threads")
    parts = [str(speed["device"])] if speed.get("device") else []
    parts += [f"{threads} thread{'' if threads == 1 else 's'}"] if threads else []
    return f"on {', '.join(parts)}" if parts else ""


def _against(report: Report) -> Tile:
    question, name = "Against what?", "frechet_distance"
    own = read_figures(part(report, "generation")).get(name)
    rivals = [
        row for row in report.get("against") or () if isinstance(row, Mapping) and row.get(name) is not None
    ]
    if rivals and own and own.value is not None:
        place = 1 + sum(float(row[name]) < own.value for row in rivals)
        best = min(rivals, key=lambda row: float(row[name]))
        return Tile(
            question,
            f"{place} of {len(rivals) + 1}",
            f"place by {label(name)}",
            f"this model: {format_value(name, own.value)}",
            f"The best other: {best.get('name', 'unnamed')}, {format_value(name, best[name])}.",
            "against",
        )
    ratio = times(own.value / own.floor) if own and own.value is not None and own.floor else "–"
    return Tile(
        question,
        ratio,
        f"the {label(name)} of real faces",
        "ideal: 1×",
        "No other model is in this report. Evaluate one with the same data, samples and seed to compare.",
        "against",
    )


def _tile(
    question: str, report: Report, section: str, name: str, figure: Figure | None, sentence: str
) -> Tile:
    if figure is None:
        reason = absence(report.get(section)) or "not measured"
        return Tile(question, "–", f"{label(name)}: none", "", _sentence(reason), section)
    better = figure_kind(name).better
    beside = f"{better} is better" if better and figure.floor is None else ""
    if figure.floor is not None:
        beside = f"real faces: {format_value(name, figure.floor)}" + (
            f" · {better} is better" if better else ""
        )
    return Tile(question, format_value(name, figure.value), label(name), beside, sentence, section)


def _sentence(text: str) -> str:
    return sentence_case(text) + ("" if text.endswith(".") else ".")
