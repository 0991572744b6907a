"""HDF5 files of which a part is odd or damaged, and what their filters take on trust."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

LATIN = "café".encode("latin-1")


def _odd(path: Path) -> None:
    """A good array, among others of which each is odd in its own way."""
    with h5py.File(path, "w") as file:
        file["good"] = np.arange(3)
        file["a::b"] = np.arange(4)
        file["gone"] = h5py.SoftLink("/nowhere")
        file["out"] = h5py.ExternalLink("other.h5", "/x")
        file["over"] = h5py.SoftLink("/out/x")
        file["again"] = h5py.SoftLink("/good")
        file["g/loop"] = file["/"]
        file["named type"] = np.dtype("i4")
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"time", h5py.h5t.UNIX_D32LE, space)
        made = h5py.h5d.create(file.id, LATIN, h5py.h5t.NATIVE_INT32, space)
        h5py.Dataset(made)[...] = [7, 8, 9]


def test_info_shows_every_member_that_it_can(shell: Any) -> None:
    _odd(shell.folder / "odd.h5")
    blobs = shell.ok("info", "odd.h5", "--json").json["blobs"]
    found = {blob["ref"].removeprefix("odd.h5::"): blob for blob in blobs}
    assert {name for name, blob in found.items() if "error" not in blob} == {
        "good", "a::b", "caf\\xe9"
    }  # fmt: skip
    assert found["good"]["shape"] == [3]
    errors = {name: blob["error"] for name, blob in found.items() if "error" in blob}
    assert sorted(errors) == ["gone", "out", "over", "time"]
    assert all(set(found[name]) == {"ref", "error"} for name in errors)
    assert "not there" in errors["gone"]
    assert "link out of the file, to other.h5" in errors["out"]
    assert "link out of the file" in errors["over"]
    assert "TypeTimeID" in errors["time"]
    text = shell.ok("info", "odd.h5").out
    assert all(text.count(f"odd.h5::{name}: {why}\n") == 1 for name, why in errors.items())
    assert text.count("good") == 1


@pytest.mark.parametrize(
    ("member", "wanted"),
    [("good", [0, 1, 2]), ("a::b", [0, 1, 2, 3]), ("again", [0, 1, 2]), ("caf\udce9", [7, 8, 9])],
)
def test_good_members_beside_odd_ones_are_read(shell: Any, member: str, wanted: list) -> None:
    _odd(shell.folder / "odd.h5")
    shell.ok("concat", f"odd.h5::{member}", "-o", "y.npy")
    assert shell.read("y.npy").tolist() == wanted


def test_a_member_is_written_under_a_name_of_utf8_only(shell: Any) -> None:
    _odd(shell.folder / "odd.h5")
    shell.fails(2, "concat", "odd.h5::good", "-o", "y.h5::caf\udce9", says="caf\\xe9")
    shell.ok("concat", "odd.h5::good", "-o", "y.h5::caf\u00e9")


def test_info_of_one_array_that_cannot_be_described_fails(shell: Any) -> None:
    _odd(shell.folder / "odd.h5")
    shell.fails(3, "info", "odd.h5::time", says="TypeTimeID")
    shell.fails(11, "info", "odd.h5::out", says="other.h5")
    shell.fails(4, "info", "odd.h5::gone", says="not there")


def test_a_member_whose_header_is_damaged(shell: Any) -> None:
    with h5py.File("a.h5", "w", libver="latest") as file:
        file["good"] = np.arange(3)
        file["zero"] = np.arange(3)
        address = h5py.h5o.get_info(file["zero"].id).addr
    content = bytearray(Path("a.h5").read_bytes())
    content[address + 20] ^= 255
    Path("a.h5").write_bytes(content)
    blobs = shell.ok("info", "a.h5", "--json").json["blobs"]
    assert [("error" in blob) for blob in blobs] == [False, True]
    shell.ok("concat", "a.h5::good", "-o", "y.npy")
    shell.fails(3, "concat", "a.h5::zero", "-o", "z.npy", says="a.h5::zero")


def test_a_file_that_is_written_to_by_swmr_is_exit_4(shell: Any) -> None:
    with h5py.File("live.h5", "w", libver="latest") as file:
        file.create_dataset("x", (10,), "i4", chunks=(5,), maxshape=(None,))
        file.swmr_mode = True
        shutil.copy("live.h5", "marked.h5")
    shell.fails(4, "concat", "marked.h5", "-o", "y.npy", says=("marked.h5", "open for writing"))
    shell.fails(4, "info", "marked.h5", says=("marked.h5", "open for writing"))


def test_the_marks_that_h5py_puts_on_dtypes_are_of_no_matter(shell: Any) -> None:
    """NumPy warns of them, and a warning is an error here."""
    colours = h5py.enum_dtype({"RED": 0, "GREEN": 1}, "i1")
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=np.zeros(4, np.dtype([("c", colours), ("v", "<f4")])))
        file.create_dataset("y", data=np.array([0, 1, 1, 0], "i1"), dtype=colours)
    for member in "xy":
        shell.ok("info", f"a.h5::{member}")
        for suffix in (".npy", ".h5", ".zarr"):
            out = f"{member}{suffix}"
            shell.ok("concat", f"a.h5::{member}", "-o", out, "--manifest", "m.json", "-fq")


def test_attributes_that_cannot_be_read_hide_nothing_else(shell: Any) -> None:
    odd = h5py.h5t.IEEE_F64LE.copy()
    odd.set_ebias(2000)  # no type of NumPy: h5py takes the widest, over the next field
    crossed = h5py.h5t.create(h5py.h5t.COMPOUND, 16)
    crossed.insert(b"a", 0, odd)
    crossed.insert(b"b", 8, h5py.h5t.IEEE_F64LE)
    with h5py.File("a.h5", "w", track_order=True) as file:
        made = file.create_dataset("x", data=np.arange(4), track_order=True)
        made.attrs["z"] = 1
        space = h5py.h5s.create_simple((2,))
        h5py.h5a.create(made.id, b"time", h5py.h5t.UNIX_D32LE, space)
        h5py.h5a.create(made.id, LATIN, h5py.h5t.NATIVE_INT32, space)
        h5py.h5a.create(made.id, b"crossed", crossed, space)
        made.attrs["a"] = 2
    known = {"z": 1, "caf\u00e9": [0, 0], "a": 2}
    assert shell.ok("info", "a.h5", "--json").json["blobs"][0]["attrs"] == known
    notes = shell.ok("concat", "a.h5", "a.h5", "-o", "y.h5", "--json", "-q").json["notes"]
    assert ["'time'" in note or "'crossed'" in note for note in notes] == [True] * 4
    with h5py.File("y.h5") as file:
        assert sorted(file["data"].attrs) == ["a", "caf\u00e9", "z"]


def _filtered(path: Path, code: int, values: tuple[int, ...], chunk: bytes) -> None:
    """A dataset of a filter with these parameters, and one chunk of these bytes."""
    with h5py.File(path, "w") as file:
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_chunk((16,))
        getattr(dcpl, {4: "set_szip", 6: "set_scaleoffset"}[code])(
            *((h5py.h5z.SZIP_NN_OPTION_MASK, 8) if code == 4 else (h5py.h5z.SO_INT, 0))
        )
        space = h5py.h5s.create_simple((32,))
        made = h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I64LE, space, dcpl)
        before = made.get_create_plist().get_filter(0)[2]
        made.write_direct_chunk((0,), chunk)
    content = path.read_bytes()
    old = b"".join(v.to_bytes(4, "little") for v in before)
    new = b"".join(v.to_bytes(4, "little") for v in (*values, *before[len(values) :]))
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))


PARAMETERS = {
    "szip with blocks of nothing": (4, (169, 0, 64, 16)),
    "szip with odd blocks": (4, (169, 7, 64, 16)),
    "szip with lines shorter than a block": (4, (169, 8, 64, 4)),
    "szip with long lines": (4, (169, 8, 64, 1 << 20)),
    "scale-offset of more items": (6, (2, 0, 1 << 28)),
    "scale-offset of wide items": (6, (2, 0, 16, 0, 1 << 20)),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_filter_parameters_are_checked_before_hdf5_uses_them(shell: Any, case: str) -> None:
    code, values = PARAMETERS[case]
    _filtered(shell.folder / "a.h5", code, values, bytes(64))
    shell.fails(3, "concat", "a.h5", "-o", "y.npy", says=("a.h5", "parameters"))


def test_bitshuffle_of_items_of_nothing(shell: Any) -> None:
    with h5py.File("a.h5", "w") as file:
        settings = hdf5plugin.Bitshuffle()
        file.create_dataset("x", data=np.arange(64), chunks=(16,), **settings)
        values = file["x"].id.get_create_plist().get_filter(0)[2]
    content = Path("a.h5").read_bytes()
    old = b"".join(v.to_bytes(4, "little") for v in values)
    assert content.count(old) == 1
    Path("a.h5").write_bytes(content.replace(old, old[:8] + bytes(4) + old[12:]))
    for suffix in (".npy", ".h5", ".zarr"):
        shell.fails(3, "concat", "a.h5", "-o", f"y{suffix}", says=("a.h5", "parameters"))


@pytest.mark.parametrize("level", [1, 10, 1 << 31])
def test_a_level_that_is_none_is_of_no_matter(shell: Any, level: int) -> None:
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(64), chunks=(16,), compression="gzip")
    content = Path("a.h5").read_bytes()
    old = b"deflate\0" + (4).to_bytes(4, "little")
    assert content.count(old) == 1
    new = b"deflate\0" + level.to_bytes(4, "little")
    Path("a.h5").write_bytes(content.replace(old, new))
    for suffix in (".npy", ".h5", ".zarr"):
        shell.ok("concat", "a.h5", "a.h5", "-o", f"y{suffix}", "--routes", "mapped,decoded")


CHUNKS = {
    "szip that claims much": (4, (1 << 30).to_bytes(4, "little") + bytes(60), 10),
    "szip of nothing": (4, b"\x01", 3),
    "szip that is cut short": (4, (128).to_bytes(4, "little") + b"\x00", 3),
    "scale-offset of too many bits": (6, (65).to_bytes(4, "little") + bytes(60), 3),
    "scale-offset that is cut short": (6, (40).to_bytes(4, "little") + bytes(20), 3),
}


@pytest.mark.parametrize("case", CHUNKS)
def test_chunks_are_checked_before_hdf5_decodes_them(shell: Any, case: str) -> None:
    code, chunk, exit_code = CHUNKS[case]
    _filtered(shell.folder / "a.h5", code, (), chunk)
    shell.fails(exit_code, "concat", "a.h5", "-o", "y.npy", says=("a.h5", "chunk"))


@pytest.mark.parametrize("suffix", [".npy", ".h5", ".zarr"])
@pytest.mark.parametrize("chunks", [(1, 1 << 20), (1 << 10, 1 << 20), None])
def test_a_shape_of_petabytes_ends_in_a_message(shell: Any, suffix: str, chunks: Any) -> None:
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", (1 << 30, 1 << 20), "<f8", chunks=chunks)
    assert shell.ok("info", "a.h5", "--json").json["blobs"][0]["nbytes"] == 1 << 53
    shell.fails(3, "concat", "a.h5", "-o", f"y{suffix}", says=("a.h5", "stores 0 bytes"))


def test_sparse_arrays_of_usual_size_are_joined(shell: Any) -> None:
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", (1 << 20, 256), "<f8", chunks=(4096, 256))[7, 7] = 1
    shell.ok("concat", "a.h5", "a.h5", "-o", "y.h5")
    with h5py.File("y.h5") as file:
        assert file["data"].shape == (1 << 21, 256)
        assert file["data"][7, 7] == file["data"][(1 << 20) + 7, 7] == 1


def test_a_chunk_at_an_address_outside_the_file(shell: Any) -> None:
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(64), chunks=(16,), compression="gzip")
        info = file["x"].id.get_chunk_info(1)
    content = Path("a.h5").read_bytes()
    address = info.byte_offset.to_bytes(8, "little")
    assert content.count(address) == 1
    Path("a.h5").write_bytes(content.replace(address, (1 << 40).to_bytes(8, "little")))
    for suffix in (".npy", ".h5", ".zarr"):
        shell.fails(3, "concat", "a.h5", "-o", f"y{suffix}", says="a.h5")


def test_a_damaged_index(shell: Any) -> None:
    """The list of chunks cannot be read, nor the size that they take."""
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(64), chunks=(16,), compression="gzip")
    content = Path("a.h5").read_bytes()
    at = content.rindex(b"TREE")
    Path("a.h5").write_bytes(content[:at] + b"XXXX" + content[at + 4 :])
    shell.fails(3, "info", "a.h5", says=("a.h5", "B-tree"))
    for suffix in (".npy", ".h5", ".zarr"):
        shell.fails(3, "concat", "a.h5", "-o", f"y{suffix}", says=("a.h5", "B-tree"))


def _strings(path: str, texts: list[str], **settings: Any) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=texts, dtype=h5py.string_dtype(), **settings)


STRINGS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": (10,)},
    "filtered": {"chunks": (10,), "compression": "gzip", "shuffle": True},
}


@pytest.mark.parametrize("layout", STRINGS)
def test_long_strings_count_towards_the_memory(shell: Any, layout: str) -> None:
    _strings("a.h5", ["é" * 50_000] * 40, **STRINGS[layout])
    if layout == "contiguous":
        result = shell.ok("concat", "a.h5", "-o", "y.h5", "--memory", "1MiB", "--json").json
        assert result["tasks"] > 4
    else:  # ten strings of 100,000 bytes, in HDF5 and in NumPy
        shell.fails(10, "concat", "a.h5", "-o", "y.h5", "--memory", "1MiB", says="MiB")
    result = shell.ok("concat", "a.h5", "-o", "z.h5", "--memory", "16MiB", "--json").json
    assert 10 * 200_000 <= result["peak_memory_bytes"] <= 16 << 20
    with h5py.File("z.h5") as file:
        assert file["data"].asstr()[...].tolist() == ["é" * 50_000] * 40
    shell.ok("split", "a.h5", "-o", "p{index}.h5", "--parts", "2", "--memory", "16MiB")


@pytest.mark.parametrize("layout", STRINGS)
def test_strings_that_claim_more_than_the_file_holds(shell: Any, layout: str) -> None:
    _strings("a.h5", ["text"] * 40, **STRINGS[layout])
    with h5py.File("a.h5", "r+") as file:
        made = file["x"].id
        where = made.get_offset() if layout == "contiguous" else None
        if where is None:
            skipped, data = made.read_direct_chunk((0,))
            raw = bytearray(zlib.decompress(data) if layout == "filtered" else data)
            raw[3] = 0x7F
            coded = zlib.compress(raw) if layout == "filtered" else bytes(raw)
            made.write_direct_chunk((0,), coded, skipped)
    if where is not None:
        content = bytearray(Path("a.h5").read_bytes())
        content[where + 3] = 0x7F
        Path("a.h5").write_bytes(content)
    shell.fails(3, "concat", "a.h5", "-o", "y.h5", says="strings claim")


@pytest.mark.parametrize("size", [0, 1 << 40])
def test_a_heap_of_strings_without_an_end(shell: Any, size: int) -> None:
    _strings("a.h5", ["text"] * 4)
    content = Path("a.h5").read_bytes()
    at = content.index(b"GCOL") + 16 + 4 * (16 + 8)  # behind the four strings: what is free
    assert content[at : at + 8] == bytes(8)
    Path("a.h5").write_bytes(content[: at + 8] + size.to_bytes(8, "little") + content[at + 16 :])
    shell.fails(3, "concat", "a.h5", "-o", "y.h5", says=("a.h5", "heap"))
