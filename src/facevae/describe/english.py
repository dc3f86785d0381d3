"""English words and phrases, hyphens read as spaces, and what each means in a description."""

from __future__ import annotations

from dataclasses import replace

from facevae.describe.english_faces import FACES
from facevae.describe.english_grammar import GRAMMAR
from facevae.describe.english_people import AGES, PEOPLE
from facevae.describe.english_things import WITHOUT_CONTROL
from facevae.describe.senses import ADJECTIVE, Kind, Sense

ROWS = (*PEOPLE, *AGES, *FACES, *GRAMMAR, *WITHOUT_CONTROL)


def _plural(phrase: str) -> str:
    """'waitresses', 'ladies', 'firemen', 'toddlers'."""
    if phrase.endswith("man"):
        return f"{phrase[:-3]}men"
    if phrase.endswith("y") and phrase[-2:-1] not in "aeiou":
        return f"{phrase[:-1]}ies"
    return phrase + ("es" if phrase.endswith(("s", "x", "ch", "sh")) else "s")


def _of_whom(words: list[str], sense: Sense) -> Sense:
    """'Crying her eyes out' is said of a woman."""
    if len(words) == 1 or sense.kind is not Kind.CLAIM or sense.gender:
        return sense
    gender = "female" if "her" in words or "she" in words else "male" if {"his", "he"} & {*words} else None
    return replace(sense, gender=gender, rank=ADJECTIVE) if gender else sense


def _words() -> dict[tuple[str, ...], Sense]:
    words = {
        tuple(phrase.split()): _of_whom(phrase.split(), sense)
        for sense, phrases in ROWS
        for phrase in phrases.split(", ")
    }
    plurals = {
        tuple(_plural(" ".join(word)).split()): replace(sense, plural=True)
        for word, sense in words.items()
        if (sense.noun and not sense.plural) or (sense.thing and sense.kind is Kind.ALIEN)
    }
    return plurals | words


ENGLISH = _words()
