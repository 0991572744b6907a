"""What the values of a JSON document have to be; an error says where one is something else.

A kind is a function. It gets a value and the place of it in the document, such as
``$.codecs[0].name``, and raises a `ValueError` if the value is of another kind. A library for
schemas takes longer to import than all that is done with a small store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

Kind = Callable[[Any, str], None]

_SHOWN = 40
"""Letters of a wrong value that a message shows."""


def _refuse(value: Any, at: str, expected: str) -> NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    raise ValueError(f"{at} has to be {expected}, not {shown}")


def anything(value: Any, at: str) -> None:
    """Any value."""


def text(value: Any, at: str) -> None:
    """A text."""
    if not isinstance(value, str):
        _refuse(value, at, "a text")


def truth(value: Any, at: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        _refuse(value, at, "true or false")


def table(value: Any, at: str) -> None:
    """A JSON object, whatever is in it."""
    if not isinstance(value, dict):
        _refuse(value, at, "an object")


def number(low: int, high: int) -> Kind:
    """A whole number in a range, both ends included."""

    def check(value: Any, at: str) -> None:
        if type(value) is not int or not low <= value <= high:
            _refuse(value, at, f"a whole number from {low} to {high}")

    return check


def one_of(*choices: int | str) -> Kind:
    """One of these values."""
    expected = " or ".join(map(repr, choices))

    def check(value: Any, at: str) -> None:
        if type(value) not in {int, str} or value not in choices:
            _refuse(value, at, expected)

    return check


def array(kind: Kind, fewest: int = 0) -> Kind:
    """A list of values of one kind."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, list) or len(value) < fewest:
            _refuse(value, at, "a list of one or more" if fewest else "a list")
        if kind is not anything:
            for index, item in enumerate(value):
                kind(item, f"{at}[{index}]")

    return check


def optional(kind: Kind) -> Kind:
    """A value of a kind, or null."""

    def check(value: Any, at: str) -> None:
        if value is not None:
            kind(value, at)

    return check


def text_or(kind: Kind) -> Kind:
    """A text, or a value of a kind."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, str):
            kind(value, at)

    return check


def fields(needed: Mapping[str, Kind], others: Mapping[str, Kind] | None = None) -> Kind:
    """A JSON object with fields of these kinds; those in ``others`` may be missing."""
    known = {**needed, **(others or {})}

    def check(value: Any, at: str) -> None:
        table(value, at)
        for name in needed:
            if name not in value:
                raise ValueError(f"{at} lacks '{name}'")
        for name, kind in known.items():
            if name in value:
                kind(value[name], f"{at}.{name}")

    return check
