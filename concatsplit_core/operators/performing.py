"""What every operator does: open the inputs, and have the engine do what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from concatsplit_core.array.geometry import lengths_of
from concatsplit_core.endpoints.inputs import close_all, once, open_inputs, refuse_second_stream
from concatsplit_core.formats.registry import named_format
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import AmbiguousContainer, UsageError
from concatsplit_core.operators.arguments import checked
from concatsplit_core.operators.requests import Adjust, Axes, Request, job_of, move_of
from concatsplit_core.operators.selection import Selection
from concatsplit_core.run.engine import execute, recover_in
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result

if TYPE_CHECKING:
    from inspect import Signature
    from types import FunctionType

    from concatsplit_core.formats.base import OutputFormat
    from concatsplit_core.stores.base import Location


def spelled_out[Operator: Callable[..., Any]](operator: Operator) -> Operator:
    """Have `help` and completion show every option of an operator, though it takes ``**options``.

    Nothing is worked out before someone asks for the signature.
    """

    def signature() -> Signature:
        from concatsplit_core.operators.keywords import signature_of

        return signature_of(cast("FunctionType", operator))

    vars(operator)["__signature__"] = signature
    return operator


def perform(
    request: Request, inputs: Any, options: Options, adjust: Adjust = lambda request, _: request
) -> Result:
    """Do what was asked for, to a bare array or to a data set.

    Parameters
    ----------
    request : Request
    inputs
        References, patterns, lists and arrays.
    options : Options
    adjust : callable
        Called for every array that is joined or cut.
    """
    inputs, request = once(inputs), checked(request)
    refuse_second_stream(inputs, request.vectors)
    selection = request.selection
    if options.depfile is not None:
        request = request._replace(lists=_lists(inputs, selection))
    if selection is None or not _asks_for_data_set(request, selection, inputs, options):
        try:
            sources = open_inputs(
                inputs,
                beside=request.outputs[0] if request.outputs else None,
                recover=recovering(options),
                raw=options.raw_description,
            )
        except AmbiguousContainer:  # it holds several arrays: they may be a data set
            if selection is None:
                raise
        else:
            return _perform_and_close(request, sources, options, adjust)
    from concatsplit_core.operators.datasets import job_of_data_set
    from concatsplit_core.operators.opening import opened_data_set

    with opened_data_set(
        inputs, selection, recovering(options), options.raw_description
    ) as data_set:
        return execute(job_of_data_set(request, data_set, options, adjust), options)


def _lists(inputs: Any, selection: Selection | None) -> tuple[str, ...]:
    """The inputs that may be lists, as they are given."""
    listed = [inputs] if isinstance(inputs, str) or not isinstance(inputs, Sequence) else inputs
    named = () if selection is None else [ref for _, ref in selection.arrays]
    return tuple(ref for ref in (*listed, *named) if isinstance(ref, str) and ref[:1] == "@")


def _asks_for_data_set(
    request: Request, selection: Selection, inputs: Any, options: Options
) -> bool:
    """Whether a data set was asked for, or is the only thing that can be meant."""
    if selection.is_given or (request.cut is not None and request.cut.by_array):
        return True
    if any("{array" in name for name in request.outputs) or _has_patterns(request.axis):
        return True
    output = _written_for_data_sets(request)
    if output is None:
        return False
    from concatsplit_core.endpoints.containers import are_data_sets

    return are_data_sets(inputs, output, recovering(options))


def _has_patterns(axis: Axes) -> bool:
    """Whether an axis is given as ``PATTERN=AXIS``, for arrays by their names."""
    given = [axis] if axis is None or isinstance(axis, int | str) else axis
    return any(isinstance(one, str) and "=" in one for one in given)


def _written_for_data_sets(request: Request) -> OutputFormat | None:
    """The outputs' format, if their name says that they may be data sets of one array."""
    name = request.outputs[0] if request.outputs else ""
    form = None if "::" in name else named_format(name)
    return form if form is not None and form.writes_data_sets(name) else None


def recovering(options: Options) -> Callable[[list[Location]], bool] | None:
    """A function that completes or undoes what killed runs left in folders, and emits notes.

    None for a dry run, which changes nothing.
    """
    if options.dry_run:
        return None
    return lambda folders: recover_in(folders, options)


def _perform_and_close(
    request: Request, sources: Sequence[Source], options: Options, adjust: Adjust
) -> Result:
    try:
        if request.selection is not None:
            request.selection.refuse_for_one_array()
        return perform_on(adjust(request, sources), sources, options)
    finally:
        close_all(sources)


def perform_on(request: Request, sources: Sequence[Source], options: Options) -> Result:
    """Do what `perform` does, with inputs that are open."""
    if not sources:
        raise UsageError("no inputs: give at least one array")
    move, along = move_of(request, sources, options)
    job = job_of(request, [move], along.split_info)
    notes = [] if request.selection is None else request.selection.notes_for_one_array()
    if request.cut is not None:
        from concatsplit_core.array.cuts import notes_on_parts

        notes += notes_on_parts(request.cut, lengths_of(along.intervals))
    return execute(job._replace(notes=notes) if notes else job, options)
