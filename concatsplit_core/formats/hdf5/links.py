"""Finds datasets in an HDF5 file without ever leaving it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from concatsplit_core.formats.hdf5.dimensions import NON_COORDINATE, is_dimension_only
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.opened import OpenDataset
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    UnsafeContent,
)
from concatsplit_core.foundation.names import printable
from concatsplit_core.foundation.records import NamedTuple


class Survey(NamedTuple):
    """What the links of a file lead to.

    Parameters
    ----------
    arrays : list of str
        Names of datasets that hard links lead to, and of damaged objects that may be such: in the
        order in which they were made where the file keeps it, else sorted.
    links_out : list of str
        Names of links that lead out of the file, or nowhere.
    """

    arrays: list[str]
    links_out: list[str]


def key(member: str) -> bytes:
    """The bytes of a name in HDF5; in the text, bytes that are not UTF-8 are escaped."""
    return member.encode("utf-8", "surrogateescape")


def item_of(group: Any, name: str) -> Any:
    """What a name in a group of an input leads to; h5py's own way takes twice as long."""
    found = h5py.h5o.open(group.id, key(name))
    if isinstance(found, h5py.h5d.DatasetID):
        return h5py.Dataset(found, readonly=True)
    return h5py.Group(found) if isinstance(found, h5py.h5g.GroupID) else h5py.Datatype(found)


def survey(root: Any) -> Survey:
    """Look at all links below a group."""
    found, seen = Survey([], []), {_address(root)}
    waiting = [("", root, *link) for link in _last_first(root)]
    while waiting:
        prefix, group, own, kind = waiting.pop()
        name = _text(own)
        whole = f"{prefix}{name}"
        if kind != h5py.h5l.TYPE_HARD:
            if _leads_out(root, group, link_of(group, name)):
                found.links_out.append(whole)
            continue
        about = _about(group, own)
        if about is None:
            found.arrays.append(whole)  # opening it says what is wrong
        elif about.type == h5py.h5o.TYPE_GROUP and about.addr not in seen:
            seen.add(about.addr)
            item = item_of(group, name)
            waiting += [(f"{whole}/", item, *link) for link in _last_first(item)]
        elif about.type == h5py.h5o.TYPE_DATASET and not _is_dimension(group, name, about):
            found.arrays.append(f"{prefix}{name.removeprefix(NON_COORDINATE)}")
    arrays = found.arrays if keeps_order(root) else sorted(found.arrays)
    return Survey(arrays, sorted(found.links_out))


def _about(group: Any, own: bytes) -> Any:
    """What HDF5 says of an object without opening it; None where it is damaged."""
    try:
        return h5py.h5o.get_info(group.id, own)
    except Exception:  # h5py raises nearly anything
        return None


def _is_dimension(group: Any, name: str, about: Any) -> bool:
    """Whether a dataset is a dimension only; most need not be opened to find that they are not."""
    try:
        return bool(about.num_attrs) and is_dimension_only(item_of(group, name))
    except Exception:  # a damaged member makes h5py raise nearly anything
        return False


def keeps_order(group: Any) -> bool:
    """Whether a group records in which order its members were made."""
    tracked = group["/" if isinstance(group, h5py.File) else "."].id.get_create_plist()
    return bool(tracked.get_link_creation_order() & h5py.h5p.CRT_ORDER_TRACKED)


def _address(group: Any) -> int:
    return int(h5py.h5o.get_info(group.id).addr)


def _last_first(group: Any) -> list[tuple[bytes, int]]:
    """The links of a group, each with its kind, the last one first.

    Raises
    ------
    MalformedInput
        Two have the same name, which only damage does.
    """
    found: list[tuple[bytes, int]] = []
    order = h5py.h5.INDEX_CRT_ORDER if keeps_order(group) else h5py.h5.INDEX_NAME
    group.id.links.iterate(
        lambda own, link: found.append((own, link.type)), info=True, idx_type=order
    )
    names = {own for own, _ in found}
    if len(names) < len(found):
        one = next(own for own in names if sum(own == other for other, _ in found) > 1)
        ref, twice = printable(group.file.filename), printable(_text(one))
        raise MalformedInput(
            f"{ref}: is damaged: its group {printable(group.name)} has two members called {twice}",
            ref=ref,
        )
    return found[::-1]


def walk(root: Any) -> list[str]:
    """Names of all datasets below a group that hard links lead to."""
    return survey(root).arrays


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def names_in(group: Any) -> Iterator[str]:
    for name in group:
        yield _text(name) if isinstance(name, bytes) else name


def link_of(group: Any, name: str) -> Any:
    """A link of a group; None where there is none of this name."""
    own = key(name)
    if not isinstance(group, h5py.Group) or not own:
        return None
    links = group.id.links
    if not links.exists(own):
        return None
    kind = links.get_info(own).type
    if kind == h5py.h5l.TYPE_HARD:
        return h5py.HardLink()
    if kind == h5py.h5l.TYPE_SOFT:
        return h5py.SoftLink(_text(links.get_val(own)))
    if kind == h5py.h5l.TYPE_EXTERNAL:
        file, path = links.get_val(own)
        return h5py.ExternalLink(_text(file), _text(path))
    return h5py.ExternalLink("a place of a kind that is not known", "/")


