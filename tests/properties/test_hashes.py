"""The hashes of manifests: the same for any format, layout, route, budget and number of threads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hashed
import numpy as np
import pytest
from conformance.arrays import NESTED, PADDED, SUBARRAY, make
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st
from properties.test_results import OUTPUTS, write

import concatsplit_core as cs
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.foundation.sizes import parse_size
from concatsplit_core.planning import thresholds
from concatsplit_core.planning.thresholds import Thresholds
from concatsplit_core.run.hashing import leaf_hasher, leaves, rereading, run_hashes

DTYPES: tuple[Any, ...] = ("?", "i1", ">i2", "<f4", ">f8", "<c16", "S3")
RECORDS: tuple[Any, ...] = (">U2", "V5", "<M8[s]", NESTED, SUBARRAY, PADDED)
HOW = ("npy C", "npy F", "h5 contiguous", "h5 chunked", "zarr", "zarr sharded", "memory")
ROW, LEAF = 24, 90


@pytest.fixture(scope="module", autouse=True)
def _short_leaves() -> Iterator[None]:
    """Let small arrays have many leaves, and many tasks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leaves, "ROW_BYTES", ROW)
        patch.setattr(leaves, "LEAF_BYTES", LEAF)
        patch.setattr(rereading, "_SMALL", 0)
        patch.setattr(thresholds, "DEFAULT", Thresholds(long_run=16, comfortable=256))
        yield


def put(path: Path, array: np.ndarray, how: str) -> Any:
    """An input, or what stands for one."""
    return array if how == "memory" else write(path, array, how)


def expected(array: np.ndarray) -> dict[str, Any]:
    """What a manifest has to say of elements."""
    digests = hashed.leaf_digests(array, ROW, LEAF)
    found: dict[str, Any] = {"kind": "elements", "value": hashed.value(digests)}
    parts = hashed.sections(digests)
    return found if parts is None else {**found, "sections": parts}


def holds(entry: dict[str, Any], array: np.ndarray) -> bool:
    """Hold an entry to the definition, where it is of elements."""
    assert tuple(entry["shape"]) == array.shape
    if entry["hash"]["kind"] != "elements":
        return False
    assert entry["hash"] == expected(array)
    return True


cases = {
    "lengths": st.lists(st.integers(0, 9), min_size=1, max_size=4),
    "others": st.lists(st.integers(1, 12), min_size=0, max_size=2),
    "place": st.integers(0, 2),
    "dtype": st.sampled_from(DTYPES),
    "hows": st.lists(st.sampled_from(HOW), min_size=4, max_size=4),
    "suffix": st.sampled_from(OUTPUTS),
    "jobs": st.integers(1, 3),
    "memory": st.sampled_from(["64KiB", "128KiB", "1MiB"]),
    "room": st.sampled_from([0, 40, leaf_hasher.WAITING_BYTES]),
    "routes": st.sampled_from([None, None, "mapped,decoded", "kernel,decoded", "encoded,decoded"]),
    "order": st.sampled_from([None, "C", "F"]),
}


MANY_LEAVES: dict[str, Any] = {
    "lengths": [9, 9], "others": [12, 12], "place": 0, "dtype": "<c16", "hows": [*HOW[:4]],
    "suffix": ".npy", "jobs": 2, "memory": "64KiB", "room": 40, "routes": None, "order": None,
}  # fmt: skip


def budget_for(arrays: list[np.ndarray], memory: str, join: Callable[[str], Any]) -> str:
    """A budget with which a join has run: this one, or the one that its refusal advises.

    It is refused exactly where the digests, 17 bytes each, need more than a quarter of the budget.
    """
    count = sum(len(hashed.leaf_digests(array, ROW, LEAF)) for array in arrays)
    if 17 * count <= parse_size(memory) // 4:
        join(memory)
        return memory
    with pytest.raises(OverBudget, match="quarter of --memory") as caught:
        join(memory)
    advised = caught.value.message.rpartition(" ")[2]
    join(advised)
    return advised


@examples(150)
@example(MANY_LEAVES)
@example({**MANY_LEAVES, "lengths": [5, 9], "others": [12, 6], "jobs": 3, "room": 0})
@given(st.fixed_dictionaries(cases))
def test_a_join(case: dict[str, Any]) -> None:
    axis = min(case["place"], len(case["others"]))
    shapes = [(*case["others"][:axis], n, *case["others"][axis:]) for n in case["lengths"]]
    arrays = [make(case["dtype"], shape, seed) for seed, shape in enumerate(shapes)]
    whole = np.concatenate(arrays, axis)
    more = {"memory_order": case["order"]} if case["suffix"] == ".npy" else {}
    if case["suffix"] != ".npy" and whole.size:
        more = {"chunks": tuple(min(n, 3 + d) for d, n in enumerate(whole.shape))}
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            run_hashes, "WaitingMemory", lambda n=0: leaf_hasher.WaitingMemory(case["room"])
        )
        folder = Path(name)
        inputs = [
            put(folder / f"i{n}", array, how)
            for n, (array, how) in enumerate(zip(arrays, case["hows"], strict=False))
        ]
        record, output = folder / "run.json", str(folder / f"y{case['suffix']}")
        options = {key: case[key] for key in ("jobs", "routes")} | more
        join = partial(cs.concat, inputs, output, axis, manifest=record, sync=False, **options)
        memory = budget_for([*arrays, whole], case["memory"], lambda m: join(memory=m))
        document = hashed.read(record)
        for entry, array in zip(document["inputs"], arrays, strict=True):
            holds(entry, array)
            assert (entry["ref"] is None) == any(array is item for item in inputs)
        if holds(document["outputs"][0], whole) and case["suffix"] == ".npy":
            assert document["outputs"][0]["stored_bytes"] == whole.nbytes
        again = cs.verify(record, jobs=case["jobs"], memory=memory)
        assert {blob.status for blob in again.blobs} == {"same"}


