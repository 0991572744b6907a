"""Requests of the operator family that are refused: exit code, one line, nothing left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

CONCAT = ("concat", "a.npy", "b.npy", "-o", "y.npy")
DEPTH = ("depth-concat", "a.npy", "b.npy", "-o", "y.npy")
SPLIT = ("split", "a.npy", "-o", "p{index}.npy")
DEPTH_SPLIT = ("depth-split", "a.npy", "-o", "p{index}.npy")
BY_LENGTHS = ("split-by-lengths", "a.npy")
PARTS = ("-o", "p{index}.npy")
RESHARD = ("reshard", "a.npy", "b.npy", *PARTS)
OF_CONCAT = ("gradient", "concat", "a.npy", *PARTS)
OF_SPLIT = ("gradient", "split")
DX = ("-o", "dx.npy")
INFO = "--split-info"

Row = tuple[int, tuple[Any, ...], tuple[str, ...]]

TWO_AXES = {
    f"two axes: {name}": (2, (*args, "--axis", 0, "--order", "NC"), ("--axis", "--order"))
    for name, args in {
        "concat": CONCAT,
        "split": (*SPLIT, "--parts", 2),
        "split-by-lengths": (*BY_LENGTHS, "l13.npy", *PARTS),
        "reshard": (*RESHARD, "--parts", 2),
        "gradient concat": (*OF_CONCAT, INFO, "l13.npy"),
        "gradient split": (*OF_SPLIT, "a.npy", "b.npy", *DX),
    }.items()
}

ORDERS = {
    f"order {what}: {name}": (2, (*args, "--order", order), (order, says))
    for name, args in {
        "concat": CONCAT,
        "depth-concat": DEPTH,
        "split": (*SPLIT, "--parts", 2),
        "depth-split": (*DEPTH_SPLIT, "--parts", 2),
        "split-by-lengths": (*BY_LENGTHS, "l13.npy", *PARTS),
        "reshard": (*RESHARD, "--parts", 2),
        "gradient concat": (*OF_CONCAT, INFO, "l13.npy"),
        "gradient split": (*OF_SPLIT, "a.npy", "b.npy", *DX),
    }.items()
    for what, order, says in (
        ("without C", "NH", "no C"),
        ("repeated", "CC", "distinct letters"),
        ("repeated in another case", "cC", "distinct letters"),
        ("no letters", "C1", "letters"),
        ("too long", "NCHW", "2"),
        ("too short", "C", "2"),
    )
}

CUTS = {
    f"{what}: {name}": (2, (*args, *how), says)
    for name, args in {"split": SPLIT, "depth-split": (*DEPTH_SPLIT, "--order", "CN"),
                       "reshard": ("reshard", "a.npy", *PARTS)}.items()
    for what, how, says in (
        ("no way", (), ("--parts",)),
        ("ratio all zero", ("--ratio", "0:0"), ("--ratio 0:0", "above 0")),
        ("ratio negative", ("--ratio", "2:-1"), ("--ratio 2:-1", "negative")),
        ("ratio no numbers", ("--ratio", "a:b"), ("--ratio", "a:b")),
        ("ratio by commas", ("--ratio", "8,1,1"), ("--ratio", "8,1,1")),
        ("ratio of another sum", ("--ratio", "0.8,0.1"), ("sum to 0.9, not 1", "2:1")),
        ("ratio of percentages", ("--ratio", "80%,10%"), ("sum to 90, not 100",)),
        ("ratio partly in percent", ("--ratio", "80%,10"), ("some shares have a %",)),
        ("range no numbers", ("--range", "a:b"), ("--range a:b", "3:8")),
        ("range with a step", ("--range", "1:3:2"), ("--range 1:3:2", "a step")),
        ("range of one number", ("--range", "3"), ("--range 3", "START:STOP")),
        ("two ways with range", ("--range", "1:3", "--size", 2), ("--range", "--size")),
        ("names without a field", ("--size", 2, "--names", "a,b"), ("--names", "'{name}.npy'")),
        ("hop without size", ("--hop", 2), ("--hop", "--size")),
        ("hop with parts", ("--hop", 2, "--parts", 2), ("--hop", "--size")),
        ("hop with a remainder", ("--size", 2, "--hop", 2, "--remainder", "keep"),
         ("--hop", "--remainder")),
        ("hop of zero", ("--size", 2, "--hop", 0), ("--hop 0",)),
        ("hop negative", ("--size", 2, "--hop", -1), ("--hop -1",)),
        ("window too long", ("--size", 5, "--hop", 1), ("5", "4")),
        ("max-bytes of less than an index", ("--max-bytes", "23"), ("--max-bytes", "23", "24")),
        ("max-bytes of nothing", ("--max-bytes", "0"), ("0",)),
        ("max-bytes no size", ("--max-bytes", "some"), ("some",)),
        ("two -1", ("--lengths", "-1,-1"), ("-1",)),
        ("nothing is left", ("--lengths", "5,-1"), ("5,-1", "sum to 5", "length 4")),
        ("two ways with lengths-from", ("--lengths-from", "l13.npy", "--parts", 2),
         ("--parts", "lengths")),
        ("lengths twice", ("--lengths-from", "l13.npy", "--lengths", "1,3"),
         ("--lengths", "--lengths-from")),
        ("two ways with ratio", ("--ratio", "1:1", "--max-bytes", "1K"),
         ("--ratio", "--max-bytes")),
        ("lengths-from not summing", ("--lengths-from", "l12.npy"), ("3", "4")),
        ("lengths-from negative", ("--lengths-from", "negative.npy"), ("-3",)),
        ("lengths-from empty", ("--lengths-from", "none.npy"), ("0", "4")),
        ("only beyond", ("--size", 1, "--only", "4"), ("--only", "4", "0 to 3")),
        ("only partly beyond", ("--size", 1, "--only", "1-9"), ("--only", "0 to 3")),
        ("only no numbers", ("--size", 1, "--only", "a"), ("--only", "a")),
        ("only backwards", ("--size", 1, "--only", "3-1"), ("--only", "3-1")),
        ("only negative", ("--size", 1, "--only", "-1"), ("--only", "-1")),
        ("only empty", ("--size", 1, "--only", ""), ("--only",)),
        ("only far beyond", ("--size", 1, "--only", "0-" + "9" * 30), ("--only",)),
        ("only a small two", ("--size", 1, "--only", "²"), ("--only",)),
        ("names not of all parts", ("--size", 1, "-o", "q.npy"), ("2 output names", "4")),
    )
}  # fmt: skip

SINGLE: dict[str, Row] = {
    "depth order has four letters": (2, DEPTH, ("NCHW", "4", "2")),
    "depth-split order has four letters": (2, (*DEPTH_SPLIT, "--parts", 2), ("NCHW", "2")),
    "order of a new axis too short": (2, (*CONCAT, "--add-axis", "--order", "NC"), ("NC", "3")),
    "depth-concat has no axis": (2, (*DEPTH, "--axis", 0), ("--axis",)),
    "stack has no order": (2, ("stack", *CONCAT[1:], "--order", "NCH"), ("--order",)),
    "depth-concat of nothing": (2, ("depth-concat", "-o", "y.npy"), ("no inputs",)),
    "reshard of nothing": (2, ("reshard", *PARTS, "--parts", 2), ("INPUT",)),
    "split info is the output": (2, (*CONCAT, INFO, "y.npy"), ("y.npy", "same name")),
    "split info spelled otherwise": (2, (*CONCAT, INFO, "./sub/../y.npy"), ("y.npy",)),
    "split info is the output's member": (
        2, ("concat", "a.npy", "-o", "y.h5", INFO, "y.h5::data"), ("y.h5::data",)),
    "split info inside the output": (
        2, ("concat", "a.npy", "-o", "y.zarr::x", INFO, "y.zarr::x/s"), ("inside",)),
    "split info of no suffix": (2, (*CONCAT, INFO, "s"), (".npy", "s")),
    "split info of no format": (2, (*CONCAT, INFO, "s.txt"), ("s.txt", ".npz")),
    "split info is an input": (5, (*CONCAT, INFO, "a.npy", "-f"), ("a.npy",)),
    "split info is an input by a link": (5, (*CONCAT, INFO, "link.npy", "-f"), ("a.npy",)),
    "split info is there": (5, (*CONCAT, INFO, "l13.npy"), ("l13.npy",)),
    "joined shapes differ": (3, ("concat", "a.npy", "l13.npy", "-o", "y.npy", INFO, "s.npy"),
                             ("input 1 (l13.npy)", "input 0 (a.npy)")),
    "depth shapes differ": (3, ("depth-concat", "a.npy", "c.npy", "-o", "y.npy", "--order", "NC"),
                            ("c.npy", "axis 0", "4", "3")),
    "reshard shapes differ": (3, ("reshard", "a.npy", "c.npy", *PARTS, "--axis", 1, "--size", 1),
                              ("c.npy", "axis 0", "4", "3")),
    "reshard dtypes differ": (3, ("reshard", "a.npy", "d.npy", *PARTS, "--size", 1),
                              ("d.npy", "float64", "float32")),
    "m not divisible by K": (2, (*BY_LENGTHS, "l13.npy", *PARTS, "--outputs", 3), ("2", "3")),
    "m not divisible by names": (
        2, (*BY_LENGTHS, "l112.npy", "-o", "p.npy", "-o", "q.npy"), ("3 lengths", "2 outputs")),
    "K below zero": (2, (*BY_LENGTHS, "l13.npy", *PARTS, "--outputs", -1), ("-1",)),
    "K of zero": (2, (*BY_LENGTHS, "l13.npy", *PARTS, "--outputs", 0), ("0",)),
    "K against names": (
        2, (*BY_LENGTHS, "l13.npy", "-o", "p.npy", "--outputs", 2), ("1 output name", "2")),
    "no lengths": (2, (*BY_LENGTHS, "none.npy", *PARTS), ("length",)),
    "lengths not summing": (2, (*BY_LENGTHS, "l12.npy", *PARTS), ("3", "4")),
    "lengths with a rest": (2, (*BY_LENGTHS, "rest.npy", *PARTS), ("negative", "-1")),
    "scale with no whole factor": (
        2, (*BY_LENGTHS, "l12.npy", *PARTS, "--scale"), ("--scale", "3", "4")),
    "scale below one": (2, (*BY_LENGTHS, "l8.npy", *PARTS, "--scale"), ("--scale", "8", "4")),
    "scale of zeros": (2, (*BY_LENGTHS, "zero.npy", *PARTS, "--scale"), ("--scale", "0")),
    "gradient without split info": (2, OF_CONCAT, (INFO,)),
    "gradient not summing": (2, (*OF_CONCAT, INFO, "l12.npy"), ("3", "4")),
    "gradient of a join, names": (
        2, ("gradient", "concat", "a.npy", "-o", "p.npy", INFO, "l13.npy"), ("1 output name", "2")),
    "gradient of a stack that was none": (
        2, (*OF_CONCAT, INFO, "l13.npy", "--add-axis"), ("length 3", "length 1")),
    "all gradients zeros": (
        2, (*OF_SPLIT, "zeros", "zeros", *DX, INFO, "l13.npy"), ("zeros",)),
    "zeros without split info": (2, (*OF_SPLIT, "a.npy", "zeros", *DX), ("zeros", INFO)),
    "zeros and a pattern": (
        2, (*OF_SPLIT, "[ab].npy", "zeros", *DX, INFO, "l112.npy"), ("zeros", "pattern")),
    "gradient of nothing": (2, (*OF_SPLIT, *DX), ("DY",)),
    "wrong number of entries": (
        3, (*OF_SPLIT, "a.npy", "b.npy", *DX, INFO, "l112.npy"), ("3", "2")),
    "wrong number of entries with zeros": (
        3, (*OF_SPLIT, "a.npy", "zeros", *DX, INFO, "l112.npy"), ("3", "2")),
    "gradient of another length": (
        3, (*OF_SPLIT, "a.npy", "b.npy", *DX, INFO, "l44x.npy"), ("gradient 1 (b.npy)", "4", "5")),
    "gradient of another length after zeros": (
        3, (*OF_SPLIT, "zeros", "b.npy", *DX, INFO, "l44x.npy"), ("gradient 1 (b.npy)", "4", "5")),
    "zeros of a negative length": (
        3, (*OF_SPLIT, "a.npy", "zeros", *DX, INFO, "l4m.npy"), ("-3",)),
    "dropped parts that were long": (
        3, (*OF_SPLIT, "a.npy", "b.npy", *DX, "--drop-axis", INFO, "l13.npy"), ("b.npy", "3")),
    "dropped zeros that were long": (
        3, (*OF_SPLIT, "a.npy", "zeros", *DX, "--drop-axis", INFO, "l13.npy"), ("3",)),
    "gradients of other shapes": (3, (*OF_SPLIT, "a.npy", "c.npy", *DX, "--axis", 1), ("c.npy",)),
    "gradient split info negative": (3, (*OF_CONCAT, INFO, "rest.npy"), ("-1",)),
    "an output is the lengths": (
        5, ("split", "a.npy", "-o", "l13.npy", "-o", "q.npy", "-f", "--lengths-from", "l13.npy"),
        ("l13.npy",)),
    "an output of lengths is the lengths": (
        5, (*BY_LENGTHS, "l13.npy", "-o", "q.npy", "-o", "l13.npy", "-f"), ("l13.npy",)),
    "an output is the split info": (
        5, ("gradient", "concat", "a.npy", "-o", "l13.npy", "-o", "q.npy", "-f", INFO, "l13.npy"),
        ("l13.npy",)),
    "dx is the split info": (
        5, (*OF_SPLIT, "a.npy", "b.npy", "-o", "l44.npy", "-f", INFO, "l44.npy"), ("l44.npy",)),
}  # fmt: skip

VECTORS = {
    f"lengths {what}: {name}": (code, (*before, ref, *after), says)
    for name, before, after in (
        ("split", (*SPLIT, "--lengths-from"), ()),
        ("depth-split", (*DEPTH_SPLIT, "--order", "CN", "--lengths-from"), ()),
        ("split-by-lengths", BY_LENGTHS, PARTS),
        ("reshard", ("reshard", "a.npy", *PARTS, "--lengths-from"), ()),
        ("gradient concat", (*OF_CONCAT, INFO), ()),
        ("gradient split", (*OF_SPLIT, "a.npy", "b.npy", *DX, INFO), ()),
    )
    for what, ref, code, says in (
        ("2-D", "a2.npy", 3, ("a2.npy", "(1, 2)")),
        ("a scalar", "scalar.npy", 3, ("scalar.npy", "()")),
        ("not integer", "float.npy", 3, ("float.npy", "float64")),
        ("booleans", "bool.npy", 3, ("bool.npy", "bool")),
        ("missing", "gone.npy", 4, ("gone.npy",)),
        ("a missing member", "l.h5::gone", 4, ("l.h5::gone",)),
        ("damaged", "junk.npy", 3, ("junk.npy",)),
        ("two files", "l1*.npy", 2, ("l1*.npy",)),
        ("no file", "gone*.npy", 4, ("gone*.npy",)),
    )
}

ERRORS: dict[str, Row] = TWO_AXES | ORDERS | CUTS | SINGLE | VECTORS  # type: ignore[assignment]

VALUES = {
    "l13": [1, 3], "l12": [1, 2], "l112": [1, 1, 2], "l44": [4, 4], "l44x": [4, 5], "l4m": [4, -3],
    "l8": [4, 4], "rest": [1, -1], "negative": [7, -3], "zero": [0, 0], "a2": [[1, 3]],
    "scalar": 4, "float": [1.0, 3.0], "bool": [True, True],
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arrays that fit and do not fit a.npy, and vectors of lengths, good and bad."""
    folder = tmp_path_factory.mktemp("made")
    for name, value in VALUES.items():
        np.save(folder / name, np.array(value))
    np.save(folder / "none", np.zeros(0, "i4"))
    np.save(folder / "c", np.zeros((3, 6), "<f4"))
    np.save(folder / "d", np.zeros((4, 6), "<f8"))
    (folder / "junk.npy").write_bytes(b"\x93NUMPY\x01\x00junk")
    with h5py.File(folder / "l.h5", "w") as file:
        file["lengths"] = np.array([1, 3])
    (folder / "sub").mkdir()
    return folder


