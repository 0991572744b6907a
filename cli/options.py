"""Options that commands share."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from concatsplit_cli.params import AXIS, CHUNKS, INTEGERS, NAMED, RATIO

memory_option = click.option(
    "--memory",
    metavar="SIZE",
    help="Budget for array data in memory: 64MiB, 1GB, 2G.  [default: 256MiB, less where a "
    "control group or ulimit is smaller]",
)

jobs_option = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker threads.  [default: the CPUs this process may use]",
)

progress_option = click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar on stderr.  [default: on a terminal]",
)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout."
)

debug_option = click.option("--debug", is_flag=True, help="Show a traceback with an error.")

follow_links_option = click.option(
    "--follow-links",
    is_flag=True,
    help="Read and write through links that lead out of a Zarr store.",
)

_OPERATOR_OPTIONS = (
    click.option("-f", "--force", is_flag=True, help="Replace outputs that exist."),
    memory_option,
    jobs_option,
    click.option("--dtype", metavar="T", help="Cast to this dtype, such as float32 or '>i4'."),
    click.option(
        "--casting",
        type=click.Choice(["no", "equiv", "safe", "same_kind", "unsafe"]),
        default="same_kind",
        show_default=True,
        help="What --dtype may do, as in NumPy.",
    ),
    click.option(
        "--promote", is_flag=True, help="Join inputs of different dtypes in NumPy's common one."
    ),
    click.option(
        "--attrs",
        type=click.Choice(["first", "common", "none"]),
        default="first",
        show_default=True,
        help="Descriptive attributes of the output: the first input's, those that all inputs "
        "share, or none.",
    ),
    click.option(
        "--conflicts",
        type=click.Choice(["exact", "refuse", "first", "convert"]),
        default="exact",
        show_default=True,
        help="Where inputs differ in what their numbers mean (units, scale_factor, missing values, "
        "flags): convert where nothing is lost, refuse, take the first input's with the numbers "
        "as they are, or convert with rounding.",
    ),
    click.option(
        "--chunks",
        type=CHUNKS,
        help="Chunk shape of an HDF5 or Zarr output.  [default: as the inputs]",
    ),
    click.option(
        "--codec",
        metavar="NAME[:LEVEL]",
        help="Compression of the output: none, gzip:4, zstd:3, lz4, blosc:zstd:5:shuffle.  "
        "[default: as the inputs]",
    ),
    click.option(
        "--checksum",
        type=click.Choice(["auto", "crc32c", "fletcher32", "none"]),
        default="auto",
        show_default=True,
        help="What the chunks of an output carry beside their codec: crc32c in Zarr, fletcher32 in "
        "HDF5 and Zarr format 2; auto is zstd's own, and crc32c in a Zarr format 3 output whose "
        "codec is not given and not the inputs'.",
    ),
    click.option(
        "--check",
        is_flag=True,
        help="Look into chunks that move as they are stored and into .npz members: damage is found "
        "wherever the inputs carry checksums.",
    ),
    click.option(
        "--memory-order",
        type=click.Choice(["C", "F"]),
        help="Element order of an .npy output.  [default: F only where every input is]",
    ),
    click.option(
        "--zarr-format",
        type=click.Choice([2, 3]),
        help="Format of a Zarr output.  [default: as the inputs, else 3]",
    ),
    click.option(
        "--grid",
        type=click.Choice(["regular", "rectilinear"]),
        default="regular",
        show_default=True,
        help="Of a Zarr format 3 output: rectilinear keeps the inputs' chunks as they lie, so that "
        "inputs of any length join without decoding; few readers know it yet.",
    ),
    click.option(
        "--routes",
        metavar="NAME,...",
        help="Let bytes move only by these of kernel, encoded, mapped, decoded.  [default: all]",
    ),
    click.option("-n", "--dry-run", is_flag=True, help="Print the plan, create nothing."),
    json_option,
    click.option(
        "--sync/--no-sync",
        default=True,
        show_default=True,
        help="Make the result durable before it appears.",
    ),
    click.option(
        "--manifest", metavar="FILE", help="Record what was done, with hashes, for undo and verify."
    ),
    follow_links_option,
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    progress_option,
    debug_option,
)


_READING_OPTIONS = (
    memory_option,
    jobs_option,
    follow_links_option,
    json_option,
    click.option("-q", "--quiet", is_flag=True, help="Print nothing: the exit code says it."),
    progress_option,
    debug_option,
)

_FOR_THE_COMMAND_LINE = ("as_json", "quiet", "progress", "debug")
"""Options of which the core knows nothing."""


class Shared(NamedTuple):
    """What the shared options say: to the core, and to the command line itself."""

    options: dict[str, Any]
    as_json: bool
    quiet: bool
    progress: bool | None

    @property
    def shows_progress(self) -> bool:
        """Whether a bar is to be drawn."""
        if self.quiet or self.options.get("dry_run"):
            return False
        return sys.stderr.isatty() if self.progress is None else self.progress


class _Declared:
    """Options that several commands have; they reach a command as one value."""

    def __init__(self, *options: Callable[[Any], Any]) -> None:
        self._options = options

    @functools.cached_property
    def names(self) -> list[str]:
        """What their values are called."""

        def nothing() -> None: ...

        return [str(param.name) for param in click.command()(self.add_to(nothing)).params]

    def add_to(self, function: Any) -> Any:
        """Declare them for a command."""
        for option in reversed(self._options):
            function = option(function)
        return function

    def taken_from(self, values: dict[str, Any]) -> dict[str, Any]:
        """Their values, which are removed from those that a command got."""
        return {name: values.pop(name) for name in self.names}


def _as_shared(declared: _Declared) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add options to a command, which reach it as one value, ``shared``."""

    def add[R](function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def command(**values: Any) -> R:
            options = declared.taken_from(values)
            own = {name: options.pop(name) for name in _FOR_THE_COMMAND_LINE}
            own.pop("debug")
            return function(shared=Shared(options, **own), **values)

        wrapped: Callable[..., R] = declared.add_to(command)
        return wrapped

    return add


operator_options = _as_shared(_Declared(*_OPERATOR_OPTIONS))
"""Adds the options of every command that writes."""

reading_options = _as_shared(_Declared(*_READING_OPTIONS))
"""Adds the options of commands that read arrays and write none."""


axis_option = click.option(
    "--axis",
    type=AXIS,
    help="Axis: a number, negative from the end, or the name of a dimension.  [default: 0]",
)

axes_option = click.option(
    "--axis",
    type=AXIS,
    multiple=True,
    help="Axis: a number, negative from the end, or the name of a dimension. For a data set also "
    "'PATTERN=AXIS', once or more often; arrays with AXIS carry are copied as they are.  "
    "[default: 0]",
)

order_option = click.option(
    "--order",
    metavar="LETTERS",
    help="Letters of the axes, such as NCHW or NHWC; C is the axis to work along.",
)

depth_order_option = click.option(
    "--order",
    metavar="LETTERS",
    default="NCHW",
    show_default=True,
    help="Letters of the axes: NHWC, CHW, NCDHW, ...; C is the axis to work along.",
)

split_info_option = click.option(
    "--split-info", metavar="REF", help="Write the inputs' lengths along the axis there."
)

outputs_option = click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    required=True,
    metavar="REF",
    help="Where to: once a part, or a template with {index} {count} {start} {stop} {stem}, "
    "or a folder.",
)

