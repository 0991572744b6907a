"""Click parameter types: how the text of an option becomes a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    ListOfIntegers = click.ParamType[list[int]]
    Anything = click.ParamType[Any]
else:  # parameter types are generic since Click 8.4
    ListOfIntegers = Anything = click.ParamType


_NAMES = {"ref", "file", "dir"}
"""Words that name files, folders and arrays."""


class Word(Anything):
    """A word that is taken as it is, and that a shell can complete.

    Parameters
    ----------
    kind : str
        What it stands for: a key of the table in `concatsplit_cli.candidates`.
    """

    name = "text"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take any word but an empty one; the core says what is wrong with an empty name."""
        if value == "" and self._kind not in _NAMES:
            self.fail("'' is empty; give a value, or leave the option out", param, ctx)
        return value

    def split_envvar_value(self, rv: str) -> list[str]:
        """The values of an environment variable, one a line, since names may hold spaces."""
        return [line for line in rv.splitlines() if line]

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """What the word can be."""
        from concatsplit_cli.candidates import candidates

        return candidates(self._kind, ctx, incomplete)


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
            numbers = re.fullmatch(r"[\[( ]*(\d+(?:([^\w.%-]+| *[xX] *)\d+)+)[\]), ]*", str(value))
            pieces = [] if numbers is None else re.findall(r"\d+", numbers[1])
            hint = f"; did you mean {self._separator.join(pieces)}?" if pieces else ""
            self.fail(
                f"'{value}' is not a list of whole numbers like {self._example}{hint}", param, ctx
            )


class Chunks(Word):
    """A chunk shape, ``auto`` or ``none``."""

    name = "N,N,...|auto|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn ``64,128`` into a list; keep the words."""
        if value in ("auto", "none") or not isinstance(value, str):
            return value
        return INTEGERS.convert(value, param, ctx)


class AxisType(Word):
    """The number of an axis, or the name of a dimension."""

    name = "N|NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn ``-1`` into a number; keep a name."""
        try:
            return int(value)
        except ValueError:
            return super().convert(value, param, ctx)


class Named(Word):
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


AXIS = AxisType("axis")
NAMED = Named("named ref")
INTEGERS = Integers("N,N,...", ",", "3,2,4")
CHUNKS = Chunks("chunks")
REF = Word("ref")
FILE = Word("file")
FOLDER = Word("dir")
CODEC = Word("codec")
ROUTES = Word("routes")
DTYPE = Word("dtype")
ORDER = Word("order")
MEMBERS = Word("members")
COMMAND = Word("command")
OPERATOR = Word("operator")
EXECUTOR = Word("executor")
