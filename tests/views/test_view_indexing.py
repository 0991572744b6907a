"""Views take the indices that NumPy takes, and give what NumPy gives."""

from __future__ import annotations

from collections.abc import Iterator
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
from concatsplit_core.foundation.errors import OverBudget, WrongIndex

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
    """An index of NumPy's basic kinds, perhaps with arrays in the place of integers."""
    basic = npst.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)

    @st.composite
    def one(draw: st.DrawFn) -> Any:
        key = draw(basic)
        items = list(key) if isinstance(key, tuple) else [key]
        whole = [i for i, item in enumerate(items) if isinstance(item, int)]
        if not whole or not draw(st.booleans()):
            return key
        chosen = draw(st.lists(st.sampled_from(whole), min_size=1, unique=True))
        together = draw(
            npst.mutually_broadcastable_shapes(
                num_shapes=len(chosen), max_dims=2, min_side=0, max_side=4
            )
        )
        for at, array_shape in zip(chosen, together.input_shapes, strict=True):
            axis = sum(item is not None for item in items[:at])
            if any(item is ... for item in items[:at]):
                axis += len(shape) - sum(item is not None for item in items)
            numbers: Any = st.integers(-shape[axis], shape[axis] - 1)
            arrays: Any = npst.arrays(np.intp, array_shape, elements=numbers)
            is_alone = len(chosen) == 1
            items[at] = draw(arrays | npst.arrays(bool, shape[axis]) if is_alone else arrays)
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
         np.ones(3, bool), np.ones((25, 4), bool), np.ones((5, 25), bool), ([0, 1], [0, 1, 2]),
         (0, np.ones((25, 5), bool)), ([0], [5]), [25], [-26], {1}, slice(1.5))  # fmt: skip
ONLY_IN_NUMPY = (True, (np.False_, 1), np.array(True))


@pytest.mark.parametrize("key", WRONG, ids=str)
def test_a_wrong_index_is_the_error_that_numpy_has(key: Any, views: dict[str, Any]) -> None:
    view, array = views["rows"]
    with pytest.raises((IndexError, TypeError)) as theirs:
        array[key]
    with pytest.raises(theirs.type):
        view[key]


@pytest.mark.parametrize("key", ONLY_IN_NUMPY, ids=("bool", "bool of NumPy", "array"))
def test_an_index_that_only_numpy_has_is_refused(key: Any, views: dict[str, Any]) -> None:
    with pytest.raises(WrongIndex, match=r"index|indices"):
        views["rows"][0][key]


def test_masks_and_several_arrays_give_what_numpy_gives(views: dict[str, Any]) -> None:
    view, array = views["one"]
    with np.errstate(invalid="ignore"):
        large = array > 0
    rows, columns = np.array([7, -1, 7]), np.array([0, 2, -1])
    masked = (large, large[:, :, 0], (slice(None), large[0]), (large[:, 0, 0], 1),
              (large[:, :, 0], 2), (..., large[:, 1, 1].nonzero()[0], 1, 1), ~large & large,
              (large[:, 0, 0], None, slice(None), [1]), (None, large[:, :, 1], [0]))  # fmt: skip
    several = ((rows, columns), (rows, slice(None), columns), (rows[:, None], columns[:2]),
               np.ix_([3, 0], [1, 3], [2, 0]), np.ix_(large[:, 0, 0], [0], large[0, 1]),
               (rows, ..., columns), (0, slice(None), columns), (rows, 1, ..., columns),
               (rows, None, columns), (rows[:0], columns[:0]), (rows, [[0]], 1))  # fmt: skip
    for key in (*masked, *several):
        check(view, array, key)


def test_places_that_lie_too_far_apart_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(10_000).reshape(100, 100))
    apart = np.arange(100)
    with cs.open(tmp_path / "x.npy", memory="64KiB") as view:
        with pytest.raises(OverBudget, match="100 elements that lie too far apart"):
            view[apart, apart]
        assert view[apart[:64], apart[:64]][5] == 505
        assert view[np.ix_(apart, apart)].size == view[np.ones((100, 100), bool)].size == 10_000


def test_a_step_of_zero_is_no_slice(views: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="zero"):
        views["rows"][0][::0]


def test_several_items_at_once_are_those_of_one_by_one(views: dict[str, Any]) -> None:
    view, array = views["one"]
    for found, at in zip(view.__getitems__([7, 0, 7, 29]), (7, 0, 7, 29), strict=True):
        assert_same(found, array[at])
