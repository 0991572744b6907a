"""Data sets: the arrays of containers, or of several files, joined or cut together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from concatsplit_core.endpoints.inputs import STREAM
from concatsplit_core.endpoints.job import Job, Move
from concatsplit_core.endpoints.naming import is_folder
from concatsplit_core.formats.registry import format_by_suffix
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.structure import (
    Structure,
    is_within,
    with_all_groups,
    without_indexes,
)
from concatsplit_core.foundation.errors import (
    AmbiguousContainer,
    MalformedInput,
    MeaningMismatch,
    UsageError,
)
from concatsplit_core.foundation.names import first_names
from concatsplit_core.foundation.records import replace
from concatsplit_core.operators.axes import AxisRules, named_in_errors
from concatsplit_core.operators.history import call_of, with_history
from concatsplit_core.operators.missing import filled
from concatsplit_core.operators.opening import DataSet
from concatsplit_core.operators.requests import (
    Adjust,
    Along,
    Request,
    bytes_of_index,
    job_of,
    move_of,
    outputs_of,
    reconcile_sources,
    with_own_meanings,
)
from concatsplit_core.operators.selection import Selection
from concatsplit_core.operators.structures import structures_of
from concatsplit_core.operators.whole_arrays import copied, is_copy, shared_out, whole_move
from concatsplit_core.run.options import Options

Arrays = dict[str, list[Source]]
"""The inputs of each array, by its name."""


def job_of_data_set(request: Request, data_set: DataSet, options: Options, adjust: Adjust) -> Job:
    """What happens to every array of a data set, together.

    Parameters
    ----------
    request : Request
    data_set : DataSet
    options : Options
    adjust : callable
        As of `perform`.
    """
    structures, selection = data_set.structures, request.selection or Selection()
    if selection.missing == "fill" and structures:
        structures = [with_all_groups(structures[0], structures), *structures[1:]]
    arrays = filled(data_set.arrays, AxisRules(request.axis), request.add_axis)
    _refuse_one_array(request, arrays)
    job = _job(request, arrays, structures, options, adjust)
    if not selection.history:
        return job
    names = dict.fromkeys(one.ref.partition("::")[0] for one in next(iter(arrays.values())))
    line = selection.history if isinstance(selection.history, str) else call_of(request, names)
    return job._replace(structures=with_history(job, line))


def _job(
    request: Request,
    arrays: Arrays,
    structures: Sequence[Structure],
    options: Options,
    adjust: Adjust,
) -> Job:
    if is_copy(request, arrays):
        return copied(request, arrays, structures, options)
    _refuse_kept_by_others(structures)
    if request.cut is not None and request.cut.by_array:
        return shared_out(request, request.cut, arrays, structures, options)
    rules, selection = AxisRules(request.axis), request.selection or Selection()
    rules.refuse_order(request.order)
    arrays, structures = _without_stale_indexes(rules, arrays, structures, request.add_axis)
    axes = {name: rules.of(name, s[0], request.add_axis) for name, s in arrays.items()}
    cut = {name: axis for name, axis in axes.items() if axis is not None}
    if not cut:
        rules.refuse_all_carried(arrays)
    if not request.add_axis:
        rules.refuse_uneven(arrays, cut)
    total = sum(bytes_of_index(arrays[name][0].spec, axis) for name, axis in cut.items())
    moves: dict[str, Move] = {}
    alongs: dict[str, Along] = {}
    for name, axis in cut.items():
        own = adjust(request._replace(axis=axis), arrays[name])
        with named_in_errors(name):
            moves[name], alongs[name] = move_of(
                own, arrays[name], options, name, None if rules.has_patterns else total
            )
    along = next(iter(alongs.values()))
    if request.split_info is not None and any(
        (where.split_info != along.split_info).any() for where in alongs.values()
    ):
        raise UsageError("--split-info: the arrays differ in length along their axes")
    carried = [] if selection.carry == "drop" else [n for n, a in axes.items() if a is None]
    for name in carried:
        if selection.carry == "check":
            _refuse_other_meanings(name, arrays[name], options)
        move = _carried(request, name, arrays[name][0], along, options)
        is_one = len(arrays[name]) == 1
        moves[name] = move._replace(is_compared=selection.carry == "check" or is_one)
    ordered = with_own_meanings([moves[name] for name in axes if name in moves])
    job = job_of(request, ordered, along.split_info)
    made = structures_of(structures, moves, options)
    job = job._replace(structures=made, notes=rules.unmatched(arrays))
    if selection.carry != "check":
        return job
    compared = {name: arrays[name] for name in carried if len(arrays[name]) > 1}
    return job._replace(
        compared=[source for sources in compared.values() for source in sources[1:]],
        check=partial(_refuse_differing, compared, options),
    )


def _without_stale_indexes(
    rules: AxisRules, arrays: Arrays, structures: Sequence[Structure], add_axis: bool
) -> tuple[Arrays, Sequence[Structure]]:
    """Leave out the indexes of tables that are joined or cut: they list rows by number."""
    indexes = {group: array for one in structures for group, array in one.indexes.items()}
    changed = {
        array
        for array in {*indexes.values()} & arrays.keys()
        if rules.of(array, arrays[array][0], add_axis) is not None
    }
    stale = [group for group, array in indexes.items() if array in changed]
    if not stale:
        return arrays, structures
    kept = {
        name: sources
        for name, sources in arrays.items()
        if not any(is_within(name, group) for group in stale)
    }
    return kept, [without_indexes(structure, changed) for structure in structures]


def _refuse_kept_by_others(structures: Sequence[Structure]) -> None:
    """Refuse to cut or join containers whose arrays only another program keeps consistent."""
    found = next((structure.kept_by for structure in structures if structure.kept_by), None)
    if found is not None:
        raise UsageError(
            f"the tables and sparse matrices of these files are kept consistent by {found}; here "
            "only single arrays of them are joined and cut, as FILE::NAME"
        )


def _refuse_one_array(request: Request, arrays: Arrays) -> None:
    """Refuse outputs that can hold only one array."""
    for output in request.outputs:
        if "{array" in output or is_folder(output):
            continue
        if output == STREAM:
            raise UsageError(
                f"output -: {len(arrays)} arrays do not go to stdout; name a container"
            )
        if "::" in output or not format_by_suffix(output, output).has_members:
            container = next(iter(arrays.values()))[0].ref.partition("::")[0]
            raise AmbiguousContainer(
                f"output {output}: holds one array, but {container} holds {len(arrays)} "
                f"({first_names(list(arrays))}); choose one with {container}::NAME, name a "
                "container such as y.h5, or give a template with {array}"
            )


def _carried(request: Request, name: str, source: Source, along: Along, options: Options) -> Move:
    """An array that goes to every output as it is."""
    outputs = outputs_of(request, along.intervals, source.ref, name, along.numbers)
    plain = replace(options, dtype=None, promote=False)
    written = [outputs[number] for number in along.numbers]
    return whole_move(name, source, written, plain, is_carried=True)


def _refuse_other_meanings(name: str, sources: Sequence[Source], options: Options) -> None:
    """Refuse a carried array whose numbers mean something else in another input."""
    first = sources[0]
    alike = [one for one in sources if one.spec.dtype == first.spec.dtype]
    what = ""
    try:
        agreed = reconcile_sources(alike, replace(options, dtype=None, promote=False))
        for other, conversion in zip(alike, agreed.conversions, strict=True):
            if conversion is not None and conversion.step is not None:
                what = f"the numbers of {other.ref} have other units than those of {first.ref}"
    except MeaningMismatch as error:
        what = error.message.partition(";")[0]
    if what:
        raise MeaningMismatch(
            f"array '{name}' has no axis to join along: {what}; --carry first takes that of input "
            "0, --carry drop leaves it out"
        )


def _refuse_differing(arrays: Mapping[str, Sequence[Source]], options: Options) -> Sequence[str]:
    """Refuse arrays that are carried and are not equal in all inputs."""
    from concatsplit_core.operators.comparing import compare_opened
    from concatsplit_core.operators.comparison.values import EqualityRule

    quiet = replace(options, on_event=None)
    for name, (first, *others) in arrays.items():
        for number, other in enumerate(others, 1):
            if other is first:  # the input itself lacks the array
                continue
            found = compare_opened(first, other, EqualityRule(), quiet)
            if found.equal:
                continue
            if found.first is not None:
                pair = found.first
                what = f"at index {list(pair.index)}: {pair.a} and {pair.b}"
            else:
                what = f"{found.a.shape} {found.a.dtype} and {found.b.shape} {found.b.dtype}"
            raise MalformedInput(
                f"array '{name}' has no axis to join along, and differs between input 0 "
                f"({first.ref}) and input {number} ({other.ref}), {what}; --carry first takes that "
                "of input 0, --carry drop leaves it out",
                ref=other.ref,
                found=what,
            )
    return ()
