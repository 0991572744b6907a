"""verify: what differs, where, and what is missing; and undo, which looks first."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import hashed
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import OverBudget, VerificationMismatch


def spoil(path: str, at: int = -1) -> None:
    """Flip a bit of a file; without a place in the middle of it."""
    with open(path, "r+b") as file:
        place = os.path.getsize(path) // 2 if at < 0 else at
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 4]))


@pytest.fixture
def joined(shell: Any, pair: Any) -> None:
    """y.npy out of a.npy and b.npy, with a manifest."""
    shell.ok("concat", "a.npy", "b.npy", "-o", "y.npy", "--manifest", "run.json")


def test_all_is_as_it_was(shell: Any, joined: None) -> None:
    before = shell.snapshot()
    assert shell.ok("verify", "run.json").out == "3 same, 0 different, 0 missing\n"
    assert shell.ok("verify", "run.json", "--outputs").out.startswith("1 same")
    assert shell.ok("verify", "run.json", "--inputs").out.startswith("2 same")
    assert shell.ok("verify", "run.json", "--inputs", "--outputs").out.startswith("3 same")
    assert shell.ok("verify", "run.json", "-q", "-j", "1", "--memory", "1MiB").out == ""
    assert shell.snapshot() == before


def test_what_differs_and_what_is_missing_is_all_listed(shell: Any, joined: None) -> None:
    spoil("y.npy")
    os.unlink("a.npy")
    np.save("b.npy", np.zeros((4, 7), "f4"))
    outcome = shell.run("verify", "run.json")
    assert (outcome.code, outcome.err) == (8, "")
    different, missing, other, counts = outcome.out.splitlines()
    assert different == ("y.npy: different (output): elements from (0, 0) to (7, 5) differ")
    assert missing == "a.npy: missing (input): no such file or directory"
    assert other == "b.npy: different (input): is of shape (4, 7), not (4, 6)"
    assert counts == "0 same, 2 different, 1 missing"
    assert shell.run("verify", "run.json", "-q").out == ""
    assert shell.run("verify", "run.json", "-q").code == 8
    outcome = shell.run("verify", "run.json", "--json")
    assert outcome.code == 8
    assert outcome.json == {
        "manifest": "run.json",
        "blobs": [
            {"ref": "y.npy", "role": "output", "status": "different",
             "reason": "elements from (0, 0) to (7, 5) differ",
             "differences": [{"first": [0, 0], "last": [7, 5]}]},
            {"ref": "a.npy", "role": "input", "status": "missing",
             "reason": "no such file or directory", "differences": []},
            {"ref": "b.npy", "role": "input", "status": "different",
             "reason": "is of shape (4, 7), not (4, 6)", "differences": []},
        ],
        "same": 0, "different": 2, "missing": 1,
    }  # fmt: skip


def test_what_is_missing(shell: Any, joined: None) -> None:
    os.unlink("a.npy")
    outcome = shell.run("verify", "run.json")
    assert outcome.code == 4
    assert "a.npy: missing (input)" in outcome.out
    assert shell.run("verify", "run.json", "--outputs").code == 0
    shell.fails(4, "verify", "none.json", says="none.json")


@pytest.mark.parametrize(
    ("array", "says"),
    [(np.zeros((8, 6), "f8"), "dtype"), (np.zeros((8, 6), ">f4"), "dtype"), (None, "empty")],
    ids=["wider", "swapped", "empty"],
)
def test_another_array_in_its_place(shell: Any, joined: None, array: Any, says: str) -> None:
    if array is None:
        Path("y.npy").write_bytes(b"")
    else:
        np.save("y.npy", array)
    outcome = shell.run("verify", "run.json", "--outputs")
    assert outcome.code == 8
    assert says in outcome.out


def test_the_bar_and_what_it_hears(shell: Any, joined: None) -> None:
    outcome = shell.run("verify", "run.json", "--progress")
    assert outcome.code == 0
    assert outcome.err.startswith("concatsplit: verify: 384B of 384B (100%) in ")
    assert shell.run("verify", "run.json", "--progress", "-q").err == ""
    heard: list[Any] = []
    cs.verify("run.json", on_event=heard.append)
    assert heard[0].total_bytes == sum(event.nbytes for event in heard[1:-1]) == 2 * 192


def test_a_manifest_is_read_from_anywhere(
    shell: Any, joined: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    folder = str(shell.folder)
    found = cs.verify(f"{folder}/run.json")
    assert [blob.ref for blob in found.blobs] == [f"{folder}/{n}.npy" for n in ("y", "a", "b")]
    assert found.exit_code == 0


def test_an_input_that_comes_twice_is_read_once(shell: Any, pair: Any) -> None:
    shell.ok("stack", "a.npy", "b.npy", "a.npy", "-o", "y.npy", "--manifest", "run.json")
    heard: list[Any] = []
    found = cs.verify("run.json", outputs=False, on_event=heard.append)
    assert [blob.ref for blob in found.blobs] == ["a.npy", "b.npy", "a.npy"]
    assert heard[0].total_bytes == 2 * 96
    spoil("a.npy")
    found = cs.verify("run.json", outputs=False)
    assert [blob.status for blob in found.blobs] == ["different", "same", "different"]


def test_arrays_without_a_name_are_passed_over(shell: Any, pair: Any) -> None:
    cs.concat(["a.npy", np.ones((1, 6), "f4")], "y.npy", manifest="run.json")
    entry = hashed.read("run.json")["inputs"][1]
    assert entry["ref"] is None
    assert entry["hash"]["value"] == hashed.value(hashed.leaf_digests(np.ones((1, 6), "f4")))
    assert [blob.ref for blob in cs.verify("run.json").blobs] == ["y.npy", "a.npy"]


def test_where_a_large_array_differs(shell: Any) -> None:
    array = np.random.default_rng(0).random((40, 1000, 50))
    shell.save(x=array)
    shell.ok("concat", "x.npy", "x.npy", "-o", "y.npy", "--manifest", "run.json")
    entry = hashed.read("run.json")["outputs"][0]["hash"]
    digests = hashed.leaf_digests(np.concatenate([array, array]))
    assert len(digests) == 80
    assert entry["value"] == hashed.value(digests)
    assert entry["sections"] == hashed.sections(digests)
    start = os.path.getsize("y.npy") - 2 * array.nbytes
    spoil("y.npy", start + 17 * 400_000 + 5)
    spoil("y.npy", start + 18 * 400_000)
    spoil("y.npy", start + 80 * 400_000 - 1)
    (blob,) = (blob for blob in cs.verify("run.json").blobs if blob.status != "same")
    places = [((17, 0, 0), (18, 999, 49)), ((79, 0, 0), (79, 999, 49))]
    assert [tuple(place) for place in blob.differences] == places
    assert blob.reason == "elements from (17, 0, 0) to (18, 999, 49) differ, and in 1 more place"


def test_sections_of_very_many_leaves(shell: Any) -> None:
    shell.save(x=np.arange(1100 * 66_000, dtype="u1").reshape(1100, 66_000))
    shell.ok("split", "x.npy", "-o", "p{index}.npy", "--parts", "2", "--manifest", "run.json")
    document = hashed.read("run.json")
    array = np.load("x.npy", mmap_mode="r")
    digests = hashed.leaf_digests(array)
    assert document["inputs"][0]["hash"]["sections"] == hashed.sections(digests)
    assert document["inputs"][0]["hash"]["sections"]["leaves"] == 2
    spoil("x.npy", os.path.getsize("x.npy") - 1)
    (blob,) = (blob for blob in cs.verify("run.json").blobs if blob.status != "same")
    assert blob.ref == "x.npy"
    assert blob.differences[0].first == (1098, 0)


def test_only_what_was_used_of_an_input_is_compared(shell: Any) -> None:
    shell.save(x=np.arange(100.0))
    how = ("--size", "10", "--only", "2,5-6", "--manifest", "run.json")
    shell.ok("split", "x.npy", "-o", "p{index}.npy", *how)
    assert hashed.read("run.json")["inputs"][0]["hash"]["ranges"] == [[20, 30], [50, 70]]
    start = os.path.getsize("x.npy") - 800
    spoil("x.npy", start + 8 * 35)
    shell.ok("verify", "run.json")
    spoil("x.npy", start + 8 * 55)
    assert shell.run("verify", "run.json").code == 8


def test_chunks_and_bytes_as_they_are_stored(shell: Any) -> None:
    array = np.arange(70, dtype="<i4").reshape(10, 7)
    for name in ("a.zarr", "b.zarr"):
        made = zarr.create_array(name, shape=(10, 7), dtype="<i4", chunks=(5, 4), fill_value=9)
        made[:5] = array[:5]
    shell.ok("concat", "a.zarr", "b.zarr", "-o", "y.zarr", "--manifest", "run.json")
    document = hashed.read("run.json")
    digests = []
    for i in range(2):
        for j in range(2):
            path = Path(f"a.zarr/c/{i}/{j}")
            stored = path.read_bytes() if path.exists() else None
            digests.append(hashed.chunk_digest(stored, np.int32(9).tobytes()))
    assert digests[2] == digests[3]
    assert document["inputs"][0]["hash"]["kind"] == "chunks"
    assert document["inputs"][0]["hash"]["value"] == hashed.value(digests)
    assert document["outputs"][0]["hash"]["value"] == hashed.value(digests * 2)
    assert document["outputs"][0]["hash"]["sections"] == hashed.sections(digests * 2)
    spoil("y.zarr/c/2/1")
    (blob,) = (blob for blob in cs.verify("run.json").blobs if blob.status != "same")
    assert [tuple(place) for place in blob.differences] == [((10, 4), (14, 6))]


def test_chunks_of_hdf5_and_what_was_left_out_of_them(shell: Any) -> None:
    with h5py.File("x.h5", "w") as file:
        made = file.create_dataset("x", (6, 4), "<i2", chunks=(2, 4), compression="gzip")
        made[:4] = 7
        made.id.write_direct_chunk((2, 0), np.arange(8, dtype="<i2").tobytes(), 1)
        stored = [made.id.read_direct_chunk((at, 0)) for at in (0, 2)]
    shell.ok("concat", "x.h5", "-o", "y.h5", "--manifest", "run.json")
    digests = [hashed.chunk_digest(data, mask=mask) for mask, data in stored]
    digests.append(hashed.chunk_digest(None, np.int16(0).tobytes()))
    document = hashed.read("run.json")
    for entry in (document["inputs"][0], document["outputs"][0]):
        assert entry["hash"] == {
            "kind": "chunks", "value": hashed.value(digests), "sections": hashed.sections(digests)
        }  # fmt: skip


def test_bytes_in_fortran_order(shell: Any) -> None:
    array = np.asfortranarray(np.random.default_rng(1).random((300, 1000)))
    shell.save(x=array)
    shell.ok("concat", "x.npy", "x.npy", "--axis", "1", "-o", "y.npy", "--manifest", "run.json")
    leaves = (array.tobytes("F")[at : at + hashed.LEAF] for at in range(0, array.nbytes, 1 << 20))
    entry = hashed.read("run.json")["inputs"][0]["hash"]
    assert entry["kind"] == "bytes"
    assert entry["value"] == hashed.value([hashed.chunk_digest(leaf) for leaf in leaves])
    spoil("x.npy", os.path.getsize("x.npy") - 1)
    (blob, _) = (blob for blob in cs.verify("run.json").blobs if blob.status != "same")
    assert blob.differences[0].last == (299, 999)


def test_a_store_that_was_compressed_anew_is_the_same(shell: Any, pair: Any) -> None:
    shell.ok("concat", "a.npy", "b.npy", "-o", "y.zarr", "--manifest", "run.json")
    whole = zarr.open_array("y.zarr")[...]
    shutil.rmtree("y.zarr")
    zarr.create_array("y.zarr", data=whole, chunks=(3, 5), zarr_format=2, order="F")
    shell.ok("verify", "run.json")


def test_a_chunk_that_does_not_fit_the_budget(shell: Any) -> None:
    shell.save(x=np.zeros((600, 600)))
    with h5py.File("y.h5", "w") as file:
        file.create_dataset("data", data=np.load("x.npy"), chunks=(600, 600), compression="gzip")
    shell.ok("concat", "y.h5", "-o", "z.npy", "--manifest", "run.json")
    with pytest.raises(OverBudget, match="--memory"):
        cs.verify("run.json", memory="1MiB")
    assert cs.verify("run.json").exit_code == 0


def test_undo_looks_first(shell: Any, joined: None) -> None:
    spoil("y.npy")
    shell.fails(8, "undo", "run.json", "-o", "p{index}.npy", says=("y.npy", "(7, 5)", "--force"))
    with pytest.raises(VerificationMismatch) as caught:
        cs.undo("run.json", "p{index}.npy")
    assert caught.value.ref == "y.npy"
    outcome = shell.run("undo", "run.json", "-o", "p{index}.npy", "--force")
    assert outcome.code == 0
    assert outcome.err.startswith("concatsplit: note: y.npy: used though damaged: elements from")
    whole = np.load("y.npy")
    assert np.array_equal(np.load("p1.npy"), whole[4:], equal_nan=True)


def test_undo_of_a_sound_run_says_nothing(shell: Any, joined: None) -> None:
    shell.ok("undo", "run.json", "-o", "p{index}.npy")
    assert Path("p0.npy").read_bytes() == Path("a.npy").read_bytes()


def test_a_stream_has_a_hash_and_no_name(shell: Any, joined: None) -> None:
    done = shell.bash(
        "cat a.npy | concatsplit feed - f.npy --manifest in.json; "
        "concatsplit concat a.npy b.npy -o - --manifest out.json > s.npy"
    )
    assert (done.returncode, done.stderr) == (0, "")
    a, whole = np.load("a.npy"), np.load("y.npy")
    made, given = hashed.read("out.json")["outputs"][0], hashed.read("in.json")["inputs"][0]
    assert made["ref"] is given["ref"] is None
    assert made["hash"]["value"] == hashed.value(hashed.leaf_digests(whole))
    assert given["hash"]["value"] == hashed.value(hashed.leaf_digests(a))
    assert json.loads(shell.ok("verify", "out.json", "--json").out)["same"] == 2
