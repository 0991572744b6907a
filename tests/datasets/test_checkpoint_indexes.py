"""Indexes of sharded checkpoints that fit their shards, are wrong, or lead somewhere else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from datasets.conftest import read
from safetensors.numpy import save_file

import concatsplit_core as cs
from concatsplit_core.foundation.errors import InputUnavailable, MalformedInput, UnsafeContent

INDEX = "model.safetensors.index.json"


@pytest.fixture(autouse=True)
def _shards() -> None:
    save_file({"a": np.zeros(2), "b": np.zeros(3)}, "m-1.safetensors")
    save_file({"c": np.zeros(4)}, "m-2.safetensors")


def index_of(**files: str) -> str:
    Path(INDEX).write_text(json.dumps({"weight_map": files}))
    return INDEX


def test_one_that_fits() -> None:
    ref = index_of(c="m-2.safetensors", a="m-1.safetensors", b="m-1.safetensors")
    cs.concat([ref], "y.safetensors")
    assert sorted(read("y.safetensors")) == ["a", "b", "c"]
    assert cs.fetch(f"{ref}::c").shape == (4,)
    with pytest.raises(InputUnavailable, match=r"no tensor 'd'.*c, a, b"):
        cs.fetch(f"{ref}::d")


@pytest.mark.parametrize(
    ("files", "error", "what"),
    [
        ({"a": "m-1.safetensors"}, MalformedInput, "holds the tensor 'b'.*does not list it"),
        (
            {"a": "m-1.safetensors", "b": "m-2.safetensors", "c": "m-2.safetensors"},
            MalformedInput,
            "holds the tensor 'b', and the index says m-2",
        ),
        (
            {"c": "m-2.safetensors", "d": "m-2.safetensors"},
            MalformedInput,
            "holds the tensor 'd', which it does not",
        ),
        ({"c": "m-3.safetensors"}, InputUnavailable, "m-3.safetensors"),
        ({"c": "../x.safetensors"}, UnsafeContent, "not in the folder"),
        ({"c": "/etc/passwd"}, UnsafeContent, "not in the folder"),
        ({"c": "sub/x.safetensors"}, UnsafeContent, "not in the folder"),
        ({"c": ".."}, MalformedInput, "no file is called"),
        ({"c": ""}, MalformedInput, "no file is called"),
        ({"": "m-1.safetensors"}, MalformedInput, "the tensor ''"),
        ({"c": 3}, MalformedInput, "Expected `str`"),
        ({"c": INDEX}, MalformedInput, "safetensors"),
    ],
    ids=str,
)
def test_wrong_ones(files: dict, error: type, what: str) -> None:
    ref = index_of(**files)
    with pytest.raises(error, match=what):
        cs.concat([ref], "y.safetensors")
    assert not Path("y.safetensors").exists()


@pytest.mark.parametrize("text", ["{", "{}", '{"weight_map": []}', "{" * 5000, '{"\udcff'])
def test_no_index(text: str) -> None:
    Path(INDEX).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(MalformedInput, match="not an index of safetensors"):
        cs.info(INDEX)


def test_links_stay_in_the_folder(tmp_path: Path) -> None:
    Path("other").mkdir()
    ref = index_of(c="link.safetensors")
    Path("other/real.safetensors").write_bytes(Path("m-2.safetensors").read_bytes())
    Path("link.safetensors").symlink_to("other/real.safetensors")
    cs.concat([ref], "y.safetensors")
    outside = tmp_path.parent / f"{tmp_path.name}-outside.safetensors"
    Path("other/real.safetensors").rename(outside)
    Path("link.safetensors").unlink()
    Path("link.safetensors").symlink_to(outside)
    with pytest.raises(UnsafeContent, match="--follow-links"):
        cs.concat([ref], "z.safetensors")
    cs.concat([ref], "z.safetensors", follow_links=True)


def test_a_cache_of_links_into_one_folder() -> None:
    ref = index_of(c="m-2.safetensors")
    Path("cache/snapshot").mkdir(parents=True)
    Path("cache/blobs").mkdir()
    for number, name in enumerate((ref, "m-2.safetensors")):
        Path(name).rename(f"cache/blobs/{number}")
        Path("cache/snapshot", name).symlink_to(f"../blobs/{number}")
    cs.concat([f"cache/snapshot/{INDEX}"], "y.safetensors::c")
    np.testing.assert_array_equal(read("y.safetensors")["c"], np.zeros(4))
