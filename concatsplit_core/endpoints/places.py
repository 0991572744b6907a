"""Where each output goes: the name that was asked for, resolved to a place on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from concatsplit_core.endpoints.references import MemberOf, parse_output, refuse_unsafe_name
from concatsplit_core.errors import NameCollision, OutputRefused, UnsafeContent, UsageError
from concatsplit_core.formats.base import Candidate, OutputFormat
from concatsplit_core.formats.registry import format_by_suffix, stream_format
from concatsplit_core.stores.files import output_error
from concatsplit_core.stores.identity import Identity, identify
from concatsplit_core.stores.local import local

STREAM = "-"


class Place(NamedTuple):
    """Where one output goes.

    Parameters
    ----------
    ref : str
        As it was asked for.
    format : OutputFormat
    path : Path
        The file or store.
    member : str
        Empty where the file, or the store's root, is the array.
    final : Path
        The file or folder that appears or is replaced.
    inner : str
        The rest of the member's name, below `final`.
    base : Path, optional
        The container that is added to.
    found : Identity, optional
        What was there when the place was looked up.
    is_new_container : bool
        All that `final` holds is written by this run.
    """

    ref: str
    format: OutputFormat
    path: Path
    member: str
    final: Path
    inner: str
    base: Path | None = None
    found: Identity | None = None
    is_new_container: bool = False

    @property
    def is_stream(self) -> bool:
        """Whether it is stdout."""
        return self.ref == STREAM

    @property
    def staged_beside(self) -> Path:
        """The folder that the staged file or folder is built in.

        That is beside a store, so that no listing of members shows it. It is inside the store if
        that is a file system of its own, or if the folder around it may not be written to.
        """
        beside = self.path.parent
        if self.final == self.path or not self.path.exists():
            return beside
        same = beside.stat().st_dev == self.path.stat().st_dev
        return beside if same and os.access(beside, os.W_OK) else self.final.parent

    @property
    def is_rebuilt(self) -> bool:
        """Whether the old content is copied into the new file, and must not change meanwhile."""
        return self.base == self.final


def find_place(ref: str | MemberOf, follow_links: bool = False) -> Place:
    """Resolve the name of an output.

    A name without a member stands for the whole file; one with a member leaves the container's
    other members as they are. A link is followed, and what it leads to is replaced.

    Parameters
    ----------
    ref : str or MemberOf
        The latter stands for one array of a container that is written as a whole.
    follow_links : bool
        Also links that leave a Zarr store.

    Raises
    ------
    UsageError
        The suffix says no format.
    UnsafeContent
        A link leaves the store.
    """
    if isinstance(ref, MemberOf):
        return _in_new_container(ref)
    if ref == STREAM:
        return Place(ref, stream_format(), Path(ref), "", Path(ref), "")
    path, member = parse_output(ref)
    form = format_by_suffix(path.name, ref)
    path = Path(os.path.realpath(path))
    found = _found(path, ref)
    if not form.has_members:
        if member and not form.is_said(member, ref):
            raise NameCollision(
                f"output {ref}: a file of the format {form.name} holds one array and has no members"
            )
        return Place(ref, form, path, "", path, "", found=found)
    if form.is_folder:
        return _place_in_store(ref, form, path, member or "", found, follow_links)
    base = path if member and found is not None else None
    chosen = member or form.default_member
    return Place(ref, form, path, chosen, path, chosen, base, found)


def _in_new_container(ref: MemberOf) -> Place:
    """One array of a container that appears, or is replaced, as a whole."""
    refuse_unsafe_name(ref.member, ref.container)
    path, inner = parse_output(ref.container)
    form = format_by_suffix(path.name, ref.container)
    if inner:
        raise UsageError(f"output {ref.container}: a data set is a file or store of its own")
    if not form.has_members:
        raise UsageError(
            f"output {ref.container}: an .{form.name} file holds one array; name a container, or "
            "give a template with {array}"
        )
    path = Path(os.path.realpath(path))
    found = _found(path, ref.container)
    return Place(str(ref), form, path, ref.member, path, ref.member, None, found, True)


def folders_of(refs: Iterable[str | MemberOf]) -> list[Path]:
    """The folders that outputs are going to be staged in, each once."""
    found: dict[Path, None] = {}
    for ref in refs:
        if ref != STREAM:
            path, member = parse_output(ref.container if isinstance(ref, MemberOf) else ref)
            path = Path(os.path.realpath(path))
            found[path.parent] = None
            for name in (member or "").split("/") if os.path.isdir(path) else ():
                found[path] = None  # staging is inside a store whose folder may not be written to
                path /= name
    return list(found)


def _place_in_store(
    ref: str,
    form: OutputFormat,
    path: Path,
    member: str,
    found: Identity | None,
    follow_links: bool,
) -> Place:
    """In a store that exists, the topmost missing folder is what appears."""
    if not member or not form.sniff(Candidate(local(path))):
        return Place(ref, form, path, member, path, member, found=found)
    final, parts = path, member.split("/")
    while parts:
        final /= parts.pop(0)
        found = _found(final, ref)
        if found is None:
            break
        if found.kind == "link":
            final = _followed(final, path, ref, follow_links)
            found = _found(final, ref)
    return Place(ref, form, path, member, final, "/".join(parts), path, found)


def _followed(link: Path, store: Path, ref: str, follow_links: bool) -> Path:
    """Where a link leads, which must be in the store unless links may be followed."""
    place = Path(os.path.realpath(link))
    if not follow_links and not place.is_relative_to(store):
        raise UnsafeContent(
            f"output {ref}: {link} is a link out of the store, to {place}; nothing is written "
            "through it without --follow-links",
            ref=ref,
        )
    return place


def _found(path: Path, ref: str) -> Identity | None:
    try:
        return identify(path)
    except PermissionError as error:
        raise OutputRefused(
            f"output {ref}: {path} cannot be looked at: {os.strerror(error.errno or 0)}", ref=ref
        ) from error
    except OSError as error:
        raise output_error(f"output {ref}", error) from error
