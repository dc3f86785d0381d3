"""Unknown words, and what is said of somebody else, as phrases of the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from facevae.describe.scanner import Piece
from facevae.describe.senses import ALIEN, GLUE, NOUN, UNKNOWN, Kind

SEARCH = 40
"""Pieces that are searched for what a word belongs to; no clause is longer."""
_TRAITS = 4
"""Words between an adjective and the thing that it describes: 'an old black and white photo'."""
_PERSON = 6
"""Pieces between 'and' and the second person."""


def gather(pieces: Sequence[Piece]) -> list[Piece]:
    """Unknown words as phrases, with the 'with a' before and whatever stands between them."""
    whole: list[Piece] = []
    place = 0
    while place < len(pieces):
        end = _phrase_end(pieces, place)
        if end > place:
            whole.append(_joined(pieces[place:end]))
            whole += [piece for at, piece in enumerate(pieces[place:end], place) if _tells_gender(pieces, at)]
            place = end
        else:
            whole.append(_of_somebody(pieces, place))
            place += 1
    return whole


def _joined(pieces: Sequence[Piece]) -> Piece:
    """One phrase, known where every word that has no control is."""
    known = all(one.sense.known for one in pieces)
    return Piece(ALIEN if known else UNKNOWN, pieces[0].start, pieces[-1].end)


def _of_somebody(pieces: Sequence[Piece], place: int) -> Piece:
    """'His' in 'his wife' says nothing of the wife."""
    piece = pieces[place]
    if _owns(pieces, place):
        return replace(piece, sense=GLUE)
    if piece.sense.kind is Kind.LEAD and piece.sense.gender:
        return replace(piece, sense=replace(piece.sense, kind=Kind.CLAIM))
    return piece


def _tells_gender(pieces: Sequence[Piece], place: int) -> bool:
    """'His' in 'with his eyes closed', but not in 'with his wife'."""
    sense = pieces[place].sense
    return bool(sense.possessive and sense.gender and not sense.stage and not _owns(pieces, place))


def _owns(pieces: Sequence[Piece], place: int) -> bool:
    if not pieces[place].sense.possessive:
        return False
    for piece in pieces[place + 1 : place + 4]:
        if piece.sense.noun:
            return True
        if piece.sense.kind not in (Kind.CLAIM, Kind.DEGREE) or piece.age:
            return False
    return False


def _phrase_end(pieces: Sequence[Piece], place: int) -> int:
    """Where the unknown phrase that begins here ends; `place` itself when none begins."""
    sense = pieces[place].sense
    if sense.kind is Kind.LEAD and sense.kin and not _is_of_somebody(pieces, place):
        return place
    if sense.kind is Kind.LEAD and sense.others:
        end = _others_end(pieces, place)
        return _run(pieces, end) if end > place else place
    if sense.kind is Kind.LEAD and sense.swallows:
        end = _swallowed(pieces, place)
        return _run(pieces, end) if end > place else place
    if sense.kind in (Kind.AND, Kind.LEAD) or sense.kind is Kind.BREAK:
        end = _second_person_end(pieces, place) if sense.kind is Kind.AND else place
        return end if end > place else _run(pieces, place) if sense.kind is Kind.LEAD else place
    ahead = pieces[place + 1].sense if place + 1 < len(pieces) else sense
    if sense.kind is Kind.NOT and ahead.kind is Kind.LEAD and (ahead.swallows or ahead.others):
        end = _phrase_end(pieces, place + 1)
        return end if end > place + 1 else place
    if sense.kind is Kind.CLAIM:
        like = pieces[place + 1].sense if place + 1 < len(pieces) else sense
        if sense.noun and like.closes and (like.whole or _owns_by_of(pieces, place)):  # 孩子般, 爸爸的妈妈
            return place + 2
        return place + 1 if _names_a_school(pieces, place) else _things_end(pieces, place)
    if sense.kind in (Kind.NOT, Kind.DEGREE, Kind.ALIEN):
        return _run(pieces, place)
    return place


def _is_of_somebody(pieces: Sequence[Piece], place: int) -> bool:
    """'Of a' in 'son of a king' and in 'a woman with the smile of a child', but not in 'photo of a king'."""
    if place == 0 or pieces[place - 1].sense.kind is not Kind.CLAIM:
        return False
    return pieces[place - 1].sense.noun or _noun_before(pieces, place)


def _owns_by_of(pieces: Sequence[Piece], place: int) -> bool:
    """爸爸的 in 爸爸的妈妈; 女的 and 年轻的 describe."""
    named = pieces[place].sense.rank == NOUN and place + 2 < len(pieces)
    return named and pieces[place + 2].sense.noun and pieces[place + 2].sense.kind is Kind.CLAIM


def _names_a_school(pieces: Sequence[Piece], place: int) -> bool:
    """'High school' in 'high school teacher' is no age."""
    if not pieces[place].sense.school:
        return False
    for piece in pieces[place + 1 : place + _TRAITS]:
        if piece.sense.kind is Kind.ALIEN and piece.sense.noun:
            return True
        if piece.sense.kind is not Kind.CLAIM or piece.sense.stage:
            return False
    return False


def _clause(pieces: Sequence[Piece], place: int) -> Iterator[int]:
    """Places after this one, up to the end of the clause."""
    for ahead in range(place + 1, min(place + SEARCH, len(pieces))):
        if pieces[ahead].sense.kind is Kind.BREAK:
            return
        yield ahead


def _noun_before(pieces: Sequence[Piece], place: int) -> bool:
    """Whether the clause has named a person already."""
    for behind in range(place - 1, max(place - SEARCH, -1), -1):
        if pieces[behind].sense.kind is Kind.BREAK:
            return False
        if pieces[behind].sense.noun or (pieces[behind].sense.gender and not pieces[behind].sense.possessive):
            return True
    return False


def _swallowed(pieces: Sequence[Piece], place: int) -> int:
    """'with an old hat', 'with his crying wife': to the clause's last word that is unknown or somebody."""
    end = place
    for ahead in _clause(pieces, place):
        sense, age = pieces[ahead].sense, pieces[ahead].age
        if sense.kind in (Kind.AND, Kind.OR) or (sense.kind is Kind.LEAD and end > place):
            break
        stated = sense.expression or sense.smile is not None or age
        if stated and not _describes_noun(pieces, ahead) and not (age and _is_of_a_thing(pieces, ahead)):
            break
        if sense.kind is Kind.ALIEN or sense.noun:
            end = ahead + 1
        if sense.noun:
            break
    return end


