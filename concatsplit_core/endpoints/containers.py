"""All arrays of a container, opened by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concatsplit_core.endpoints.inputs import STREAM, close_all, open_member, resolve
from concatsplit_core.endpoints.references import parse_input
from concatsplit_core.formats.base import InputFormat, OutputFormat
from concatsplit_core.formats.registry import detect
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location


class Container(NamedTuple):
    """A container, or one of its groups.

    Parameters
    ----------
    place : Location
    form : InputFormat
    group : str, optional
        None for the whole container.
    names : list of str
        Names of the arrays in it, from the root of the container; ``[""]`` if it is one array
        without a name, or if the group is an array.
    """

    place: Location
    form: InputFormat
    group: str | None
    names: list[str]


def find_container(ref: str) -> Container:
    """What a reference to a container, or ``CONTAINER::GROUP``, holds."""
    place, group = parse_input(ref)
    form = detect(place, ref)
    names = form.members(place, ref)
    if group is not None:
        inside = [name for name in names if name.startswith(f"{group}/")]
        names = [""] if not inside and group in names else inside
    return Container(place, form, group, names)


def open_container(ref: str) -> dict[str, Source]:
    """Open all arrays of a container, or of one of its groups.

    Parameters
    ----------
    ref : str
        A container, or ``CONTAINER::GROUP``.

    Returns
    -------
    dict of str to Source
        By their names, without that of the group; under ``""`` if it is one array without a name.
    """
    from concatsplit_core.meaning.bounds import remembered_neighbours

    place, form, group, names = find_container(ref)
    prefix = "" if group is None else f"{group}/"
    arrays: dict[str, Source] = {}
    try:
        with remembered_neighbours():
            form.expect(place, names)
            for name in names:
                own_ref = f"{place}::{name}" if name else ref
                arrays[name.removeprefix(prefix)] = open_member(form, place, name or group, own_ref)
    except BaseException:
        close_all(arrays.values())
        raise
    return arrays


def are_data_sets(
    inputs: Any, output: OutputFormat, recover: Callable[[list[Location]], bool] | None
) -> bool:
    """Whether all inputs are files that say more than their arrays do, even of one array.

    Parameters
    ----------
    inputs, recover
        As of `open_inputs`.
    output : OutputFormat
        It may take such files of some formats only.
    """
    refs = resolve(inputs, recover)
    return bool(refs) and all(isinstance(ref, str) and _is_data_set(ref, output) for ref in refs)


def _is_data_set(ref: str, output: OutputFormat) -> bool:
    if ref == STREAM:
        return False
    place, member = parse_input(ref)
    if member is not None:
        return False
    form = detect(place, ref)
    return output.takes_data_sets_of(form) and form.is_data_set(place, ref)
