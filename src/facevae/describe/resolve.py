"""Claims to one request, and what contradicts what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from facevae.controls import Wanted
from facevae.describe.parser import Claim
from facevae.describe.senses import OLDEST, Kind, Sense, Stage, Years, opposite

COLD = frozenset({"neutral", "sad", "angry", "disgusted", "fearful"})
"""Expressions that a smile of more than `MOST_COLD_SMILE` contradicts."""
MOST_COLD_SMILE = 0.45
GENDERS = {"female": "male", "male": "female"}


@dataclass
class Resolved:
    request: dict[str, Wanted] = field(default_factory=dict)
    kept: list[tuple[Claim, str]] = field(default_factory=list)
    """Claims and the control that each has a part in."""
    conflicts: list[tuple[Claim, Claim]] = field(default_factory=list)
    """(taken, dropped)."""
    beyond: list[Claim] = field(default_factory=list)
    """Understood, but no request can say it: 'not sad' names no expression."""


def resolve(claims: Sequence[Claim]) -> Resolved:
    """One request for all claims. Of two that contradict each other a noun is stronger than an adjective,
    and for ages a number than both; else the first stands."""
    result = Resolved()
    claims = _neither_nor(claims)
    sayable = [claim for claim in claims if not _is_beyond(claim)]
    result.beyond = [claim for claim in claims if _is_beyond(claim)]
    _gender(sayable, result)
    _face(sayable, result)
    _Ages(sayable, result).resolve()
    return result


def _neither_nor(claims: Sequence[Claim]) -> list[Claim]:
    """'Neither happy nor sad' is neutral."""
    denied = [claim for claim in claims if claim.negated and claim.sense.expression]
    happy = [claim for claim in denied if claim.sense.expression == "happy"]
    cold = [claim for claim in denied if claim.sense.expression in COLD]
    if not happy or not cold:
        return list(claims)
    neutral = replace(happy[0], sense=Sense(Kind.CLAIM, expression="neutral"), negated=False)
    spanned = replace(neutral, start=min(one.start for one in (happy[0], cold[0])),
                      end=max(one.end for one in (happy[0], cold[0])))  # fmt: skip
    kept = [claim for claim in claims if claim not in (*happy, *cold)]
    return sorted([*kept, spanned], key=lambda claim: claim.start)


def _is_beyond(claim: Claim) -> bool:
    sense = claim.sense
    if not claim.negated:
        return False
    if claim.age or (sense.gender and sense.stage and sense.stage.asks):
        return True
    if sense.gender and not sense.expression and sense.smile is None:
        return False
    if sense.stage:
        return opposite(sense.stage) is None
    return not sense.smile and sense.expression != "happy"


def _gender(claims: Sequence[Claim], result: Resolved) -> None:
    first: Claim | None = None
    gendered = [claim for claim in claims if claim.sense.gender]
    for claim in sorted(gendered, key=lambda claim: (claim.sense.rank, claim.start)):
        gender = str(claim.sense.gender)
        denied = claim.negated and not claim.sense.expression and claim.sense.smile is None
        gender = GENDERS[gender] if denied else gender
        first = first or claim
        if result.request.setdefault("gender", gender) == gender:
            result.kept.append((claim, "gender"))
        else:
            result.conflicts.append((first, claim))


def _face(claims: Sequence[Claim], result: Resolved) -> None:
    """Expression and smile. A claim with both, such as laughing, is taken or dropped whole."""
    expression: str | None = None
    smile: float | None = None
    taken: dict[tuple[str | None, float | None], Claim] = {}
    for claim in claims:
        own, wide = claim.sense.expression, claim.sense.smile
        if own is None and wide is None:
            continue
        if claim.negated:
            own, wide = None, 0.0
        if claim.negated and (claim.sense.smile or 0.0) > 0.9 and _smiles_less(claims):
            continue
        rival = next((one for face, one in taken.items() if _clash(*face, own, wide)), None)
        if rival:
            result.conflicts.append((rival, claim))
            continue
        taken.setdefault((own, wide), claim)
        expression = own or expression
        smile = wide if smile is None else max(smile, wide or 0.0)
        result.kept += [(claim, "expression")] if own else []
        result.kept += [(claim, "smile")] if wide is not None else []
    result.request |= {} if expression is None else {"expression": expression}
    result.request |= {} if smile is None else {"smile": smile}


def _smiles_less(claims: Sequence[Claim]) -> bool:
    """'Not laughing but smiling a little' denies the laughing alone."""
    return any(not claim.negated and 0 < (claim.sense.smile or 0.0) < 0.9 for claim in claims)


def _clash(expression: str | None, smile: float | None, other: str | None, wide: float | None) -> bool:
    """Whether two faces, each an expression and a smile or None, cannot be one."""
    if expression and other and expression != other:
        return True
    if smile is not None and wide is not None and (smile == 0) != (wide == 0):
        return True
    return _cold_smile(expression, wide) or _cold_smile(other, smile)


def _cold_smile(expression: str | None, smile: float | None) -> bool:
    if smile is None:
        return False
    return (expression in COLD and smile > MOST_COLD_SMILE) or (expression == "happy" and smile == 0)


class _Ages:
    """Numbers, stages of life and what is excluded, to one age or range."""

    def __init__(self, claims: Sequence[Claim], result: Resolved) -> None:
        self.result = result
        self.numbers = [claim for claim in claims if claim.age]
        staged = [(claim, claim.sense.stage) for claim in claims if claim.sense.stage]
        asking = [(claim, stage) for claim, stage in staged if stage.asks and not claim.negated]
        self.stages = sorted(asking, key=lambda pair: _weakness(pair[0]))
        self.grown = [(claim, stage) for claim, stage in staged if not stage.asks and not claim.negated]
        self.excluded = [
            (claim, other)
            for claim, stage in staged
            if claim.negated and not claim.sense.gender and (other := opposite(stage))
        ]

    def resolve(self) -> None:
        years = self._from_numbers() if self.numbers else self._from_stages()
        if years:
            low, high = float(years[0]), float(years[1])
            self.result.request["age"] = low if low == high else (low, high)

    def _from_numbers(self) -> Years:
        # The first number that suits the words, if any does, and rather '24 years' than '7'.
        suiting = [one for one in self.numbers if self._suits(one)] or self.numbers
        first = next((one for one in suiting if one.age and one.age.sure), suiting[0])
        years, used = _closed(first), [first]
        for claim in (one for one in self.numbers if one is not first):
            both = _overlap(_closed(first), _closed(claim))
            if both is None:
                self.result.conflicts.append((first, claim))
                continue
            years = _overlap(years, both) or years
            used.append(claim)
        for claim, stage in self._stages_in_order():
            if _overlap(years, stage.possible) is None:
                self.result.conflicts.append((first, claim))
                continue
            if any(_is_open(one) for one in used):
                years = _overlap(years, stage.typical) or years
            used += [claim] if stage.asks else []
        self._keep(used)
        return years

    def _suits(self, claim: Claim) -> bool:
        return all(_overlap(_closed(claim), stage.possible) for _, stage in self._stages_in_order())

    def _stages_in_order(self) -> Iterator[tuple[Claim, Stage]]:
        yield from sorted([*self.stages, *self.grown, *self.excluded], key=lambda pair: pair[0].start)

    def _from_stages(self) -> Years | None:
        used: list[Claim] = []
        best: tuple[Claim, Stage] | None = None
        for claim, stage in self.stages:
            merged = stage if best is None else _merge(best[1], stage, best[0].sense.noun > claim.sense.noun)
            if best and merged is None:
                self.result.conflicts.append((best[0], claim))
            elif merged:
                best = (best[0] if best and merged == best[1] else claim, merged)
                used.append(claim)
        years = best[1].typical if best else None
        for claim, stage in self.excluded:
            # Beside another stage only the bound counts: 'a girl, not old' is a girl still.
            narrower = _overlap(years, stage.possible) if best and years else _overlap(years, stage.typical)
            if narrower is None:
                self.result.conflicts.append((best[0] if best else used[-1], claim))
                continue
            years = narrower
            used.append(claim)
        for claim, stage in self.grown:
            if best and years and _overlap(years, stage.possible) is None:
                self.result.conflicts.append((best[0], claim))
        self._keep(used)
        return years

    def _keep(self, claims: Sequence[Claim]) -> None:
        self.result.kept += [(claim, "age") for claim in claims]


def _weakness(claim: Claim) -> tuple[bool, bool, int]:
    """The order in which claims for an age are heard: nouns, then what describes one, then the rest."""
    return not claim.sense.noun, not claim.attached, claim.start


def _merge(first: Stage, second: Stage, adjective: bool = False) -> Stage | None:
    """What two stages say together: 'young' and 'boy' are a boy, 'old' and 'baby' nothing (None).

    adjective: whether the second narrows the first, a noun: a young grandmother is as young as one can be.
    """
    first_fits, second_fits = _within(first.typical, second.possible), _within(second.typical, first.possible)
    if first_fits and second_fits:
        both = _overlap(first.typical, second.typical)
        # Where they do not overlap, as in 'a very young girl', the noun stands.
        other = first if adjective else second
        return Stage(both, _overlap(first.possible, second.possible) or both) if both else other
    if second_fits:
        return second
    if first_fits:
        return first
    both = _overlap(first.possible, second.possible) if adjective else None
    return Stage(both, both) if both and both[0] < both[1] else None


def _is_open(claim: Claim) -> bool:
    return claim.age is not None and (claim.age.low is None or claim.age.high is None)


def _closed(claim: Claim) -> Years:
    assert claim.age is not None
    low = 0.0 if claim.age.low is None else claim.age.low
    high = max(OLDEST, min(low + 10, 100.0)) if claim.age.high is None else claim.age.high
    return low, max(low, high)


def _overlap(first: Years | None, second: Years) -> Years | None:
    if first is None:
        return second
    low, high = max(first[0], second[0]), min(first[1], second[1])
    return (low, high) if low <= high else None


def _within(inner: Years, outer: Years) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
