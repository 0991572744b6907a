"""The whole operator family on files of any format and axis, against NumPy, to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from conformance.arrays import assert_same, concatenated, make, stacked
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from properties.test_results import LAYOUTS, OUTPUTS, folder, negative, read, write

import concatsplit_core as cs

COUNT = 18
DTYPES = ("?", "<i4", ">i2", "<f2", "<f4", ">f8", "<c8", "S3")
RUN = {"memory": "256MiB", "sync": False}

layouts = st.sampled_from(LAYOUTS)
suffixes = st.sampled_from(OUTPUTS)
few_lengths = st.lists(st.integers(0, 6), min_size=1, max_size=4)


@dataclass(frozen=True)
class Case:
    """A shape, an axis of it, how the axis is named, and a dtype."""

    shape: tuple[int, ...]
    axis: int
    named: dict[str, Any]
    dtype: str

    def array(self, length: int, seed: int = 0) -> np.ndarray:
        shape = (*self.shape[: self.axis], length, *self.shape[self.axis + 1 :])
        return make(self.dtype, shape, seed)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    shape = tuple(draw(st.lists(st.integers(0, 5), min_size=1, max_size=4)))
    axis = draw(st.integers(0, len(shape) - 1))
    how = draw(st.sampled_from(("axis", "negative", "order")))
    if how == "order":
        letters = "NHWD"[: len(shape) - 1]
        named: dict[str, Any] = {"order": f"{letters[:axis]}C{letters[axis:]}"}
    else:
        named = {"axis": negative(axis, len(shape), how == "negative")}
    return Case(shape, axis, named, draw(st.sampled_from(DTYPES)))


def cut(array: np.ndarray, lengths: Any, axis: int) -> list[np.ndarray]:
    """`numpy.split` by lengths."""
    return np.split(array, np.cumsum(lengths)[:-1], axis)


def refs(result: cs.Result) -> list[str]:
    return [blob.ref for blob in result.outputs]


def assert_all_same(found: list[str], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for ref, array in zip(found, expected, strict=True):
        assert_same(read(ref), array)


def assert_info(ref: str, lengths: list[int]) -> None:
    info = read(ref)
    np.testing.assert_array_equal(info, np.array(lengths, "i4"), strict=True)


def written(where: Path, arrays: list[np.ndarray], data: st.DataObject) -> list[str]:
    """Inputs in a mix of formats."""
    return [write(where / f"in{i}", a, data.draw(layouts)) for i, a in enumerate(arrays)]


@examples(COUNT)
@given(cases(), few_lengths, suffixes, suffixes, st.data())
def test_split_by_the_split_info_undoes_concat(
    case: Case, lengths: list[int], suffix: str, beside: str, data: st.DataObject
) -> None:
    with folder(RUN) as where:
        arrays = [case.array(n, i) for i, n in enumerate(lengths)]
        out, info = str(where / f"out{suffix}"), str(where / f"info{beside}")
        result = cs.concat(written(where, arrays, data), out, split_info=info, **case.named, **RUN)
        assert_same(read(out), concatenated(arrays, case.axis))
        assert_info(info, lengths)
        assert (result.axis, result.split_info) == (case.axis, tuple(lengths))
        template = str(where / ("part{index}" + data.draw(suffixes)))
        parts = cs.split(out, template, lengths_from=info, **case.named, **RUN)
        assert_all_same(refs(parts), arrays)


@examples(COUNT)
@given(cases(), few_lengths, suffixes, st.data())
def test_concat_of_the_parts_undoes_split(
    case: Case, lengths: list[int], suffix: str, data: st.DataObject
) -> None:
    with folder(RUN) as where:
        whole = case.array(sum(lengths))
        vector = write(where / "lengths", np.array(lengths, ">i8"), data.draw(layouts))
        ref = write(where / "in", whole, data.draw(layouts))
        template = str(where / ("part{index}" + suffix))
        result = cs.split(ref, template, lengths_from=vector, **case.named, **RUN)
        assert_all_same(refs(result), cut(whole, lengths, case.axis))
        again, info = str(where / f"again{data.draw(suffixes)}"), str(where / "info.npy")
        cs.concat(refs(result), again, split_info=info, **case.named, **RUN)
        assert_same(read(again), whole)
        assert_info(info, lengths)


@examples(COUNT)
@given(
    st.lists(st.integers(0, 5), max_size=3),
    st.integers(1, 4),
    st.sampled_from(DTYPES),
    suffixes,
    st.data(),
)
def test_stack_and_its_gradient(
    shape: list[int], count: int, dtype: str, suffix: str, data: st.DataObject
) -> None:
    ndim = len(shape) + 1
    axis = data.draw(st.integers(-ndim, ndim - 1))
    letters = "NHWD"[:ndim].replace("NHWD"[:ndim][axis], "C")
    named = data.draw(st.sampled_from(({"axis": axis}, {"order": letters})))
    with folder(RUN) as where:
        arrays = [make(dtype, shape, i) for i in range(count)]
        inputs = written(where, arrays, data)
        out, info = str(where / f"out{suffix}"), str(where / f"info{suffix}")
        cs.concat(inputs, out, add_axis=True, split_info=info, **named, **RUN)
        assert_same(read(out), stacked(arrays, axis))
        assert_info(info, [1] * count)
        other, beside = str(where / f"other{suffix}"), str(where / "beside.zarr")
        cs.stack(inputs, other, axis, split_info=beside, **RUN)
        assert_same(read(other), stacked(arrays, axis))
        assert_info(beside, [1] * count)
        template = str(where / ("dx{index}" + data.draw(suffixes)))
        result = cs.concat_gradient(out, template, info, add_axis=True, **named, **RUN)
        assert_all_same(refs(result), arrays)
        back = str(where / f"back{data.draw(suffixes)}")
        cs.split_gradient(refs(result), back, drop_axis=True, split_info=info, **named, **RUN)
        assert_same(read(back), read(out))


@examples(COUNT)
@given(cases(), few_lengths, suffixes, st.data())
def test_the_gradients_are_the_definitions_and_inverse(
    case: Case, lengths: list[int], suffix: str, data: st.DataObject
) -> None:
    with folder(RUN) as where:
        dy = case.array(sum(lengths))
        expected = cut(dy, lengths, case.axis)
        info = write(where / "info", np.array(lengths, "<i4"), data.draw(layouts))
        ref = write(where / "dy", dy, data.draw(layouts))
        template = str(where / ("dx{index}" + suffix))
        pieces = cs.concat_gradient(ref, template, info, **case.named, **RUN)
        assert_all_same(refs(pieces), expected)
        dx = str(where / f"out{data.draw(suffixes)}")
        asked = data.draw(st.sampled_from((None, info, lengths)))
        cs.split_gradient(refs(pieces), dx, split_info=asked, **case.named, **RUN)
        assert_same(read(dx), dy)
        again = str(where / ("again{index}" + data.draw(suffixes)))
        assert_all_same(refs(cs.concat_gradient(dx, again, info, **case.named, **RUN)), expected)


@examples(COUNT)
@given(cases(), st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=4), st.data())
def test_a_part_without_a_gradient_is_zeros(
    case: Case, others: list[tuple[int, bool]], data: st.DataObject
) -> None:
    parts = [*others]
    parts.insert(data.draw(st.integers(0, len(others))), (data.draw(st.integers(0, 5)), False))
    lengths = [n for n, _ in parts]
    with folder(RUN) as where:
        arrays = [case.array(n, i) for i, n in enumerate(lengths)]
        inputs = written(where, arrays, data)
        asked = ["zeros" if z else r for r, (_, z) in zip(inputs, parts, strict=True)]
        expected = [
            np.zeros(a.shape, a.dtype) if z else a for a, (_, z) in zip(arrays, parts, strict=True)
        ]
        dx = str(where / f"out{data.draw(suffixes)}")
        cs.split_gradient(asked, dx, split_info=lengths, **case.named, **RUN)
        assert_same(read(dx), concatenated(expected, case.axis))


@examples(COUNT)
@given(st.integers(0, 3), few_lengths, suffixes, st.sampled_from(DTYPES), st.data())
def test_depth(
    place: int, lengths: list[int], suffix: str, dtype: str, data: st.DataObject
) -> None:
    order = ("CNHW", "NCHW", "NHCW", "NHWC")[place]
    named = {} if order == "NCHW" and data.draw(st.booleans()) else {"order": order}
    case = Case((2, 3, 2, 3), place, named, dtype)
    with folder(RUN) as where:
        arrays = [case.array(n, i) for i, n in enumerate(lengths)]
        inputs = written(where, arrays, data)
        out, info = str(where / f"out{suffix}"), str(where / f"info{suffix}")
        cs.depth_concat(inputs, out, split_info=info, **named, **RUN)
        assert_same(read(out), concatenated(arrays, place))
        assert_info(info, lengths)
        template = str(where / ("part{index}" + data.draw(suffixes)))
        result = cs.depth_split(out, template, lengths_from=info, **named, **RUN)
        assert_all_same(refs(result), arrays)


@st.composite
def ways(draw: st.DrawFn) -> tuple[int, dict[str, Any], list[slice]]:
    """An axis length, a way to cut it, and NumPy's slices for it."""
    length = draw(st.integers(1, 14))
    way = draw(st.sampled_from(("hop", "ratio", "rest")))
    if way == "hop":
        size, hop = draw(st.integers(1, length)), draw(st.integers(1, 6))
        starts = np.arange(length - size + 1)[::hop].tolist()
        return length, {"size": size, "hop": hop}, [slice(a, a + size) for a in starts]
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5))
    edges = np.cumsum([0, *lengths]).tolist()
    slices = [slice(a, b) for a, b in pairwise(edges)]
    if way == "ratio" and sum(lengths):
        return sum(lengths), {"ratio": lengths}, slices
    index = draw(st.integers(0, len(lengths) - 1))
    return sum(lengths), {"lengths": [*lengths[:index], -1, *lengths[index + 1 :]]}, slices


