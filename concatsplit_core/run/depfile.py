"""The dependency file of a run, for make and ninja: which files an output is made from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from concatsplit_core.endpoints.group_documents import documents_beside, group_documents
from concatsplit_core.endpoints.lists import lists_in
from concatsplit_core.endpoints.places import Place
from concatsplit_core.endpoints.records import refuse_record
from concatsplit_core.endpoints.references import parse_input
from concatsplit_core.formats.registry import format_named
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import OutputExists, UsageError
from concatsplit_core.run.output_set import StagedDocument
from concatsplit_core.stores.local import local

_SPECIAL = re.compile(r"(\\*)([ \t#:*?\[|])")
"""What make gives a meaning, and the backslashes before it."""
_IMPOSSIBLE = re.compile(r"[;\n\r]|\(.*\)$|[ \\]$")
"""What would end the rule, join it to the next line, or names a member of an archive."""
_IMPOSSIBLE_OUTPUT = re.compile(r"\t|\\[%|]")
"""What make cannot read on the left side of a rule."""
_OF_MAKE = re.compile(r"~|define$")
"""A home folder, and a directive; after ./ make takes both for files."""


def staged_depfile(
    path: str | os.PathLike[str],
    places: Sequence[Place],
    sources: Sequence[Source],
    also_read: Iterable[str | os.PathLike[str]],
    force: bool,
) -> StagedDocument:
    """The dependency file of a run, which appears with the outputs.

    Parameters
    ----------
    path : path
        Its name. A dependency file of the same outputs is replaced; another file only with `force`.
    places : sequence of Place
        Of the outputs.
    sources : sequence of Source
    also_read : iterable of str
        References of other arrays, and ``@list`` files, that were read.
    force : bool

    Raises
    ------
    UsageError
        The output is stdout, or a name cannot stand in such a file.
    OutputExists
    """
    if any(place.is_stream for place in places):
        raise UsageError("--depfile says what a file is made from, but the output is stdout")
    outputs = list(dict.fromkeys(place.asked_container for place in places))
    data = rule(outputs, list(_inputs(sources, also_read, outputs)))
    final = local(path).resolved
    replaced = refuse_record(final, places, sources, True, "dependency file")
    if replaced is not None and not force and not _is_of(final.key, data):
        raise OutputExists(
            f"{final} exists, and is not a dependency file of {outputs[0]}; give --force to "
            "replace it",
            ref=str(final),
        )
    return StagedDocument(final, replaced, data)


def rule(outputs: Sequence[str], inputs: Sequence[str]) -> bytes:
    """A rule of make without commands, and an empty rule for each input.

    With the latter, an input that has been removed is no error: what was made from it is made
    again.

    Raises
    ------
    UsageError
        make cannot read a name.
    """
    plain = [name for name in inputs if "=" not in name]
    # make takes `a: b=c` for a variable, unless another name comes first
    ordered = [*plain[:1], *(name for name in inputs if name not in plain[:1])]
    if any("=" in name for name in [*outputs, *ordered[:1]]):
        name = next(name for name in [*outputs, *ordered] if "=" in name)
        raise UsageError(f"--depfile: make takes {name} for a variable, because of the =", ref=name)
    targets = " ".join(map(_escaped_output, outputs))
    lines = [f"{targets}: " + " \\\n  ".join(map(_escaped, ordered))]
    lines += [f"{_escaped(name)}:" for name in plain if "%" not in name]
    return os.fsencode("\n".join(lines) + "\n")


def _escaped(name: str) -> str:
    if _IMPOSSIBLE.search(name):
        raise UsageError(
            f"--depfile: make cannot read the name {name!r}, because of a ;, a line break, or a "
            "), a space or a backslash at its end",
            ref=name,
        )
    home = "./" if _OF_MAKE.match(name) else ""
    return home + _SPECIAL.sub(r"\1\1\\\2", name).replace("$", "$$")


def _escaped_output(name: str) -> str:
    if _IMPOSSIBLE_OUTPUT.search(name):
        raise UsageError(
            f"--depfile: make cannot read the name {name!r} of an output, because of a tab, or a "
            "backslash before % or |",
            ref=name,
        )
    return _escaped(name).replace("%", r"\%").replace(r"\|", "|")


def _is_of(path: str, data: bytes) -> bool:
    """Whether a file is empty, or names the same outputs as a dependency file."""
    with open(path, "rb") as file:
        start = data[: data.index(b": ") + 2]
        return file.read(len(start)) in (b"", start)


def _inputs(
    sources: Sequence[Source], also_read: Iterable[str | os.PathLike[str]], outputs: Sequence[str]
) -> Iterator[str]:
    """The names of all files that are read, each once."""
    names: dict[str, None] = {}
    for source in sources:
        if source.path is not None and source.ref != "-":
            names |= dict.fromkeys(_files(source))
    for ref in also_read:
        lists = lists_in([os.fspath(ref)])
        names |= dict.fromkeys(lists or [parse_input(os.fspath(ref)).place.key])
    yield from (name for name in names if name not in outputs)


def _files(source: Source) -> Iterator[str]:
    """The file that an array is in; of a folder, what changes when anything inside it does.

    A writer that replaces a chunk makes a new file and renames it, which changes the folder.
    """
    path = source.path or ""
    asked = parse_input(source.ref).place.key
    if not os.path.isdir(path):
        if os.path.isfile(asked) and asked != path:  # such as an index
            yield asked
        yield path
        return
    yield from group_documents(source, asked)
    if path != asked:
        yield from documents_beside(source)
    documents = format_named(source.format).own_names
    for folder, inside, files in os.walk(path):
        inside.sort()
        yield folder
        yield from (os.path.join(folder, name) for name in sorted(documents.intersection(files)))
