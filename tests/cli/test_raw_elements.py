"""--raw on the command line, and what a manifest says of bare elements."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

A = np.arange(24, dtype=">i2").reshape(6, 4)


@pytest.fixture
def recordings(shell: Any) -> None:
    """Two files of bare elements, the second one behind a header."""
    A.tofile("a.dat")
    with open("b.bin", "wb") as file:
        file.write(b"header" + A.tobytes())


RAW = ("--raw", ">i2,*,4")


def test_info_and_diff(shell: Any, recordings: None) -> None:
    (blob,) = json.loads(shell.ok("info", "b.bin", *RAW, "--offset", "6", "--json").out)["blobs"]
    assert (blob["format"], blob["shape"], blob["dtype"]) == ("raw", [6, 4], ">i2")
    np.save("a.npy", A)
    shell.ok("diff", "a.dat", "a.npy", *RAW)
    np.save("a.npy", A + 1)
    assert shell.run("diff", "a.dat", "a.npy", *RAW).code == 8


def test_fetch_and_feed(shell: Any, recordings: None) -> None:
    shell.ok("fetch", "a.dat", *RAW, "-o", "a.npy")
    assert np.load("a.npy").tolist() == A.tolist()
    shell.ok("feed", "a.npy", "again.raw")
    shell.ok("feed", "b.bin", "b.npz::b", *RAW, "--offset", "6")
    with open("again.raw", "rb") as file:
        assert file.read() == A.tobytes()
    with np.load("b.npz") as found:
        assert found["b"].tolist() == A.tolist()


def test_verify_and_undo(shell: Any, recordings: None) -> None:
    shell.ok("split", "a.dat", *RAW, "-o", "p{index}.dat", "--size", "4", "--manifest", "m.json")
    with open("m.json") as file:
        refs = [blob["ref"] for blob in json.load(file)["outputs"]]
    assert refs == ["p0.dat::>i2,4,4", "p1.dat::>i2,2,4"]
    shell.ok("verify", "m.json")
    shell.ok("undo", "m.json", "--force")
    shell.ok("undo", "m.json", "-o", "again.raw")
    shell.ok("diff", "a.dat", "again.raw", *RAW)
    with open("p1.dat", "r+b") as file:
        file.seek(2)
        file.write(b"\xff")
    found = shell.run("verify", "m.json")
    assert found.code == 8
    assert "p1.dat" in found.out
    shell.fails(8, "undo", "m.json", "-o", "no.raw", says="p1.dat")
    with open("p1.dat", "ab") as file:
        file.write(b"\xff")
    assert shell.run("verify", "m.json").code == 8


def test_a_header_is_not_made_again(shell: Any, recordings: None) -> None:
    shell.ok("concat", "b.bin", *RAW, "--offset", "6", "-o", "y.npy", "--manifest", "m.json")
    shell.ok("verify", "m.json")
    shell.fails(2, "undo", "m.json", "--force", says=("b.bin", "header"))
    shell.ok("undo", "m.json", "-o", "again.bin")
    with open("again.bin", "rb") as file:
        assert file.read() == A.tobytes()


def test_the_input_decides_the_suffix_of_parts(shell: Any, recordings: None) -> None:
    shell.ok("split", "a.dat", *RAW, "--parts", "2", "-o", "out/")
    parts = [np.fromfile(f"out/a-0000{i}-of-00002.dat", ">i2") for i in range(2)]
    assert np.concatenate(parts).tolist() == A.ravel().tolist()


def test_outputs_are_not_described(shell: Any, recordings: None) -> None:
    shell.fails(2, "concat", "a.dat", *RAW, "-o", "y.raw::name", says="y.raw::name")
