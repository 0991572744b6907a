"""HDF5 inputs that are damaged, locked, or lead out of their file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

UNKNOWN_FILTER = 61234


def _external_storage(path: Path) -> None:
    Path("secret.bin").write_bytes(bytes(32))
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (8,), "<f4", external=[("secret.bin", 0, 32)])


def _external_storage_absolute(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (8,), "u1", external=[("/etc/passwd", 0, 8)])


def _virtual(path: Path) -> None:
    layout = h5py.VirtualLayout((3,), "<f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("x", layout)


def _virtual_of_itself(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["y"] = np.arange(3, dtype="<f4")
        layout = h5py.VirtualLayout((3,), "<f4")
        layout[:] = h5py.VirtualSource(file["y"])
        file.create_virtual_dataset("x", layout)


def _external_link(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "/x")


def _soft_over_external(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["out"] = h5py.ExternalLink("other.h5", "/")
        file["x"] = h5py.SoftLink("/out/x")


def _softer_over_external(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("g")["out"] = h5py.ExternalLink("other.h5", "/")
        file["g/soft"] = h5py.SoftLink("out/x")
        file["x"] = h5py.SoftLink("./g/soft")


def _unknown_filter(path: Path) -> None:
    with h5py.File(path, "w") as file:
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_chunk((4,))
        dcpl.set_filter(UNKNOWN_FILTER, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space = h5py.h5s.create_simple((4,))
        made = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, dcpl)
        made.write_direct_chunk((0,), bytes(16))


UNSAFE: dict[Callable[[Path], None], str] = {
    _external_storage: "outside",
    _external_storage_absolute: "/etc/passwd",
    _virtual: "virtual",
    _virtual_of_itself: "virtual",
    _external_link: "other.h5",
    _soft_over_external: "other.h5",
    _softer_over_external: "other.h5",
    _unknown_filter: str(UNKNOWN_FILTER),
}


@pytest.mark.parametrize("make", UNSAFE, ids=lambda f: f.__name__[1:])
@pytest.mark.parametrize("command", ["concat", "split", "info"])
def test_what_leads_out_of_the_file_is_exit_11(
    shell: Any, make: Callable[[Path], None], command: str
) -> None:
    with h5py.File("other.h5", "w") as other:
        other["x"] = np.arange(3, dtype="<f4")
    make(shell.folder / "bad.h5")
    outputs = {"concat": ("-o", "y.npy"), "split": ("-o", "p{index}.npy", "--size", 1)}
    args = (command, f"{shell.folder}/bad.h5::/x", *outputs.get(command, ()))
    shell.fails(11, *args, says=("bad.h5", UNSAFE[make]))


@pytest.mark.parametrize("make", [_virtual, _unknown_filter, _external_link])
def test_a_refused_file_is_let_go_of(shell: Any, make: Callable[[Path], None]) -> None:
    make(shell.folder / "bad.h5")
    shell.fails(11, "concat", "bad.h5::x", "-o", "y.npy")
    with h5py.File("bad.h5", "w") as file:
        file["x"] = np.arange(5)
    shell.ok("concat", "bad.h5::x", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), np.arange(5))


def _no_hdf5(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"junk" * 200)


def _only_the_magic(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n")


def _cut(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(4000)
    path.write_bytes(path.read_bytes()[:-9000])


def _cut_chunks(path: Path) -> None:
    with h5py.File(path, "w") as file:
        noise = np.random.default_rng(0).random(4000)
        file.create_dataset("x", data=noise, chunks=(100,), compression="gzip")
    path.write_bytes(path.read_bytes()[:-9000])


def _damaged(path: Path, **options: Any) -> None:
    with h5py.File(path, "w") as file:
        noise = np.random.default_rng(0).integers(0, 99, 4000)
        file.create_dataset("x", data=noise, chunks=(4000,), **options)
        info = file["x"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    middle = info.byte_offset + info.size // 2
    content[middle : middle + 16] = bytes(b ^ 0x5A for b in content[middle : middle + 16])
    path.write_bytes(content)


def _damaged_gzip(path: Path) -> None:
    _damaged(path, compression="gzip")


def _damaged_checksum(path: Path) -> None:
    _damaged(path, fletcher32=True)


def _short_chunk(path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (100,), "<f8", chunks=(100,))
        made.id.write_direct_chunk((0,), bytes(300))


def _no_space(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = h5py.Empty("f4")


def _variable(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (3,), h5py.vlen_dtype("i4"))


def _references(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (3,), h5py.ref_dtype)


def _no_utf_8(path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (3,), h5py.string_dtype("utf-8"))
        made[1] = b"M\xfcll"


def _no_ascii(path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (3,), h5py.string_dtype("ascii"))
        made[1] = b"M\xfcll"


def _circle(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["y"] = h5py.SoftLink("/x")
        file["x"] = h5py.SoftLink("/y")


MALFORMED = (
    _no_hdf5, _only_the_magic, _cut, _cut_chunks, _damaged_gzip, _damaged_checksum, _short_chunk,
    _no_space, _variable, _references, _circle,
)  # fmt: skip


@pytest.mark.parametrize("make", MALFORMED, ids=lambda f: f.__name__[1:])
@pytest.mark.parametrize("output", ["y.npy", "y.h5"])
def test_what_is_damaged_is_exit_3(shell: Any, make: Callable[[Path], None], output: str) -> None:
    make(shell.folder / "bad.h5")
    args = ("concat", f"{shell.folder}/bad.h5::x", "-o", output, "--routes", "mapped,decoded")
    shell.fails(3, *args, says="bad.h5")


def _as_stored(path: str, member: str) -> tuple[int, bytes]:
    """Filters that the first chunk skipped, and its bytes in the file."""
    with h5py.File(path) as file:
        place = file[member].id.get_chunk_info(0)
    content = Path(path).read_bytes()
    return place.filter_mask, content[place.byte_offset : place.byte_offset + place.size]


def test_a_damaged_chunk_that_moves_is_looked_into_when_asked(shell: Any) -> None:
    _damaged_gzip(shell.folder / "bad.h5")
    for count in (1, 2):
        moved = shell.ok("concat", *["bad.h5"] * count, "-o", "y.h5", "--force", "--json").json
        assert moved["routes"]["encoded"] == moved["bytes_written"]
        assert _as_stored("y.h5", "data") == _as_stored("bad.h5", "x")
    for more in (("--routes", "decoded"), ("--check",)):
        shell.fails(3, "concat", "bad.h5", "-o", "z.h5", *more, says=("bad.h5", "chunk 0"))


def test_a_checksum_that_does_not_match_is_exit_3_where_chunks_move(shell: Any) -> None:
    _damaged_checksum(shell.folder / "bad.h5")
    for more in (("--routes", "decoded"), ("--routes", "encoded"), ("--check",)):
        shell.fails(3, "concat", "bad.h5", "-o", "z.h5", *more, says="fletcher32 checksum")


@pytest.mark.parametrize("make", [_no_utf_8, _no_ascii])
def test_text_that_is_not_utf_8_is_exit_3(shell: Any, make: Callable[[Path], None]) -> None:
    make(shell.folder / "bad.h5")
    shell.fails(3, "concat", "bad.h5", "-o", "y.h5", says=("bad.h5", "a text is not UTF-8"))
    shell.fails(3, "info", "bad.h5", "--stats", says=("bad.h5", "a text is not UTF-8"))


@pytest.mark.parametrize("make", [_short_chunk, _cut, _cut_chunks, _no_hdf5, _only_the_magic])
def test_what_is_too_short_is_exit_3_by_any_route(shell: Any, make: Callable[[Path], None]) -> None:
    make(shell.folder / "bad.h5")
    shell.fails(3, "concat", f"{shell.folder}/bad.h5::x", "-o", "y.h5", says="bad.h5")


def _group(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("x")


def _nothing(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["z"] = 1


def _dangling(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = h5py.SoftLink("/gone")


def _below_a_data_set(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["z"] = np.arange(3)
        file["x"] = h5py.SoftLink("/z/deeper")


@pytest.mark.parametrize(
    "make", [_group, _nothing, _dangling, _below_a_data_set], ids=lambda f: f.__name__[1:]
)
def test_a_member_that_is_not_there_is_exit_4(shell: Any, make: Callable[[Path], None]) -> None:
    make(shell.folder / "bad.h5")
    ref = f"{shell.folder}/bad.h5::x"
    shell.fails(4, "concat", ref, "-o", "y.npy", says=("bad.h5", "x"))


def test_a_file_without_arrays_is_a_usage_error(shell: Any) -> None:
    with h5py.File("e.h5", "w") as file:
        file.create_group("g")
    shell.fails(2, "concat", "e.h5", "-o", "y.npy", says=("e.h5", "holds no array"))


_WRITER = """
import h5py, sys
file = h5py.File(sys.argv[1], sys.argv[2])
file.require_dataset("x", (3,), "f4")
file.flush()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["w", "r+"])
def locked(shell: Any, request: pytest.FixtureRequest) -> Any:
    """A file that another process has open for writing."""
    path = f"{shell.folder}/busy.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3, dtype="f4")
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, path, request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield path
        process.communicate("")
    assert process.returncode == 0


def test_a_locked_file_is_exit_4_as_input_and_5_as_output(shell: Any, locked: str) -> None:
    shell.save(a=np.arange(3, dtype="f4"))
    shell.fails(4, "concat", locked, "-o", "y.npy", says=(locked, "locked"))
    shell.fails(4, "info", locked, says=(locked, "locked"))
    shell.fails(5, "concat", "a.npy", "-o", f"{locked}::z", says=locked)
