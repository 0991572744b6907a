"""Click parameter types: how the text of an option becomes a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    ListOfIntegers = click.ParamType[list[int]]
    Anything = click.ParamType[Any]
else:  # parameter types are generic since Click 8.4
    ListOfIntegers = Anything = click.ParamType


class Integers(ListOfIntegers):
    """Whole numbers with a separator between them."""

    def __init__(self, name: str, separator: str, example: str) -> None:
        self.name = name
        self._separator, self._example = separator, example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """Turn ``3,2,4`` into a list."""
        if isinstance(value, list):
            return value
        try:
            return [int(piece) for piece in str(value).split(self._separator)]
        except ValueError:
            numbers = re.fullmatch(r"\[?\(?(\d+(?:[^\d.-]+\d+)+)\)?\]?", str(value))
            pieces = [] if numbers is None else re.findall(r"\d+", numbers[1])
            hint = f"; did you mean {self._separator.join(pieces)}?" if pieces else ""
            self.fail(
                f"'{value}' is not a list of whole numbers like {self._example}{hint}", param, ctx
            )


class Chunks(Anything):
    """A chunk shape, ``auto`` or ``none``."""

    name = "N,N,...|auto|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn ``64,128`` into a list; keep the words."""
        if value in ("auto", "none") or not isinstance(value, str):
            return value
        return INTEGERS.convert(value, param, ctx)


class Axis(Anything):
    """The number of an axis, or the name of a dimension."""

    name = "N|NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn ``-1`` into a number; keep a name."""
        try:
            return int(value)
        except ValueError:
            return value


class Named(Anything):
    """A name and a reference."""

    name = "NAME=REF"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn ``x=part-*.npy`` into a pair."""
        if not isinstance(value, str):
            return value
        name, equals, ref = value.partition("=")
        if not (name and equals and ref):
            self.fail(f"'{value}' is not NAME=REF, such as x='part-*.npy'", param, ctx)
        return name, ref


AXIS = Axis()
NAMED = Named()
INTEGERS = Integers("N,N,...", ",", "3,2,4")
RATIO = Integers("A:B:...", ":", "8:1:1")
CHUNKS = Chunks()
