"""Data sets: the arrays of containers, or of several files, joined or cut in step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from concatsplit_core.endpoints.inputs import STREAM, close_all, open_inputs, open_member, resolve
from concatsplit_core.endpoints.job import Job, Move
from concatsplit_core.endpoints.naming import is_folder
from concatsplit_core.endpoints.references import parse_input
from concatsplit_core.errors import (
    AmbiguousContainer,
    MalformedInput,
    MeaningMismatch,
    UnsafeContent,
    UnsupportedDtype,
    UsageError,
)
from concatsplit_core.formats.base import InputFormat
from concatsplit_core.formats.registry import detect, format_by_suffix
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.structure import Structure, with_all_groups
from concatsplit_core.meaning.bounds import remembered_neighbours, without_borrowed
from concatsplit_core.operators.axes import AxisRules
from concatsplit_core.operators.history import call_of, with_history
from concatsplit_core.operators.missing import Found, filled
from concatsplit_core.operators.requests import (
    Adjust,
    Along,
    Request,
    bytes_of_index,
    job_of,
    move_of,
    outputs_of,
    reconcile_sources,
)
from concatsplit_core.operators.selection import Selection, listed
from concatsplit_core.operators.structures import structures_of
from concatsplit_core.operators.whole_arrays import copied, is_copy, shared_out, whole_move
from concatsplit_core.run.options import Options
from concatsplit_core.stores.base import Location

Arrays = dict[str, list[Source]]
"""The inputs of each array, by its name."""


class DataSet(NamedTuple):
    """What the inputs hold.

    Parameters
    ----------
    arrays : dict of str to list of Source or None
        What each input holds of an array, by its name.
    structures : list of Structure
        One a container; empty where the arrays are in files of their own.
    """

    arrays: Found
    structures: list[Structure]


def are_data_sets(inputs: Any, recover: Callable[[list[Location]], bool] | None) -> bool:
    """Whether all inputs are files that say more than their arrays do, even of one array.

    Parameters
    ----------
    inputs, recover
        As of `open_inputs`.
    """
    refs = resolve(inputs, recover)
    return bool(refs) and all(isinstance(ref, str) and _is_data_set(ref) for ref in refs)


def _is_data_set(ref: str) -> bool:
    if ref == STREAM:
        return False
    place, member = parse_input(ref)
    return member is None and detect(place, ref).is_data_set(place, ref)


@contextmanager
def opened_data_set(
    inputs: Any,
    selection: Selection,
    recover: Callable[[list[Location]], bool] | None,
    raw: str | None = None,
) -> Iterator[DataSet]:
    """Open the arrays of a data set for the time of a context.

    Parameters
    ----------
    inputs
        Containers: references, patterns and lists; empty where the selection names arrays.
    selection : Selection
    recover, raw : optional
        As of `open_inputs`.

    Raises
    ------
    MalformedInput
        The inputs do not hold the same arrays.
    UsageError
        An input is not a container.
    """
    arrays, structures = Found(), list[Structure]()
    try:
        if selection.arrays:
            _open_each(inputs, selection, partial(open_inputs, recover=recover, raw=raw), arrays)
        else:
            with remembered_neighbours():
                for number, ref in enumerate(resolve(inputs, recover)):
                    structures += _open_container(number, ref, selection, arrays)
        if not arrays:
            raise UsageError("no inputs: name at least one container")
        yield DataSet(arrays, structures)
    finally:
        close_all(one for sources in arrays.values() for one in sources if one is not None)


def _open_each(
    inputs: Any, selection: Selection, opener: Callable[[Any], list[Source]], arrays: Found
) -> None:
    if len(inputs):
        raise UsageError(f"--array is given in place of INPUT; leave out {inputs[0]}")
    for name, ref in selection.arrays:
        if name in arrays:
            raise UsageError(f"--array {name}: is given twice; name a pattern or an @list once")
        arrays[name] = [*opener(ref)]


def _open_container(number: int, ref: Any, selection: Selection, arrays: Found) -> list[Structure]:
    if not isinstance(ref, str):
        raise UsageError(f"input {number}: is an array; all inputs of a data set are containers")
    place, group = parse_input(ref)
    form = detect(place, ref)
    names = form.members(place, ref)
    if group is not None:
        inside = [name for name in names if name.startswith(f"{group}/")]
        names = [""] if not inside and group in names else inside
    if names in ([""], []):
        what = "is one array without a name" if names else "holds 0 arrays"
        raise UsageError(
            f"input {number} ({ref}): {what}; all inputs of a data set are containers of arrays"
        )
    chosen = selection.chosen(names, ref)
    if number and selection.missing == "refuse":
        _refuse_others(number, ref, chosen, list(arrays))
    for name in chosen:
        source = _opened(form, place, name, f"{place}::{name}")
        arrays.setdefault(name, [None] * number).append(source)
    for sources in arrays.values():
        sources.extend([None] * (number + 1 - len(sources)))
    if group is not None:
        return []
    structure = form.structure(place, ref)
    if structure.links_out and selection.members is None:
        raise UnsafeContent(
            f"input {number} ({ref}): {listed(structure.links_out)} leads out of the file, where "
            "no link is followed; --members '*' leaves it out",
            ref=ref,
        )
    return [structure]


def _opened(form: InputFormat, place: Location, name: str, ref: str) -> Source:
    """Open an array of a container; an error says how to do without it."""
    try:
        return open_member(form, place, name, ref)
    except (UnsupportedDtype, UnsafeContent) as error:
        hint = f"{error.message}; or choose all arrays but this one with --members"
        raise type(error)(hint, ref=error.ref) from error


def _refuse_others(number: int, ref: str, found: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found]
    more = [name for name in found if name not in wanted]
    if missing or more:
        said = [f"lacks {listed(missing)}"] if missing else []
        what = " and ".join(said + ([f"has also {listed(more)}"] if more else []))
        raise MalformedInput(
            f"input {number} ({ref}): {what}, unlike input 0; choose with --members what all hold, "
            "or have --missing fill put fill values in the place of what is missing",
            ref=ref,
            found=tuple(found),
            expected=tuple(wanted),
        )


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
    _refuse_kept_by_others(structures)
    if request.cut is not None and request.cut.by_array:
        return shared_out(request, request.cut, arrays, structures, options)
    if is_copy(request, arrays):
        return copied(request, arrays, structures, options)
    rules, selection = AxisRules(request.axis), request.selection or Selection()
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
    meanings = without_borrowed({name: move.meaning for name, move in moves.items()})
    ordered = [moves[name]._replace(meaning=meanings[name]) for name in axes if name in moves]
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
                f"({listed(list(arrays))}); choose one with {container}::NAME, name a container "
                "such as y.h5, or give a template with {array}"
            )


def _carried(request: Request, name: str, source: Source, along: Along, options: Options) -> Move:
    """An array that goes to every output as it is."""
    outputs = outputs_of(request, along.intervals, source.ref, name)
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
    from concatsplit_core.comparison.values import EqualityRule
    from concatsplit_core.operators.comparing import compare

    quiet = replace(options, on_event=None)
    for name, (first, *others) in arrays.items():
        for number, other in enumerate(others, 1):
            if other is first:  # the input itself lacks the array
                continue
            found = compare(first, other, EqualityRule(), quiet)
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
