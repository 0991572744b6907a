"""Options that several commands share."""

from __future__ import annotations

import click

from concatsplit_cli.option_groups import OptionGroup, as_shared
from concatsplit_cli.param_types import (
    AXIS,
    CHUNKS,
    CODEC,
    DTYPE,
    EXECUTOR,
    FILE,
    ORDER,
    REF,
    ROUTES,
)

memory_option = click.option(
    "--memory",
    metavar="SIZE",
    help="Budget for array data: 64MiB, 1GB, 2G.  [default: 256MiB, less if a "
    "control group or ulimit allows less]",
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
    help="Show on stderr how far the run is. On a terminal it is one line, which is gone at the "
    "end; elsewhere a line every 10 seconds.  [default: on a terminal]",
)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout."
)

debug_option = click.option("--debug", is_flag=True, help="Show a traceback with an error.")

follow_links_option = click.option(
    "--follow-links",
    is_flag=True,
    help="Follow links out of a Zarr store. This holds for reading and writing.",
)

RAW_OPTIONS = (
    click.option(
        "--raw",
        metavar="DTYPE,SHAPE",
        help="What files without a header (.dat .bin) hold. int16,*,384 means rows of 384; one "
        "length may be *. Also .raw files.",
    ),
    click.option(
        "--offset",
        type=click.IntRange(min=0),
        default=0,
        metavar="BYTES",
        help="With --raw: skip a header of this many bytes.",
    ),
)
"""Options that say what files without a header hold."""

