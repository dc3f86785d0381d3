"""What was understood of a text: `understand(text)`, and what a model can do of it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from facevae.attributes import Attribute, Schema
from facevae.controls import Request, Wanted
from facevae.describe.english import ENGLISH
from facevae.describe.numbers import NUMBER_WORDS
from facevae.describe.parser import Claim, read
from facevae.describe.resolve import Resolved, resolve
from facevae.describe.scanner import scan
from facevae.describe.senses import Kind
from facevae.describe.tokens import Token, tokenize
from facevae.describe.wording import say_asked, say_summary
from facevae.errors import ConfigError, ControlError

MOST_CHARACTERS = 2000
MOST_HINTS = 10
ORDER = ("age", "gender", "expression", "smile")
_KNOWN_WORDS = {word for words in ENGLISH for word in words} | NUMBER_WORDS
_GUESSABLE: dict[str, list[str]] = {}
"""Words that a typo may mean, by their first letter."""
for _word in sorted(
    {
        word
        for words, sense in ENGLISH.items()
        if sense.kind is Kind.CLAIM and len(words) <= 2
        for word in words
        if len(word) > 3 and "'" not in word
    }
    | {word for word in NUMBER_WORDS if len(word) > 4}
):
    _GUESSABLE.setdefault(_word[0], []).append(_word)


class Conflict(NamedTuple):
    """Two phrases that contradict each other."""

    taken: str
    dropped: str


@dataclass(frozen=True)
class Description:
    """What a text asks for. All phrases are as they stand in it."""

    text: str
    language: str
    """en or zh, by which the text has more of; of `summary` alone."""
    request: Request
    """Only what was said. Numbers (a pair is a range) and category names, in the bounds of `attributes`."""
    understood: list[tuple[str, str]]
    """(phrase, what it came to), such as ('old', 'age 65..85')."""
    not_understood: list[str]
    """Unknown words, and what no control can do."""
    conflicts: list[Conflict]
    hints: dict[str, str] = field(default_factory=dict)
    """Unknown word to the known one that was perhaps meant."""
    lacking: list[str] = field(default_factory=list)
    """After `against`: what was understood but the model has no control for, such as 'smile 0.7'."""
    without_control: list[str] = field(default_factory=list)
    """Those of `not_understood` whose words are known, such as 'with glasses': no control can do them."""

    def against(self, schema: Schema) -> Description:
        """The same with only what a model with these controls can do in `request`, the rest in `lacking`.

        Raises ControlError when something was asked for and the model can do none of it.
        """
        known = {attribute.name: attribute for attribute in schema.attributes}
        able = {name: value for name, value in self.request.items() if _can(known.get(name), value)}
        lacking = [say_asked(name, value) for name, value in self.request.items() if name not in able]
        if lacking and not able:
            has = f"It has: {', '.join(schema.names)}." if schema.names else "It has none."
            raise ControlError(
                f"this model has no control for anything in '{_short(self.text)}' ({', '.join(lacking)}). "
                f"{has} Choose another with --model, or fit a prior with controls: "
                "facevae prior MODEL DATA --out NEW --condition-on age,gender,expression,smile"
            )
        return replace(self, request=able, lacking=lacking)

    def summary(self) -> str:
        """What was understood, what was not and what contradicted, in English or Chinese as the text."""
        return say_summary(
            self.language, self.request, self.not_understood, self.conflicts, self.hints, self.lacking,
            self.without_control,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dicts, for description.json."""
        return {
            "text": self.text,
            "language": self.language,
            "request": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.request.items()
            },
            "understood": [list(pair) for pair in self.understood],
            "not_understood": self.not_understood,
            "conflicts": [conflict._asdict() for conflict in self.conflicts],
            "hints": self.hints,
            "lacking": self.lacking,
            "without_control": self.without_control,
        }


def understand(text: str) -> Description:
    """A description in English, Chinese or both, as a request; deterministic, and linear in its length.

    Words that say nothing about a face ('a photo of') are passed over; what is unknown or has no control goes
    to `not_understood`. Of two phrases that contradict each other the first stands, except that a number is
    stronger than a word for an age, and a noun than an adjective. Raises ConfigError for more than 2,000
    characters or invalid Unicode.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ConfigError("the description is not valid Unicode: give it in UTF-8.")
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(
            f"a description has at most {MOST_CHARACTERS:,} characters, got {len(text):,}: "
            "describe one face in a sentence or two."
        )
    tokens = tokenize(text)
    reading = read(scan(tokens))
    resolved = resolve(reading.claims)
    gaps = sorted({*reading.unknown, *((claim.start, claim.end) for claim in resolved.beyond)})
    return Description(
        text=text,
        language=_language(tokens),
        request={name: resolved.request[name] for name in ORDER if name in resolved.request},
        understood=_understood(text, resolved),
        not_understood=_once(text, gaps),
        conflicts=[Conflict(_phrase(text, one), _phrase(text, other)) for one, other in resolved.conflicts],
        hints=_hints(tokens, reading.unknown),
        without_control=_once(text, reading.without_control),
    )


def _once(text: str, places: Sequence[tuple[int, int]]) -> list[str]:
    """The phrases at these places, each once however often it stands there."""
    phrases: dict[str, str] = {}
    for start, end in places:
        phrases.setdefault(text[start:end].casefold(), text[start:end])
    return list(phrases.values())


def _understood(text: str, resolved: Resolved) -> list[tuple[str, str]]:
    names: dict[Claim, list[str]] = {}
    for claim, name in resolved.kept:
        names.setdefault(claim, []).append(name)
    return [
        (
            _phrase(text, claim),
            ", ".join(say_asked(name, resolved.request[name]) for name in ORDER if name in names[claim]),
        )
        for claim in sorted(names, key=lambda claim: claim.start)
    ]


def _phrase(text: str, claim: Claim) -> str:
    return text[claim.start : claim.end]


def _language(tokens: Sequence[Token]) -> str:
    han = sum(token.kind == "han" for token in tokens)
    return "zh" if han > sum(token.kind == "word" for token in tokens) else "en"


def _hints(tokens: Sequence[Token], unknown: Sequence[tuple[int, int]]) -> dict[str, str]:
    """For English words that are nearly a known one. A handful: each costs a look at every known word."""
    hints: dict[str, str] = {}
    asked = 0
    places = iter(unknown)
    start, end = next(places, (0, 0))
    for token in tokens:
        while end <= token.start and (start, end) != (0, 0):
            start, end = next(places, (0, 0))
        if asked == MOST_HINTS or not start <= token.start < end:
            continue
        if token.kind != "word" or not 4 <= len(token.text) <= 20 or token.text in _KNOWN_WORDS:
            continue
        asked += 1
        near = difflib.get_close_matches(token.text, _GUESSABLE.get(token.text[0], ()), n=1, cutoff=0.8)
        if near:
            hints[token.text] = near[0]
    return hints


def _can(attribute: Attribute | None, value: Wanted) -> bool:
    if attribute is None:
        return False
    try:
        for one in value if isinstance(value, tuple) else (value,):
            attribute.encode(one)
    except ControlError:
        return False
    return True


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
