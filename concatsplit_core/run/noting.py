"""Notes of operators that have no result with a place for them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from concatsplit_core.run.events import Noted
from concatsplit_core.run.options import Options


def tell_of_raw(options: Options, refs: Iterable[str], depth: int = 3) -> None:
    """Tell the caller of an operator if ``raw`` describes none of its inputs.

    The note is an event; where nobody listens to events, it is a warning.

    Parameters
    ----------
    options : Options
    refs : iterable of str
        The inputs, with what is said of bare elements behind ``::``.
    depth : int
        How many calls above the warning is the caller of the operator.
    """
    note = note_on_raw(options, refs)
    if note is None:
        return
    if options.on_event is not None:
        options.on_event(Noted(note))
    else:
        warnings.warn(note, stacklevel=depth)


def note_on_raw(options: Options, refs: Iterable[str]) -> str | None:
    """The note that ``raw`` describes none of the inputs."""
    described = options.raw_description
    if described is None or any(ref.endswith(f"::{described}") for ref in refs):
        return None
    return (
        f"--raw {options.raw} changes nothing: no input is a .dat, .bin or .raw file of bare "
        "elements"
    )