@examples(30)
@given(cases(), ways(), layouts, suffixes, st.data())
def test_ways_to_cut(case: Case, way: tuple, layout: str, suffix: str, data: st.DataObject) -> None:
    length, how, slices = way
    only = data.draw(st.none() | st.sets(st.integers(0, len(slices) - 1), min_size=1))
    with folder(RUN) as where:
        whole = case.array(length)
        expected = [whole[(slice(None),) * case.axis + (s,)] for s in slices]
        template = str(where / ("part{index}-{count}" + suffix))
        ref = write(where / "in", whole, layout)
        result = cs.split(
            ref, template, only=None if only is None else sorted(only), **how, **case.named, **RUN
        )
        chosen = range(len(slices)) if only is None else sorted(only)
        names = [str(where / f"part{i}-{len(slices)}{suffix}") for i in chosen]
        assert refs(result) == names
        assert sorted(str(p) for p in where.glob("part*")) == sorted(names)
        assert_all_same(names, [expected[i] for i in chosen])


@examples(COUNT)
@given(cases(), st.integers(1, 300), layouts, suffixes)
def test_max_bytes(case: Case, most: int, layout: str, suffix: str) -> None:
    length = 6
    with folder(RUN) as where:
        whole = case.array(length)
        each = whole.nbytes // length
        most = max(most, each, 1)
        ref = write(where / "in", whole, layout)
        template = str(where / ("part{index:03d}" + suffix))
        result = cs.split(ref, template, max_bytes=most, **case.named, **RUN)
        parts = [read(ref) for ref in refs(result)]
        assert all(part.nbytes <= most for part in parts)
        fewest = 1 if not each else -(-length // (most // each))
        assert_all_same(refs(result), np.array_split(whole, fewest, case.axis))


@examples(COUNT)
@given(cases(), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.data())
def test_split_by_lengths(
    case: Case, outputs: int, each: int, factor: int, data: st.DataObject
) -> None:
    m = outputs * each
    lengths = data.draw(st.lists(st.integers(0, 3), min_size=m, max_size=m))
    scale = sum(lengths) > 0 and data.draw(st.booleans())
    factor = factor if scale else 1
    sums = factor * np.reshape(lengths, (outputs, each)).sum(1)
    with folder(RUN) as where:
        whole = case.array(int(sums.sum()))
        ref = write(where / "in", whole, data.draw(layouts))
        vector = write(where / "lengths", np.array(lengths, "u2"), data.draw(layouts))
        suffix = data.draw(suffixes)
        named = [str(where / f"part{i}{suffix}") for i in range(outputs)]
        template = str(where / ("part{index}" + suffix))
        by_count = data.draw(st.booleans())
        result = cs.split_by_lengths(
            ref, vector, template if by_count else named, outputs=outputs if by_count else None,
            scale=scale, **case.named, **RUN,
        )  # fmt: skip
        assert refs(result) == named
        assert_all_same(named, cut(whole, sums, case.axis))


@examples(COUNT)
@given(cases(), few_lengths, st.integers(1, 5), suffixes, st.data())
def test_reshard_is_concat_then_split(
    case: Case, lengths: list[int], count: int, suffix: str, data: st.DataObject
) -> None:
    with folder(RUN) as where:
        arrays = [case.array(n, i) for i, n in enumerate(lengths)]
        inputs = written(where, arrays, data)
        whole = concatenated(arrays, case.axis)
        options = RUN | {"jobs": data.draw(st.integers(1, 2))}
        how = {"parts": count, "uneven": "balanced"} | case.named
        new = cs.reshard(inputs, str(where / ("new{index}" + suffix)), **how, **options)
        expected = np.array_split(whole, count, case.axis)
        assert_all_same(refs(new), expected)
        joined = str(where / f"joined{data.draw(suffixes)}")
        cs.concat(inputs, joined, **case.named, **RUN)
        two = cs.split(joined, str(where / ("two{index}" + suffix)), **how, **RUN)
        assert_all_same(refs(two), [read(ref) for ref in refs(new)])


@examples(COUNT)
@given(cases(), few_lengths)
def test_arrays_and_sequences_need_no_file(case: Case, lengths: list[int]) -> None:
    with folder(RUN) as where:
        arrays = [case.array(n, i) for i, n in enumerate(lengths)]
        store = str(where / "y.h5")
        info = f"{store}::info"
        cs.concat(arrays, f"{store}::data", split_info=info, **case.named, **RUN)
        assert_same(read(store), concatenated(arrays, case.axis))
        with h5py.File(store) as file:
            assert sorted(file) == ["data", "info"]
            np.testing.assert_array_equal(file["info"][...], np.array(lengths, "i4"), strict=True)
        dx = cs.concat_gradient(
            read(store), str(where / "dx{index}.npy"), np.array(lengths), **case.named, **RUN
        )
        assert_all_same(refs(dx), arrays)


@examples(COUNT)
@given(
    st.tuples(st.integers(1, 40), st.integers(20, 70)),
    st.integers(0, 1),
    st.tuples(st.integers(1, 20), st.integers(4, 25)),
    st.sampled_from(["16KiB", "24KiB", "64KiB"]),
    st.data(),
)
def test_windows_over_many_blocks(
    shape: tuple[int, int], axis: int, window: tuple[int, int], memory: str, data: st.DataObject
) -> None:
    size, hop = window
    shape = shape if axis else shape[::-1]
    options = {"memory": memory, "sync": False, "jobs": data.draw(st.integers(1, 2))}
    with folder(options) as where:
        whole = make("<f8", shape)
        inputs = written(where, np.array_split(whole, data.draw(st.integers(1, 3)), axis), data)
        template = str(where / ("out{index}" + data.draw(suffixes)))
        result = cs.reshard(inputs, template, axis=axis, size=size, hop=hop, **options)
        starts = range(0, shape[axis] - size + 1, hop)
        assert_all_same(refs(result), [np.take(whole, range(a, a + size), axis) for a in starts])