_HOW = _Declared(
    click.option("--parts", type=int, metavar="K", help="K equal parts."),
    click.option(
        "--uneven",
        type=click.Choice(["balanced", "trailing"]),
        help="Where --parts does not divide: 4,3,3 or 4,4,2.",
    ),
    click.option("--size", type=int, metavar="N", help="Parts of length N."),
    click.option(
        "--remainder",
        type=click.Choice(["keep", "drop", "error"]),
        help="A shorter last part of --size.  [default: keep]",
    ),
    click.option("--hop", type=int, metavar="M", help="With --size: whole windows, one every M."),
    click.option("--lengths", type=INTEGERS, help="Parts of these lengths; one may be -1."),
    click.option(
        "--lengths-from", metavar="REF", help="Lengths from an integer vector, as a split_info."
    ),
    click.option("--at", type=INTEGERS, help="Cut at these positions, as numpy.split does."),
    click.option("--ratio", type=RATIO, help="Proportional parts, such as 8:1:1."),
    click.option(
        "--max-bytes", metavar="SIZE", help="As many parts as hold at most SIZE of array data."
    ),
    click.option("--only", metavar="0-3,8", help="Write just these parts."),
)


_SELECTION = _Declared(
    click.option(
        "--members", metavar="PATTERN,...", help="Of containers with many arrays only these."
    ),
    click.option(
        "--array",
        "arrays",
        type=NAMED,
        multiple=True,
        help="Arrays of several files as one data set, once for each NAME, in place of INPUT.",
    ),
    click.option(
        "--carry",
        type=click.Choice(["check", "first", "drop"]),
        default="check",
        show_default=True,
        help="Arrays without the axis: copy them if all inputs have equal ones, copy those of the "
        "first input, or leave them out.",
    ),
)


def data_set_options[R](function: Callable[..., R]) -> Callable[..., R]:
    """Add what chooses the arrays of a data set, which reaches the command as ``selection``."""

    @functools.wraps(function)
    def command(**values: Any) -> R:
        return function(selection=_SELECTION.taken_from(values), **values)

    wrapped: Callable[..., R] = _SELECTION.add_to(command)
    return wrapped


def how_options[R](function: Callable[..., R]) -> Callable[..., R]:
    """Add the ways to cut, which reach the command as one mapping, ``how``."""

    @functools.wraps(function)
    def command(**values: Any) -> R:
        how = _HOW.taken_from(values)
        if how["max_bytes"] is not None:
            from concatsplit_core.array.sizes import parse_size

            how["max_bytes"] = parse_size(how["max_bytes"])
        return function(how=how, **values)

    wrapped: Callable[..., R] = _HOW.add_to(command)
    return wrapped
