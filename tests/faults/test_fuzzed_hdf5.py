"""HDF5 files with damage at any place, in a process of its own, since the library may crash."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import children
import h5py
import numpy as np
import pytest
from examples import seed, times

A = np.arange(480).reshape(24, 20)
CASES = times(25)
CODES = (0, 2, 3, 4, 6, 10, 11)
"""A wrong request, and all that can be wrong with an input."""

OUTPUTS = ("y.npy", "y.zarr")
"""What the files are joined into, by turns."""


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


@pytest.mark.deep
@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("kind", FILES)
def test_files_of_hdf5(tmp_path: Path, kind: str, version: str) -> None:
    with h5py.File(tmp_path / "whole.h5", "w", libver=version) as file:
        FILES[kind](file)
    whole = (tmp_path / "whole.h5").read_bytes()
    dice = random.Random(seed(f"{kind} {version}"))
    for number in range(CASES):
        content = bytearray(whole)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(min(len(content), 2048))
            length = dice.choice([1, 1, 2, 4, 8])
            content[at : at + length] = dice.randbytes(length)
        (tmp_path / f"{number}.h5").write_bytes(content)
    lines = []
    for number in range(CASES):
        name, output = f"{number}.h5", OUTPUTS[number % 2]
        lines += [["info", name], ["concat", name, "-o", output, "-fq", "--no-sync"]]
    log, codes = tmp_path / "errors", tmp_path / "codes"
    ended = children.finish(children.start(children.every, tmp_path, lines, log, codes))
    errors, found = log.read_text(), codes.read_text().split()
    assert ended == 0, f"{lines[len(found) : len(found) + 1]}: {errors[-500:]}"
    wrong = [line for line, code in zip(lines, found, strict=True) if int(code) not in CODES]
    assert not wrong, errors[-500:]
    assert "internal error" not in errors
    assert not list(tmp_path.glob(".concatsplit-*"))