@examples(100)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 9), st.integers(1, 12)),
    st.integers(0, 2),
    st.integers(1, 5),
    st.integers(1, 7),
    st.sampled_from(DTYPES + RECORDS),
    st.sampled_from(HOW),
    st.sampled_from(OUTPUTS),
    st.integers(1, 3),
    st.one_of(st.none(), st.sets(st.integers(0, 3), min_size=1)),
)
def test_a_cut(
    shape: tuple[int, ...], axis: int, size: int, hop: int, dtype: Any, how: str, suffix: str,
    jobs: int, only: set[int] | None,
) -> None:  # fmt: skip
    array = make(dtype, shape, 3)
    size = min(size, shape[axis])
    if dtype in RECORDS:
        how, suffix = "npy C", ".npy"
    starts = list(range(0, shape[axis] - size + 1, hop))
    if only is not None:
        only = {n for n in only if n < len(starts)} or {0}
        starts = [starts[n] for n in sorted(only)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = folder / "run.json"
        cs.split(
            put(folder / "x", array, how),
            str(folder / ("p{index}" + suffix)),
            axis=axis,
            size=size,
            hop=hop,
            only=None if only is None else sorted(only),
            manifest=record,
            sync=False,
            jobs=jobs,
        )
        document = hashed.read(record)
        for entry, start in zip(document["outputs"], starts, strict=True):
            holds(entry, array.take(range(start, start + size), axis))
        _holds_used(document["inputs"][0], array, axis, [(a, a + size) for a in starts])
        again = cs.verify(record, jobs=jobs)
        assert {blob.status for blob in again.blobs} == {"same"}


def _holds_used(
    entry: dict[str, Any], array: np.ndarray, axis: int, parts: list[tuple[int, int]]
) -> None:
    """The hash of an input covers what was used of it, and says what that is."""
    used = [any(a <= n < b for a, b in parts) for n in range(array.shape[axis])]
    if all(used):
        holds(entry, array)
        assert "ranges" not in entry["hash"]
        return
    edges = np.flatnonzero(np.diff(np.array([0, *used, 0]))).reshape(-1, 2).tolist()
    assert entry["hash"]["ranges"] == edges
    if entry["hash"]["kind"] == "chunks":
        return
    digests = [
        digest
        for a, b in edges
        for digest in hashed.leaf_digests(array.take(range(a, b), axis), ROW, LEAF)
    ]
    assert entry["hash"]["value"] == hashed.value(digests)
    assert entry["hash"].get("sections") == hashed.sections(digests)


@examples(40)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    st.integers(1, 4),
    st.sampled_from([".h5", ".zarr"]),
)
def test_texts(texts: list[str], width: int, suffix: str) -> None:
    texts = texts[: len(texts) // width * width]
    array = np.array(texts, np.dtypes.StringDType()).reshape(-1, width)
    with tempfile.TemporaryDirectory() as name:
        record = Path(name) / "run.json"
        chunks = {"chunks": (3, 1)} if array.size else {}
        options = {"manifest": record, "sync": False, **chunks}
        cs.concat([array, array], f"{name}/y{suffix}", **options)
        document = hashed.read(record)
        assert holds(document["inputs"][1], array)
        assert holds(document["outputs"][0], np.concatenate([array, array]))
        assert cs.verify(record).exit_code == 0


@examples(40)
@given(st.sampled_from(HOW), st.sampled_from(OUTPUTS), st.integers(0, 2), st.booleans())
def test_a_new_axis(how: str, suffix: str, axis: int, few: bool) -> None:
    array = make("<i4", (5, 7), 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given_ = put(folder / "x", array, how)
        options = {"manifest": folder / "run.json", "sync": False, "jobs": 1 if few else 2}
        cs.stack([given_] * 3, str(folder / f"y{suffix}"), axis, **options)
        document = hashed.read(folder / "run.json")
        for entry in document["inputs"]:
            holds(entry, array)
        holds(document["outputs"][0], np.stack([array] * 3, axis))
        assert cs.verify(folder / "run.json").exit_code == 0
