"""Patterns of file names, and the natural order of names: 2 before 10."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator

from concatsplit_core.endpoints.references import SEPARATOR, is_name, is_path

_ANY_DIGIT = str.maketrans("123456789", "000000000")


def natural_key(text: str) -> list[tuple[int, int | str]]:
    """Sorts ``part-2`` before ``part-10``."""
    return [
        (0, int(piece)) if piece.isdigit() else (1, piece)
        for piece in re.split(r"([0-9]+)", text)
        if piece
    ]


def naturally_sorted(names: Iterable[str]) -> list[str]:
    """Names in natural order: ``part-2`` before ``part-10``."""
    names = sorted(names)
    shapes = "\n".join(names).translate(_ANY_DIGIT).split("\n")  # at once: one table for all
    if len(shapes) == len(names) and len(set(shapes)) == 1:
        return names  # numbers of the same number of digits, which sort as they are
    return sorted(names, key=natural_key)


def _globbed(pattern: str) -> Iterable[str]:
    """The files that a pattern matches; ``**`` stands for folders at any depth, but no links."""
    above, deep, below = pattern.partition("**/")
    if not deep or (above and not above.endswith("/")):
        return glob.glob(pattern)
    found: dict[str, None] = {}
    for top in glob.glob(above) if above else [""]:
        for folder, folders, _ in os.walk(top or "."):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = os.path.join(top, os.path.relpath(folder, top or "."), "")
            inside = inside.removesuffix("./")
            found.update(dict.fromkeys(_globbed(glob.escape(inside) + below)))
    return found


def matches(ref: str) -> Iterator[str]:
    """The references that a pattern stands for, in natural order, or the reference itself."""
    path, mark, member = ref.partition(SEPARATOR)
    if not is_path(ref):
        yield ref
        return
    if not glob.has_magic(path) or not is_name(ref) or os.path.exists(path) or os.path.exists(ref):
        yield ref
        return
    found = naturally_sorted(_globbed(path))
    if not found:
        from concatsplit_core.formats.misnamed import no_match

        raise no_match(ref, path)
    for name in found:
        yield name + mark + member
