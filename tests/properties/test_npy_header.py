"""The .npy header: agrees with numpy.lib.format, and says no to anything else in our own terms."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import Literal

import numpy as np
from examples import examples
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats import npy_header
from concatsplit_core.formats.npy_header import format_header, parse_header, parse_literal
from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.stores.files import SHARED_BLOCK

try:
    WRITE_HEADER = np.lib.format._write_array_header
except AttributeError:  # NumPy 2.3 moved it
    WRITE_HEADER = import_module("numpy.lib._format_impl")._write_array_header

SIMPLE = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?"),
    npst.complex_number_dtypes(endianness="?"),
    npst.byte_string_dtypes(endianness="?"),
    npst.unicode_string_dtypes(endianness="?"),
    npst.datetime64_dtypes(endianness="?"),
    npst.timedelta64_dtypes(endianness="?"),
)
DTYPES = st.one_of(
    SIMPLE, npst.array_dtypes(SIMPLE), npst.nested_dtypes(SIMPLE, max_leaves=6, max_itemsize=400)
)
SHAPES = st.lists(st.integers(0, 1 << 40), max_size=5).map(tuple)


def header_of(dtype: np.dtype, shape: tuple, fortran: bool, version: tuple | None) -> bytes:
    """The header that NumPy writes."""
    facts = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": fortran,
        "shape": shape,
    }
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        WRITE_HEADER(file, facts, version)
    return file.getvalue()


@examples(150)
@given(DTYPES, SHAPES, st.booleans(), st.sampled_from([None, (1, 0), (2, 0), (3, 0)]))
def test_valid_headers(dtype: np.dtype, shape: tuple, fortran: bool, version: tuple | None) -> None:
    if dtype.subdtype is not None:
        dtype, fortran = np.dtype([("f", dtype)]), False
    try:
        start = header_of(dtype, shape, fortran, version)
    except (ValueError, UnicodeEncodeError):
        start = header_of(dtype, shape, fortran, (3, 0))
    found = parse_header(start + b"data behind it", "x.npy")
    assert found.spec.shape == shape
    assert found.spec.dtype == dtype
    assert found.spec.order == ("F" if fortran and len(shape) > 1 else "C")
    assert found.data_offset == len(start)


USUAL = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }"


@examples(300)
@given(
    st.sampled_from(["<f8", "|b1", "<M8[ns]", "f8", "\\\\x3cf8", "<f\u0668", "<S9", ""]),
    st.sampled_from(
        ["", "3,", "3", "3, 4", "3, 4,", "03,", "-1,", "3,4", "\u0663,", "9" * 30 + ","]
    ),
    st.integers(0, len(USUAL)),
    st.text("'{}(), :1aTF<\\0\n", max_size=2),
    st.integers(0, 3),
)
def test_the_short_way_through_a_header_leads_where_the_long_one_does(
    descr: str, shape: str, at: int, put: str, dropped: int
) -> None:
    text = USUAL.replace("<f8", descr).replace("3, 4", shape)
    for changed in (text, text[:at] + put + text[at + dropped :]):
        found = npy_header._as_numpy_writes(changed)
        assert found is None or found == parse_literal(changed)
    assert npy_header._as_numpy_writes(USUAL + "  \n") is not None


@examples(150)
@given(DTYPES, SHAPES, st.sampled_from("CF"))
@example(np.dtype([("f0", "?")]), (0, 10**6, 10**7, 10**9), "C")  # a multiple of 64 already
def test_written_headers_are_numpys(dtype: np.dtype, shape: tuple, order: str) -> None:
    if dtype.subdtype is not None:
        dtype = np.dtype([("f", dtype)])
    order = order if len(shape) > 1 else "C"
    written = format_header(ArraySpec(shape, dtype, Contiguous(order)))
    assert written == header_of(dtype, shape, order == "F", None)
    again = parse_header(written, "x.npy")
    assert again.spec == ArraySpec(shape, dtype, Contiguous(order, again.data_offset))


def refused_or_read(data: bytes) -> None:
    """Only our own errors come out of the parser."""
    assume(b"/" not in data)  # division by zero in NumPy ends the process: see tests/unit
    with suppress(ConcatsplitError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's on dtypes that it will not know for long
        header = parse_header(data, "x.npy")
        assert header.data_offset <= len(data)
        assert all(n >= 0 for n in header.spec.shape)
        assert not header.spec.dtype.hasobject


def with_text(text: str, version: int = 1) -> bytes:
    body = text.encode("utf-8", "replace")
    length = len(body).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + length + body


@examples(300)
@given(DTYPES, SHAPES, st.data())
def test_mutated_headers(dtype: np.dtype, shape: tuple, data: st.DataObject) -> None:
    if dtype.subdtype is not None:
        dtype = np.dtype([("f", dtype)])
    start = bytearray(header_of(dtype, shape, False, (3, 0)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(start) - 1))
        how = data.draw(st.sampled_from(("change", "remove", "repeat", "cut")))
        if how == "change":
            start[at] = data.draw(
                st.one_of(st.sampled_from(b"()[]{}',:0-9TF"), st.integers(0, 255))
            )
        elif how == "remove":
            del start[at : at + data.draw(st.integers(1, 8))]
        elif how == "repeat":
            start[at:at] = start[at : at + data.draw(st.integers(1, 8))]
        else:
            del start[at:]
        if not start:
            break
    refused_or_read(bytes(start))


@examples(200)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    refused_or_read(data)
    refused_or_read(b"\x93NUMPY\x01\x00" + data)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=6),
    st.sampled_from(["<f4", "|O", "O", "<M8[ns]", "i4,f8", "V0", "S", "(2,)f4", "T"]),
)
literals = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=12,
)


@examples(400)
@given(literals, st.one_of(literals, SHAPES), st.one_of(literals, st.booleans()))
@example((), (3,), False)
@example([("a",)], (3,), False)
@example([()], (3,), False)
@example(("<f4", (1 << 70,)), (3,), False)
@example(("<f4", (-1,)), (3,), False)
@example([("a", "<f4", -5)], (3,), False)
@example([("a", "<f4"), ("a", "<f4")], (3,), False)
@example([(("t", "a"), "<f4")], (3,), False)
@example("", (3,), False)
@example("<f4", (1 << 62, 1 << 62), False)
@example("<f4", (True,), False)
def test_well_formed_headers_of_anything(descr: object, shape: object, fortran: object) -> None:
    facts = {"descr": descr, "fortran_order": fortran, "shape": shape}
    refused_or_read(with_text(repr(facts), version=3))


@examples(200)
@given(literals)
def test_literals(value: object) -> None:
    assert parse_literal(repr(value)) == value


@examples(200)
@given(
    st.lists(st.integers(0, 1 << 40), max_size=6).map(tuple),
    st.sampled_from(["<f4", "|u1", ">i8", "V3", "S300"]),
    st.sampled_from("CF"),
    st.integers(0, 63).map(lambda n: 64 * n),
)
def test_a_header_may_bring_the_data_to_any_phase(
    shape: tuple, dtype: str, order: Literal["C", "F"], offset: int
) -> None:
    kept = order if len(shape) > 1 else "C"
    spec = ArraySpec(shape, np.dtype(dtype), Contiguous(kept))
    header = format_header(spec, offset)
    assert len(header) % SHARED_BLOCK == offset
    assert len(header) < len(format_header(spec)) + SHARED_BLOCK
    found = parse_header(header, "x")
    assert found.data_offset == len(header)
    assert found.spec == replace(spec, layout=Contiguous(kept, len(header)))
    file = io.BytesIO(header)
    assert np.lib.format.read_magic(file) == (1, 0)
    assert np.lib.format.read_array_header_1_0(file) == (shape, spec.order == "F", spec.dtype)


def test_a_header_that_numpy_would_refuse_is_not_padded() -> None:
    wide = np.dtype([(f"column {i:04}", "<f4") for i in range(350)])
    spec = ArraySpec((5,), wide)
    assert format_header(spec, 64) == format_header(spec)
