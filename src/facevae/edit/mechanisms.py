"""Latents with other attributes: by a search, a straight step, the flow, or the decoder's own controls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from facevae.attributes import Attribute, Schema, is_missing
from facevae.edit.flow_step import flow_step
from facevae.edit.search import look, search_step
from facevae.edit.way import Mechanism, Request, Way
from facevae.editing import LatentReader
from facevae.errors import CheckpointError, ConfigError, ControlError, DataError, did_you_mean
from facevae.features import eyes
from facevae.flow import FlowPrior
from facevae.generator import Controls, FaceGenerator, Latents, Progress
from facevae.linear_reader import LinearReader

AUTO: tuple[Mechanism, ...] = ("search", "direction", "flow", "cvae")
"""What 'auto' means: the first of these that knows all that is asked; from the table in docs/edit.md."""

QUICK = AUTO[1:]
"""What 'quick' means, the same without the search: an edit in some 20 ms."""

WAYS: dict[Mechanism, Way] = {
    "search": Way("search", 1.04), "direction": Way("direction", 1.5), "flow": Way("flow", guidance=2.0),
    "cvae": Way("cvae"),
}  # fmt: skip
"""Each mechanism as it is used unless asked otherwise; from the same table."""

NAMES = ("auto", "quick", *WAYS)
SEARCHED = 32
"""Faces that are searched for at a time."""


def read_attributes(generator: FaceGenerator, latents: Latents) -> list[Controls]:
    """The attributes of latents (N, D), as the model's linear reader reads them.

    Numbers within their bounds, regressed to the mean; the likeliest category. Raises CheckpointError when
    the model has no reader, DataError for another width.
    """
    _check(generator, latents)
    return [dict(row) for row in require_reader(generator).read(torch.from_numpy(latents))]


def require_reader(generator: FaceGenerator) -> LatentReader:
    """The model's reader of attributes. Raises CheckpointError, with the remedy, when it has none."""
    if generator.reader is None:
        raise CheckpointError(
            f"the model '{generator.name}' cannot read attributes off latents. Fit it a reader, in Python: "
            f"facevae.refit.fit_reader('{generator.name}', DATA, OUT); `facevae prior` fits one too."
        )
    return generator.reader


def editable(generator: FaceGenerator, mechanism: str | Way = "auto") -> Schema:
    """The attributes that a mechanism of this model can change; for 'auto' and 'quick' those of all of them.

    Raises ConfigError for an unknown mechanism.
    """
    if isinstance(mechanism, Way):
        mechanism = mechanism.mechanism
    if mechanism not in NAMES:
        raise ConfigError(
            f"there is no mechanism '{mechanism}'. There are: {', '.join(NAMES)}."
            f"{did_you_mean(mechanism, NAMES)}"
        )
    candidates = _candidates(mechanism)
    known = {
        "search": _searchable(generator) if "search" in candidates else Schema(),
        "flow": generator.prior.schema if isinstance(generator.prior, FlowPrior) else Schema(),
        "direction": generator.reader.schema if generator.reader else Schema(),
        "cvae": generator.model.config.schema,
    }
    found: dict[str, Attribute] = {}
    for name in candidates:
        for attribute in known[name].attributes:
            before = found.get(attribute.name, attribute)
            categories = tuple(dict.fromkeys((*before.categories, *attribute.categories)))
            found[attribute.name] = replace(before, categories=categories)
    return Schema(tuple(found.values()))


