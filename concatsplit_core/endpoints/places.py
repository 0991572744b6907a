"""Where each output goes: the name that was asked for, resolved to a place in a store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from concatsplit_core.endpoints.references import (
    SEPARATOR,
    MemberOf,
    is_name,
    parse_output,
    refuse_unsafe_name,
)
from concatsplit_core.formats.base import Candidate, OutputFormat
from concatsplit_core.formats.registry import format_by_suffix, stream_format
from concatsplit_core.foundation.errors import (
    NameCollision,
    OutputRefused,
    UnsafeContent,
    UsageError,
)
from concatsplit_core.foundation.paths import split_path
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import output_error
from concatsplit_core.stores.folders import Folders
from concatsplit_core.stores.local import LOCAL, local

if TYPE_CHECKING:
    from concatsplit_core.stores.identity import Identity

STREAM = "-"


class Place(NamedTuple):
    """Where one output goes.

    Parameters
    ----------
    ref : str
        As it was asked for.
    format : OutputFormat
    container : Location
        The file or store.
    member : str
        Empty where the file, or the store's root, is the array.
    final : Location
        The file or folder that appears or is replaced.
    inner : str
        The rest of the member's name, below `final`.
    base : Location, optional
        The container, if it is added to.
    found : Identity, optional
        What was there when the place was looked up.
    is_new_container : bool
        All that `final` holds is written by this run.
    """

    ref: str
    format: OutputFormat
    container: Location
    member: str
    final: Location
    inner: str
    base: Location | None = None
    found: Identity | None = None
    is_new_container: bool = False

    @property
    def asked_container(self) -> str:
        """The name of the container, as it was asked for."""
        return self.ref.removesuffix(f"{SEPARATOR}{self.member}")

    @property
    def is_stream(self) -> bool:
        """Whether it is stdout."""
        return self.ref == STREAM

    @property
    def is_rebuilt(self) -> bool:
        """Whether the old content is copied into the new file, and must not change meanwhile."""
        return self.base == self.final


class Looked:
    """Folders and containers that have been looked up already: outputs of a run often share them.

    Attributes
    ----------
    folders : Folders
    containers : dict of str to Place
        New containers, by their names.
    """

    def __init__(self) -> None:
        self.folders = Folders()
        self.containers: dict[str, Place] = {}
        self._new: dict[tuple[str, str], tuple[OutputFormat, str]] = {}

    def note(self, place: Place) -> None:
        """Remember a new file that is one array: others in its folder need not be looked up."""
        if SEPARATOR not in place.ref and place.container.store.has_paths:
            folder, name = split_path(place.ref)
            real = os.path.dirname(place.container.key)
            self._new[folder, name.partition(".")[2]] = place.format, real

    def alike(self, ref: str) -> Place | None:
        """The place of another new file beside one that was noted; None if it has to be looked up.

        All that follows the first dot in their names is the same, and nothing has its name yet.
        """
        folder, name = split_path(ref)
        noted = self._new.get((folder, name.partition(".")[2]))
        if noted is None or SEPARATOR in ref or name.startswith(".") or not is_name(ref):
            return None
        form, real = noted
        if self.folders.may_hold(folder, name):
            return None
        place = Location(LOCAL, f"{real}/{name}")
        return Place(ref, form, place, "", place, "")


def find_place(
    ref: str | MemberOf, follow_links: bool = False, known: Looked | None = None
) -> Place:
    """Resolve the name of an output.

    A name without a member stands for the whole file; one with a member leaves the container's
    other members as they are. A link is followed, and what it leads to is replaced.

    Parameters
    ----------
    ref : str or MemberOf
        The latter stands for one array of a container that is written as a whole.
    follow_links : bool
        Also links that leave a Zarr store.
    known : Looked, optional
        What was found for other outputs of the run; what is found now is added.

    Raises
    ------
    UsageError
        The suffix says no format.
    UnsafeContent
        A link leaves the store.
    """
    known = known or Looked()
    if isinstance(ref, MemberOf):
        return _in_new_container(ref, known)
    if ref == STREAM:
        stdout = local(ref)
        return Place(ref, stream_format(), stdout, "", stdout, "")
    alike = known.alike(ref)
    if alike is not None:
        return alike
    place, member = parse_output(ref)
    form, place = _resolved(place, ref, known.folders)
    found = _identity_of(place, ref)
    if not form.has_members:
        if member and not form.is_description(member, ref):
            raise NameCollision(
                f"output {ref}: a file of the format {form.name} holds one array and has no "
                f"members; leave out ::{member}"
            )
        whole = Place(ref, form, place, "", place, "", found=found)
        if not member and found is None:
            known.note(whole)
        return whole
    if form.is_folder:
        return _place_in_store(ref, form, place, member or "", found, follow_links)
    base = place if member and found is not None else None
    chosen = member or form.default_member
    return Place(ref, form, place, chosen, place, chosen, base, found)


def _resolved(place: Location, ref: str, known: Folders) -> tuple[OutputFormat, Location]:
    """The format that a name asks for, and the place with all links followed."""
    form = format_by_suffix(place.name, ref)
    if form.needs_paths:
        form.path_of(place, f"output {ref}")
    return form, _followed_to(place, known)


def _followed_to(place: Location, known: Folders) -> Location:
    """A place with all links followed."""
    return local(known.resolve(place.key)) if place.store.has_paths else place.resolved


def _in_new_container(ref: MemberOf, known: Looked) -> Place:
    """One array of a container that appears, or is replaced, as a whole."""
    refuse_unsafe_name(ref.member, ref.container)
    if ref.container not in known.containers:
        known.containers[ref.container] = _new_container(ref.container, known.folders)
    made = known.containers[ref.container]
    return made._replace(ref=str(ref), member=ref.member, inner=ref.member)


def _new_container(ref: str, folders: Folders) -> Place:
    if ref == STREAM:
        raise UsageError(f"output {ref}: a data set does not go to stdout; name a container")
    place, inner = parse_output(ref)
    form, place = _resolved(place, ref, folders)
    if inner:
        raise UsageError(f"output {ref}: a data set is a file or store of its own")
    if not form.has_members:
        raise UsageError(
            f"output {ref}: an .{form.name} file holds one array; name a container, or "
            "give a template with {array}"
        )
    return Place(ref, form, place, "", place, "", None, _identity_of(place, ref), True)


def folders_of(refs: Iterable[str | MemberOf]) -> list[Location]:
    """The folders that outputs are going to be staged in, each once."""
    found: dict[Location, None] = {}
    known, seen = Folders(), set[str]()
    for ref in dict.fromkeys(r.container if isinstance(r, MemberOf) else r for r in refs):
        if ref != STREAM:
            folder, name = split_path(ref)
            if (
                folder in seen
                and name
                and SEPARATOR not in ref
                and not known.may_hold(folder, name)
            ):
                continue  # a new file beside another one
            place, member = parse_output(ref)
            if member is None and place.store.has_paths:
                seen.add(folder)
            place = _followed_to(place, known)
            found[place.parent] = None
            # staging is inside a store whose folder may not be written to
            is_folder = place.store.has_paths and os.path.isdir(place.key)
            for name in (member or "").split("/") if is_folder else ():
                found[place] = None
                place /= name
    return list(found)


def _place_in_store(
    ref: str,
    form: OutputFormat,
    place: Location,
    member: str,
    found: Identity | None,
    follow_links: bool,
) -> Place:
    """In a store that exists, the topmost missing folder is what appears."""
    if not member or not form.sniff(Candidate(place)):
        return Place(ref, form, place, member, place, member, found=found)
    final, parts = place, member.split("/")
    while parts:
        final /= parts.pop(0)
        found = _identity_of(final, ref)
        if found is None:
            break
        if found.kind == "link":
            final = _followed(final, place, ref, follow_links)
            found = _identity_of(final, ref)
    return Place(ref, form, place, member, final, "/".join(parts), place, found)


def _followed(link: Location, store: Location, ref: str, follow_links: bool) -> Location:
    """Where a link leads, which must be in the store unless links may be followed."""
    place = link.resolved
    if not follow_links and not place.is_within(store):
        raise UnsafeContent(
            f"output {ref}: {link} is a link out of the store, to {place}; nothing is written "
            "through it without --follow-links",
            ref=ref,
        )
    return place


def _identity_of(place: Location, ref: str) -> Identity | None:
    try:
        return place.identity
    except PermissionError as error:
        raise OutputRefused(
            f"output {ref}: {place} cannot be looked at: {os.strerror(error.errno or 0)}", ref=ref
        ) from error
    except OSError as error:
        raise output_error(f"output {ref}", error) from error
