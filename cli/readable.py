"""Values of attributes, statistics and elements as people read them, each in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.foundation.jsonable import as_json, text_of
from concatsplit_core.foundation.sizes import counted

if TYPE_CHECKING:
    from concatsplit_core.operators.heads import Head
    from concatsplit_core.operators.statistics import Statistics

_MOST_ITEMS = 20
_BARS, _PLAIN_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"
"""Bars of a histogram by their height, the first one for 0."""


def readable(value: Any) -> str:
    """A value as text: no quotes around text, no brackets around a list, not too many items."""
    if isinstance(value, np.ndarray) and value.ndim:
        return _items(value)
    if isinstance(value, list | tuple):
        return _items(value)
    if isinstance(value, dict):
        return json.dumps(as_json(value), ensure_ascii=False)
    return _one(value)


def _items(values: Any) -> str:
    texts = [_nested(each) for each in values[:_MOST_ITEMS]]
    more = len(values) - len(texts)
    return ", ".join([*texts, f"… {more} more"] if more else texts) or "(empty)"


def _nested(value: Any) -> str:
    is_list = isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim)
    return f"[{_items(value)}]" if is_list else readable(value)


def _one(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value[()]
    if isinstance(value, np.void) and value.dtype.names is not None:
        pairs = (f"{name}: {_nested(value[name])}" for name in value.dtype.names)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, np.void):
        return f"0x{value.tobytes().hex()}"
    if isinstance(value, bytes | bytearray):
        value = text_of(bytes(value))
    if value is None or (isinstance(value, str) and not value):
        return "(empty)"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return _number(value)
    if isinstance(value, complex | np.complexfloating):
        sign = "" if str(value.imag)[0] == "-" else "+"
        return f"{_number(value.real)}{sign}{_number(value.imag)}i"
    return str(value)


def _number(value: Any) -> str:
    """The shortest text that stands for this number, and for no other of its dtype."""
    return {"nan": "NaN", "inf": "infinity", "-inf": "-infinity"}.get(str(value), str(value))


def statistics(found: Statistics, name: str = "") -> Iterator[str]:
    """A few lines about all elements."""
    title = f" of {name}" if name else ""
    facts = [counted(found.count, "element")]
    facts += [f"{found.missing} missing"] if found.missing else []
    facts += [f"{found.nan} NaN"] if found.nan else []
    facts += [f"{found.infinite} infinite"] if found.infinite else []
    if found.min is not None:
        facts += [f"min {_figure(found.min)}", f"max {_figure(found.max)}"]
    if found.mean is not None:
        facts.append(f"mean {_figure(found.mean)}")
    if found.lengths is not None:
        facts.append("length {} to {}".format(*found.lengths))
    facts += [found.note] if found.note else []
    yield f"stats{title} = {', '.join(facts)}{' (unpacked)' if found.unpacked else ''}"
    if found.histogram is not None and len(found.histogram.counts) > 1:
        bins = found.histogram
        first, last = _figure(bins.start), _figure(bins.last)
        yield f"histogram{title} = {first} {_bars(bins.counts)} {last}"
    for part, inner in found.parts.items():
        yield from statistics(inner, f"{name}.{part}" if name else part)


def _figure(value: Any) -> str:
    """A value as text; a float has at most six digits."""
    return _number(f"{value:.6g}") if isinstance(value, float | np.floating) else _one(value)


def _bars(counts: list[int]) -> str:
    """A histogram in one line, a letter a bin."""
    bars = _BARS
    try:
        bars.encode(sys.stdout.encoding or "ascii")
    except UnicodeError:
        bars = _PLAIN_BARS
    most, steps = max(counts), len(bars) - 1
    return "[" + "".join(bars[-(-count * steps // most)] for count in counts) + "]"


def first_elements(found: Head) -> Iterator[str]:
    """A line for the first elements, or one for each row of them."""
    unpacked = " (unpacked)" if found.unpacked else ""
    elements = found.elements
    if not isinstance(elements, list):
        yield f"head = {_element(elements)}{unpacked}"
    elif not any(isinstance(each, list) for each in elements):
        yield f"head = {', '.join(map(_element, elements)) or '(empty)'}{unpacked}"
    else:
        for number, row in enumerate(elements):
            dots = "" if found.is_whole else ", …"
            yield f"head {number} = {_element(row)[1:-1]}{dots}{unpacked}"


def _element(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_element, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_element(each)}' for name, each in value.items())}}}"
    return "missing" if value is None else _figure(value)


def clipped(line: str, width: int) -> str:
    """A line that fits a terminal; what does not fit becomes a dot-dot-dot."""
    return line if len(line) <= width else f"{line[: width - 1]}…"
