"""open: a joined array that is read where it lies."""

from __future__ import annotations

import os
from typing import Any

from concatsplit_core.array.inference import Casting
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import (
    STREAM,
    close_all,
    open_input_ref,
    resolve,
)
from concatsplit_core.endpoints.objects import open_object
from concatsplit_core.endpoints.references import is_path
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import replace
from concatsplit_core.meaning.agreement import ConflictRule
from concatsplit_core.operators.arguments import checked
from concatsplit_core.operators.requests import Axes, Request, move_of
from concatsplit_core.operators.view import View
from concatsplit_core.run.gathering import Joined
from concatsplit_core.run.options import Options


def open(
    inputs: Any,
    axis: Axes = None,
    add_axis: bool = False,
    *,
    order: str | None = None,
    dtype: Any = None,
    casting: Casting = "same_kind",
    promote: bool = False,
    conflicts: ConflictRule = "exact",
    memory: str | int | None = None,
    raw: str | None = None,
    offset: int = 0,
    follow_links: bool = False,
) -> View:
    """Open a joined array that is read where it lies; nothing is written.

    Parameters
    ----------
    inputs, axis, order, add_axis
        As in `concat`.
    dtype, casting, promote, conflicts, raw, offset, follow_links
        As in `Options`.
    memory : str or int, optional
        Bytes of decoded chunks that are kept in memory, such as ``"64MiB"``; a chunk that is larger
        is refused when it is read. The default is that of `Options`.

    Returns
    -------
    View
        It takes NumPy's indices, ``v[3:8, ..., -1]``, gives arrays that are the caller's own, and
        should be closed, or used as a context.

    Raises
    ------
    ConcatsplitError
        An input is missing or malformed, or does not fit the others.

    Examples
    --------
    >>> with cs.open("part-*.npy") as v:
    ...     batch, mean = v[1000:1064], v[:, 3].mean()
    """
    options = Options(
        dtype=dtype,
        casting=casting,
        promote=promote,
        conflicts=conflicts,
        memory=memory,
        raw=raw,
        offset=offset,
        follow_links=follow_links,
    )
    return _view(inputs, checked(Request("open", [""], axis, order, add_axis)), options)


def _view(inputs: Any, request: Request, options: Options) -> View:
    memory = options.memory_bytes  # a wrong one is named before anything is opened
    sources = _opened(inputs, options.raw_description)
    try:
        if not sources:
            raise UsageError("no inputs: give at least one array")
        if options.raw is not None:
            from concatsplit_core.run.noting import tell_of_raw

            tell_of_raw(options, (source.ref for source in sources), depth=4)
        fingerprints = Fingerprints(sources, options.follow_links)
        is_scalar = len(sources) == 1 and not sources[0].spec.ndim and not request.add_axis
        if is_scalar:
            request = request._replace(add_axis=True)
        move, _ = move_of(request, sources, options)
        joined = Joined(
            sources,
            move.source_tiling,
            tuple(map(int, move.shape)),
            move.dtype,
            replace(move.meaning, dims=None) if is_scalar else move.meaning,
            move.conversions,
        )
        return View(joined, fingerprints, memory, is_scalar)
    except BaseException:
        close_all(sources)
        raise


def _opened(inputs: Any, raw: str | None) -> list[Source]:
    """Open the inputs by their absolute paths: other processes may have another folder."""
    opened: list[Source] = []
    try:
        for item in resolve(inputs, None, raw):
            if isinstance(item, str):
                is_absolute = item in {"", STREAM} or not is_path(item) or os.path.isabs(item)
                source = open_input_ref(item if is_absolute else os.path.join(os.getcwd(), item))
                source.ref = item
                opened.append(source)
            else:
                opened.append(open_object(item, f"<input {len(opened)}>"))
    except BaseException:
        close_all(opened)
        raise
    return opened
