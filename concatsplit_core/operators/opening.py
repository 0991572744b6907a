"""The arrays of a data set, opened: those of containers, or of several files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from concatsplit_core.endpoints.containers import find_container
from concatsplit_core.endpoints.inputs import close_all, open_inputs, open_member, resolve
from concatsplit_core.formats.base import InputFormat
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.structure import Structure
from concatsplit_core.foundation.errors import (
    MalformedInput,
    UnsafeContent,
    UnsupportedDtype,
    UsageError,
)
from concatsplit_core.foundation.names import first_names
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.meaning.bounds import remembered_neighbours
from concatsplit_core.operators.missing import Found
from concatsplit_core.operators.selection import Selection
from concatsplit_core.stores.base import Location


class DataSet(NamedTuple):
    """What the inputs hold.

    Parameters
    ----------
    arrays : dict of str to list of Source or None
        What each input holds of an array, by its name.
    structures : list of Structure
        One per container; empty where each array is in a file of its own.
    """

    arrays: Found
    structures: list[Structure]


@contextmanager
def opened_data_set(
    inputs: Any,
    selection: Selection,
    recover: Callable[[list[Location]], bool] | None,
    raw: str | None = None,
) -> Iterator[DataSet]:
    """Open the arrays of a data set inside a context.

    Parameters
    ----------
    inputs
        Containers: references, patterns and lists; empty where the selection names arrays.
    selection : Selection
    recover, raw : optional
        As of `open_inputs`.

    Raises
    ------
    MalformedInput
        The inputs do not hold the same arrays.
    UsageError
        An input is not a container.
    """
    arrays, structures = Found(), list[Structure]()
    try:
        if selection.arrays:
            _open_each(inputs, selection, partial(open_inputs, recover=recover, raw=raw), arrays)
        else:
            with remembered_neighbours():
                for number, ref in enumerate(resolve(inputs, recover)):
                    structures += _add_container(number, ref, selection, arrays)
        if not arrays:
            raise UsageError("no inputs: name at least one container")
        yield DataSet(arrays, structures)
    finally:
        close_all(one for sources in arrays.values() for one in sources if one is not None)


def _open_each(
    inputs: Any, selection: Selection, opener: Callable[[Any], list[Source]], arrays: Found
) -> None:
    if len(inputs):
        what = f"write --array {inputs[0]}" if "=" in str(inputs[0]) else f"leave out {inputs[0]}"
        raise UsageError(f"--array is given in place of INPUT; {what}")
    for name, ref in selection.arrays:
        if name in arrays:
            raise UsageError(f"--array {name}: is given twice; name a pattern or an @list once")
        arrays[name] = [*opener(ref)]


def _add_container(number: int, ref: Any, selection: Selection, arrays: Found) -> list[Structure]:
    """Open the chosen arrays of one more input, and return the structure of its groups."""
    if not isinstance(ref, str):
        raise UsageError(f"input {number}: is an array; all inputs of a data set are containers")
    place, form, group, names = find_container(ref)
    if names in ([""], []):
        what = "is one array without a name" if names else "holds no array"
        raise UsageError(
            f"input {number} ({ref}): {what}; all inputs of a data set are containers of arrays"
        )
    chosen = selection.chosen(names, ref)
    if number and selection.missing == "refuse":
        _refuse_others(number, ref, chosen, list(arrays))
    form.expect(place, chosen)
    for name in chosen:
        source = _opened(form, place, name, f"{place}::{name}")
        arrays.setdefault(name, [None] * number).append(source)
    for sources in arrays.values():
        sources.extend([None] * (number + 1 - len(sources)))
    if group is not None:
        return []
    structure = form.structure(place, ref)
    if structure.links_out and selection.members is None:
        raise UnsafeContent(
            f"input {number} ({ref}): {first_names(structure.links_out)} leads out of the file, "
            "where no link is followed; --members '*' leaves it out",
            ref=ref,
        )
    return [structure]


def _opened(form: InputFormat, place: Location, name: str, ref: str) -> Source:
    """Open an array of a container; an error says how to leave it out."""
    try:
        return open_member(form, place, name, ref)
    except (UnsupportedDtype, UnsafeContent) as error:
        hint = f"{error.message}; or choose all arrays but this one with --members"
        raise type(error)(hint, ref=error.ref) from error


def _refuse_others(number: int, ref: str, found: Sequence[str], wanted: Sequence[str]) -> None:
    there, asked = set(found), set(wanted)
    missing = [name for name in wanted if name not in there]
    more = [name for name in found if name not in asked]
    if missing or more:
        differences = [f"lacks {first_names(missing)}"] if missing else []
        what = " and ".join(differences + ([f"has also {first_names(more)}"] if more else []))
        raise MalformedInput(
            f"input {number} ({ref}): {what}, unlike input 0; choose with --members what all hold, "
            "or have --missing fill put fill values in the place of what is missing",
            ref=ref,
            found=tuple(found),
            expected=tuple(wanted),
        )
