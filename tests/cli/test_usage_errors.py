"""Requests that are wrong or do not fit the array: exit 2, one line, nothing done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

JOIN = ("concat", "a.npy", "b.npy", "-o", "y.npy")
SPLIT = ("split", "a.npy", "-o", "p{index}.npy")

ERRORS: dict[str, tuple[tuple[Any, ...], tuple[str, ...]]] = {
    # what is wrong: the command line, what the message has to say
    "axis too large": ((*JOIN, "--axis", 2), ("a.npy", "2")),
    "axis too small": ((*JOIN, "--axis", -3), ("a.npy", "-3")),
    "new axis too large": (("stack", "a.npy", "-o", "y.npy", "--axis", 3), ("3",)),
    "new axis too small": (("stack", "a.npy", "-o", "y.npy", "--axis", -4), ("-4",)),
    "axis of a split": ((*SPLIT, "--parts", 2, "--axis", 2), ("a.npy", "2")),
    "axis of an unstack": (("unstack", "a.npy", "-o", "{index}.npy", "--axis", -3), ("a.npy",)),
    "axis of a scalar": (("concat", "s.npy", "-o", "y.npy"), ("s.npy",)),
    "axis no number": ((*JOIN, "--axis", "first"), ("first",)),
    "no inputs": (("concat", "-o", "y.npy"), ("no inputs",)),
    "no inputs to stack": (("stack", "-o", "y.npy"), ("no inputs",)),
    "no output": (("concat", "a.npy"), ("-o",)),
    "no parts": (("split", "a.npy"), ("-o",)),
    "null without a list": ((*JOIN, "-0"), ("--files-from",)),
    "lengths not summing": ((*SPLIT, "--lengths", "1,2"), ("3", "4", "1,2")),
    "lengths too long": ((*SPLIT, "--lengths", "3,2"), ("5", "4")),
    "lengths no numbers": ((*SPLIT, "--lengths", "1,x"), ("1,x",)),
    "length negative": ((*SPLIT, "--lengths", "5,-2,1"), ("-2",)),
    "lengths empty": ((*SPLIT, "--lengths", ""), ("--lengths",)),
    "parts not dividing": ((*SPLIT, "--parts", 3), ("--uneven balanced", "--uneven trailing")),
    "names not dividing": (
        ("split", "a.npy", "-o", "p", "-o", "q.npy", "-o", "r.npy"),
        ("--parts 3 --uneven balanced", "--parts 3 --uneven trailing", "length 4", "3 equal"),
    ),
    "no part": ((*SPLIT, "--parts", 0), ("--parts 0",)),
    "parts negative": ((*SPLIT, "--parts", -2), ("-2",)),
    "size zero": ((*SPLIT, "--size", 0), ("--size 0",)),
    "size negative": ((*SPLIT, "--size", -1), ("-1",)),
    "size with a rest": ((*SPLIT, "--size", 3, "--remainder", "error"), ("3", "1", "4")),
    "nothing but a rest": ((*SPLIT, "--size", 9, "--remainder", "drop"), ("9", "4")),
    "at beyond": ((*SPLIT, "--at", "9"), ("9", "4")),
    "at before": ((*SPLIT, "--at", "-9"), ("-9", "4")),
    "at decreasing": ((*SPLIT, "--at", "3,1"), ("1", "3")),
    "at no number": ((*SPLIT, "--at", "1.5"), ("1.5",)),
    "uneven alone": ((*SPLIT, "--uneven", "balanced"), ("--uneven", "--parts")),
    "remainder alone": ((*SPLIT, "--remainder", "keep"), ("--remainder", "--size")),
    "uneven unknown": ((*SPLIT, "--parts", 2, "--uneven", "no"), ("no",)),
    "no way to cut": (SPLIT, ("--parts", "--size")),
    "drop an axis that is longer": ((*SPLIT, "--size", 2, "--drop-axis"), ("length 2", "axis 0")),
    "colliding names": (("split", "a.npy", "-o", "p.npy", "-o", "p.npy"), ("p.npy", "same name")),
    "colliding spellings": (
        ("split", "a.npy", "-o", "p.npy", "-o", "./sub/../p.npy"),
        ("./sub/../p.npy",),
    ),
    "colliding links": (("split", "a.npy", "-o", "t.npy", "-o", "l.npy", "-f"), ("l.npy",)),
    "template without index": (("split", "a.npy", "-o", "{count}.npy", "--parts", 2), ("2.npy",)),
    "colliding members": (
        ("split", "a.npy", "-o", "p.h5::x", "-o", "p.h5::/x"),
        ("p.h5::/x",),
    ),
    "a file and its member": (
        ("split", "a.npy", "-o", "p.h5", "-o", "p.h5::x/y", "-o", "p.h5::x", "-o", "p.h5::z"),
        ("p.h5::x",),
    ),
    "member inside a member": (
        ("split", "a.npy", "-o", "p.zarr::x", "-o", "p.zarr::x/y"),
        ("p.zarr::x/y", "inside"),
    ),
    "too few names": (("split", "a.npy", "-o", "p.npy", "--parts", 2), ("1 output name", "2")),
    "too many names": (
        ("split", "a.npy", "-o", "p.npy", "-o", "q.npy", "--lengths", "4"),
        ("2 output names", "1"),
    ),
    "template among names": (
        ("split", "a.npy", "-o", "p{index}.npy", "-o", "q.npy", "--lengths", "1,1,2"),
        ("2 output names", "3"),
    ),
    "unknown suffix": (("concat", "a.npy", "-o", "y.txt"), ("y.txt", "'.txt'", ".npy")),
    "no suffix": (("concat", "a.npy", "-o", "y"), ("y", ".npy", ".zarr")),
    "suffix of a part": (("split", "a.npy", "-o", "p{index}", "--parts", 2), ("p0",)),
    "attribute in a template": (
        ("split", "a.npy", "-o", "{index.__class__}.npy", "--parts", 2),
        ("{index.__class__}",),
    ),
    "item in a template": (
        ("split", "a.npy", "-o", "{index[0]}.npy", "--parts", 2),
        ("{index[0]}",),
    ),
    "attribute in a format": (
        ("split", "a.npy", "-o", "{index:{stem.__len__}}.npy", "--parts", 2),
        ("{stem.__len__}",),
    ),
    "unknown field": (("split", "a.npy", "-o", "{nr}.npy", "--parts", 2), ("{nr}", "{index}")),
    "unnamed field": (("split", "a.npy", "-o", "{}.npy", "--parts", 2), ("{index}",)),
    "numbered field": (("split", "a.npy", "-o", "{0}.npy", "--parts", 2), ("{0}", "{index}")),
    "open brace": (("split", "a.npy", "-o", "{index.npy", "--parts", 2), ("{index.npy",)),
    "lone brace": (("split", "a.npy", "-o", "p}.npy", "--parts", 2), ("p}.npy",)),
    "wrong format": (("split", "a.npy", "-o", "{index:q}.npy", "--parts", 2), ("{index:q}.npy",)),
    "ambiguous hdf5": (("concat", "two.h5", "-o", "y.npy"), ("two.h5", "x", "y", "::")),
    "ambiguous zarr": (("concat", "two.zarr", "-o", "y.npy"), ("two.zarr", "x", "y", "::")),
    "ambiguous npz": (("concat", "two.npz", "-o", "y.npy"), ("two.npz", "x", "y", "::")),
    "unknown codec": (("concat", "a.npy", "-o", "y.h5", "--codec", "rar"), ("rar", "gzip")),
    "codec level": (("concat", "a.npy", "-o", "y.h5", "--codec", "gzip:99"), ("99",)),
    "codec level no number": (("concat", "a.npy", "-o", "y.h5", "--codec", "gzip:x"), ("x",)),
    "codec settings": (("concat", "a.npy", "-o", "y.h5", "--codec", "lz4:1:2"), ("lz4",)),
    "codec of blosc": (("concat", "a.npy", "-o", "y.zarr", "--codec", "blosc:rar"), ("rar",)),
    "codec not in hdf5": (("concat", "a.npy", "-o", "y.h5", "--codec", "crc32c"), ("crc32c",)),
    "codec not in zarr": (("concat", "a.npy", "-o", "y.zarr", "--codec", "lzf"), ("lzf",)),
    "codec of an npy": ((*JOIN, "--codec", "gzip"), ("gzip", ".npy")),
    "chunks of an npy": ((*JOIN, "--chunks", "2,2"), ("--chunks", ".npy")),
    "chunks of another rank": (
        ("concat", "a.npy", "-o", "y.h5", "--chunks", "2"),
        ("2", "1 axis,"),
    ),
    "chunks too many": (("concat", "a.npy", "-o", "y.zarr", "--chunks", "2,2,2"), ("2,2,2",)),
    "chunk of length 0": (("concat", "a.npy", "-o", "y.zarr", "--chunks", "0,2"), ("0,2",)),
    "chunk negative": (("concat", "a.npy", "-o", "y.h5", "--chunks", "-1,2"), ("-1,2",)),
    "chunks no numbers": (("concat", "a.npy", "-o", "y.h5", "--chunks", "big"), ("big",)),
    "no chunks in zarr": (("concat", "a.npy", "-o", "y.zarr", "--chunks", "none"), ("none",)),
    "codec without chunks": (
        ("concat", "a.npy", "-o", "y.h5", "--chunks", "none", "--codec", "gzip"),
        ("--chunks none",),
    ),
    "size text": ((*JOIN, "--memory", "lots"), ("lots", "64MiB")),
    "size of nothing": ((*JOIN, "--memory", "0"), ("0",)),
    "size of negative": ((*JOIN, "--memory", "-5MiB"), ("-5MiB",)),
    "size unit": ((*JOIN, "--memory", "5XB"), ("5XB",)),
    "dtype": ((*JOIN, "--dtype", "float99"), ("float99",)),
    "dtype of objects": ((*JOIN, "--dtype", "O"), ("O",)),
    "dtype of words": ((*JOIN, "--dtype", "a b c"), ("a b c",)),
    "dtype and promote": ((*JOIN, "--dtype", "f8", "--promote"), ("--dtype", "--promote")),
    "casting": ((*JOIN, "--casting", "brutal"), ("brutal",)),
    "jobs": ((*JOIN, "--jobs", 0), ("0",)),
    "memory order": ((*JOIN, "--memory-order", "Z"), ("Z",)),
    "zarr format": (("concat", "a.npy", "-o", "y.zarr", "--zarr-format", 4), ("4",)),
    "zarr format of the store": (
        ("concat", "a.npy", "-o", "two.zarr::z", "--zarr-format", 2),
        ("two.zarr",),
    ),
    "unknown option": ((*JOIN, "--axes", 1), ("--axes",)),
    "unknown command": (("join", "a.npy"), ("join",)),
    "member of an npy": (("concat", "a.npy::x", "-o", "y.npy"), ("a.npy::x",)),
    "member of an npy output": (("concat", "a.npy", "-o", "y.npy::x"), ("y.npy::x",)),
    "empty member": (("concat", "two.h5::", "-o", "y.npy"), ("two.h5::",)),
    "member that climbs": (("concat", "two.h5::../x", "-o", "y.npy"), ("two.h5::../x",)),
    "member that climbs out": (("concat", "a.npy", "-o", "y.zarr::../x"), ("y.zarr::../x",)),
    "empty reference": (("concat", "", "-o", "y.npy"), ("reference",)),
    "empty output": (("concat", "a.npy", "-o", ""), ("reference",)),
    "two inputs to split": (("split", "a.npy", "b.npy", "-o", "p{index}.npy"), ("b.npy",)),
    "a pattern to split": (("split", "[ab].npy", "-o", "p{index}.npy", "--size", 1), ("2",)),
    "info of nothing": (("info",), ("REF",)),
    "unstack of nothing": (("unstack", "e.npy", "-o", "{index}.npy"), ("e.npy", "length 0")),
}

WAYS = {"parts": 2, "size": 2, "lengths": "2,2", "at": "2"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arrays, containers of two arrays each, and a link to a file."""
    folder = tmp_path_factory.mktemp("made")
    one = np.zeros((4, 6), "<f4")
    for name, array in {"s": np.array(1.0), "t": np.arange(2), "e": np.zeros((0, 3))}.items():
        np.save(folder / name, array)
    (folder / "sub").mkdir()
    (folder / "l.npy").symlink_to("t.npy")
    np.savez(folder / "two.npz", x=one, y=one)
    with h5py.File(folder / "two.h5", "w") as file:
        file["x"] = file["y"] = one
    group = zarr.open_group(folder / "two.zarr", mode="w", zarr_format=3)
    for name in "xy":
        group.create_array(name, data=one)
    return folder


@pytest.fixture
def things(shell: Any, pair: Any, made: Path) -> None:
    """A copy of these files."""
    shell.bring(made)


@pytest.mark.parametrize("error", ERRORS)
def test_a_wrong_request_is_exit_2(shell: Any, things: None, error: str) -> None:
    args, says = ERRORS[error]
    shell.fails(2, *args, says=says)


@pytest.mark.parametrize("error", ERRORS)
def test_a_dry_run_refuses_it_too(shell: Any, things: None, error: str) -> None:
    args, says = ERRORS[error]
    if args[0] not in {"info", "join"}:
        shell.fails(2, *args, "--dry-run", says=says)


@pytest.mark.parametrize("one", WAYS)
@pytest.mark.parametrize("other", WAYS)
def test_two_ways_to_cut(shell: Any, pair: Any, one: str, other: str) -> None:
    if one != other:
        args = (*SPLIT, f"--{one}", WAYS[one], f"--{other}", WAYS[other])
        shell.fails(2, *args, says=(f"--{one}", f"--{other}"))
