"""safetensors files that are damaged or hostile are refused, as the reference library does."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError, deserialize
from safetensors.numpy import load_file

import concatsplit_core as cs
from concatsplit_core.foundation.errors import MalformedInput, UnsafeContent


def file(text: str | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with this header and these data."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def entry(kind: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> str:
    """The description of one tensor."""
    return json.dumps({"dtype": kind, "shape": shape, "data_offsets": offsets, **more})


def one(*args: Any, data: bytes = bytes(8), **more: Any) -> bytes:
    """A file of one tensor."""
    return file(f'{{"a":{entry(*args, **more)}}}', data)


def two(first: tuple[int, int], second: tuple[int, int], nbytes: int) -> bytes:
    """A file of two tensors of bytes."""
    said = {
        name: {"dtype": "U8", "shape": [stop - start], "data_offsets": [start, stop]}
        for name, (start, stop) in (("a", first), ("b", second))
    }
    return file(json.dumps(said), bytes(nbytes))


REFUSED: dict[str, bytes] = {
    "cut in the header": one()[:30],
    "cut in the data": one()[:-1],
    "bytes behind the data": one() + b"\0",
    "no data": one(data=b""),
    "a header of 2^63 bytes": file('{"a":1}', length=1 << 63),
    "a header of 2^64 - 1 bytes": file('{"a":1}', length=(1 << 64) - 1),
    "no JSON": file("{what is this"),
    "an unclosed string": file('{"a'),
    "a list": file("[]"),
    "not UTF-8": file(b'{"\xff":' + entry().encode() + b"}", bytes(8)),
    "something behind the object": file(f'{{"a":{entry()}}} x', bytes(8)),
    "a second object": file(f'{{"a":{entry()}}}{{}}', bytes(8)),
    "NUL padding": file(f'{{"a":{entry()}}}\0\0', bytes(8)),
    "a trailing comma": file(f'{{"a":{entry()},}}', bytes(8)),
    "nested deeply": file('{"a":' + "{" * 9000 + "}" * 9000 + "}"),
    "lists nested deeply": file('{"a":{"dtype":"F32","shape":' + "[" * 3000, bytes(8)),
    "overlap": two((0, 8), (4, 12), 12),
    "the same bytes twice": two((0, 8), (0, 8), 8),
    "one inside the other": two((0, 8), (2, 4), 8),
    "a gap between": two((0, 4), (8, 12), 12),
    "a gap in front": two((4, 8), (8, 12), 12),
    "data that no tensor has": two((0, 4), (4, 8), 12),
    "offsets beyond the file": two((0, 4), (4, 80), 8),
    "offsets in descending order": one("F32", (2,), (8, 0)),
    "negative offsets": one("F32", (2,), (-8, 0)),
    "offsets of fractions": one("F32", (2,), (0.0, 8.0)),
    "offsets of booleans": one("U8", (1,), (False, True), data=b"1"),
    "one offset": one("F32", (2,), (0,)),
    "three offsets": one("F32", (2,), (0, 8, 8)),
    "huge offsets": one("F32", (2,), (1 << 64, (1 << 64) + 8)),
    "an offset of 5,000 digits": file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,' + "9" * 5000 + "]}}", b"1"
    ),
    "shape too small": one("F32", (1,)),
    "shape too large": one("F32", (3,)),
    "negative shape": one("F32", (-1, -2)),
    "shape of fractions": one("F32", (2.0,)),
    "shape of texts": one("F32", ("2",)),
    "shape is a number": one("F32", 2),
    "shape is null": one("F32", None),
    "shape wraps to the size": one("F32", ((1 << 62) + 2,)),
    "shape beyond 64 bits": one("F32", (1 << 64, 0), (0, 0), data=b""),
    "dtype unknown": one("F33"),
    "dtype in lower case": one("f32"),
    "dtype is a number": one(4),
    "dtype is a list": one(["F32"]),
    "half a byte": one("F4", (3,), (0, 1), data=b"1"),
    "no dtype": file('{"a":{"shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "no shape": file('{"a":{"dtype":"F32","data_offsets":[0,8]}}', bytes(8)),
    "no offsets": file('{"a":{"dtype":"F32","shape":[2]}}', bytes(8)),
    "tensor is a number": file('{"a":3}'),
    "tensor is null": file('{"a":null}'),
    "metadata is a list": file('{"__metadata__":[]}'),
    "metadata holds a number": file('{"__metadata__":{"a":1}}'),
    "metadata holds an object": file('{"__metadata__":{"a":{}}}'),
    "half a surrogate pair": file(f'{{"\\ud800":{entry()}}}', bytes(8)),
    "raw control character": file(f'{{"a\nb":{entry()}}}', bytes(8)),
    "an invalid escape": file(f'{{"\\x":{entry()}}}', bytes(8)),
}
"""Neither we nor the reference library read these."""

STRICTER: dict[str, bytes] = {
    "the same name twice": file(f'{{"a":{entry()},"a":{entry()}}}', bytes(8)),
    "a name twice, once escaped": file(f'{{"a":{entry()},"\\u0061":{entry()}}}', bytes(8)),
    "attributes with a name twice": file('{"__metadata__":{"k":"1","k":"2"}}'),
    "a key that is not known": one(what=1),
    "65 axes": one("F32", (2, *[1] * 64)),
    "an empty name": file(f'{{"":{entry()}}}', bytes(8)),
    "packed across rows": one("F4", (2, 3), (0, 3), data=b"123"),
}
"""The reference library reads these, or some versions of it; NumPy or the user could not tell."""


@pytest.mark.parametrize("what", [*REFUSED, *STRICTER])
def test_refused(tmp_path: Path, what: str) -> None:
    path, out = tmp_path / "x.safetensors", tmp_path / "y.npy"
    path.write_bytes({**REFUSED, **STRICTER}[what])
    with pytest.raises(MalformedInput, match=r"x\.safetensors"):
        cs.concat([f"{path}"], str(out))
    assert not out.exists()
    if what in REFUSED:
        with pytest.raises((SafetensorError, OverflowError, ValueError)):
            load_file(path)


READ: dict[str, bytes] = {
    "spaces behind the header": file(f'{{"a":{entry()}}}' + " " * 99, bytes(8)),
    "an odd length": file(f' {{ "a" : {entry()} }}'.strip() + " ", bytes(8)),
    "keys in another order": file(
        '{"a":{"data_offsets":[0,8],"shape":[2],"dtype":"F32"}}', bytes(8)
    ),
    "nothing in it but attributes": file(
        '{"__metadata__":{"a":"b"},"a":' + entry() + "}", bytes(8)
    ),
    "tensors in another order": two((4, 8), (0, 4), 8),
    "an empty tensor between": file(
        json.dumps(
            {
                "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                "b": {"dtype": "F32", "shape": [0, 5], "data_offsets": [8, 8]},
                "c": {"dtype": "F32", "shape": [], "data_offsets": [8, 12]},
            }
        ),
        bytes(12),
    ),
}


@pytest.mark.parametrize("what", READ)
def test_read_as_the_reference_does(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(READ[what])
    wanted = load_file(path)
    assert wanted
    for name, array in wanted.items():
        found = cs.fetch(f"{path}::{name}")
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found, array)


def test_a_file_without_tensors_holds_none(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(file("{}"))
    assert cs.info(str(path)) == []
    assert deserialize(path.read_bytes()) == []


def test_a_name_with_a_nul(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(file(f'{{"a\\u0000b":{entry()}}}', bytes(8)))
    with pytest.raises(UnsafeContent, match="NUL"):
        cs.concat([str(path)], str(tmp_path / "y.npy"))


@pytest.mark.parametrize("name", ["../../x", "/etc/x", ".", "a/../../b"])
def test_names_that_lead_out_of_an_output(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(
        file(
            json.dumps(
                {
                    name: {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                    "b": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]},
                }
            ),
            b"12",
        )
    )
    with pytest.raises(UnsafeContent, match="--members"):
        cs.concat([str(path)], f"{tmp_path}/out/{{array}}.npy")
    assert [each.name for each in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_header_of_more_than_a_hundred_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as sparse:
        sparse.write(file("{", length=100_000_001))
        sparse.truncate(100_000_100)
    tracemalloc.start()
    with pytest.raises(MalformedInput, match="100000001 bytes; 100000000 is the most"):
        cs.info(str(path))
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


def test_a_header_takes_no_more_memory_than_it_is_long(tmp_path: Path) -> None:
    """Lists of nothing, and pairs without end, would take many times as much as objects."""
    path = tmp_path / "x.safetensors"
    for text in ('{"a":' + "[[]," * 500_000, '{"__metadata__":{' + '"a":"",' * 300_000):
        path.write_bytes(file(text))
        tracemalloc.start()
        with pytest.raises(MalformedInput):
            cs.info(str(path))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * len(text)


def test_a_file_inside_a_tensor_is_no_file_of_another_format(tmp_path: Path) -> None:
    """HDF5 looks for its signature at 512 as well, where a tensor may hold a file of HDF5."""
    data = bytearray(2048)
    text = f'{{"a":{entry("U8", (2048,), (0, 2048))}}}'
    start = 512 - 8 - len(text)
    data[start : start + 8] = b"\x89HDF\r\n\x1a\n"
    path = tmp_path / "x.safetensors"
    path.write_bytes(file(text, bytes(data)))
    assert path.read_bytes()[512:520] == b"\x89HDF\r\n\x1a\n"
    assert cs.info(str(path))[0].format == "safetensors"
