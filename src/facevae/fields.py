"""Fields of a configuration: values read from text, and whether they are of the kind that a field says."""

from __future__ import annotations

import math
import numbers
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from facevae.errors import ConfigError


def check_kinds(config: Any) -> None:
    """Raise ConfigError for the first field of a dataclass whose value is not of the kind that it declares.

    Kinds: bool, int, float (whole numbers too), str, Literal, tuple[str, ...], and any of them or None.
    Fields of other kinds are left alone.
    """
    for name, hint in _hints(type(config)).items():
        value = getattr(config, name)
        options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        if not any(_is_of(value, option) for option in options):
            expected = " or ".join(dict.fromkeys(map(_in_words, options)))
            raise ConfigError(f"{name} cannot be {value!r:.200}: expected {expected}.")


def as_mapping(values: object, what: str) -> dict[str, Any]:
    """A stored object's names and values. Raises ConfigError when it is something else."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"a stored {what} cannot be {values!r:.200}: expected an object with named fields.")
    return dict(values)


def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _is_of(value: object, kind: Any) -> bool:
    if kind is types.NoneType:
        return value is None
    if typing.get_origin(kind) is Literal:
        return isinstance(value, str) and value in typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(isinstance(part, str) for part in value)
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    abstract = {int: numbers.Integral, float: numbers.Real, str: str}.get(kind)
    return abstract is None or isinstance(value, abstract)


def _in_words(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return f"one of {', '.join(typing.get_args(kind))}"
    if typing.get_origin(kind) is tuple:
        return "a tuple of names"
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        types.NoneType: "none",
    }
    return words.get(kind, str(kind))


def parse_value(name: str, text: str, hint: Any) -> Any:
    """The value of a field from text: 'none' switches off one that can be; lists are written a,b,c.

    hint: the kind that the field declares. Raises ConfigError for text of another kind.
    """
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if text.lower() == "none":
        if types.NoneType in options:
            return None
        raise ConfigError(f"{name} cannot be switched off with 'none'")
    kind = options[0]
    if typing.get_origin(kind) is Literal:
        if text not in typing.get_args(kind):
            raise ConfigError(f"{name} cannot be {text!r}: expected {_in_words(kind)}.")
        return text
    if typing.get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is str:
        return text
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{name} cannot be {text!r}: expected true or false.")
        return text.lower() == "true"
    return _parse_number(name, text, kind)


def _parse_number(name: str, text: str, kind: type) -> float:
    try:
        number = float(text)
        value = int(number) if kind is int else number
    except (ValueError, OverflowError):
        raise ConfigError(f"{name} must be a number, got '{text:.100}'") from None
    if not math.isfinite(number) or value != number:
        expected = "a whole number" if kind is int else "finite"
        raise ConfigError(f"{name} cannot be {text!r}: expected {expected}.")
    return value
