"""What differs of two arrays, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

import click

from concatsplit_cli.lines import one_line
from concatsplit_cli.streams import printing

if TYPE_CHECKING:
    from concatsplit_core.comparison.difference import Difference, Pair


def show_difference(found: Difference, as_json: bool) -> None:
    """Print what differs; nothing where nothing does."""
    with printing():
        if as_json:
            from concatsplit_core.meaning.jsonable import dumps

            click.echo(dumps(found.to_dict()))
            return
        for line in _lines(found):
            click.echo(one_line(line))


def _lines(found: Difference) -> Iterator[str]:
    if found.elements:
        yield f"elements: {found.elements} of {prod(found.a.shape)} differ"
    if found.first is not None:
        yield f"first: {_told(found.first)}"
    if found.largest is not None:
        yield f"largest: {_told(found.largest)}, a difference of {found.largest.difference}"
    for name, (a, b) in found.facts.items():
        note = "" if found.counts(name) else " (does not count)"
        if name == "attrs":
            for key in sorted({*a, *b}):
                yield f"attribute {key}: {_held(a, key)} and {_held(b, key)}{note}"
        else:
            yield f"{name}: {_fact(name, a)} and {_fact(name, b)}{note}"


def _told(pair: Pair) -> str:
    index = ", ".join(map(str, pair.index))
    return f"[{index}] {_text(pair.a)} and {_text(pair.b)}"


def _held(attributes: dict[str, Any], key: str) -> str:
    return _text(attributes[key]) if key in attributes else "none"


def _fact(name: str, value: Any) -> str:
    if name in {"shape", "chunks"}:
        return "none" if value is None else " x ".join(map(str, value)) or "scalar"
    if name == "dims":
        return "none" if value is None else ", ".join(each or "(no name)" for each in value)
    return str(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return repr(str(value))
    return repr(bytes(value)) if isinstance(value, bytes) else str(value)