@pytest.fixture
def things(shell: Any, pair: Any, made: Path) -> None:
    """A copy of these files beside a.npy and b.npy."""
    shell.bring(made)
    (shell.folder / "link.npy").symlink_to("a.npy")


@pytest.mark.parametrize("error", ERRORS)
def test_it_is_refused(shell: Any, things: None, error: str) -> None:
    code, args, says = ERRORS[error]
    shell.fails(code, *args, says=says)


@pytest.mark.parametrize("error", [*SINGLE, *(name for name in CUTS if name.endswith(": split"))])
def test_a_dry_run_refuses_it_too(shell: Any, things: None, error: str) -> None:
    code, args, says = ERRORS[error]
    shell.fails(code, *args, "--dry-run", says=says)


@pytest.mark.parametrize("error", list(SINGLE))
def test_json_says_it_too(shell: Any, things: None, error: str) -> None:
    code, args, says = ERRORS[error]
    outcome = shell.run(*args, "--json")
    assert outcome.code == code
    assert outcome.json["error"]["code"] == code
    assert all(word in outcome.json["error"]["message"] for word in says)


@pytest.mark.parametrize("info", ["s.npy", "y.h5::s", "deep/er/s.zarr"])
def test_nothing_is_left_where_a_join_fails_late(
    shell: Any, pair: Any, info: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concatsplit_core.stores.staging import LocalStaging

    def full(self: LocalStaging, *_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalStaging, "publish", full)
    shell.fails(6, "concat", "a.npy", "b.npy", "-o", "y.h5::y", INFO, info)
