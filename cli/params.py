"""Click parameter types: text of the command line to values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    ListOfIntegers = click.ParamType[list[int]]
    Anything = click.ParamType[Any]
else:  # Click has made them generic in 8.4 only
    ListOfIntegers = Anything = click.ParamType


class Integers(ListOfIntegers):
    """Whole numbers separated by commas."""

    name = "N,N,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """Turn ``3,2,4`` into a list."""
        if isinstance(value, list):
            return value
        try:
            return [int(piece) for piece in str(value).split(",")]
        except ValueError:
            self.fail(f"'{value}' is not a list of whole numbers such as 3,2,4", param, ctx)


class Chunks(Anything):
    """A chunk shape, ``auto`` or ``none``."""

    name = "N,N,...|auto|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn ``64,128`` into a list; leave the words."""
        if value in ("auto", "none") or not isinstance(value, str):
            return value
        return Integers().convert(value, param, ctx)


class Ratio(ListOfIntegers):
    """Whole numbers separated by colons."""

    name = "A:B:..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """Turn ``8:1:1`` into a list."""
        if isinstance(value, list):
            return value
        try:
            return [int(piece) for piece in str(value).split(":")]
        except ValueError:
            self.fail(f"'{value}' is not a ratio such as 8:1:1", param, ctx)


RATIO = Ratio()
INTEGERS = Integers()
CHUNKS = Chunks()
