"""All arrays of a container, opened by their names."""

from __future__ import annotations

from concatsplit_core.endpoints.inputs import close_all, open_member
from concatsplit_core.endpoints.references import parse_input
from concatsplit_core.formats.registry import detect
from concatsplit_core.formats.sources import Source
from concatsplit_core.meaning.bounds import remembered_neighbours


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
    place, group = parse_input(ref)
    form = detect(place, ref)
    prefix = "" if group is None else f"{group}/"
    arrays: dict[str, Source] = {}
    names = [name for name in form.members(place, ref) if name.startswith(prefix)]
    try:
        with remembered_neighbours():
            for name in names:
                own_ref = f"{place}::{name}" if name else ref
                arrays[name.removeprefix(prefix)] = open_member(form, place, name or None, own_ref)
    except BaseException:
        close_all(arrays.values())
        raise
    return arrays