def _describes_noun(pieces: Sequence[Piece], place: int) -> bool:
    """'crying' in 'with a crying baby': an article before it and a person right after."""
    article = pieces[place - 1].sense.kind is Kind.GLUE or pieces[place - 1].sense.possessive
    for piece in pieces[place + 1 : place + 3]:
        if piece.sense.noun:
            return article
        if piece.sense.kind is not Kind.CLAIM:
            return False
    return False


def _is_of_a_thing(pieces: Sequence[Piece], place: int) -> bool:
    """'a 50-year-old hat'."""
    if pieces[place - 1].sense.kind is not Kind.GLUE or place + 1 >= len(pieces):
        return False
    ahead = pieces[place + 1].sense
    return ahead.kind is Kind.ALIEN and not ahead.trait


def _others_end(pieces: Sequence[Piece], place: int) -> int:
    """'like a child', 'younger than his wife', 像男人一样的: up to the person who is meant."""
    sense = pieces[place].sense
    relative, last_noun, nouns, aliens, of = place, place, 0, place, place
    for ahead in _clause(pieces, place):
        one = pieces[ahead]
        if one.sense.kind is Kind.LEAD and not one.sense.others and (last_noun > place or aliens > place):
            break
        if one.sense.closes:
            said = nouns > 0 or (sense.whole and ahead > place + 1)
            if said and one.sense.whole:
                return ahead + 1 + _closes(pieces, ahead + 1)
            relative = ahead + 1 if said else relative
            of = ahead
            continue
        if one.sense.kind in (Kind.AND, Kind.OR) and last_noun > place and not sense.whole:
            break
        if one.sense.noun:
            nouns, last_noun = nouns + 1, ahead + 1
            if not _is_chinese(pieces, ahead) and _noun_before(pieces, place):
                break
        elif one.sense.kind is Kind.ALIEN or one.age:
            aliens = ahead + 1
    if not _noun_before(pieces, place):
        if place < relative < last_noun:
            return relative
        looks = place > 0 and pieces[place - 1].sense.kind is Kind.FILLER
        if looks or (of > place and nouns == 1):
            return place  # 'looks like an old man', 长得像三十岁的女人
    if last_noun > place:
        return last_noun
    return aliens


def _closes(pieces: Sequence[Piece], place: int) -> bool:
    return place < len(pieces) and pieces[place].sense.closes


def _is_chinese(pieces: Sequence[Piece], place: int) -> bool:
    """Words without spaces between them."""
    return pieces[place].start == pieces[place - 1].end


def _second_person_end(pieces: Sequence[Piece], place: int) -> int:
    """'and a baby' behind a person is somebody else; 'and smiling' is not."""
    behind = place - 1
    while behind >= 0 and pieces[behind].sense.kind in (Kind.GLUE, Kind.FILLER):
        behind -= 1
    if behind < 0 or not pieces[behind].sense.noun:
        return place
    for ahead in range(place + 1, min(place + _PERSON, len(pieces))):
        one = pieces[ahead]
        if one.sense.noun:
            return ahead + 1
        fits = one.sense.kind in (Kind.GLUE, Kind.DEGREE, Kind.ALIEN) or (
            one.sense.kind is Kind.CLAIM and (one.age or one.sense.possessive or ahead > place + 1)
        )
        if not fits and not (one.sense.kind is Kind.CLAIM and one.sense.stage):
            return place
    return place


def _things_end(pieces: Sequence[Piece], place: int) -> int:
    """'an old camera', 'happy birthday': the adjective is the thing's. `place` where no thing follows."""
    sense = pieces[place].sense
    adjective = not sense.noun and not sense.gender and (sense.stage or sense.expression) and not sense.smile
    if not adjective or place + 1 >= len(pieces):
        return place
    at = place + 1
    while at < min(place + _TRAITS, len(pieces) - 1) and pieces[at].sense.trait:
        at += 1
    ahead = pieces[at].sense
    if not ahead.thing or (sense.expression and ahead.kind is Kind.FILLER):
        return place
    return at + 1 if ahead.kind is Kind.FILLER else _run(pieces, at)


def _run(pieces: Sequence[Piece], place: int) -> int:
    """The end of unknown words with glue between them; `place` when there is none."""
    end, bridges = place, {Kind.GLUE, Kind.DEGREE, Kind.NOT, Kind.LEAD}
    if place < len(pieces) and pieces[place].sense.kind is Kind.DEGREE:
        bridges -= {Kind.NOT, Kind.LEAD}  # 'smiling slightly, with glasses' without its comma
    for ahead in range(place, min(place + SEARCH, len(pieces))):
        sense = pieces[ahead].sense
        if sense.kind is Kind.LEAD and sense.others and ahead > place:
            break
        if sense.kind is Kind.ALIEN:
            end = ahead + 1
        elif sense.kind not in bridges or (sense.kind is not Kind.GLUE and end > place):
            break
    return end
