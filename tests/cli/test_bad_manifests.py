"""Manifests that are damaged or made up: whatever undo is given, it says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.errors import ConcatsplitError

ODD: list[Any] = [
    None, True, -1, 1, 1 << 31, 1 << 63, 10**30, 1.5, "", "x", "\0", "\ud800", [], {}, [[]], [-1],
    [1 << 40, 1 << 40], [None], "|O", "<M8[Y/3]", [["a", "|O"]], ["<f8", [2]], [1] * 99, "*.npy",
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
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_value_at_any_place_ends_in_an_error_of_ours(
    shell: Any, operator: str, data: st.DataObject
) -> None:
    record = _record(operator)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(sorted(_places(record), key=str)))
        _put(record, place, data.draw(st.sampled_from(ODD)))
    Path("odd.json").write_text(json.dumps(record))
    with suppress(ConcatsplitError):
        cs.undo("odd.json", "again{index}.npy", force=True)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("axis",), "0", "axis is a str"),
        (("axis",), 2, "axis 2"),
        (("stacked",), 1, "stacked is a int"),
        (("inputs",), [], "no inputs"),
        (("inputs", 0), 5, "inputs[0]"),
        (("inputs", 0, "shape"), [3, 4.0], "inputs[0].shape"),
        (("inputs", 0, "shape"), [3, 5], "beside the axis"),
        (("inputs", 1, "start"), 4, "start and stop"),
        (("inputs", 0, "stop"), 1 << 63, "inputs[0].stop"),
        (("outputs", 0, "ref"), 7, "ref is a int"),
        (("outputs", 0, "dtype"), "|O", "dtype"),
        (("schema",), 2, "schema 2"),
        (("schema",), True, "schema"),
    ],
    ids=str,
)
def test_the_message_names_the_entry(
    shell: Any, place: tuple[Any, ...], value: Any, says: str
) -> None:
    record = _record("concat")
    _put(record, place, value)
    Path("odd.json").write_text(json.dumps(record))
    shell.fails(3, "undo", "odd.json", "-o", "again{index}.npy", says=("odd.json", says))


def test_a_name_that_no_file_can_have(shell: Any) -> None:
    record = _record("concat")
    for name in ("a\0b.npy", "\ud800.npy"):
        _put(record, ("outputs", 0, "ref"), name)
        Path("odd.json").write_text(json.dumps(record))
        shell.fails(4, "undo", "odd.json", "-o", "again{index}.npy", says="names no file")
        with pytest.raises(ConcatsplitError, match="names no file") as caught:
            cs.split("a.npy", name.replace(".npy", "{index}.npy"), parts=3)
        assert caught.value.exit_code == 2
        with pytest.raises(ConcatsplitError, match="manifest"):
            cs.concat("a.npy", "z.npy", manifest=name)
