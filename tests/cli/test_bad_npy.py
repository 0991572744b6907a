"""Inputs that are damaged, hostile, missing or no arrays at all: .npy, .npz and plain files."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MAGIC = b"\x93NUMPY"


def npy(
    shape: str = "(2, 2)",
    descr: str = "'<f4'",
    order: str = "False",
    data: bytes = bytes(16),
    version: tuple[int, int] = (1, 0),
    text: str | None = None,
    length: int | None = None,
) -> bytes:
    """An .npy file whose header says just this."""
    text = text or f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    body = text.encode("utf-8") + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(body) if length is None else length)
    return MAGIC + bytes(version) + size + body + data


HEAD = "'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)"

MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "junk": b"hello, world\n" * 10,
    "one byte": b"\x93",
    "only the magic": MAGIC,
    "cut in the length": MAGIC + b"\x01\x00\x10",
    "cut in the header": npy()[:40],
    "truncated": npy()[:-1],
    "no data": npy(data=b""),
    "trailing bytes": npy() + b"\0",
    "another array behind it": npy() * 2,
    "version 9": npy(version=(9, 0)),
    "version 1.7": npy(version=(1, 7)),
    "version 2 cut": MAGIC + b"\x02\x00\x10\x00",
    "header length of 4 GiB": npy(version=(2, 0), length=0xFFFFFFFF),
    "header length of 0": npy(length=0),
    "product overflows": npy(shape="(4294967296, 4294967296, 4)"),
    "product wraps to the size": npy(shape="(4611686018427387905, 4)", data=bytes(16)),
    "dimension beyond 64 bits": npy(shape="(99999999999999999999999,)"),
    "number of 5,000 digits": npy(shape=f"({'9' * 5000},)"),
    "negative dimension": npy(shape="(-2, -2)"),
    "dimension is true": npy(shape="(True, 4)"),
    "dimension is a float": npy(shape="(2.0, 2)"),
    "shape is a list": npy(shape="[2, 2]"),
    "shape is a number": npy(shape="4"),
    "shape is text": npy(shape="'2, 2'"),
    "65 dimensions": npy(shape=f"({'1, ' * 65})", data=bytes(4)),
    "order is a number": npy(order="0"),
    "order is text": npy(order="'no'"),
    "descr is unknown": npy(descr="'<q9'"),
    "descr is empty": npy(descr="''"),
    "descr is a number": npy(descr="4"),
    "descr is none": npy(descr="None"),
    "descr is a dict": npy(descr="{'names': ['a']}"),
    "descr has a name twice": npy(descr="[('a', '<f4'), ('a', '<f4')]"),
    "descr is a long subarray": npy(descr="('<f4', (99999999999,))"),
    "descr is an endless string": npy(descr="'S99999999999999'"),
    "a key too many": npy(text=f"{{{HEAD}, 'more': 1}}"),
    "a key too few": npy(text="{'descr': '<f4', 'fortran_order': False}"),
    "a key twice": npy(text=f"{{{HEAD}, 'descr': '<i4'}}"),
    "keys in upper case": npy(text=f"{{{HEAD.upper()}}}"),
    "not a dict": npy(text="[1, 2]"),
    "an expression": npy(shape="(1 + 1, 2)"),
    "a call": npy(text="__import__('os').system('touch pwned')"),
    "a comprehension": npy(shape="tuple(2 for _ in 'ab')"),
    "nested too deep": npy(text="(" * 60000 + ")" * 5),
    "dict nested too deep": npy(text="{'a':" * 9000),
    "nested descr": npy(descr="[('a', " * 200 + "'<f4'" + ")]" * 200),
    "nothing but NUL": npy(text="\0" * 60),
    "not UTF-8": npy(version=(3, 0)).replace(b"descr", b"\xff\xfe\xfd\xfc\xfb"),
    "unbalanced": npy(text=f"{{{HEAD}"),
    "text behind it": npy(text=f"{{{HEAD}}} evil"),
    "zip cut short": b"PK\x03\x04" + bytes(40),
}  # fmt: skip


@pytest.mark.parametrize("what", MALFORMED)
@pytest.mark.parametrize("command", ["concat", "split", "info"])
def test_a_malformed_file_is_exit_3(shell: Any, what: str, command: str) -> None:
    (shell.folder / "bad.npy").write_bytes(MALFORMED[what])
    outputs = {"concat": ("-o", "y.npy"), "split": ("-o", "p{index}.npy", "--size", 1)}
    shell.fails(3, command, "bad.npy", *outputs.get(command, ()), says="bad.npy")


@pytest.mark.parametrize("descr", ["<f4", "f4", "=f4", "float32", "int32", "uint32"])
def test_the_builder_builds_what_numpy_reads(shell: Any, descr: str) -> None:
    (shell.folder / "good.npy").write_bytes(npy(descr=f"'{descr}'"))
    assert np.load("good.npy").shape == (2, 2)
    shell.ok("concat", "good.npy", "-o", "y.npy")
    np.testing.assert_array_equal(np.load("y.npy"), np.load("good.npy"))


@pytest.mark.parametrize("what", ["truncated", "trailing bytes", "empty"])
def test_the_message_names_the_one_bad_input_of_many(shell: Any, what: str) -> None:
    for index in range(5):
        content = MALFORMED[what] if index == 3 else npy()
        (shell.folder / f"part-{index}.npy").write_bytes(content)
    outcome = shell.fails(3, "concat", "part-*.npy", "-o", "y.h5", says="part-3.npy")
    assert "part-2.npy" not in outcome.err


@pytest.mark.parametrize(
    "descr", ["'|O'", "'O'", "[('a', '<f4'), ('b', '|O')]", "('|O', (2,))", "[('a', [('b', 'O')])]"]
)
def test_pickled_objects_are_exit_11(shell: Any, descr: str) -> None:
    pickled = b"cos\nsystem\n(S'touch pwned'\ntR."
    (shell.folder / "bad.npy").write_bytes(npy(descr=descr, shape="(1,)", data=pickled))
    shell.fails(11, "concat", "bad.npy", "-o", "y.npy", says=("bad.npy", "object"))
    shell.fails(11, "info", "bad.npy", says="bad.npy")


def test_pickled_members_of_an_archive_are_exit_11(shell: Any) -> None:
    np.savez("bad.npz", x=np.array([{}, None]), allow_pickle=True)
    shell.fails(11, "concat", "bad.npz::x", "-o", "y.npy", says="bad.npz::x")


def _damage_archive(path: Path) -> None:
    np.savez_compressed(path, x=np.random.default_rng(0).integers(0, 99, 4000))
    content = bytearray(path.read_bytes())
    content[2000:2040] = bytes(40)
    path.write_bytes(content)


def _cut_archive(path: Path) -> None:
    np.savez(path, x=np.arange(4000))
    path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.parametrize("damage", [_damage_archive, _cut_archive])
def test_a_damaged_archive_is_exit_3(shell: Any, damage: Callable[[Path], None]) -> None:
    damage(shell.folder / "bad.npz")
    shell.fails(3, "concat", "bad.npz::x", "-o", "y.npy", says="bad.npz")


def _missing(path: Path) -> None:
    assert not path.exists()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "a.npy").write_bytes(npy())


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


UNAVAILABLE = (_missing, _fifo, _folder, _socket, _dangling, _loop, _device)


@pytest.mark.parametrize("make", UNAVAILABLE, ids=lambda f: f.__name__[1:])
@pytest.mark.parametrize("command", ["concat", "split", "info"])
def test_what_is_no_file_is_exit_4(shell: Any, make: Callable[[Path], None], command: str) -> None:
    make(shell.folder / "in.npy")
    outputs = {"concat": ("-o", "y.npy"), "split": ("-o", "p{index}.npy", "--size", 1)}
    shell.fails(4, command, "in.npy", *outputs.get(command, ()), says="in.npy")


def test_what_may_not_be_read_is_exit_4(shell: Any) -> None:
    path = shell.folder / "in.npy"
    path.write_bytes(npy())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    shell.fails(4, "concat", "in.npy", "-o", "y.npy", says="in.npy")


@pytest.mark.parametrize(
    ("ref", "says"),
    [("a.npz::z", "'z'"), ("in.npy/x", "in.npy/x"), ("nothing-*.npy", "nothing-*.npy"),
     ("@nolist", "nolist"), ("no/such/folder/x.npy", "no/such/folder"), ("x" * 300, "x" * 300)],
)  # fmt: skip
def test_what_is_not_there_is_exit_4(shell: Any, ref: str, says: str) -> None:
    (shell.folder / "in.npy").write_bytes(npy())
    np.savez("a.npz", x=np.arange(3), y=np.arange(3))
    shell.fails(4, "concat", ref, "-o", "y.npy", says=says)


MISMATCHES = {
    "rank": (np.zeros((2, 3)), np.zeros(3), ("input 1 (b.npy)", "input 0 (a.npy)", "rank")),
    "shape": (np.zeros((2, 3)), np.zeros((2, 4)), ("input 1 (b.npy)", "(2, 4)", "only axis 0")),
    "dtype": (np.zeros(3), np.zeros(3, "i4"), ("input 1 (b.npy)", "int32", "float64")),
    "lossy": (np.zeros(3, "u8"), np.zeros(3, "i8"), ("input 1 (b.npy)", "int64", "uint64")),
    "fields": (np.zeros(3, "f4,f4"), np.zeros(3, "f4,f8"), ("input 1 (b.npy)",)),
}


@pytest.mark.parametrize("what", MISMATCHES)
def test_inputs_that_do_not_fit_each_other_are_exit_3(shell: Any, what: str) -> None:
    a, b, says = MISMATCHES[what]
    shell.save(a=a, b=b)
    shell.fails(3, "concat", "a.npy", "b.npy", "-o", "y.npy", says=says)


def test_stack_wants_equal_shapes(shell: Any) -> None:
    shell.save(a=np.zeros((2, 3)), b=np.zeros((3, 3)))
    shell.fails(3, "stack", "a.npy", "b.npy", "-o", "y.npy", says=("b.npy", "no axis may differ"))


def test_dtypes_without_a_common_one_are_exit_3(shell: Any) -> None:
    shell.save(a=np.zeros(3, "f4,f4"), b=np.zeros(3))
    shell.fails(3, "concat", "a.npy", "b.npy", "-o", "y.npy", "--promote", says="dtype")
