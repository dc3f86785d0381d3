"""All known words and phrases, and the longest that begins at a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from facevae.describe.chinese import CHINESE
from facevae.describe.english import ENGLISH
from facevae.describe.pictograms import PICTOGRAMS
from facevae.describe.senses import NOUN, TRADE, Sense, man, woman
from facevae.describe.tokens import Token

LEXICON = ENGLISH | CHINESE | PICTOGRAMS
_ENDINGS: dict[str, Sense] = {
    "mother": woman(), "father": man(), "sister": woman(), "brother": man(), "daughter": woman(),
    "woman": woman(rank=NOUN), "women": woman(plural=True), "girl": woman(), "lady": woman(),
    "man": man(rank=TRADE), "men": man(plural=True, rank=TRADE),
}  # fmt: skip
_NO_TRADE = frozenset((
    "snowman", "gingerbreadman", "human", "superhuman", "subhuman", "inhuman", "german", "roman", "norman",
    "ottoman", "talisman", "shaman", "caiman", "cayman", "bowman", "walkman", "specimen", "regimen",
    "abdomen", "omen", "women", "acumen", "yemen", "stamen", "amen", "semen", "pacman", "romen", "adman",
    "ataman", "herman", "sherman", "truman", "newman", "freeman", "foreman's", "goldman", "feynman",
    "dopamen", "lineamen", "cyclamen", "bitumen", "albumen", "hymen", "ramen", "lumen", "numen", "rumen",
    "cement", "desman", "mussulman", "brahman", "burman", "toman",
))  # fmt: skip
"""Words that end in 'man' or 'men' and name no trade."""


def _lengths() -> dict[str, tuple[int, ...]]:
    lengths: dict[str, set[int]] = {}
    for words in LEXICON:
        lengths.setdefault(words[0], set()).add(len(words))
    return {first: tuple(sorted(found, reverse=True)) for first, found in lengths.items()}


_LENGTHS = _lengths()


def find(tokens: Sequence[Token], place: int) -> tuple[Sense, int] | None:
    """The longest known phrase that begins at `place`: its sense, and the place of the token after it."""
    if place >= len(tokens):
        return None
    word = tokens[place].text
    for length in _LENGTHS.get(word, ()):
        words = tokens[place : place + length]
        sense = LEXICON.get(tuple(token.text for token in words))
        if (
            sense
            and len(words) == length
            and (length == 1 or words[0].kind != "mark" or _is_emoticon(tokens, place, length))
        ):
            return sense, place + length
    owner = LEXICON.get((word.removesuffix("'s"),)) if word.endswith("'s") else None
    sense = replace(owner, noun=False, possessive=True) if owner else _by_ending(word)
    return (sense, place + 1) if sense else None


def _is_emoticon(tokens: Sequence[Token], place: int, length: int) -> bool:
    """':(' stands alone and close together; in 'woman: (30)' it does not."""
    close = all(one.end == two.start for one, two in pairwise(tokens[place : place + length]))
    return close and (place == 0 or tokens[place - 1].end < tokens[place].start)


def _by_ending(word: str) -> Sense | None:
    """'Fisherman', 'chairwoman', 'godmother' and other trades and kin that no table has."""
    if not word.isascii() or word in _NO_TRADE:
        return None
    for ending, sense in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return sense
    return None
