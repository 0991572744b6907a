"""Notes on names that are taken as they are given, though something else may have been meant."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import takewhile

from concatsplit_core.formats.raw import is_described

_FIELD = re.compile(r"\{[a-z]\w*(?::[^{}]*)?\}")
_PATTERN = re.compile(r"[*?]")


def notes_on_outputs(outputs: Sequence[str]) -> list[str]:
    """Notes on outputs whose name looks like a template or a pattern."""
    notes = []
    for what, odd in (("template", _FIELD), ("pattern", _PATTERN)):
        found = next((ref for ref in outputs if odd.search(_new_in(ref))), None)
        if found is not None:
            notes.append(f"output {found}: the name is no {what} here, and is taken as it is")
    return notes


def _new_in(ref: str) -> str:
    """What of a reference does not name a folder that is there."""
    path, separator, member = ref.partition("::")
    if is_described(path, member):  # the * in it is a length
        separator = member = ""
    folder, name = os.path.split(path)
    return f"{name if os.path.isdir(folder) else path}{separator}{member}"


def notes_on_order(inputs: Sequence[str]) -> list[str]:
    """A note on inputs with numbers that are not in the order of the numbers, as a shell lists."""
    ordered = inputs == sorted(inputs)
    if (ordered and len(set(map(len, inputs))) == 1) or len(set(inputs)) < len(inputs):
        return []
    if _are_numbered(inputs) or len({re.sub(r"\d+", "0", ref) for ref in inputs}) > 1:
        return []
    from concatsplit_core.endpoints.patterns import natural_key

    natural = sorted(inputs, key=natural_key)
    if natural == inputs:
        return []
    pair = next((a, b) for a, b in zip(inputs, natural, strict=True) if a != b)
    what = "in the order of the alphabet" if ordered else "not in the order of their numbers"
    return [
        f"the inputs are joined as they are given, {what}: {pair[0]} comes before {pair[1]}; "
        "a quoted pattern puts them in the order of their numbers"
    ]


def _are_numbered(inputs: Sequence[str]) -> bool:
    """Whether names differ in one number only, which grows: quick to see."""
    ends = min(inputs), max(inputs)
    start = _alike(*ends)
    end = _alike(*(name[::-1] for name in ends))
    head, tail = ends[0][:start], ends[0][len(ends[0]) - end :]
    if not all(ref.startswith(head) and ref.endswith(tail) for ref in inputs):
        return False
    middles = [ref[start : len(ref) - end] for ref in inputs]
    if not all(map(str.isdecimal, middles)):
        return False
    numbers = list(map(int, middles))
    return numbers == sorted(numbers)


def _alike(a: str, b: str) -> int:
    """How many characters two names begin with in common, without digits at the end of these."""
    same = "".join(
        x for x, _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))
    )
    return len(same.rstrip("0123456789"))