_OPERATOR_OPTIONS = (
    click.option("-f", "--force", is_flag=True, help="Replace existing outputs."),
    memory_option,
    jobs_option,
    click.option(
        "--dtype", metavar="T", type=DTYPE, help="Cast to this dtype: float32, '>i4', bfloat16."
    ),
    click.option(
        "--casting",
        type=click.Choice(["no", "equiv", "safe", "same_kind", "unsafe"]),
        default="same_kind",
        show_default=True,
        help="Casts: no, equiv, safe, same_kind or unsafe. --dtype may do these, as in NumPy.",
    ),
    click.option(
        "--promote",
        is_flag=True,
        help="Join different dtypes, as NumPy does. The output has NumPy's common dtype.",
    ),
    click.option(
        "--attrs",
        type=click.Choice(["first", "common", "none"]),
        default="first",
        show_default=True,
        help="Attributes to keep: first, common or none. The first input's (first), or those "
        "that all inputs share (common).",
    ),
    click.option(
        "--conflicts",
        type=click.Choice(["exact", "refuse", "first", "convert"]),
        default="exact",
        show_default=True,
        help="Units differ: exact, refuse, first or convert. Where units, scales or missing "
        "values differ, convert without loss or refuse "
        "(exact), always refuse, take the first input's and leave the numbers as they are stored "
        "(first), or convert with rounding (convert). This is about all that says what numbers "
        "mean: units, scale_factor, missing values, flags.",
    ),
    click.option(
        "--chunks",
        type=CHUNKS,
        help="Chunk shape of an HDF5 or Zarr output.  [default: as in the inputs]",
    ),
    click.option(
        "--shards",
        type=CHUNKS,
        help="Shards of a Zarr format 3 output. A shard is a file that holds several chunks; its "
        "shape is a multiple of theirs.  [default: as in the inputs]",
    ),
    click.option(
        "--codec",
        metavar="NAME[:LEVEL]",
        type=CODEC,
        help="Compression: none, gzip:4, zstd:3, lz4, blosc. With settings: blosc:zstd:5:shuffle.  "
        "[default: as in the inputs]",
    ),
    click.option(
        "--checksum",
        type=click.Choice(["auto", "crc32c", "fletcher32", "none"]),
        default="auto",
        show_default=True,
        help="Of chunks: auto, crc32c, fletcher32 or none. A checksum of every chunk: crc32c is "
        "for Zarr, fletcher32 for HDF5 and Zarr format 2. auto uses zstd's own checksum, and "
        "crc32c for a Zarr format 3 output with the default codec.",
    ),
    click.option(
        "--check",
        is_flag=True,
        help="Check also what is copied as it is stored. Members of .npz files too. Damage is "
        "found if the inputs have checksums.",
    ),
    click.option(
        "--memory-order",
        type=click.Choice(["C", "F"]),
        help="Memory order of an .npy or .npz output.  [default: F if all inputs are F, else C]",
    ),
    click.option(
        "--zarr-format",
        type=click.Choice([2, 3]),
        help="Format of a Zarr output.  [default: as in the inputs, else 3]",
    ),
    click.option(
        "--grid",
        type=click.Choice(["regular", "rectilinear"]),
        default="regular",
        show_default=True,
        help="Chunks of a Zarr output: regular or rectilinear. rectilinear keeps the inputs' "
        "chunks, so that inputs of any length are joined without decoding; few readers support "
        "it yet.",
    ),
    click.option(
        "--routes",
        metavar="NAME,...",
        type=ROUTES,
        help="Allow only these ways to move bytes. They are kernel (the system copies), "
        "encoded (chunks move as they are stored), mapped (elements are copied) and decoded "
        "(chunks are unpacked).  [default: all]",
    ),
    *RAW_OPTIONS,
    click.option("-n", "--dry-run", is_flag=True, help="Print the plan; create nothing."),
    click.option(
        "--picture",
        metavar="FILE.svg",
        type=FILE,
        help="With --dry-run: draw the plan. It shows how inputs make outputs, and which bytes "
        "move as they are stored.",
    ),
    json_option,
    click.option(
        "--sync/--no-sync",
        default=True,
        show_default=True,
        help="Wait until outputs are on the disk. Only then do they get their names.",
    ),
    click.option(
        "--executor",
        metavar="NAME",
        type=EXECUTOR,
        default="threads",
        help="Who does the work: threads, dask or dask:ADDRESS. These are threads of this "
        "process, processes of Dask on this machine, and the Dask cluster whose scheduler has "
        "this address, such as dask:tcp://host:8786.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="If killed, keep what is done. The same command with --resume goes on from there.",
    ),
    click.option(
        "--manifest",
        metavar="FILE",
        type=FILE,
        help="Record the run for undo and verify. The record has hashes.",
    ),
    click.option(
        "--if-changed",
        is_flag=True,
        help="Do nothing if the last --manifest still fits. It fits if the request, the "
        "inputs and the outputs are the same, down to their attributes. Else replace outputs that "
        "are as the manifest records them; --force replaces others too.",
    ),
    click.option(
        "--depfile",
        metavar="FILE",
        type=FILE,
        help="Write a rule for make and ninja. It says which files the outputs are made from.",
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
    click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code is the result."),
    progress_option,
    debug_option,
)

operator_options = as_shared(OptionGroup(*_OPERATOR_OPTIONS))
"""Adds the options that all commands with outputs share."""

reading_options = as_shared(OptionGroup(*_READING_OPTIONS))
"""Adds the options of commands that only read arrays."""


axis_option = click.option(
    "--axis",
    type=AXIS,
    help="Number or name of the axis. A negative number counts from the end; a name is that of a "
    "dimension.  [default: 0]",
)

axes_option = click.option(
    "--axis",
    type=AXIS,
    multiple=True,
    help="Number or name of the axis. A negative number counts from the end; a name is that of a "
    "dimension. For a data set also "
    "'PATTERN=AXIS', which may be given several times; AXIS carry copies an array as it is.  "
    "[default: 0]",
)

order_option = click.option(
    "--order",
    metavar="LETTERS",
    type=ORDER,
    help="Letters of the axes, C is the axis: NCHW. One letter for each axis of the array.",
)

depth_order_option = click.option(
    "--order",
    metavar="LETTERS",
    type=ORDER,
    default="NCHW",
    show_default=True,
    help="Letters of the axes, C is the axis: NCHW. One letter for each axis of the array.",
)

split_info_option = click.option(
    "--split-info", metavar="REF", type=REF, help="Write the lengths of the inputs to REF."
)

outputs_option = click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    required=True,
    metavar="REF",
    type=REF,
    help="Names of the parts. Give it once per part; or one template with {index} {count} "
    "{start} {stop} {stem} {name}; or a folder.",
)

names_option = click.option(
    "--names", metavar="A,B,...", help="What {name} in the template stands for, by part."
)