def find_way(
    generator: FaceGenerator,
    wanted: Collection[str | tuple[str, str]],
    mechanism: str | Way = "auto",
    guidance: float | None = None,
) -> Way:
    """The mechanism, with its settings, that makes these changes: of an attribute, or of one to a category.

    guidance: of the flow; with it 'auto' is the flow. Raises ControlError when no mechanism, or not the one
    named, can change them all, and ConfigError for an unknown one or for guidance of another than the flow.
    """
    changes = {(one, "") if isinstance(one, str) else one for one in wanted}
    if guidance is not None and mechanism in ("auto", "quick"):
        mechanism = "flow"
    can = editable(generator, mechanism)
    if isinstance(mechanism, Way):
        way = mechanism
    else:
        candidates = _candidates(mechanism)
        knowing = [one for one in candidates if _knows(editable(generator, one), changes)]
        way = WAYS[(knowing or candidates)[0]]
    if not _knows(editable(generator, way), changes):
        asked = ", ".join(f"{name}={category}" if category else name for name, category in sorted(changes))
        raise ControlError(
            f"this model cannot change {asked} by mechanism {way.mechanism}. "
            f"It can change: {', '.join(can.names) or 'nothing'}. Fit a prior with --condition-on (flow), or "
            "a reader to labelled data (direction): docs/edit.md."
        )
    if guidance is None:
        return way
    if way.mechanism != "flow":
        raise ConfigError(f"guidance belongs to the mechanism flow, and this edit is by {way.mechanism}.")
    return replace(way, guidance=generator.guidance_used(guidance))


def edit_latents(
    generator: FaceGenerator,
    latents: Latents,
    own: Sequence[Controls],
    asked: Sequence[Controls],
    mechanism: str | Way = "auto",
    guidance: float | None = None,
    progress: Progress | None = None,
) -> Latents:
    """Latents (N, D) of the same people with `asked` attributes instead of their `own`; (N, D).

    What `asked` has otherwise than `own` is changed, the rest kept, and what goes along with a change
    (`editing.RELATED`) is left free; a row without change comes back as it was. mechanism: 'auto', 'flow',
    'direction', 'cvae' (which leaves latents as they are: decode them with `asked`), or a Way. progress:
    called with (steps done, steps in all) of each search. No randomness.
    Raises ControlError and ConfigError as `find_way` does, DataError for another width or other counts.
    """
    _check(generator, latents)
    if not len(latents) == len(own) == len(asked):
        raise DataError(f"got {len(latents)} latents, {len(own)} own and {len(asked)} asked controls")
    edited = torch.from_numpy(latents).clone()
    groups: dict[tuple[tuple[tuple[str, str], ...], ...], list[int]] = {}
    for index, (mine, wanted) in enumerate(zip(own, asked, strict=True)):
        groups.setdefault((_changed(mine, wanted), _changed(wanted, mine)), []).append(index)
    for (changed, _), rows in groups.items():
        names = {name for name, _ in changed}
        way = find_way(generator, changed, mechanism, guidance)
        if names and way.mechanism != "cvae":
            request = Request([own[row] for row in rows], [asked[row] for row in rows], names)
            edited[rows] += _step(generator, edited[rows], request, way, progress)
    return edited.numpy()


def _searchable(generator: FaceGenerator) -> Schema:
    reader = generator.reader and generator.reader.face
    return reader.schema if reader and eyes(generator.device) else Schema()


def _candidates(mechanism: str) -> tuple[Mechanism, ...]:
    named: dict[str, tuple[Mechanism, ...]] = {"auto": AUTO, "quick": QUICK}
    return named.get(mechanism) or (mechanism,)  # type: ignore[return-value]


def decoder_controls(
    generator: FaceGenerator, own: Sequence[Controls], asked: Sequence[Controls], mechanism: str
) -> list[Controls]:
    """What a conditional decoder is to be told with edited latents; empty rows for an unconditional one.

    A straight step moves in the latents what the decoder would be told besides, so there it is told `own`.
    """
    names = generator.model.config.schema.names
    rows = own if mechanism == "direction" else asked
    return [{name: row[name] for name in names if name in row} for row in rows]


