"""What is asked of an edit: values, or differences from what the face has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facevae.attributes import Attribute, Schema, Value, is_missing
from facevae.errors import ControlError, did_you_mean
from facevae.generator import Controls
from facevae.linear_reader import freed


@dataclass(frozen=True)
class Change:
    """One attribute's new value, or for a relative one how much is added to what it is."""

    name: str
    value: str | float
    relative: bool = False

    @property
    def wanted(self) -> tuple[str, str]:
        """The attribute, and the category that it is to become or an empty string."""
        return self.name, self.value if isinstance(self.value, str) else ""

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return f"{self.name}={self.value}"
        return f"{self.name}={self.value:+g}" if self.relative else f"{self.name}={self.value:g}"


def parse_changes(schema: Schema, given: Mapping[str, Value]) -> list[Change]:
    """The changes of {'age': '+20', 'smile': 0.8, 'gender': 'female'}, missing values left out.

    A number, or one in words ('60', '=-0.1'), is the new value; words that begin with a sign are a
    difference. Raises ControlError for an attribute that `schema` lacks and for what is no value of it.
    """
    changes = []
    for name, value in given.items():
        if is_missing(value):
            continue
        attribute = next((one for one in schema.attributes if one.name == name), None)
        if attribute is None:
            has = f"It can change: {', '.join(schema.names)}." if schema.names else "It can change nothing."
            raise ControlError(
                f"this model cannot change '{name}' (asked for in the edit). {has}"
                f"{did_you_mean(name, schema.names)} Train or fit a prior with a labelled '{name}' column."
            )
        changes.append(_parse(attribute, value))
    return changes


def apply_changes(
    schema: Schema, own: Controls, changes: Sequence[Change]
) -> tuple[dict[str, Value], list[str]]:
    """The controls asked of a face that has `own`, and what had to be held within bounds, in words.

    What goes along with a changed attribute (`editing.RELATED`) is left open. Raises ControlError for a
    difference from a value that is not known.
    """
    asked: dict[str, Value] = dict(own)
    notes = []
    attributes = {attribute.name: attribute for attribute in schema.attributes}
    for change in changes:
        value: Value = change.value
        if not isinstance(value, str):
            attribute, number = attributes[change.name], float(change.value)
            if change.relative:
                before = own.get(change.name)
                if before is None:
                    raise ControlError(
                        f"the {change.name} of this face is not known, so {change} cannot be added to it. "
                        f"Ask for a value, such as {change.name}={attribute.high:g}."
                    )
                number += float(before)
            value = min(max(number, attribute.low), attribute.high)
            if value != number:
                unit = f" {attribute.unit}" if attribute.unit else ""
                notes.append(f"{change} would be {number:.3g}: held at {value:g}{unit}")
        asked[change.name] = value
    for name in freed([change.name for change in changes]):
        asked.pop(name, None)
    return asked, notes


def _parse(attribute: Attribute, value: Value) -> Change:
    if attribute.categories:
        attribute.encode(value, "the edit")
        return Change(attribute.name, str(value))
    text = value.strip() if isinstance(value, str) else value
    relative = isinstance(text, str) and text[:1] in ("+", "-", "−")
    try:
        number = float(text.lstrip("=").replace("−", "-") if isinstance(text, str) else text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = float("nan")
    if number - number != 0:  # NaN or infinite
        raise ControlError(
            f"{attribute.name} cannot be {value!r} (in the edit). Expected a number between "
            f"{attribute.low:g} and {attribute.high:g}, or a difference such as +{attribute.high / 5:g}."
        )
    return Change(attribute.name, number, relative)
