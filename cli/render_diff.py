"""Printing the result of diff: one line per difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

import click

from concatsplit_cli.streams import checked_stdout, one_line
from concatsplit_core.foundation.sizes import shape_text

if TYPE_CHECKING:
    from concatsplit_core import DataSetDifference, Difference


def show_difference(difference: Difference | DataSetDifference, as_json: bool) -> None:
    """Print what differs; print nothing if nothing differs."""
    with checked_stdout():
        if as_json:
            click.echo(json.dumps(difference.to_dict(), allow_nan=False))
            return
        for line in _all_lines(difference):
            click.echo(one_line(line))


def _all_lines(difference: Difference | DataSetDifference) -> Iterator[str]:
    from concatsplit_core import Difference

    if isinstance(difference, Difference):
        yield from _lines(difference)
        return
    for name, own in difference.arrays.items():
        yield from (f"{name}: {line}" for line in _lines(own))
    a, b = difference.a, difference.b
    for here, names, other in ((a, difference.only_in_a, b), (b, difference.only_in_b, a)):
        for name in names:
            if name:
                yield f"{name}: only in {here}"
            else:
                yield f"{here} is one array, {other} holds several; name one: {other}::NAME"


def _lines(difference: Difference) -> Iterator[str]:
    if difference.elements:
        yield f"elements: {difference.elements} of {prod(difference.a.shape)} differ"
    if difference.first is not None:
        yield f"first: {_pair(difference.first)}"
    if difference.largest is not None:
        largest = difference.largest
        yield f"largest: {_pair(largest)}, a difference of {largest.difference}"
    for name, (a, b) in difference.facts.items():
        note = "" if difference.counts(name) else " (does not count)"
        if name == "dtype":
            yield f"dtype: {difference.a.dtype_label} and {difference.b.dtype_label}{note}"
        elif name == "attrs":
            for key in sorted({*a, *b}):
                yield f"attribute {key}: {_attribute(a, key)} and {_attribute(b, key)}{note}"
        else:
            yield f"{name}: {_fact(name, a)} and {_fact(name, b)}{note}"


def _pair(pair: Any) -> str:
    index = ", ".join(map(str, pair.index))
    return f"[{index}] {_value(pair.a)} and {_value(pair.b)}"


def _attribute(attributes: dict[str, Any], key: str) -> str:
    return _value(attributes[key]) if key in attributes else "none"


def _fact(name: str, value: Any) -> str:
    if name in {"shape", "chunks"}:
        return "none" if value is None else shape_text(value)
    if name == "dims":
        return "none" if value is None else ", ".join(each or "(no name)" for each in value)
    return str(value)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return repr(str(value))
    return repr(bytes(value)) if isinstance(value, bytes) else str(value)
