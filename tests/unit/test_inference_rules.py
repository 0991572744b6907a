"""Shape, dtype and cost inference: what NumPy does, and what messages say where it does not fit."""

from __future__ import annotations

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.array.inference import infer_cost, infer_dtype, split_info_of
from concatsplit_core.array.low_precision import low_precision_named
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.errors import (
    AxisError,
    DtypeMismatch,
    ShapeMismatch,
    UnsupportedDtype,
    UsageError,
)

NAMES = ["a.npy", "b.npy", "c.npy"]


def specs(*shapes: tuple, dtype: object = "<f4") -> list[ArraySpec]:
    return [ArraySpec(shape, np.dtype(dtype)) for shape in shapes]


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        ([(2, 3)], 0),
        ([(2, 3), (2, 5)], 1),
        ([(2, 3), (2, 5)], -1),
        ([(0, 3), (4, 3)], -2),
        ([(3,), (0,), (2,)], 0),
        ([(2, 3, 4)] * 3, 1),
    ],
)
def test_concat(shapes: list, axis: int) -> None:
    whole, split_info = cs.infer_concat(specs(*shapes), axis)
    arrays = [np.empty(shape, "<f4") for shape in shapes]
    assert whole.shape == np.concatenate(arrays, axis).shape
    assert split_info.tolist() == [shape[axis] for shape in shapes]
    assert split_info.dtype == np.dtype("<i4")


@pytest.mark.parametrize("axis", range(-3, 3))
def test_stack(axis: int) -> None:
    whole, split_info = cs.infer_concat(specs((2, 3), (2, 3)), axis, add_axis=True)
    assert whole.shape == np.stack([np.empty((2, 3))] * 2, axis).shape
    assert split_info.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("shapes", "axis", "add_axis", "error", "message"),
    [
        (
            [(4, 5), (4, 5), (4, 6)],
            0,
            False,
            ShapeMismatch,
            "input 2 (c.npy): shape (4, 6) differs from input 0 (a.npy) (4, 5) on axis 1: "
            "6 against 5; only axis 0 may differ",
        ),
        (
            [(4, 5), (4, 6)],
            0,
            True,
            ShapeMismatch,
            "input 1 (b.npy): shape (4, 6) differs from input 0 (a.npy) (4, 5) on axis 1: "
            "6 against 5; no axis may differ",
        ),
        (
            [(4, 5), (4, 5, 1)],
            0,
            False,
            ShapeMismatch,
            "input 1 (b.npy): shape (4, 5, 1) differs from input 0 (a.npy) (4, 5) in rank: "
            "3 axes against 2",
        ),
        ([(4, 5)], 2, False, AxisError, "axis 2 is out of range for input 0 (a.npy) with 2 axes"),
        ([(4, 5)], -4, True, AxisError, "axis -4 is out of range for the joined array with 3 axes"),
        ([()], 0, False, AxisError, "input 0 (a.npy) is 0-dimensional"),
        ([], 0, False, UsageError, "no inputs"),
    ],
)
def test_concat_refuses(shapes: list, axis: int, add_axis: bool, error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        cs.infer_concat(specs(*shapes), axis, add_axis, names=NAMES[: len(shapes)])
    assert message in str(caught.value)
    assert caught.value.exit_code == (3 if error is ShapeMismatch else 2)


def test_split_info_is_wide_where_it_has_to_be() -> None:
    assert split_info_of([1, 2**31 - 1]).dtype == np.dtype("<i4")
    assert split_info_of([1, 2**31]).dtype == np.dtype("<i8")
    whole, split_info = cs.infer_concat(specs((2**40, 3), (2**40, 3)))
    assert whole.shape == (2**41, 3)
    assert split_info.tolist() == [2**40] * 2


def test_split() -> None:
    parts = cs.infer_split(specs((4, 6))[0], [1, 0, 5], axis=-1)
    assert [part.shape for part in parts] == [(4, 1), (4, 0), (4, 5)]
    dropped = cs.infer_split(specs((3, 6))[0], [1, 1, 1], drop_axis=True)
    assert [part.shape for part in dropped] == [(6,)] * 3


@pytest.mark.parametrize(
    ("lengths", "drop_axis", "message"),
    [
        ([1, 2], False, "lengths [1, 2] sum to 3, but axis 0 has length 4"),
        ([5, -1], False, "lengths [5, -1]: a part cannot have length -1"),
        ([1, 2, 1], True, "part 1 has length 2 along axis 0"),
    ],
)
def test_split_refuses(lengths: list, drop_axis: bool, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        cs.infer_split(specs((4, 6))[0], lengths, drop_axis=drop_axis)
    assert message in str(caught.value)


def test_cost_is_caffe2s() -> None:
    cost = infer_cost(specs((2, 3), (2, 5)))
    assert (cost.flops, cost.bytes_moved, cost.params_bytes) == (16, 64, 0)


def dtypes(*names: str) -> list[np.dtype]:
    return [np.dtype(name) for name in names]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (("<f4", "<f4"), "<f4"),
        ((">f4", ">f4"), ">f4"),
        ((">f4", "<f4"), "=f4"),
        (("<M8[s]", "<M8[s]"), "<M8[s]"),
    ],
)
def test_one_dtype(found: tuple, expected: str) -> None:
    assert infer_dtype(dtypes(*found)) == np.dtype(expected)