def _step(
    generator: FaceGenerator, z: Tensor, request: Request, way: Way, progress: Progress | None = None
) -> Tensor:
    """(N, D) to add to z (N, D), whose rows ask for the same attributes, from and to the same categories."""
    if way.mechanism == "search":
        return _search_step(generator, z, request, way, progress)
    step = torch.zeros_like(z)
    if way.mechanism == "flow":
        assert isinstance(generator.prior, FlowPrior)  # find_way has seen its controls
        step = flow_step(generator.prior, z, request, way)
        if way.corrected == "no" or generator.reader is None:
            return way.strength * step
    reader = require_reader(generator)
    rows = reader.held_with(request.names)
    targets: list[int] = []
    changes: list[Tensor] = []
    moved = step @ reader.weights.T  # (N, K)
    if way.mechanism == "direction" or way.corrected == "all":
        targets, changes = _wanted(reader, reader.values(z), request, way.strength)
    else:
        step, moved = way.strength * step, way.strength * moved
    wanted = torch.stack([*changes, *(torch.zeros(len(z)) for _ in rows)], dim=1)  # (N, k)
    rows = [*targets, *rows]
    return step + reader.step(wanted - moved[:, rows], rows)


def _wanted(
    reader: LinearReader, values: Tensor, request: Request, strength: float
) -> tuple[list[int], list[Tensor]]:
    """The reader's rows that are to change, and by how much, (N,) each; values: (N, K), as it reads them now.

    A category is brought to the log-odds that faces of it have on average, and the one that the face has to
    those of the others' faces; where it is further already it stays.
    """
    own, asked, names = request
    rows: list[int] = []
    changes: list[Tensor] = []
    for name in sorted(names & set(reader.schema.names)):
        category = asked[0][name] if isinstance(asked[0][name], str) else None
        try:
            row = reader.row_of(name, category)
        except KeyError:
            continue  # too rare to be read; the flow may know it all the same
        if category is None:
            before = torch.tensor([
                value if is_missing(one.get(name)) else float(one[name])  # type: ignore[arg-type]
                for one, value in zip(own, values[:, row].tolist(), strict=True)
            ])  # fmt: skip
            after = torch.tensor([float(one[name]) for one in asked])  # type: ignore[arg-type]
            changes.append(strength * (after - before))
        else:
            rise = (strength * reader.readings[row].typical - values[:, row]).clamp(min=0)
            old = [one for one in reader.rows_of(name) if reader.readings[one].category == own[0].get(name)]
            rows += old
            changes += [
                (-strength * reader.readings[one].typical - values[:, one]).clamp(max=0) for one in old
            ]
            changes.append(rise)
        rows.append(row)
    return rows, changes


def _search_step(
    generator: FaceGenerator, z: Tensor, request: Request, way: Way, progress: Progress | None
) -> Tensor:
    """(N, D) found by `search_step`, which sets out from the straight step."""
    reader, features = require_reader(generator), eyes(generator.device)
    assert reader.face is not None  # find_way has seen that both are there
    assert features is not None
    start = _step(generator, z, request, WAYS["direction"])
    held, parts = reader.face.held_with(request.names), []
    for first in range(0, len(z), SEARCHED):
        part = slice(first, first + SEARCHED)
        here = z[part].to(generator.device)
        with torch.no_grad():
            before = look(reader.face, features, generator.model.decoder, here)
        rows, changes = _wanted(reader.face, before.values.cpu(), request.part(part), way.strength)
        wanted = list(zip(rows, changes, strict=True))
        step = search_step(
            reader.face, features, generator.model.decoder, here, before, start[part].to(here), wanted, held,
            progress,
        )  # fmt: skip
        parts.append(step.cpu())
    return torch.cat(parts)


def _changed(own: Controls, asked: Controls) -> tuple[tuple[str, str], ...]:
    """The attributes that are asked to change, with the category that they are to become."""
    return tuple(
        (name, value if isinstance(value, str) else "")
        for name, value in sorted(asked.items())
        if not is_missing(value) and value != own.get(name)
    )


def _knows(schema: Schema, changes: Collection[tuple[str, str]]) -> bool:
    known = {attribute.name: attribute.categories for attribute in schema.attributes}
    return all(name in known and (not word or word in known[name]) for name, word in changes)


def _check(generator: FaceGenerator, latents: Latents) -> None:
    if latents.ndim != 2 or latents.shape[1] != generator.latent_dim:
        raise DataError(
            f"latents must be of shape (N, {generator.latent_dim}) for this model, got {latents.shape}"
        )
