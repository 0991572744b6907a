"""HDF5 files with damage at any place, in a process of its own, since the library may crash."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

A = np.arange(480).reshape(24, 20)
CASES = 50
CODES = (0, 2, 3, 4, 6, 10, 11)
"""A wrong request, and all that can be wrong with an input."""

_RUN = """
import sys
from concatsplit_cli.main import main
bad = []
for number in range(int(sys.argv[1])):
    for args in (["info"], ["concat", "-o", "y.npy", "-fq"], ["concat", "-o", "y.zarr", "-fq"]):
        try:
            main([args[0], f"{number}.h5", *args[1:], *(["--no-sync"] if args[1:] else [])])
        except SystemExit as end:
            if end.code not in map(int, sys.argv[2].split(",")):
                bad.append((number, args[0], end.code))
print("bad:", bad)
"""


def _numbers(**options: Any) -> Callable[[h5py.File], None]:
    def fill(file: h5py.File) -> None:
        made = file.create_dataset("x", data=A, **options)
        made.attrs["units"], made.attrs["list"] = "m/s", np.arange(50.0)
        made.dims[0].label = "time"

    return fill


def _texts(file: h5py.File) -> None:
    file.create_dataset("x", data=["ab", "", "cde"] * 4, dtype=h5py.string_dtype(), chunks=(4,))


def _records(file: h5py.File) -> None:
    kind = h5py.enum_dtype({"R": 0, "G": 1}, "i1")
    file.create_dataset("x", data=np.zeros(8, [("a", "i4"), ("b", kind), ("c", "f8", (2,))]))


FILES: dict[str, Callable[[h5py.File], None]] = {
    "contiguous": _numbers(),
    "gzip": _numbers(chunks=(8, 20), compression="gzip", shuffle=True, fletcher32=True),
    "may grow": _numbers(chunks=(4, 20), maxshape=(None, 20)),
    "lzf": _numbers(chunks=(8, 20), compression="lzf"),
    "scale-offset": _numbers(chunks=(8, 20), scaleoffset=0),
    "texts": _texts,
    "records": _records,
}


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("kind", FILES)
def test_files_of_hdf5(tmp_path: Path, kind: str, version: str) -> None:
    with h5py.File(tmp_path / "whole.h5", "w", libver=version) as file:
        FILES[kind](file)
    whole = (tmp_path / "whole.h5").read_bytes()
    chance = random.Random(f"{kind} {version}")
    for number in range(CASES):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(min(len(content), 2048))
            length = chance.choice([1, 1, 2, 4, 8])
            content[at : at + length] = chance.randbytes(length)
        (tmp_path / f"{number}.h5").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(CASES), ",".join(map(str, CODES))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.splitlines()[-1] == "bad: []"
    assert "internal error" not in done.stderr
    assert not list(tmp_path.glob(".concatsplit-*"))
