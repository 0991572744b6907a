"""Classic netCDF files, which are read only: written by netCDF-C in a process without h5py."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from datasets.climate import call

import concatsplit_core as cs
from concatsplit_core.endpoints.inputs import open_inputs
from concatsplit_core.foundation.errors import InputUnavailable, MalformedInput

KINDS = ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")
CASES = (
    "records", "fixed", "packed", "letters", "scalars", "other_lengths", "without_coordinate",
    "odd_names", "auxiliary",
)  # fmt: skip
PATHS = ["in0.nc", "in1.nc"]
OF_HDF5 = ["chunks", "endian", "filters"]
"""Facts of variables that classic files do not have."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("case", "kind"), list(zip(CASES, KINDS * 3, strict=True)))
def test_all_is_kept(case: str, kind: str) -> None:
    call("netcdf_cases.make", case, kind=kind)
    cs.concat(PATHS, "out.nc", axis="time")
    call("netcdf_checks.joined", PATHS, "out.nc", {}, OF_HDF5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_version_is_read_by_every_route(kind: str) -> None:
    call("netcdf_cases.make", "records", (5, 0, 3), kind=kind)
    paths = [*PATHS, "in2.nc"]
    cs.concat(paths, "out.nc", axis="time")
    call("netcdf_checks.joined", paths, "out.nc", {}, OF_HDF5)
    cs.concat(paths, "decoded.zarr", axis="time", routes="decoded", memory="1MiB")
    assert cs.diff("out.nc", "decoded.zarr").equal
    cs.split("in0.nc::air", "part{index}.npy", axis="lon", parts=2)
    whole = np.concatenate([np.load(f"part{i}.npy") for i in range(2)], -1)
    np.testing.assert_array_equal(whole, cs.fetch("in0.nc::air"))


def test_classic_and_new_files_are_joined() -> None:
    call("netcdf_cases.make", "records", kind=KINDS[1])
    call("netcdf_cases.make", "records", stem="new")
    cs.concat(["in0.nc", "new1.nc"], "out.nc", axis="time")
    call("netcdf_checks.joined", PATHS, "out.nc", {}, OF_HDF5)


def test_times_are_rebased_with_their_bounds() -> None:
    call("netcdf_cases.make", "other_epoch", kind=KINDS[0])
    cs.concat(PATHS, "out.nc", axis="time")
    np.testing.assert_array_equal(cs.fetch("out.nc::time"), np.arange(5))
    np.testing.assert_array_equal(cs.fetch("out.nc::time_bnds")[:, 1], np.arange(1, 6))


def test_missing_variables_are_filled_in() -> None:
    call("netcdf_cases.make", "packed", kind=KINDS[2])
    call("netcdf_cases.make", "scalars", kind=KINDS[2], stem="other")
    with pytest.raises(MalformedInput, match="lacks rain and has also t2m, height, crs"):
        cs.concat(["in0.nc", "other0.nc"], "out.nc", axis="time")
    cs.concat(["in0.nc", "other0.nc"], "out.nc", axis="time", missing="fill", members="time,rain")
    np.testing.assert_array_equal(cs.fetch("out.nc::rain"), [0, 3, 6, -99, -99, -99])


def write(path: str, nbytes: int, large: int = 0) -> np.ndarray:
    """Write a file by hand: records of 5 bytes and of a given number of bytes, 3 of each."""

    def text(name: str) -> bytes:
        raw = name.encode()
        return struct.pack(">i", len(raw)) + raw + bytes(-len(raw) % 4)

    def variable(name: str, axes: list[int], offset: int) -> bytes:
        listed = struct.pack(f">i{len(axes)}i", len(axes), *axes)
        return text(name) + listed + bytes(8) + struct.pack(">iiq", 1, 0, offset)

    lengths = {"record": 0, "five": 5, "n": nbytes}
    head = b"CDF\x02" + struct.pack(">iii", 3, 10, 3)
    head += b"".join(text(name) + struct.pack(">i", length) for name, length in lengths.items())
    head += bytes(8) + struct.pack(">ii", 11, 2)
    size = len(head) + len(variable("a", [0, 1], 0)) + len(variable("b", [0, 2], 0))
    head += variable("a", [0, 1], size) + variable("b", [0, 2], size + 8)
    values = np.arange(3 * nbytes, dtype=np.int64).reshape(3, nbytes).astype("i1")
    with Path(path).open("wb") as file:
        file.write(head)
        for row in values:
            file.write(b"12345\0\0\0" + row.tobytes() + bytes(-nbytes % 4))
    return values


@pytest.mark.parametrize("nbytes", [1, 7, 1 << 20, (1 << 20) + 5])
def test_records_of_any_size_lie_between_others(nbytes: int) -> None:
    values = write("a.nc", nbytes)
    np.testing.assert_array_equal(cs.fetch("a.nc::b"), values)
    np.testing.assert_array_equal(cs.fetch("a.nc::a"), [list(b"12345")] * 3)
    cs.split("a.nc::b", "part{index}.npy", axis=1, at=[nbytes // 2])
    np.testing.assert_array_equal(np.load("part1.npy"), values[:, nbytes // 2 :])


def test_a_file_that_was_not_closed_has_as_many_records_as_fit() -> None:
    values = write("a.nc", 7)
    content = bytearray(Path("a.nc").read_bytes())
    content[4:8] = b"\xff" * 4
    Path("a.nc").write_bytes(content + b"12345")
    np.testing.assert_array_equal(cs.fetch("a.nc::b"), values)


def test_a_truncated_file_is_refused() -> None:
    write("a.nc", 7)
    content = Path("a.nc").read_bytes()
    for length in (*range(4, len(content) - 1, 5), len(content) - 2):
        Path("a.nc").write_bytes(content[:length])
        with pytest.raises(MalformedInput, match=r"a\.nc"):
            cs.fetch("a.nc::b")


def test_no_byte_of_a_header_makes_it_crash() -> None:
    call("netcdf_cases.make", "records", (2, 1), kind=KINDS[2])
    content = Path("in0.nc").read_bytes()
    for at in range(4, 1200):
        damaged = bytearray(content)
        damaged[at] ^= 0x81
        Path("in0.nc").write_bytes(damaged)
        os.utime("in0.nc", ns=(at, at))
        try:
            sources = open_inputs("in0.nc::air")
        except (MalformedInput, InputUnavailable):
            continue
        assert sources[0].spec.nbytes <= len(content)


def test_a_member_that_is_not_there() -> None:
    write("a.nc", 1)
    with pytest.raises(InputUnavailable, match=r"no member 'c'; it holds a, b"):
        cs.fetch("a.nc::c")


def test_names_that_are_not_utf_8_are_latin_1() -> None:
    write("a.nc", 1)
    content = Path("a.nc").read_bytes()
    Path("a.nc").write_bytes(
        content.replace(b"five", b"f\xfcnf").replace(b"\0\x01b", b"\0\x01\xe4")
    )
    cs.concat("a.nc", "out.nc")
    assert [(blob.ref, blob.dims) for blob in cs.info("out.nc")] == [
        ("out.nc::a", ("record", "fünf")),
        ("out.nc::ä", ("record", "n")),
    ]
