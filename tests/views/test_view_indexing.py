"""Views take the indices that NumPy takes, and give what NumPy gives."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance.arrays import assert_same, concatenated, make, native, stacked
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from properties.test_results import LAYOUTS, write

import concatsplit_core as cs
from concatsplit_core.foundation.errors import WrongIndex

CASES = {
    "rows": ((6, 5), 0, (3, 0, 1, 8, 4, 2, 7), "<f4"),
    "columns": ((7, 5), 1, (3, 0, 1, 8, 4, 2, 7), ">i2"),
    "inside": ((3, 2, 4), 1, (4, 1, 5, 3, 2, 6, 1), "<c8"),
    "line": ((0,), 0, (3, 9, 0, 1, 12, 2, 5), "S3"),
    "one": ((30, 4, 3), 0, (30,), "<f8"),
    "empty": ((3, 0, 2), 0, (1, 2), "<i4"),
}
STACKS = {"new first": 0, "new last": 2}


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[cs.View, Any]]]:
    """Views of arrays in all layouts, each with the array that NumPy makes of the same inputs."""
    folder = tmp_path_factory.mktemp("views")
    made: dict[str, tuple[cs.View, Any]] = {}
    for name, (shape, axis, lengths, dtype) in CASES.items():
        parts = [
            make(dtype, (*shape[:axis], n, *shape[axis + 1 :]), i) for i, n in enumerate(lengths)
        ]
        refs = _written(folder / name, parts)
        made[name] = cs.open(refs, axis), concatenated(parts, axis)
    parts = [make("<u2", (4, 5), i) for i in range(7)]
    refs = _written(folder / "stack", parts)
    for name, axis in STACKS.items():
        made[name] = cs.open(refs, axis, add_axis=True), stacked(parts, axis)
    np.save(folder / "scalar.npy", np.float32(3))
    made["scalar"] = cs.open(folder / "scalar.npy"), np.asarray(np.float32(3))
    yield made
    for view, _ in made.values():
        view.close()


def _written(stem: Path, parts: list[np.ndarray]) -> list[str]:
    return [
        write(stem.with_name(f"{stem.name}{i}"), part, LAYOUTS[i % len(LAYOUTS)])
        for i, part in enumerate(parts)
    ]


ALL = (*CASES, *STACKS, "scalar")


def indices(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """An index of NumPy's basic kinds, perhaps with one array in the place of an integer."""
    basic = npst.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    any_shape = npst.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4)

    @cache
    def arrays(length: int) -> st.SearchStrategy[Any]:
        numbers = st.integers(-length, length - 1)
        wanted: Any = npst.arrays(np.intp, any_shape, elements=numbers)
        return wanted | npst.arrays(bool, length)

    @st.composite
    def one(draw: st.DrawFn) -> Any:
        key = draw(basic)
        items = list(key) if isinstance(key, tuple) else [key]
        whole = [i for i, item in enumerate(items) if isinstance(item, int)]
        if not whole or not draw(st.booleans()):
            return key
        at = draw(st.sampled_from(whole))
        axis = sum(item is not None for item in items[:at])
        if ... in items[:at]:
            axis += len(shape) - sum(item is not None for item in items)
        items[at] = draw(arrays(shape[axis]))
        return tuple(items)

    return one()


def check(view: cs.View, array: np.ndarray, key: Any) -> None:
    found, expected = view[key], array[key]
    assert isinstance(found, np.ndarray) == isinstance(expected, np.ndarray)
    assert_same(found, expected)
    if isinstance(found, np.ndarray):
        assert found.flags.c_contiguous
        assert found.flags.writeable


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", ALL)
def test_every_index_gives_what_numpy_gives(name: str, views: dict[str, Any]) -> None:
    view, array = views[name]

    @examples(80)
    @given(indices(array.shape))
    def each(key: Any) -> None:
        check(view, array, key)

    each()


@pytest.mark.parametrize("name", ALL)
def test_the_whole_of_it(name: str, views: dict[str, Any]) -> None:
    view, array = views[name]
    assert (view.shape, view.ndim, view.size, view.nbytes) == (
        array.shape, array.ndim, array.size, array.nbytes)  # fmt: skip
    assert view.dtype == native(array).dtype
    assert_same(np.asarray(view), array)
    other = "S9" if array.dtype.kind == "S" else "c16"
    with np.errstate(invalid="ignore"):  # some are signalling NaNs
        assert_same(np.array(view, dtype=other), array.astype(other))
    with pytest.raises(ValueError, match="always a copy"):
        np.array(view, copy=False)
    if array.ndim:
        assert len(view) == len(array)
        for found, expected in zip(view, array, strict=True):
            assert_same(found, expected)
    else:
        for function in (len, iter):
            with pytest.raises(TypeError, match=r"unsized|0-d"):
                next(function(view))


def test_results_belong_to_the_caller(views: dict[str, Any]) -> None:
    view, array = views["rows"]
    found = view[2:9]
    found[...] = 0
    assert_same(view[2:9], array[2:9])


WRONG = (25, -26, (0, 5), (0, 0, 0), (..., ...), 1.5, "x", [0.5], (slice(None), 9),
         np.ones(3, bool), [25], [-26], {1}, slice(1.5))  # fmt: skip
ONLY_IN_NUMPY = (True, ([0], [1]), np.ones((25, 5), bool))


@pytest.mark.parametrize("key", WRONG, ids=str)
def test_a_wrong_index_is_the_error_that_numpy_has(key: Any, views: dict[str, Any]) -> None:
    view, array = views["rows"]
    with pytest.raises((IndexError, TypeError)) as theirs:
        array[key]
    with pytest.raises(theirs.type):
        view[key]


@pytest.mark.parametrize("key", ONLY_IN_NUMPY, ids=("bool", "two arrays", "mask"))
def test_an_index_that_only_numpy_has_is_refused(key: Any, views: dict[str, Any]) -> None:
    with pytest.raises(WrongIndex, match=r"index|indices"):
        views["rows"][0][key]


def test_a_step_of_zero_is_no_slice(views: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="zero"):
        views["rows"][0][::0]


def test_several_items_at_once_are_those_of_one_by_one(views: dict[str, Any]) -> None:
    view, array = views["one"]
    for found, at in zip(view.__getitems__([7, 0, 7, 29]), (7, 0, 7, 29), strict=True):
        assert_same(found, array[at])