def refuse_links_out(file: Any, member: str, ref: str) -> None:
    """Refuse to write through a link that leads out of the file, or nowhere.

    Raises
    ------
    UnsafeContent
    """
    here = file
    for part in member.split("/"):
        link = link_of(here, part)
        if link is None:
            return
        if isinstance(link, h5py.HardLink):
            here = here[key(part)]
            continue
        if _leads_out(file, here, link):
            where = getattr(link, "filename", None) or link.path
            raise UnsafeContent(
                f"output {ref}: '{part}' is a link out of the file or to nothing, to {where}; "
                "nothing is written through it, name another member or remove the link",
                ref=ref,
            )
        here = _follow_soft(file, here, link.path, ref)


def _leads_out(file: Any, here: Any, link: Any) -> bool:
    if not isinstance(link, h5py.SoftLink):
        return True
    try:
        _follow_soft(file, here, link.path, "")
    except ConcatsplitError:
        return True
    return False


def only_member(file: Any, ref: str) -> str:
    """The name of the one dataset of a file."""
    names = walk(file)
    if len(names) != 1:
        from concatsplit_core.formats.misnamed import not_one_array

        raise not_one_array(ref, names)
    return names[0]


def follow(file: Any, member: str, ref: str, groups: dict[str, Any]) -> tuple[str, OpenDataset]:
    """Follow links to a dataset within the file; returns its own name, and the dataset.

    Parameters
    ----------
    file : h5py.File
    member, ref : str
    groups : dict of str to object
        Groups by the names that led to them before; this call adds to it.
    """
    group, slash, given = member.rpartition("/")
    here = groups.get(group + slash)
    if here is None:
        here = file
        for part in group.split("/") if slash else ():
            here = _step(file, here, part, member, ref)
        if len(groups) >= _MOST_GROUPS:
            groups.clear()
        groups[group + slash] = here
    found = _plain_array(here, given)
    if found is not None:
        return f"{group}{slash}{given}", found
    part = _spelled(here, given)
    here = _step(file, here, part, member, ref)
    what = "a group" if not isinstance(here, h5py.Dataset) else None
    if what is None and is_dimension_only(here):
        what = "a netCDF dimension without a variable"
    if what is not None:
        inside = [name for name in walk(file) if name.startswith(f"{member.strip('/')}/")]
        hint = f"; name an array in it, such as {inside[0]}" if inside else ""
        raise InputUnavailable(f"{ref}: '{member}' is {what}, not an array{hint}", ref=ref)
    return f"{group}{slash}{part}", OpenDataset(here.id)


_MOST_GROUPS = 64
"""How many groups of a file are kept open."""


def _step(file: Any, here: Any, part: str, member: str, ref: str) -> Any:
    """What one part of a member's name leads to."""
    link = link_of(here, part)
    if link is None:
        from concatsplit_core.formats.misnamed import no_member

        raise no_member(ref, member, walk(file))
    if isinstance(link, h5py.ExternalLink):
        raise UnsafeContent(
            f"{ref}: '{part}' is a link out of the file, to {link.filename}; name that file itself",
            ref=ref,
        )
    if isinstance(link, h5py.SoftLink):
        return _follow_soft(file, here, link.path, ref)
    return item_of(here, part)


def _plain_array(group: Any, name: str) -> OpenDataset | None:
    """The dataset of a hard link, as most names have one; None for all that needs another look.

    A dimension without a variable may have one of its name beside it, which is spelled otherwise.
    """
    own = key(name)
    if not isinstance(group, h5py.Group) or not own:
        return None
    try:
        if group.id.links.get_info(own).type != h5py.h5l.TYPE_HARD:
            return None
        dataset = OpenDataset(h5py.h5d.open(group.id, own))
    except Exception:  # it is not there, no dataset, or damaged: the other look says which
        return None
    return None if dataset.has_attributes and is_dimension_only(dataset) else dataset


def _spelled(group: Any, name: str) -> str:
    """The name of a variable as netCDF-C spells it in the file."""
    other = f"{NON_COORDINATE}{name}"
    if not isinstance(link_of(group, other), h5py.HardLink):
        return name
    link = link_of(group, name)
    taken = isinstance(link, h5py.HardLink) and is_dimension_only(group[key(name)])
    return other if link is None or taken else name


def _follow_soft(file: Any, here: Any, target: str, ref: str, depth: int = 0) -> Any:
    """The object that a soft link leads to; no step on the way may leave the file."""
    if depth > 16:
        raise MalformedInput(f"{ref}: its soft links go round in circles", ref=ref)
    at = file if target.startswith("/") else here
    for part in [p for p in target.split("/") if p and p != "."]:
        link = link_of(at, part)
        if isinstance(link, h5py.ExternalLink):
            raise UnsafeContent(
                f"{ref}: leads over a link out of the file, to {link.filename}; name that file",
                ref=ref,
            )
        if link is None:
            raise InputUnavailable(f"{ref}: is a link to '{target}', which is not there", ref=ref)
        if isinstance(link, h5py.SoftLink):
            at = _follow_soft(file, at, link.path, ref, depth + 1)
        else:
            at = at[key(part)]
    return at
