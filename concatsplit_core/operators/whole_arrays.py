"""Arrays that move whole: those that are carried, copies of data sets, and data sets shared out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from concatsplit_core.array.geometry import Interval
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.endpoints.job import Document, Job, Move
from concatsplit_core.endpoints.naming import name_parts, name_together, parse_names, plain_for_one
from concatsplit_core.endpoints.references import MemberOf
from concatsplit_core.formats.registry import format_by_suffix
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import OutputIsInput, UsageError
from concatsplit_core.operators.requests import (
    Request,
    converted_specs,
    job_of,
    outputs_of,
    reconcile_sources,
    with_own_meanings,
)
from concatsplit_core.operators.structures import structures_of
from concatsplit_core.run.options import Options

if TYPE_CHECKING:
    from concatsplit_core.array.cuts import Cut
    from concatsplit_core.formats.structure import Structure


def whole_move(
    name: str, source: Source, outputs: Sequence[str | MemberOf], options: Options, is_carried: bool
) -> Move:
    """The move of an array that goes to every output as a whole.

    Parameters
    ----------
    name : str
        Of the array in the data set.
    source : Source
    outputs : sequence of str or MemberOf
    options : Options
    is_carried : bool
        The array is copied as it is stored, whatever is asked of the others.
    """
    spec = source.spec
    agreed = reconcile_sources([source], options)
    (seen,) = converted_specs([source], agreed)
    is_scalar = not spec.ndim
    whole = Interval(0, 1 if is_scalar else spec.shape[0])
    target = Segment(whole, ArraySpec(spec.shape, agreed.dtype))
    return Move(
        shape=(1,) if is_scalar else spec.shape,
        dtype=agreed.dtype,
        sources=[source],
        source_tiling=Tiling(0, (Segment(whole, seen),), is_scalar),
        outputs=outputs,
        target_tiling=Tiling(0, (target,) * len(outputs), is_scalar),
        split_info=[whole.length],
        meaning=agreed.meaning,
        conversions=agreed.conversions,
        name=name,
        is_carried=is_carried,
    )


def is_copy(request: Request, arrays: Mapping[str, Sequence[Source]]) -> bool:
    """Whether nothing is joined and nothing cut: one data set goes to one container."""
    is_join = request.cut is None and not request.add_axis
    has_axis = request.axis not in (None, (), []) or request.order is not None
    is_alone = all(len(sources) == 1 for sources in arrays.values())
    return is_join and is_alone and not has_axis and request.split_info is None


def copied(
    request: Request,
    arrays: Mapping[str, Sequence[Source]],
    structures: Sequence[Structure],
    options: Options,
) -> Job:
    """The job that copies a data set."""
    moves = []
    for name, (source,) in arrays.items():
        outputs = outputs_of(request, [Interval(0, 1)], source.ref, name)
        moves.append(whole_move(name, source, outputs, options, is_carried=False))
    moves = with_own_meanings(moves)
    named = {move.name: move for move in moves}
    job = job_of(request, moves, np.empty(0, "<i4"))
    return job._replace(structures=structures_of(structures, named, options))


def shared_out(
    request: Request,
    cut: Cut,
    arrays: Mapping[str, Sequence[Source]],
    structures: Sequence[Structure],
    options: Options,
) -> Job:
    """The job of ``--by-array``: whole arrays in order to files of at most so many bytes.

    A larger array is alone in its file.

    Raises
    ------
    UsageError
        There is more than one input, or an axis is given.
    """
    _refuse_other_wishes(request, arrays)
    unnamed = [""]  # the names depend on how many files there are
    moves = [whole_move(name, a[0], unnamed, options, False) for name, a in arrays.items()]
    groups = _grouped([_bytes_of(move) for move in moves], cut.max_bytes or 0)
    first = moves[0].sources[0].ref
    numbers = list(range(len(groups)))
    if request.only is not None:
        from concatsplit_core.array.shares import select_parts

        numbers = select_parts(request.only, len(groups))
    outputs = plain_for_one(request.outputs, numbers, len(groups))
    names = name_parts(outputs, groups, first, names=parse_names(request.names))
    files = {move.name: names[n] for n in numbers for move in moves[slice(*groups[n])]}
    written: list[Move] = []
    made: dict[str, Structure] = {}
    for number in numbers:
        inside = with_own_meanings(moves[slice(*groups[number])])
        inside = [m._replace(outputs=[MemberOf(names[number], m.name)]) for m in inside]
        made |= structures_of(structures, {move.name: move for move in inside}, options)
        written += inside
    job = job_of(request, written, np.empty(0, "<i4"))
    large = [move.name for move in written if _bytes_of(move) > (cut.max_bytes or 0)]
    notes = [f"array '{name}' is larger than --max-bytes, and alone in its file" for name in large]
    documents = _index(request, files, written) if len(files) == len(moves) else []
    return job._replace(notes=notes, documents=documents, structures=made)


def _refuse_other_wishes(request: Request, arrays: Mapping[str, Sequence[Source]]) -> None:
    if any(len(sources) > 1 for sources in arrays.values()):
        raise UsageError(
            "--by-array shares out the arrays of one data set, but there are several inputs; join "
            "them first, or name the index of a sharded checkpoint"
        )
    if request.axis not in (None, (), []) or request.order is not None or request.drop_axis:
        raise UsageError("--by-array cuts no array, so there is no --axis, --order or --drop-axis")
    if "{array" in request.outputs[0]:
        raise UsageError(
            f"--by-array puts several arrays into a file; leave {{array}} out of "
            f"'{request.outputs[0]}'"
        )


def _bytes_of(move: Move) -> int:
    spec = ArraySpec(move.shape, move.dtype, string_bytes=move.sources[0].spec.string_bytes)
    return spec.size * spec.memory_itemsize


def _grouped(sizes: Sequence[int], most: int) -> list[Interval]:
    """Numbers of the arrays that go to each file."""
    if most < 1:
        raise UsageError(f"--max-bytes {most}: a file holds at least 1 byte", found=most)
    groups: list[Interval] = []
    start = held = 0
    for number, size in enumerate(sizes):
        if number > start and held + size > most:
            groups.append(Interval(start, number))
            start, held = number, 0
        held += size
    return [*groups, Interval(start, len(sizes))]


def _index(request: Request, files: Mapping[str, str], moves: Sequence[Move]) -> list[Document]:
    """The index of all files, where their format has one and a template says its name.

    Raises
    ------
    OutputIsInput
        It would replace the index that is read.
    """
    source, one = moves[0].sources[0].ref, next(iter(files.values()))
    form, together = format_by_suffix(one, one), name_together(request.outputs, source)
    if together is None or not form.index_suffix:
        return []
    name = together + form.index_suffix
    container = source.partition("::")[0]
    if os.path.exists(name) and os.path.exists(container) and os.path.samefile(name, container):
        raise OutputIsInput(f"output {name} is the input; write somewhere else", ref=name)
    listed = {name: os.path.basename(file) for name, file in files.items()}
    return [Document(name, form.index(listed, sum(map(_bytes_of, moves))))]
