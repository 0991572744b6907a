"""HDF5 files in which two sizes contradict each other, so that HDF5 would leave its memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdf5_metadata import checksum

from concatsplit_core.formats.hdf5.attributes import attribute_of, is_cut_short
from concatsplit_core.formats.hdf5.dimensions import dimension_names
from concatsplit_core.formats.hdf5.filter_checks import check_chunk, check_parameters
from concatsplit_core.formats.hdf5.filters import Filter
from concatsplit_core.formats.hdf5.opened import OpenDataset
from concatsplit_core.formats.hdf5.types import stored_dtype
from concatsplit_core.foundation.errors import MalformedInput, UnsupportedDtype


def _long(path: Path, shape: tuple[int, ...], dtype: Any, **options: Any) -> None:
    """A chunk that is listed with more bytes than HDF5 makes room for, and one that is sound."""
    with h5py.File(path, "w", userblock_size=options.pop("userblock_size", 0)) as file:
        made = file.create_dataset("x", shape, dtype, chunks=(2, 50), **options)
        made.id.write_direct_chunk((0, 0), bytes(1600 if made.dtype.kind == "O" else 800))
        made.id.write_direct_chunk((0, 50), bytes(1 << 20))


LONG: dict[str, Callable[[Path], None]] = {
    "listed": lambda path: _long(path, (2, 100), "<f8"),
    "asked for": lambda path: _long(path, (2, 100), "<f8", maxshape=(2, None), userblock_size=512),
    "texts": lambda path: _long(path, (2, 100), h5py.string_dtype()),
}


@pytest.mark.parametrize("what", LONG)
def test_a_chunk_that_is_longer_than_its_room_is_exit_3(shell: Any, what: str) -> None:
    LONG[what](shell.folder / "bad.h5")
    for more in (("--routes", "decoded"), ("--routes", "encoded"), ("--check",)):
        shell.fails(3, "concat", "bad.h5", "-o", "y.h5", *more, says=("bad.h5", "1048576 bytes"))
    shell.fails(3, "concat", "bad.h5", "-o", "y.zarr", says=("bad.h5", "[0, 50]", "each has"))


def _cut_short(path: Path, dtype: Any, change: Callable[[bytes], bytes], **options: Any) -> None:
    """A chunk whose filters, which HDF5 has to undo, give fewer bytes than it should hold."""
    skipped = options.pop("skipped", 0)
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", data=np.ones(500, dtype), chunks=(500,), **options)
        made.id.write_direct_chunk((0,), change(made.id.read_direct_chunk((0,))[1]), skipped)


OUT_OF_ORDER = np.dtype({"names": ["a", "b"], "formats": ["<i4", "<i4"], "offsets": [4, 0]})
SHORT: dict[str, Callable[[Path], None]] = {
    "claims less": lambda path: _cut_short(
        path, "<i4", lambda old: (8).to_bytes(4, "little") + old[4:], compression="szip"
    ),
    "skips its filter": lambda path: _cut_short(
        path, "<i4", lambda old: old[:8], compression="szip", skipped=1
    ),
    "expands to less": lambda path: _cut_short(
        path, OUT_OF_ORDER, lambda old: zlib.compress(bytes(8)), compression="gzip"
    ),
}


@pytest.mark.parametrize("what", SHORT)
def test_a_chunk_that_decodes_to_less_than_its_room_is_exit_3(shell: Any, what: str) -> None:
    SHORT[what](shell.folder / "bad.h5")
    shell.fails(3, "concat", "bad.h5", "-o", "y.npy", says=("bad.h5", "chunk 0", "it holds 8 byt"))


NBIT = h5py.h5z.FILTER_NBIT
BITS = (1, 4, 0, 20, 3)
"""A number of 4 bytes, of which 20 bits after the third are used."""
SOUND = (
    (*BITS,),
    (2, 12, *BITS),
    (3, 8, 2, 0, *BITS, 4, 4, 4),
    (3, 16, 2, 0, 2, 8, *BITS, 8, *BITS),
)
UNSOUND = (
    (1, 4, 0, 30, 3), (1, 4, 0, 0, 3), (1, 4, 0), (2, 10, *BITS), (3, 8, 2, 0, *BITS, 6, 4, 4),
    (3, 8, 3, 0, *BITS, 4, 4, 4), (3, 8, 1, 32, *BITS), (5, 4, 1, 1, 1), (2, 4) * 40,
)  # fmt: skip


@pytest.mark.parametrize("kind", [*SOUND, *UNSOUND])
def test_parameters_of_the_n_bit_filter(kind: tuple[int, ...]) -> None:
    values = (3 + len(kind), 0, 10, *kind)
    found = [Filter(NBIT, 0, values, "nbit")]
    if kind not in SOUND:
        with pytest.raises(MalformedInput, match="'nbit'"):
            check_parameters(found, 10, kind[1], "x")
        return
    check_parameters(found, 10, kind[1], "x")
    with pytest.raises(MalformedInput, match="cut short"):
        check_chunk(bytes(10), found, 0, 10 * kind[1])


def test_a_filter_that_makes_too_little_room_is_exit_3(shell: Any) -> None:
    with h5py.File("bad.h5", "w") as file:
        file.create_dataset("x", data=np.ones(500, "<i4"), chunks=(500,), compression="lzf")
        values = file["x"].id.get_create_plist().get_filter(0)[2]
    path, values = shell.folder / "bad.h5", np.array(values, "<u4")
    content, other = path.read_bytes(), np.where(values == 2000, 8, values).astype("<u4")
    path.write_bytes(content.replace(values.tobytes(), other.tobytes()))
    shell.fails(3, "concat", "bad.h5", "-o", "y.npy", says=("bad.h5", "'lzf'", "500 items"))


_DOUBLE = bytes.fromhex("20 3f 00 08 00 00 00 00 00 40 00 34 0b 00 34")
"""What follows the class of a little-endian double in a file: fields, size, first bit, bits, ..."""
_BEYOND = _DOUBLE.replace(b"\x40\x00\x34", b"\x41\x00\x34")
"""The same with 65 bits in its 8 bytes."""


def _of_65_bits(path: Path, value: Any, is_attribute: bool = False) -> None:
    with h5py.File(path, "w") as file:
        if is_attribute:
            file["x"] = np.arange(4)
            file["x"].attrs["y"] = value
        else:
            file["x"] = value
    content = path.read_bytes()
    assert content.count(_DOUBLE) == 1
    path.write_bytes(content.replace(_DOUBLE, _BEYOND))


@pytest.mark.parametrize("kind", ["<f8", [("a", "i4"), ("b", "<f8", (2,))]])
def test_bits_outside_of_a_number_are_exit_3(shell: Any, kind: Any) -> None:
    _of_65_bits(shell.folder / "bad.h5", np.zeros(4, kind))
    shell.fails(3, "info", "bad.h5::x", says=("bad.h5", "bits outside"))
    shell.fails(3, "concat", "bad.h5", "-o", "y.npy", says=("bad.h5", "bits outside"))


def test_an_attribute_with_bits_outside_of_a_number_is_left_out(shell: Any) -> None:
    _of_65_bits(shell.folder / "bad.h5", np.zeros(4), is_attribute=True)
    outcome = shell.run("concat", "bad.h5", "-o", "y.h5")
    assert outcome.code == 0
    assert "'y' is left out: its type has" in outcome.err
    np.testing.assert_array_equal(shell.read("y.h5"), np.arange(4))


def _of_texts(path: Path) -> None:
    with h5py.File(path, "w") as file:
        kind = np.dtype([("a", h5py.string_dtype()), ("b", "i4")])
        file.create_dataset("x", (4,), "i4").attrs.create(
            "y", np.array([("t", 1)], kind), dtype=kind
        )


ODD: dict[str, Callable[[Path], None]] = {
    "float": lambda path: _of_65_bits(path, np.zeros(1), is_attribute=True),
    "record": lambda path: _of_65_bits(path, np.zeros(1, [("r", "<f8")]), is_attribute=True),
    "texts in a record": _of_texts,
}


@pytest.mark.parametrize("what", ODD)
def test_an_attribute_that_is_read_for_its_own_sake_is_checked_as_well(
    tmp_path: Path, what: str
) -> None:
    ODD[what](tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        with pytest.raises(MalformedInput, match="attribute 'y' is damaged"):
            attribute_of(file["x"], "y")
        assert attribute_of(file["x"], "z", 5) == 5


def test_a_netcdf_dimension_with_a_damaged_number_gets_another_one(shell: Any) -> None:
    with h5py.File("bad.nc", "w") as file:
        file.attrs["_NCProperties"] = "version=2"
        file["x"] = np.arange(4)
        file["x"].make_scale("x")
        file["x"].attrs["_Netcdf4Dimid"] = 0.0
    path = shell.folder / "bad.nc"
    content = path.read_bytes()
    assert content.count(_DOUBLE) == 1
    path.write_bytes(content.replace(_DOUBLE, _BEYOND))
    shell.ok("concat", "bad.nc", "-o", "y.nc")
    with h5py.File("y.nc") as file:
        assert file["x"].attrs["_Netcdf4Dimid"] == 0


_TEXT = bytes.fromhex("19 01 01 00 10 00 00 00")
"""The type of text of any length in a file: its class, its kind, and 16 bytes of a reference."""
_LIST = bytes.fromhex("19 00 00 00 10 00 00 00")
"""That of other items of any length."""
_SHORT = _LIST.replace(b"\x10", b"\x05")


def _with_short_references(path: Path, kind: bytes, other: bytes) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(4)
        if kind == _TEXT:
            file["x"].attrs["y"] = np.array(["a", "b", "c"], object)
        else:
            file["x"].dims[0].attach_scale(file.create_dataset("s", data=np.arange(4)))
    content = path.read_bytes()
    assert content.count(kind) == 1
    path.write_bytes(content.replace(kind, other))


def test_an_attribute_of_short_references_is_left_out(shell: Any) -> None:
    _with_short_references(shell.folder / "bad.h5", _TEXT, _TEXT.replace(b"\x10", b"\x05"))
    outcome = shell.run("concat", "bad.h5", "-o", "y.h5")
    assert outcome.code == 0
    assert "'y' is left out: it holds less" in outcome.err


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_list_of_short_references_is_seen(tmp_path: Path, is_damaged: bool) -> None:
    _with_short_references(tmp_path / "x.h5", _LIST, _SHORT if is_damaged else _LIST)
    with h5py.File(tmp_path / "x.h5") as file:
        found = h5py.h5a.open(file["x"].id, b"DIMENSION_LIST")
        assert is_cut_short(file["x"], found, found.get_type()) is is_damaged
        assert (dimension_names(OpenDataset(file["x"].id)) is None) is is_damaged


def test_a_type_that_hdf5_reads_and_does_not_make_is_exit_3(shell: Any) -> None:
    kind = h5py.h5t.STD_I32LE.copy()
    kind.set_precision(9)
    with h5py.File("odd.h5", "w", libver="v108") as file:
        space = h5py.h5s.create_simple((4,))
        made = h5py.h5d.create(file.id, b"x", kind, space)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(4, dtype="i4"))
    shell.ok("concat", "odd.h5", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), np.arange(4))
    outcome = shell.run("concat", "odd.h5", "-o", "y.h5")
    assert outcome.code == 3 or shell.read("y.h5").tolist() == [0, 1, 2, 3]  # of older versions
    assert "internal error" not in outcome.err


def test_fields_without_a_name_have_no_type_of_hdf5() -> None:
    nameless = np.dtype({"names": ["", "b"], "formats": ["<i4", "<i4"]})
    with pytest.raises(UnsupportedDtype, match="has no HDF5 type"):
        stored_dtype(nameless)


@pytest.mark.parametrize("user_block", [0, 512])
def test_a_heap_of_strings_without_an_end_is_exit_3(shell: Any, user_block: int) -> None:
    """No child tries the file first here; HDF5 would never end."""
    texts = np.array(["a", "bb", "ccc"], object)
    with h5py.File("bad.h5", "w", userblock_size=user_block) as file:
        file["x"] = texts
    shell.ok("concat", "bad.h5", "-o", "y.h5")
    content = bytearray((shell.folder / "bad.h5").read_bytes())
    first = content.index(b"GCOL") + 16
    content[first : first + 16] = bytes(16)
    (shell.folder / "bad.h5").write_bytes(content)
    shell.fails(3, "concat", "bad.h5", "-o", "z.h5", says="heap of its strings")


@pytest.mark.parametrize("command", ["concat", "info"])
def test_a_group_that_lists_a_name_twice_is_damaged(shell: Any, command: str) -> None:
    with h5py.File("a.h5", "w", libver="v108") as file:
        for number in range(30):  # so many lie in a heap of their own
            file[f"g/x{number}"] = np.arange(3)
    content = Path("a.h5").read_bytes()
    start = content.index(b"FHDB")
    block = bytearray(content[start : start + 512])
    block[block.index(b"\x02x1") + 2] = ord("0")
    block[17:21] = bytes(4)
    block[17:21] = checksum(bytes(block)).to_bytes(4, "little")
    Path("a.h5").write_bytes(content[:start] + block + content[start + 512 :])
    done = shell.run(command, "a.h5", *(("-o", "y.h5") if command == "concat" else ()))
    assert done.code == 3
    shell.one_line(done.err, "a.h5: is damaged: its group /g has two members called x0")
    assert not Path("y.h5").exists()
