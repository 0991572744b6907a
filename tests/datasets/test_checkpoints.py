"""Checkpoints of safetensors: shards and their index, ranks of tensor parallelism and back."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
from conformance.second import by_tensorstore
from datasets.conftest import read
from safetensors import deserialize, safe_open
from safetensors.numpy import save_file

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    MalformedInput,
    NameCollision,
    OutputExists,
    OutputIsInput,
    UnsupportedDtype,
    UsageError,
)

RANKS = 4
COLUMNS = ("q_proj", "k_proj", "v_proj", "up_proj")
ROWS = ("o_proj", "down_proj")
AXES = [
    *(f"*.{name}.weight=0" for name in COLUMNS),
    *(f"*.{name}.weight=1" for name in ROWS),
    "*embed_tokens.weight=0",
    "*=carry",
]
INDEX = "model.safetensors.index.json"


def tensors_of(path: str) -> dict[str, tuple[str, list[int], bytes]]:
    """Type, shape and bytes of all tensors, as the reference library reads them."""
    found = deserialize(Path(path).read_bytes())
    return {name: (t["dtype"], t["shape"], bytes(t["data"])) for name, t in found}


def metadata_of(path: str) -> dict[str, str] | None:
    with safe_open(path, "np") as file:
        found: dict[str, str] | None = file.metadata()
        return found


@pytest.fixture
def model() -> dict[str, np.ndarray]:
    """A small network of two layers in model.safetensors, in BF16 but for one scalar."""
    rng = np.random.default_rng(3)
    weights = {"model.embed_tokens.weight": (16, 8), "model.norm.weight": (8,)}
    for layer in range(2):
        for name in (*COLUMNS, *ROWS):
            shape = (8, 12) if name == "down_proj" else (12, 8) if name == "up_proj" else (8, 8)
            weights[f"model.layers.{layer}.{name}.weight"] = shape
        weights[f"model.layers.{layer}.input_layernorm.weight"] = (8,)
    arrays = {
        name: rng.standard_normal(shape).astype(ml_dtypes.bfloat16)
        for name, shape in weights.items()
    }
    arrays["model.step"] = np.array(7)
    for name, array in arrays.items():
        cs.feed(f"parts/{name}.safetensors::{name}", array)
    _merge(arrays, "model.safetensors", {"format": "pt"})
    return arrays


def _merge(arrays: dict[str, np.ndarray], path: str, metadata: dict[str, str]) -> None:
    """A file of arrays that safetensors.numpy itself cannot write, since NumPy lacks BF16."""
    said: dict[str, object] = {"__metadata__": metadata}
    at = 0
    for name, array in arrays.items():
        kind = "BF16" if array.dtype == ml_dtypes.bfloat16 else "I64"
        offsets = [at, at + array.nbytes]
        said[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
        at += array.nbytes
    text = json.dumps(said).encode()
    data = b"".join(array.tobytes() for array in arrays.values())
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_a_checkpoint_goes_to_ranks_and_back(model: dict[str, np.ndarray]) -> None:
    cs.split("model.safetensors", "rank{index}.safetensors", axis=AXES, parts=RANKS)
    ranks = [f"rank{rank}.safetensors" for rank in range(RANKS)]
    for rank, path in enumerate(ranks):
        assert metadata_of(path) == {"format": "pt"}
        found = tensors_of(path)
        assert sorted(found) == sorted(model)
        for name, array in model.items():
            axis = 1 if any(row in name for row in ROWS) else 0
            is_cut = any(part in name for part in (*COLUMNS, *ROWS, "embed"))
            part = np.split(array, RANKS, axis)[rank] if is_cut else array
            assert found[name][1:] == (list(part.shape), part.tobytes())
    cs.concat(ranks, "again.safetensors", axis=AXES)
    assert tensors_of("again.safetensors") == tensors_of("model.safetensors")
    assert metadata_of("again.safetensors") == {"format": "pt"}


def test_a_rank_that_differs_in_what_is_carried_is_refused(model: dict[str, np.ndarray]) -> None:
    cs.split("model.safetensors", "rank{index}.safetensors", axis=AXES, parts=2)
    other = np.zeros(8, ml_dtypes.bfloat16)
    cs.feed("rank1.safetensors::model.norm.weight", other, force=True)
    with pytest.raises(MalformedInput, match=r"'model.norm.weight'.*rank1.safetensors.*--carry"):
        cs.concat(["rank0.safetensors", "rank1.safetensors"], "y.safetensors", axis=AXES)
    assert not Path("y.safetensors").exists()


@pytest.mark.usefixtures("model")
def test_a_checkpoint_is_sharded_and_merged(made: str) -> None:
    most = 700
    template = "out/model-{index:05d}-of-{count:05d}." + made
    result = cs.split("model.safetensors", template, by_array=True, max_bytes=most)
    wanted = tensors_of("model.safetensors")
    files = sorted(Path("out").glob(f"*.{made}"))
    assert len(files) > 2
    order = [array.name for array in result.arrays]
    assert order == [blob.ref.partition("::")[2] for blob in cs_blobs("model.safetensors")]
    held = [sum(blob.nbytes for blob in cs.info(str(file))) for file in files]
    assert max(held) <= most
    assert sum(held) == sum(len(data) for *_, data in wanted.values())
    assert Path("out", INDEX).exists() == (made == "safetensors")
    notes = [note for note in result.notes if "BF16" in note or "bfloat16" in note]
    assert len(notes) == (made != "safetensors"), "one note, not one an array"
    if made.startswith("zarr"):
        for blob in (blob for file in files for blob in cs.info(str(file))):
            found = by_tensorstore(blob.ref).tobytes()
            assert found == wanted.pop(blob.ref.partition("::")[2])[2]
        assert not wanted
        return
    if made != "safetensors":
        assert sum(len(read(str(file))) for file in files) == len(wanted)
        return
    index = json.loads(Path("out", INDEX).read_text())
    assert index["metadata"] == {"total_size": sum(held)}
    for name, file in index["weight_map"].items():
        assert tensors_of(f"out/{file}")[name] == wanted[name]
    cs.concat([f"out/{INDEX}"], "merged.safetensors")
    assert tensors_of("merged.safetensors") == wanted
    assert metadata_of("merged.safetensors") == {"format": "pt"}
    assert cs.diff(f"out/{INDEX}", "model.safetensors").equal
    assert len(cs.info(f"out/{INDEX}")) == len(wanted)


def cs_blobs(path: str) -> list:
    """The arrays of a file in the order in which they lie."""
    header = json.loads(Path(path).read_bytes()[8:].partition(b"}}")[0] + b"}}")
    header.pop("__metadata__")
    names = sorted(header, key=lambda name: header[name]["data_offsets"])
    blobs = {blob.ref.partition("::")[2]: blob for blob in cs.info(path)}
    return [blobs[name] for name in names]


@pytest.mark.usefixtures("model")
def test_shards_are_shared_out_anew_and_undone() -> None:
    cs.split("model.safetensors", "a-{index}-of-{count}.safetensors", by_array=True, max_bytes=500)
    manifest = "m.json"
    cs.split("a.safetensors.index.json", "b/", by_array=True, max_bytes=900, manifest=manifest)
    assert sorted(path.name for path in Path("b").iterdir())[-1] == "a.safetensors.index.json"
    assert cs.verify(manifest).exit_code == 0
    with pytest.raises(UsageError, match=r"index.json::.* no format that is written.*-o"):
        cs.undo(manifest)
    cs.undo(manifest, "again.safetensors")
    assert tensors_of("again.safetensors") == tensors_of("model.safetensors")
    assert metadata_of("again.safetensors") == {"format": "pt"}


@pytest.mark.usefixtures("model")
def test_ranks_are_cut_straight_from_the_shards_of_an_index() -> None:
    cs.split("model.safetensors", "m-{index}.safetensors", by_array=True, max_bytes=600)
    cs.split("m.safetensors.index.json", "r{index}.safetensors", axis=AXES, parts=2)
    cs.split("model.safetensors", "s{index}.safetensors", axis=AXES, parts=2)
    for rank in range(2):
        assert (
            Path(f"r{rank}.safetensors").read_bytes() == Path(f"s{rank}.safetensors").read_bytes()
        )


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("outputs", "name"),
    [
        ("{index}.safetensors", "model.safetensors.index.json"),
        ("llama2-{index:05d}-of-{count:05d}.safetensors", "llama2.safetensors.index.json"),
        ("new/{stem}_{start}-{stop}.safetensors", "new/model.safetensors.index.json"),
        ("new/", "new/model.safetensors.index.json"),
        ("part{index}/w.safetensors", None),
        (["one.safetensors", "two.safetensors"], None),
    ],
    ids=str,
)
def test_the_name_of_an_index_is_that_of_its_files(outputs: str | list, name: str | None) -> None:
    cs.split("model.safetensors", outputs, by_array=True, max_bytes=1200)
    assert [str(path) for path in sorted(Path().rglob("*.json"))] == ([name] if name else [])


@pytest.mark.usefixtures("model")
def test_an_index_is_an_output_like_others() -> None:
    Path(INDEX).write_text("mine")
    template = "model-{index}.safetensors"
    options = {"by_array": True, "max_bytes": 600}
    with pytest.raises(OutputExists, match=r"index.*--force"):
        cs.split("model.safetensors", template, **options)
    assert not list(Path().glob("model-*"))
    with pytest.raises(NameCollision, match="manifest"):
        cs.split("model.safetensors", template, **options, manifest=INDEX, force=True)
    cs.split("model.safetensors", template, **options, force=True)
    with pytest.raises(OutputIsInput):
        cs.split(INDEX, "model_{index}.safetensors", **options, force=True)
    result = cs.split("model.safetensors", "new-{index}.safetensors", **options, dry_run=True)
    assert result.notes == ("new.safetensors.index.json will list what the outputs hold",)
    assert not list(Path().glob("new*"))
    cs.split("model.safetensors", "new-{index}.safetensors", **options, only="0")
    assert [path.name for path in Path().glob("new*")] == ["new-0.safetensors"]


def test_a_copy_and_a_part_have_each_attribute_once() -> None:
    """Bounds are in the units of their coordinate, which they repeat only where it is not."""
    with h5py.File("x.h5", "w") as file:
        file["time"], file["time_bnds"] = np.arange(3.0), np.zeros((3, 2))
        file["time"].attrs.update({"units": "days since 2000-01-01", "bounds": "time_bnds"})
    cs.concat(["x.h5"], "copy.h5")
    cs.split("x.h5", "part{index}.h5", by_array=True, max_bytes=50)
    with h5py.File("copy.h5") as file:
        assert dict(file["time_bnds"].attrs) == {}
        assert file["time"].attrs["units"] == "days since 2000-01-01"
    with h5py.File("part1.h5") as file:
        assert dict(file["time_bnds"].attrs) == {"units": "days since 2000-01-01"}


def test_an_array_that_does_not_fit_the_format_is_named() -> None:
    with h5py.File("x.h5", "w") as file:
        file["fits"], file["times"] = np.zeros(3), np.zeros(3, "c16")
    with pytest.raises(UnsupportedDtype, match=r"y.safetensors::times: dtype complex128"):
        cs.concat(["x.h5"], "y.safetensors")


def test_an_array_that_does_not_divide_is_named() -> None:
    save_file({"a": np.zeros((4, 2)), "b": np.zeros((2, 3))}, "x.safetensors")
    with pytest.raises(UsageError, match=r"array 'b': .*length 3 does not divide into 2"):
        cs.split("x.safetensors", "r{index}.safetensors", axis=["*=1"], parts=2)


def test_a_large_array_is_alone_in_its_file() -> None:
    arrays = {"a": np.zeros(2), "b": np.zeros(100), "c": np.zeros(2), "d": np.zeros(2)}
    save_file(arrays, "x.safetensors")
    result = cs.split("x.safetensors", "{index}.safetensors", by_array=True, max_bytes=32)
    assert "'b' is larger than --max-bytes" in result.notes[0]
    assert [sorted(read(f"{i}.safetensors")) for i in range(3)] == [["a"], ["b"], ["c", "d"]]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "--by-array goes with --max-bytes"),
        ({"max_bytes": 0}, "--max-bytes 0"),
        ({"max_bytes": 9, "axis": 1}, "--by-array cuts no array"),
        ({"max_bytes": 9, "parts": 2}, "two ways to cut"),
        ({"max_bytes": 9, "output": "{array}.npy"}, "leave {array} out"),
        ({"max_bytes": 9, "output": ["y.safetensors"]}, "1 output name for 2 parts"),
        ({"max_bytes": 9, "output": "{index}.npy"}, "holds one array"),
    ],
    ids=str,
)
def test_wrong_ways_to_share_out(options: dict, what: str) -> None:
    save_file({"a": np.zeros(2), "b": np.zeros(2)}, "x.safetensors")
    output = options.pop("output", "y{index}.safetensors")
    with pytest.raises(UsageError, match=what):
        cs.split("x.safetensors", output, by_array=True, **options)
    assert [path.name for path in Path().iterdir()] == ["x.safetensors"]


def test_a_bare_array_cannot_be_shared_out() -> None:
    save_file({"a": np.zeros(2), "b": np.zeros(2)}, "x.safetensors")
    for ref in ("x.safetensors::a", np.zeros(3)):
        with pytest.raises(UsageError, match=r"one array|is an array"):
            cs.split(ref, "y{index}.safetensors", by_array=True, max_bytes=8)
    with pytest.raises(UsageError, match="several inputs"):
        cs.reshard(["x.safetensors"] * 2, "y{index}.safetensors", by_array=True, max_bytes=8)


def test_texts_of_the_file_travel_between_formats() -> None:
    save_file({"a": np.zeros(2), "b": np.zeros(2)}, "x.safetensors", metadata={"format": "pt"})
    cs.concat(["x.safetensors"], "x.h5")
    with h5py.File("x.h5", "a") as file:
        assert dict(file.attrs) == {"format": "pt"}
        file.attrs["epoch"] = 3
        file.attrs["betas"] = [0.9, 0.5]
    result = cs.concat(["x.h5"], "y.safetensors")
    assert metadata_of("y.safetensors") == {"format": "pt", "epoch": "3", "betas": "[0.9, 0.5]"}
    assert sum("written as text" in note for note in result.notes) == 2
    cs.concat(["x.h5"], "none.safetensors", attrs="none")
    assert metadata_of("none.safetensors") is None
    save_file({"a": np.zeros(2), "b": np.zeros(2)}, "z.safetensors", metadata={"format": "tf"})
    cs.concat(["x.safetensors", "z.safetensors"], "common.safetensors", attrs="common")
    assert metadata_of("common.safetensors") is None
    cs.concat(["x.safetensors", "z.safetensors"], "first.safetensors")
    assert metadata_of("first.safetensors") == {"format": "pt"}
