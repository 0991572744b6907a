"""What an operator returns has the keys and values that the contract of the commands names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.operators import BlobInfo

KEYS = {
    "operator",
    "dry_run",
    "axis",
    "add_axis",
    "inputs",
    "outputs",
    "split_info",
    "routes",
    "cost",
    "bytes_read",
    "bytes_written",
    "peak_memory_bytes",
    "tasks",
    "seconds",
    "notes",
    "plan",
}
BLOB_KEYS = {"ref", "format", "shape", "dtype", "start", "stop"}


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    refs = []
    for name, length in (("a", 3), ("b", 5)):
        refs.append(str(tmp_path / f"{name}.npy"))
        np.save(refs[-1], np.arange(2 * length, dtype="<f4").reshape(2, length))
    return refs


def test_concat(tmp_path: Path, inputs: list[str]) -> None:
    out = str(tmp_path / "y.npy")
    facts = cs.concat(inputs, out, axis=-1, jobs=1).to_dict()
    assert set(facts) == KEYS
    assert json.loads(json.dumps(facts)) == facts
    assert facts["inputs"] == [
        {"ref": inputs[0], "format": "npy", "shape": [2, 3], "dtype": "<f4", "start": 0, "stop": 3},
        {"ref": inputs[1], "format": "npy", "shape": [2, 5], "dtype": "<f4", "start": 3, "stop": 8},
    ]
    assert facts["outputs"] == [
        {"ref": out, "format": "npy", "shape": [2, 8], "dtype": "<f4", "start": 0, "stop": 8}
    ]
    expected = {
        "operator": "concat",
        "dry_run": False,
        "axis": 1,
        "add_axis": False,
        "split_info": [3, 5],
        "cost": {"flops": 16, "bytes_moved": 64, "params_bytes": 0},
        "bytes_read": 64,
        "bytes_written": 64,
        "tasks": 1,
    }
    assert {key: facts[key] for key in expected} == expected
    assert set(facts["routes"]) == {"kernel", "encoded", "mapped", "decoded"}
    assert sum(facts["routes"].values()) == 64
    assert facts["peak_memory_bytes"] >= 64
    assert facts["seconds"] >= 0


def test_dry_run_has_no_seconds(tmp_path: Path, inputs: list[str]) -> None:
    facts = cs.concat(inputs, str(tmp_path / "y.npy"), axis=1, dry_run=True).to_dict()
    assert set(facts) == KEYS - {"seconds"}
    assert facts["dry_run"] is True
    real = cs.concat(inputs, str(tmp_path / "y.npy"), axis=1).to_dict()
    for key in KEYS - {"seconds", "dry_run"}:
        assert real[key] == facts[key]


def test_split(tmp_path: Path, inputs: list[str]) -> None:
    template = str(tmp_path / "{index}.zarr")
    facts = cs.split(inputs[1], template, axis=1, lengths=[4, 0, 1]).to_dict()
    assert facts["operator"] == "split"
    assert facts["split_info"] == [4, 0, 1]
    assert facts["add_axis"] is False
    assert [set(blob) for blob in facts["outputs"]] == [BLOB_KEYS] * 3
    assert [(b["start"], b["stop"]) for b in facts["outputs"]] == [(0, 4), (4, 4), (4, 5)]
    assert [b["format"] for b in facts["outputs"]] == ["zarr"] * 3


@pytest.mark.parametrize(
    ("operator", "name"), [(cs.stack, "stack"), (cs.unstack, "unstack"), (cs.split, "split")]
)
def test_names_of_operators(tmp_path: Path, operator: object, name: str) -> None:
    array = np.zeros((2, 3), "<i2")
    source = [array, array] if name == "stack" else array
    out = str(tmp_path / ("y.npy" if name == "stack" else "{index}.npy"))
    options = {"size": 1, "drop_axis": True} if name == "split" else {}
    facts = operator(source, out, **options).to_dict()
    assert facts["operator"] == name
    assert facts["add_axis"] is True
    assert facts["split_info"] == [1, 1]


def test_concat_with_add_axis_is_stack(tmp_path: Path) -> None:
    array = np.arange(6, dtype="<i2").reshape(2, 3)
    cs.concat([array, array], str(tmp_path / "a.npy"), axis=-1, add_axis=True)
    cs.stack([array, array], str(tmp_path / "b.npy"), axis=-1)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_info(tmp_path: Path, inputs: list[str]) -> None:
    out = tmp_path / "y.zarr"
    cs.concat(inputs, str(out), axis=1, chunks=(2, 4), codec="gzip:3")
    (blob,) = cs.info(out)
    stored = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    assert blob == BlobInfo(
        ref=str(out),
        format="zarr",
        shape=(2, 8),
        dtype="<f4",
        chunks=(2, 4),
        shards=None,
        codec="gzip:3",
        order="C",
        nbytes=64,
        stored_bytes=stored,
        attrs={},
        dtype_label="float32",
    )
    (blob,) = cs.info(inputs[0])
    assert (blob.format, blob.chunks, blob.codec, blob.stored_bytes) == ("npy", None, "none", 24)


@pytest.mark.parametrize(
    ("dtype", "name"), [("<f4", "<f4"), (">i8", ">i8"), ("?", "|b1"), ("S5", "|S5"), ("U3", "<U3")]
)
def test_dtype_names(tmp_path: Path, dtype: str, name: str) -> None:
    facts = cs.concat([np.zeros(3, dtype)], str(tmp_path / "y.npy")).to_dict()
    assert facts["outputs"][0]["dtype"] == name


def test_structured_dtype_is_json(tmp_path: Path) -> None:
    array = np.zeros(3, [("a", "<f4"), ("b", "<i2", (2,))])
    facts = cs.concat([array], str(tmp_path / "y.npy")).to_dict()
    assert "'a', '<f4'" in facts["outputs"][0]["dtype"]
    json.dumps(facts)


def test_differences_and_descriptions_are_strict_json(tmp_path: Path) -> None:
    single = cs.diff(np.array([np.nan, 1.0]), np.array([2.0, 1.0]))
    assert json.loads(json.dumps(single.to_dict(), allow_nan=False))["first"]["a"] == "NaN"
    for name, value in (("a", np.nan), ("b", 2.0)):
        for member in "xy":
            cs.feed(f"{tmp_path / name}.zarr::{member}", np.array([value, 1.0]))
    both = cs.diff(f"{tmp_path / 'a'}.zarr", f"{tmp_path / 'b'}.zarr")
    assert isinstance(both, cs.DataSetDifference)
    found = json.loads(json.dumps(both.to_dict(), allow_nan=False))
    assert found["arrays"]["y"]["first"]["a"] == "NaN"
    blob, _ = cs.info(f"{tmp_path / 'a'}.zarr")
    assert json.loads(json.dumps(blob.to_dict(), allow_nan=False))["shape"] == [2]


def test_many_inputs_are_printed_piece_by_piece_as_the_same_object(inputs: list[str]) -> None:
    from concatsplit_cli.render import _json_pieces

    result = cs.concat(inputs, inputs[0].replace("a.npy", "y.npy"), axis=1, dry_run=True)
    for count in (1, 1250):
        array = result.arrays[0]._replace(inputs=result.inputs * count)
        many = result._replace(arrays=(array,))
        assert "".join(_json_pieces(many)) == json.dumps(many.to_dict()) + "\n"
