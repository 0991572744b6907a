"""The safetensors format against its own library: types, order, headers, attributes, members."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import h5py
import ml_dtypes
import numpy as np
import pytest
from click.testing import CliRunner
from conformance.arrays import NUMBERS, SWAPPED, Row, assert_same, concatenated, make, native
from conformance.base import FormatConformance
from safetensors import deserialize, safe_open
from safetensors.numpy import load_file, save_file

import concatsplit_core as cs
from concatsplit_cli.main import main
from concatsplit_core.foundation.errors import (
    AmbiguousContainer,
    DtypeMismatch,
    InputUnavailable,
    MalformedInput,
    OutputExists,
    UnsupportedDtype,
    UsageError,
)

TYPES = tuple(name for name in NUMBERS if name != "<c16")
LOW = {
    # type, bytes and elements of an item, and ml_dtypes' name
    "BF16": (2, 1, "bfloat16"),
    "F8_E5M2": (1, 1, "float8_e5m2"),
    "F8_E4M3": (1, 1, "float8_e4m3fn"),
    "F8_E8M0": (1, 1, "float8_e8m0fnu"),
    "F8_E4M3FNUZ": (1, 1, "float8_e4m3fnuz"),
    "F8_E5M2FNUZ": (1, 1, "float8_e5m2fnuz"),
    "F6_E2M3": (3, 4, ""),
    "F6_E3M2": (3, 4, ""),
    "F4": (1, 2, ""),
}
CAST = [kind for kind, (_, _, name) in LOW.items() if name]


def write(path: Path, tensors: dict[str, tuple], metadata: dict | None = None) -> str:
    """A file of tensors of any type: name to type, shape and bytes."""
    said: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    at = 0
    for name, (kind, shape, data) in tensors.items():
        said[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(said).encode()
    data = b"".join(data for *_, data in tensors.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return str(path)


def tensors_of(path: str | Path) -> dict[str, tuple[str, list[int], bytes]]:
    """Type, shape and bytes of all tensors, as the reference library reads them."""
    found = deserialize(Path(path).read_bytes())
    return {name: (t["dtype"], t["shape"], bytes(t["data"])) for name, t in found}


class TestSafetensors(FormatConformance):
    """Written and read by safetensors.numpy."""

    output = ".safetensors"
    member = "data"
    dtypes: ClassVar[tuple] = TYPES
    layouts: ClassVar[tuple] = (Row("plain"), Row("wide", "<i8"), Row("bytes", "u1"))

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        save_file({"w": array, "odd": np.arange(3, dtype="u1")}, path.with_suffix(".safetensors"))
        return f"{path.with_suffix('.safetensors')}::w"

    def read(self, ref: str) -> np.ndarray:
        path, _, member = ref.partition("::")
        return load_file(path)[member or "data"]


@pytest.mark.parametrize("dtype", SWAPPED)
def test_numbers_are_written_little_endian(tmp_path: Path, dtype: str) -> None:
    array, out = make(dtype, (3, 4)), str(tmp_path / "y.safetensors")
    if dtype == ">c16":
        with pytest.raises(UnsupportedDtype, match=r"complex128.*safetensors"):
            cs.concat([array], out)
        return
    cs.concat([array, array], out, axis=1, manifest=tmp_path / "m.json")
    assert_same(load_file(out)["data"], native(concatenated([array, array], 1)))
    assert cs.info(out)[0].dtype == np.dtype(dtype).newbyteorder("<").str


@pytest.mark.parametrize("dtype", ["S5", "<U4", "<M8[ns]", "<c16", [("a", "<f4")], "V7"], ids=str)
def test_other_dtypes_are_refused(tmp_path: Path, dtype: object) -> None:
    with pytest.raises(UnsupportedDtype, match=r"cannot be stored in safetensors.*--dtype"):
        cs.concat([make(np.dtype(dtype), (3,))], str(tmp_path / "y.safetensors"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}, {"ü": "ß\n\0"}], ids=str)
def test_a_file_is_the_one_the_reference_writes(tmp_path: Path, metadata: dict | None) -> None:
    arrays = {f"{kind}-{i}": make(kind, (2, 3), i) for i in range(2) for kind in TYPES}
    arrays |= {"scalar": np.array(1.5), "empty": np.empty((0, 3)), 'größe\t\\"': np.arange(3)}
    save_file(arrays, tmp_path / "a.safetensors", metadata=metadata)
    cs.concat([str(tmp_path / "a.safetensors")], str(tmp_path / "y.safetensors"))
    wanted = (tmp_path / "a.safetensors").read_bytes()
    if metadata == {}:
        wanted = wanted.replace(b'"__metadata__":{},', b"")
        assert tensors_of(tmp_path / "y.safetensors") == tensors_of(tmp_path / "a.safetensors")
        return
    assert (tmp_path / "y.safetensors").read_bytes() == wanted


@pytest.mark.parametrize("kind", LOW)
@pytest.mark.parametrize("axis", [0, 1])
def test_types_that_numpy_has_not_are_joined_and_cut(tmp_path: Path, kind: str, axis: int) -> None:
    nbytes, elements, _ = LOW[kind]
    items = make("u1", (4, 3, nbytes))
    ref = write(tmp_path / "a.safetensors", {"w": (kind, (4, 3 * elements), items.tobytes())})
    joined, parts = tmp_path / "y.safetensors", str(tmp_path / "{index}.safetensors")
    cs.concat([ref, ref], str(joined), axis=axis)
    wanted = np.concatenate([items, items], axis)
    shape = [wanted.shape[0], wanted.shape[1] * elements]
    assert tensors_of(joined) == {"w": (kind, shape, wanted.tobytes())}
    cs.split(ref, parts, axis=axis, at=[2])
    for index, part in enumerate(np.split(items, [2], axis)):
        shape = [part.shape[0], part.shape[1] * elements]
        found = tensors_of(tmp_path / f"{index}.safetensors")
        assert found == {"w": (kind, shape, part.tobytes())}


@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
@pytest.mark.parametrize("kind", LOW)
def test_other_formats_keep_them_under_their_name(tmp_path: Path, kind: str, suffix: str) -> None:
    nbytes, elements, name = LOW[kind]
    data = make("u1", (4, 3, nbytes)).tobytes()
    ref = write(tmp_path / "a.safetensors", {"w": (kind, (4, 3 * elements), data)})
    there = str(tmp_path / f"there.{suffix}")
    result = cs.concat([ref], there)
    is_own = suffix == "zarr" and name
    assert (name if is_own else kind) in result.notes[0]
    assert ("but TensorStore does" if is_own else "raw items") in result.notes[0]
    assert cs.info(there)[0].dtype.startswith(kind)
    cs.concat([there], str(tmp_path / "back.safetensors::w"))
    assert tensors_of(tmp_path / "back.safetensors") == tensors_of(ref)
    field = f"{kind}_x{elements}" if elements > 1 else kind
    if suffix == "npy":
        assert np.load(there).dtype == np.dtype([(field, f"V{nbytes}")])
    elif suffix == "h5":
        with h5py.File(there) as file:
            assert file["data"].dtype.names == (field,)


@pytest.mark.parametrize("kind", CAST)
def test_numbers_are_cast_by_ml_dtypes(tmp_path: Path, kind: str) -> None:
    numbers = np.array([[0.5, 1, 2], [4, 8, 16]], getattr(ml_dtypes, LOW[kind][2]))
    ref = write(tmp_path / "a.safetensors", {"w": (kind, (2, 3), numbers.tobytes())})
    assert_same(cs.fetch(ref).view("V1"), numbers.view("V1"))
    cs.concat([ref], str(tmp_path / "y.npy"), dtype="float32")
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), numbers.astype("f4"))
    for number, name in enumerate((kind, kind.lower(), LOW[kind][2], numbers.dtype)):
        out = tmp_path / f"{number}.safetensors"
        cs.concat([str(tmp_path / "y.npy")], f"{out}::w", dtype=name)
        assert tensors_of(out) == tensors_of(ref)
    cs.concat([numbers], str(tmp_path / "memory.safetensors::w"))
    assert tensors_of(tmp_path / "memory.safetensors") == tensors_of(ref)


def test_bf16_joined_with_float32_is_promoted_on_request(tmp_path: Path) -> None:
    numbers = np.arange(4).astype(ml_dtypes.bfloat16)
    ref = write(tmp_path / "a.safetensors", {"w": ("BF16", (4,), numbers.tobytes())})
    single = np.linspace(0, 1, 3, dtype="f4")
    with pytest.raises(DtypeMismatch, match=r"dtype float32 differs from .* BF16; give --promote"):
        cs.concat([ref, single], str(tmp_path / "y.npy"))
    cs.concat([ref, single], str(tmp_path / "y.npy"), promote=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.append(numbers, single))


def test_numbers_of_low_precision_are_compared_by_value(tmp_path: Path) -> None:
    numbers = np.array([0, 1.5, -2, np.nan], ml_dtypes.bfloat16)
    ref = write(tmp_path / "a.safetensors", {"w": ("BF16", (4,), numbers.tobytes())})
    single = numbers.astype("f4")
    found = cs.diff(ref, single)
    assert (found.elements, found.equal) == (0, False)  # the dtype differs
    assert cs.diff(ref, single, rtol=1e-6).equal
    single[1] = 1.75
    found = cs.diff(ref, single)
    assert found.first is not None
    assert (found.first.index, found.first.a, found.first.b) == ((1,), 1.5, 1.75)
    assert cs.diff(ref, single, rtol=0.2).equal
    other = write(tmp_path / "b.safetensors", {"w": ("F8_E4M3", (4,), bytes(4))})
    found = cs.diff(other, write(tmp_path / "c.safetensors", {"w": ("F4", (8,), bytes(4))}))
    assert found.elements == 4


def test_a_plan_shows_the_name_of_the_type(tmp_path: Path) -> None:
    ref = write(tmp_path / "a.safetensors", {"w": ("BF16", (4,), bytes(8))})
    shown = CliRunner().invoke(main, ["concat", ref, "-o", str(tmp_path / "y.npy"), "--dry-run"])
    assert "BF16 " in shown.stdout
    assert "V2" not in shown.stdout
    told = CliRunner().invoke(main, ["info", ref, "--json"])
    assert json.loads(told.stdout)["blobs"][0]["dtype"] == "BF16"


def test_types_of_one_size_are_not_mixed(tmp_path: Path) -> None:
    refs = [
        write(tmp_path / f"{kind}.safetensors", {"w": (kind, (4,), bytes(4))})
        for kind in ("F8_E4M3", "F8_E5M2")
    ]
    with pytest.raises(DtypeMismatch, match=r"F8_E5M2 differs from .* F8_E4M3"):
        cs.concat(refs, str(tmp_path / "y.safetensors"))


def test_a_cast_without_ml_dtypes_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    ref = write(tmp_path / "a.safetensors", {"w": ("BF16", (2,), bytes(4))})
    with pytest.raises(DtypeMismatch, match=r"BF16.*pip install 'concatsplit\[ml-dtypes\]'"):
        cs.concat([ref], str(tmp_path / "y.npy"), dtype="float32")
    assert cs.fetch(ref).dtype == np.dtype([("BF16", "V2")])
    cs.concat([ref, ref], str(tmp_path / "y.safetensors"))
    assert tensors_of(tmp_path / "y.safetensors")["w"][:2] == ("BF16", [4])


def test_packed_elements_are_not_cast(tmp_path: Path) -> None:
    ref = write(tmp_path / "a.safetensors", {"w": ("F4", (4,), bytes(2))})
    with pytest.raises(DtypeMismatch, match="F4 packs 2 elements"):
        cs.concat([ref], str(tmp_path / "y.npy"), dtype="float32")


def test_members_are_added_and_replaced(tmp_path: Path) -> None:
    out = tmp_path / "y.safetensors"
    a, b = make("<f4", (3, 4)), make("u1", (5,))
    save_file({"a": a}, out, metadata={"format": "pt"})
    cs.feed(f"{out}::b", b)
    with pytest.raises(OutputExists, match="--force"):
        cs.feed(f"{out}::a", b)
    found = load_file(out)
    assert_same(found["a"], a)
    assert_same(found["b"], b)
    cs.feed(f"{out}::a", b, force=True)
    cs.concat([f"{out}::a", f"{out}::b"], f"{out}::c", split_info=f"{out}::lengths")
    found = load_file(out)
    assert sorted(found) == ["a", "b", "c", "lengths"]
    assert_same(found["a"], b)
    assert_same(found["c"], concatenated([b, b], 0))
    assert found["lengths"].tolist() == [5, 5]
    with safe_open(out, "np") as file:
        assert file.metadata() == {"format": "pt"}


def test_members_are_listed(tmp_path: Path) -> None:
    path = str(tmp_path / "a.safetensors")
    save_file({"x": make("<f4", (4, 3)), "a/y": make("<i2", (2,))}, path)
    assert [(b.ref, b.shape, b.dtype) for b in cs.info(path)] == [
        (f"{path}::a/y", (2,), "<i2"),
        (f"{path}::x", (4, 3), "<f4"),
    ]
    with pytest.raises(AmbiguousContainer, match="x, a/y"):
        cs.fetch(path)
    with pytest.raises(InputUnavailable, match=r"no tensor 'z'.*x, a/y"):
        cs.fetch(f"{path}::z")


@pytest.mark.parametrize(
    "option",
    [{"chunks": (2, 2)}, {"codec": "zstd:3"}, {"memory_order": "F"}, {"checksum": "crc32c"}],
    ids=str,
)
def test_refuses_what_the_format_has_not(tmp_path: Path, option: dict) -> None:
    with pytest.raises(UsageError, match="safetensors"):
        cs.concat([make("<f4", (4, 4))], str(tmp_path / "y.safetensors"), **option)
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_the_attributes_is_no_name_of_an_array(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="__metadata__"):
        cs.feed(str(tmp_path / "y.safetensors::__metadata__"), make("<f4", (4, 4)))
    assert list(tmp_path.iterdir()) == []


def test_elements_of_a_large_part_lie_in_blocks_as_in_the_input(tmp_path: Path) -> None:
    """Then XFS and btrfs share them between the files, which takes no time and no room."""
    array = make("<f4", (3, 1 << 17))
    save_file({"pad": np.arange(3), "w": array}, tmp_path / "a.safetensors")
    source = (tmp_path / "a.safetensors").read_bytes().index(array.tobytes())
    result = cs.split(
        f"{tmp_path / 'a.safetensors'}::w", str(tmp_path / "{index}.safetensors"), parts=3
    )
    assert set(result.plan.routes) == {"kernel"}
    for index, part in enumerate(array):
        path = tmp_path / f"{index}.safetensors"
        assert_same(load_file(path)["data"], part[None])
        start = path.stat().st_size - part.nbytes
        assert (start - source) % 4096 == 0
    cs.feed(f"{path}::a", np.arange(5))  # what is kept lies as before
    data = path.read_bytes()
    assert (data.index(array[2].tobytes()) - source) % 4096 == 0
    assert load_file(path)["a"].tolist() == [0, 1, 2, 3, 4]


def test_a_single_tensor_keeps_its_name_and_the_file_its_texts(tmp_path: Path) -> None:
    for name in "ab":
        save_file({"w": np.arange(3)}, tmp_path / f"{name}.safetensors", metadata={"format": "pt"})
    refs = [str(tmp_path / f"{name}.safetensors") for name in "ab"]
    out = tmp_path / "y.safetensors"
    cs.concat(refs, str(out))
    assert load_file(out)["w"].tolist() == [0, 1, 2, 0, 1, 2]
    with safe_open(out, "np") as file:
        assert file.metadata() == {"format": "pt"}
    save_file({"v": np.arange(3)}, tmp_path / "b.safetensors")
    with pytest.raises(MalformedInput, match="lacks w"):
        cs.concat(refs, str(tmp_path / "z.safetensors"))
    cs.concat([f"{ref}::{name}" for ref, name in zip(refs, "wv", strict=True)], f"{out}::both")
    assert sorted(load_file(out)) == ["both", "w"]
