"""Options that commands share."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
from concatsplit_cli.params import CHUNKS

_OPERATOR_OPTIONS = (
    click.option("-f", "--force", is_flag=True, help="Replace outputs that exist."),
    click.option(
        "--memory",
        default="256MiB",
        show_default=True,
        metavar="SIZE",
        help="Budget for array data in memory: 64MiB, 1GB, 2G.",
    ),
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Worker threads.  [default: the CPUs this process may use]",
    ),
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
        "--memory-order",
        type=click.Choice(["C", "F"]),
        help="Element order of an .npy output.  [default: F only where every input is]",
    ),
    click.option(
        "--zarr-format",
        type=click.Choice(["2", "3"]),
        help="Format of a Zarr output.  [default: as the inputs, else 3]",
    ),
    click.option("-n", "--dry-run", is_flag=True, help="Print the plan, create nothing."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    click.option(
        "--sync/--no-sync",
        default=True,
        show_default=True,
        help="Make the result durable before it appears.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    click.option(
        "--progress/--no-progress",
        default=None,
        help="Show a progress bar on stderr.  [default: on a terminal]",
    ),
    click.option("--debug", is_flag=True, help="Show a traceback with an error."),
)


_FOR_THE_CORE = (
    "force",
    "memory",
    "jobs",
    "dtype",
    "casting",
    "promote",
    "chunks",
    "codec",
    "memory_order",
    "zarr_format",
    "dry_run",
    "sync",
)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the shared options say: to the core, and to the command line itself."""

    options: dict[str, Any]
    as_json: bool
    quiet: bool
    progress: bool | None
    dry_run: bool

    @property
    def shows_progress(self) -> bool:
        """Whether a bar is to be drawn."""
        if self.quiet or self.dry_run:
            return False
        return sys.stderr.isatty() if self.progress is None else self.progress


def operator_options[R](function: Callable[..., R]) -> Callable[..., R]:
    """Add the shared options, which reach the command as one value, ``shared``."""

    @functools.wraps(function)
    def command(**values: Any) -> R:
        options = {name: values.pop(name) for name in _FOR_THE_CORE}
        if options["zarr_format"] is not None:
            options["zarr_format"] = int(options["zarr_format"])
        values.pop("debug")
        shared = Shared(
            options=options,
            as_json=values.pop("as_json"),
            quiet=values.pop("quiet"),
            progress=values.pop("progress"),
            dry_run=options["dry_run"],
        )
        return function(shared=shared, **values)

    wrapped: Callable[..., R] = command
    for option in reversed(_OPERATOR_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


axis_option = click.option(
    "--axis",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Axis, negative from the end.",
)
