"""What a container holds beside its arrays: groups, their attributes, and links inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from concatsplit_core.foundation.records import NamedTuple, dataclass, field, replace
from concatsplit_core.meaning.agreement import KeptAttributes
from concatsplit_core.meaning.model import same


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """The attributes of one group.

    Parameters
    ----------
    attrs : mapping
        Attributes by name, in neutral terms.
    own : mapping
        The same attributes as their format stores them, for an output of the same format.
    is_ordered : bool
        The group keeps its members in the order in which they were made.
    """

    attrs: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    is_ordered: bool = False


class Dimension(NamedTuple):
    """A dimension that a group says it has (netCDF).

    Parameters
    ----------
    number : int
        Dimensions of a file are in the order of their numbers.
    length : int
    is_unlimited : bool
    is_used : bool
        An array has it.
    """

    number: int
    length: int
    is_unlimited: bool
    is_used: bool


@dataclass(frozen=True, slots=True)
class Structure:
    """The groups of a container.

    Parameters
    ----------
    groups : mapping of str to GroupInfo
        By path, the root as "", every group after its parent; groups without members too.
    links : mapping of str to str
        Soft links by path, and what each leads to.
    dimensions : mapping of str to Dimension
        By path.
    links_out : tuple of str
        Links that lead out of the file, by path.
    types : mapping of str to object
        Types that have names, by path, as their format stores them.
    is_netcdf : bool
        It is a netCDF file, which an output of the same format stays whatever it is called.
    is_consolidated : bool
        The root lists the metadata of all members.
    notes : tuple of str
        What could not be read.
    user_block : bytes
        Bytes before the format's own, such as MATLAB writes; empty where they are too many to keep.
    indexes : mapping of str to str
        Groups that hold an index of an array, by path, and the array; if that is cut or joined,
        its index has to be made again.
    kept_by : str
        The program that keeps the arrays of the container consistent; empty if none is known.
    """

    groups: Mapping[str, GroupInfo] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    links_out: tuple[str, ...] = ()
    types: Mapping[str, Any] = field(default_factory=dict)
    is_netcdf: bool = False
    is_consolidated: bool = False
    notes: tuple[str, ...] = ()
    user_block: bytes = b""
    indexes: Mapping[str, str] = field(default_factory=dict)
    kept_by: str = ""


def keeper_of(attrs: Mapping[str, Any]) -> str:
    """The program that keeps a container's arrays consistent, by the root's attributes, or ""."""
    return _ANNDATA if attrs.get("encoding-type") == "anndata" else ""


_ANNDATA = "anndata: anndata.experimental.concat_on_disk joins such files"


def agreed_structure(structures: Sequence[Structure], attrs: KeptAttributes) -> Structure:
    """The structure of an output that is made of several containers.

    Parameters
    ----------
    structures : sequence of Structure
        One an input.
    attrs : {"first", "common", "none"}
        Which attributes its groups have: the first input's, those that all inputs share, or none.
    """
    first = structures[0]
    groups = dict(first.groups)
    for path, info in first.groups.items():
        if attrs == "none":
            groups[path] = GroupInfo(is_ordered=info.is_ordered)
        elif attrs == "common":
            others = [other.groups.get(path, GroupInfo()).attrs for other in structures[1:]]
            kept = {
                name: value
                for name, value in info.attrs.items()
                if all(name in other and same(other[name], value) for other in others)
            }
            groups[path] = replace(info, attrs=kept)
    return replace(first, groups=groups)


def without_indexes(structure: Structure, arrays: Set[str]) -> Structure:
    """A structure without the indexes of some arrays, and a note for each that had one."""
    stale = {group: array for group, array in structure.indexes.items() if array in arrays}
    if not stale:
        return structure
    notes = [
        f"the index of '{array}' is left out, since it lists the rows of an input; its program "
        "can make it again (PyTables: Column.create_index)"
        for array in stale.values()
    ]
    groups = {
        path: info
        for path, info in structure.groups.items()
        if not any(is_within(path, group) for group in stale)
    }
    return replace(structure, groups=groups, indexes={}, notes=(*structure.notes, *notes))


def is_within(path: str, group: str) -> bool:
    """Whether a path is that of a group, or of something in it."""
    return path == group or path.startswith(f"{group}/")


def with_all_groups(structure: Structure, structures: Sequence[Structure]) -> Structure:
    """A structure with the groups and dimensions that only later inputs have as well."""
    groups, dimensions = dict(structure.groups), dict(structure.dimensions)
    number = 1 + max((known.number for known in dimensions.values()), default=-1)
    for other in structures:
        groups = dict(other.groups) | groups
        for path, dimension in other.dimensions.items():
            if path not in dimensions:
                dimensions[path] = dimension._replace(number=number)
                number += 1
    ordered = {path: groups[path] for path in sorted(groups, key=lambda path: path.count("/"))}
    return replace(structure, groups=ordered, dimensions=dimensions)