@pytest.mark.parametrize(
    "found",
    [
        ("<i4", "<i8"),
        ("<i8", "<u8"),
        ("<f4", "<f8"),
        ("S3", "S4"),
        ("?", "u1"),
        ("M8[s]", "M8[ms]"),
    ],
)
def test_other_dtypes_are_refused_and_promoted(found: tuple) -> None:
    with pytest.raises(DtypeMismatch, match=r"input 1 \(b.npy\).*input 0 \(a.npy\)") as caught:
        infer_dtype(dtypes(*found), names=NAMES)
    assert caught.value.exit_code == 3
    assert "--promote" in str(caught.value)
    assert infer_dtype(dtypes(*found), promote=True) == np.result_type(*dtypes(*found))


def test_nothing_in_common() -> None:
    with pytest.raises(DtypeMismatch, match="common"):
        infer_dtype(dtypes("<f4", "M8[s]"), promote=True)


@pytest.mark.parametrize("casting", ["no", "equiv", "safe", "same_kind", "unsafe"])
@pytest.mark.parametrize(
    ("found", "to"),
    [("<f4", ">f4"), ("<f4", "<f8"), ("<f8", "<f4"), ("<f8", "<i4"), ("<c8", "<f4"), ("<i4", "?")],
)
def test_casting_is_numpys(found: str, to: str, casting: str) -> None:
    if np.can_cast(found, to, casting):
        assert infer_dtype(dtypes(found), dtype=np.dtype(to), casting=casting) == np.dtype(to)
    else:
        with pytest.raises(DtypeMismatch, match=f"input 0.*'{casting}'"):
            infer_dtype(dtypes(found), dtype=np.dtype(to), casting=casting)


@pytest.mark.parametrize(
    ("found", "to", "may"),
    [
        ("<f4", "bfloat16", True),
        ("<i4", "bfloat16", True),
        ("<c8", "bfloat16", False),
        ("bfloat16", "<f4", True),
        ("bfloat16", "<i4", False),
        ("bfloat16", "float8_e4m3fn", True),
        ("<f4", "int4", False),
        ("bfloat16", "int4", False),
        ("<i4", "int4", True),
        ("<i4", "uint4", False),
        ("uint4", "<i2", True),
        ("int4", "<i2", True),
        ("int2", "bfloat16", True),
    ],
)
def test_types_that_numpy_lacks_are_cast_by_the_same_rule(found: str, to: str, may: bool) -> None:
    given, wanted = (low_precision_named(name) or np.dtype(name) for name in (found, to))
    if may:
        assert infer_dtype([given], dtype=wanted) == wanted
    else:
        with pytest.raises(DtypeMismatch, match="'same_kind'; --casting unsafe"):
            infer_dtype([given], dtype=wanted)
    assert infer_dtype([given], dtype=wanted, casting="unsafe") == wanted


@pytest.mark.parametrize(
    ("values", "dtype", "casting"),
    [
        ([1.9, -1.9, 3e5], "<i4", "unsafe"),
        ([1, 2, 300], "<u1", "same_kind"),
        ([0.1, 1e300, np.inf], "<f4", "same_kind"),
        ([1, 0, 2], ">c16", "safe"),
        ([True, False, True], "<f8", "safe"),
    ],
)
def test_cast_values_are_numpys(tmp_path, values: list, dtype: str, casting: str) -> None:
    array = np.array(values)
    with np.errstate(all="ignore"):
        if not np.can_cast(array.dtype, dtype, casting):
            with pytest.raises(DtypeMismatch):
                cs.concat([array], str(tmp_path / "out.npy"), dtype=dtype, casting=casting)
            return
        expected = array.astype(dtype)
    cs.concat([array, array], str(tmp_path / "out.npy"), dtype=dtype, casting=casting)
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == np.dtype(dtype)
    assert found.tobytes() == expected.tobytes() * 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dtype": "O"}, UsageError),
        ({"dtype": "nonsense"}, UsageError),
        ({"dtype": "<f8", "promote": True}, UsageError),
        ({"casting": "loose"}, UsageError),
        ({"jobs": 0}, UsageError),
        ({"memory_order": "K"}, UsageError),
        ({"memory": "none"}, UsageError),
        ({"chunks": "some"}, UsageError),
    ],
    ids=str,
)
def test_options_refuse(tmp_path, options: dict, error: type) -> None:
    with pytest.raises(error):
        cs.concat([np.zeros(3, "<f4")], str(tmp_path / "out.npy"), **options)
    assert list(tmp_path.iterdir()) == []


def test_objects_are_refused(tmp_path) -> None:
    with pytest.raises(UnsupportedDtype, match="input 0"):
        cs.concat([np.array([object()])], str(tmp_path / "out.npy"))
