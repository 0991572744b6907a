"""Manifests that are damaged or made up: undo and verify say what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import hashed
import numpy as np
import pytest
import zarr
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.foundation.errors import ConcatsplitError

ODD: list[Any] = [
    None, True, -1, 1, 1 << 31, 1 << 63, 10**30, 1.5, "", "x", "\0", "\ud800", [], {}, [[]], [-1],
    [1 << 40, 1 << 40], [None], "|O", "<M8[Y/3]", [["a", "|O"]], ["<f8", [2]], [1] * 99, "*.npy",
    "elements", "bytes", "chunks", "0" * 32, "f" * 64, [[0, 1]], [[1, 0]], [[0, 1 << 40]],
    {"leaves": 1, "digests": "0" * 64}, {"leaves": 0, "digests": ""}, {"leaves": 1 << 62},
    {"kind": "elements", "value": "0" * 32, "ranges": [[0, 1], [1, 2]]},
    {"kind": "chunks", "value": "0" * 32}, {"kind": "bytes", "value": "0" * 32},
]  # fmt: skip


def _record(operator: str) -> dict[str, Any]:
    """The manifest of a small run in the working directory."""
    np.save("a.npy", np.arange(12.0).reshape(3, 4))
    np.save("b.npy", np.arange(8.0).reshape(2, 4))
    if operator == "concat":
        cs.concat(["a.npy", "b.npy"], "y.npy", manifest="run.json", force=True)
    elif operator == "stack":
        cs.stack(["a.npy", "a.npy"], "y.npy", manifest="run.json", force=True)
    else:
        cs.unstack("a.npy", "u{index}.npy", manifest="run.json", force=True)
    record: dict[str, Any] = json.loads(Path("run.json").read_bytes())
    return record


def _places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = node if isinstance(node, dict) else range(len(node) if isinstance(node, list) else 0)
    for key in keys:
        yield (*above, key)
        yield from _places(node[key], (*above, key))


def _put(record: Any, place: tuple[Any, ...], value: Any) -> None:
    for key in place[:-1]:
        record = record[key]
    record[place[-1]] = deepcopy(value)


@pytest.mark.parametrize("operator", ["concat", "stack", "unstack"])
@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_at_any_place_ends_in_an_error_of_ours(
    shell: Any, operator: str, data: st.DataObject
) -> None:
    record = _record(operator)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(sorted(_places(record), key=str)))
        _put(record, place, data.draw(st.sampled_from(ODD)))
    text = json.dumps(record).encode()
    Path("odd.json").write_bytes(data.draw(st.sampled_from([text, hashed.seal(record)])))
    with suppress(ConcatsplitError):
        cs.undo("odd.json", "again{index}.npy", force=True)
    with suppress(ConcatsplitError):
        cs.verify("odd.json")


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("axis",), "0", "axis is a str"),
        (("axis",), 2, "axis 2"),
        (("stacked",), 1, "stacked is a int"),
        (("inputs",), [], "no inputs"),
        (("inputs", 0), 5, "inputs[0]"),
        (("inputs", 0, "shape"), [3, 4.0], "inputs[0].shape"),
        (("inputs", 0, "shape"), [3, 5], "differ on another axis"),
        (("inputs", 1, "start"), 4, "start and stop"),
        (("inputs", 0, "stop"), 1 << 63, "inputs[0].stop"),
        (("outputs", 0, "ref"), 7, "ref is a int"),
        (("outputs", 0, "dtype"), "|O", "dtype"),
        (("schema",), 4, "schema 4"),
        (("more",), 1, "'more'"),
        (("inputs", 0, "more"), 1, "inputs[0] has a key 'more'"),
        (("inputs", 0, "stored_bytes"), -1, "inputs[0].stored_bytes"),
        (("inputs", 0, "hash"), "x", "inputs[0].hash"),
        (("inputs", 0, "hash", "more"), "x", "inputs[0].hash has a key 'more'"),
        (("inputs", 0, "hash", "kind"), "sum", "inputs[0].hash.kind"),
        (("inputs", 0, "hash", "value"), "0" * 31, "inputs[0].hash.value"),
        (("inputs", 0, "hash", "value"), "0" * 64, "inputs[0].hash.value"),
        (("inputs", 0, "hash", "value"), "é" * 32, "inputs[0].hash.value"),
        (("inputs", 0, "hash", "ranges"), [[0, 4]], "ranges 0:4"),
        (("inputs", 0, "hash", "ranges"), [[1, 2], [0, 1]], "ranges 0:1"),
        (("inputs", 0, "hash", "ranges"), [1], "inputs[0].hash.ranges"),
        (("inputs", 0, "hash", "sections"), {"leaves": 0, "digests": "0" * 32}, "sections"),
        (("inputs", 0, "hash", "sections"), {"leaves": 1, "digests": "0" * 32769}, "digests"),
        (("inputs", 0, "hash", "sections"), {"leaves": 1, "digests": "0" * 32800}, "1024"),
        (("outputs", 0, "hash"), None, "an output has no hash"),
        (("outputs", 0, "hash", "ranges"), [[0, 1]], "an output has no hash"),
        (("schema",), True, "schema"),
    ],
    ids=str,
)
def test_the_message_names_the_entry(
    shell: Any, place: tuple[Any, ...], value: Any, says: str
) -> None:
    record = _record("concat")
    _put(record, place, value)
    Path("odd.json").write_bytes(hashed.seal(record))
    shell.fails(3, "undo", "odd.json", "-o", "again{index}.npy", says=("odd.json", says))
    shell.fails(3, "verify", "odd.json", says=("odd.json", says))


@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_is_found(shell: Any, data: st.DataObject) -> None:
    _record("concat")
    sound = Path("run.json").read_bytes()
    at = data.draw(st.integers(0, 8 * len(sound) - 1))
    flipped = bytearray(sound)
    flipped[at // 8] ^= 1 << at % 8
    Path("odd.json").write_bytes(flipped)
    shell.fails(3, "verify", "odd.json", says="not a manifest")
    shell.fails(3, "undo", "odd.json", "-o", "again{index}.npy", says="not a manifest")


def test_one_that_was_edited_or_cut_short(shell: Any) -> None:
    record = _record("concat")
    Path("odd.json").write_text(json.dumps(record, indent=1) + "\n")
    shell.fails(3, "verify", "odd.json", says="damaged or was edited")
    sound = Path("run.json").read_bytes()
    for size in (0, 1, 80, 82, 83, len(sound) - 83, len(sound) - 1):
        Path("odd.json").write_bytes(sound[:size])
        shell.fails(3, "verify", "odd.json", says="not a manifest")
    Path("odd.json").write_bytes(sound + b"\n")
    shell.fails(3, "verify", "odd.json", says="damaged")


@pytest.mark.parametrize("kind", ["elements", "chunks"])
@pytest.mark.parametrize("stored", [0, 3])
def test_arrays_that_claim_very_much(shell: Any, kind: str, stored: int) -> None:
    """Digests are made for what is there, not for what is claimed."""
    shape = (1 << 46, 1)
    made = zarr.create_array("y.zarr", shape=shape, dtype="u1", chunks=(1 << 16, 1), fill_value=0)
    for index in range(stored):
        made[index << 16 : (index << 16) + 9] = 1
    entry = {
        "ref": "y.zarr", "shape": list(shape), "dtype": "|u1", "start": 0, "stop": shape[0],
        "stored_bytes": 0, "hash": {"kind": kind, "value": "0" * 32},
    }  # fmt: skip
    record = {
        "schema": 2, "operator": "concat", "axis": 0, "stacked": False, "unstacked": False,
        "inputs": [entry], "outputs": [entry],
    }  # fmt: skip
    Path("odd.json").write_bytes(hashed.seal(record))
    outcome, peak = shell.measured("verify", "odd.json")
    assert outcome.code in {8, 10}
    assert "internal error" not in outcome.err
    assert peak < 400 << 20


def _old() -> dict[str, Any]:
    """A manifest as it was before there were hashes."""
    record = _record("concat")
    del record["sha256"]
    for entry in (*record["inputs"], *record["outputs"]):
        del entry["hash"], entry["stored_bytes"]
    return {**record, "schema": 1}


def test_one_of_before_there_were_hashes(shell: Any) -> None:
    Path("old.json").write_text(json.dumps(_old()))
    shell.fails(3, "verify", "old.json", says=("old.json", "no hashes"))
    shell.ok("undo", "old.json", "-o", "again{index}.npy")
    assert np.load("again1.npy").tolist() == np.load("b.npy").tolist()


def test_a_name_that_no_file_can_have(shell: Any) -> None:
    record = _record("concat")
    for name in ("a\0b.npy", "\ud800.npy"):
        _put(record, ("outputs", 0, "ref"), name)
        Path("odd.json").write_bytes(hashed.seal(record))
        shell.fails(4, "undo", "odd.json", "-o", "again{index}.npy", says="names no file")
        with pytest.raises(ConcatsplitError, match="names no file") as caught:
            cs.split("a.npy", name.replace(".npy", "{index}.npy"), parts=3)
        assert caught.value.exit_code == 2
        with pytest.raises(ConcatsplitError, match="manifest"):
            cs.concat("a.npy", "z.npy", manifest=name)
