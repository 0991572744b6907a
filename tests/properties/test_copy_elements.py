"""Copies between strided arrays against plain assignment, every byte of them."""

from __future__ import annotations

import numpy as np
from examples import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from concatsplit_core.routes.elements import copy_elements

ITEMS = [f"V{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 16, 17, 24, 25, 32, 48)]
PLAIN = ["?", "i1", "<u2", ">u2", "<f4", ">f4", "<f8", "<c16", "S3", "<U2", "<M8[s]"]
PADDED = np.dtype({"names": ["x", "y"], "formats": ["u1", "<f8"], "offsets": [3, 8]})


@st.composite
def views(draw: st.DrawFn, shape: tuple, dtype: np.dtype, seed: int) -> tuple:
    """A view of this shape into a larger array: any order of axes, steps, offsets."""
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from((1, 1, 1, 2, -1))) for _ in shape]
    before = [draw(st.integers(0, 2)) for _ in shape]
    after = [draw(st.integers(0, 2)) for _ in shape]
    sides = [b + n * abs(s) + a for n, s, b, a in zip(shape, steps, before, after, strict=True)]
    count = int(np.prod(sides, dtype=int))
    memory = bytearray(np.random.default_rng(seed).bytes(count * dtype.itemsize))
    whole = np.ndarray([sides[d] for d in order], dtype, memory)
    view = whole.transpose(np.argsort(order)) if shape else whole
    if not shape:
        return memory, view
    inner = zip(before, shape, steps, strict=True)
    view = view[tuple(slice(b, b + n * abs(s)) for b, n, s in inner)]
    view = view[tuple(slice(None, None, s) for s in steps)]
    return memory, view[tuple(slice(0, n) for n in shape)]


SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)


@examples(300)
@given(SHAPES, st.sampled_from([*ITEMS, *PLAIN, PADDED]), st.data())
def test_one_dtype(shape: tuple, dtype: object, data: st.DataObject) -> None:
    dtype = np.dtype(dtype)
    memory, target = data.draw(views(shape, dtype, 1))
    _, source = data.draw(views(shape, dtype, 2))
    if not target.size:
        copy_elements(target, source)
        return
    raw = f"V{dtype.itemsize}"
    expected_memory = bytearray(memory)
    offset = target.__array_interface__["data"][0] - np.frombuffer(memory, "u1").ctypes.data
    expected = np.ndarray(shape, raw, expected_memory, max(offset, 0), target.strides)
    expected[...] = source.view(raw)
    copy_elements(target, source)
    assert memory == expected_memory


@examples(100)
@given(SHAPES, st.data())
def test_a_source_seen_many_times(shape: tuple, data: st.DataObject) -> None:
    """Absent chunks are read as one fill value that fills a whole box."""
    memory, target = data.draw(views(shape, np.dtype("<f4"), 1))
    fill = np.array(0x7FC12345, "<u4").view("<f4")
    copy_elements(target, np.broadcast_to(fill, shape))
    assert (target.view("<u4") == 0x7FC12345).all()
    assert len(memory) >= target.nbytes


@examples(150)
@given(
    SHAPES,
    st.sampled_from(["i1", "<i4", ">i4", "<f4", ">f4", "<f8", "?"]),
    st.sampled_from(["<i2", ">i8", "<f4", ">f8", "<c16"]),
    st.data(),
)
def test_cast(shape: tuple, here: str, there: str, data: st.DataObject) -> None:
    _, source = data.draw(views(shape, np.dtype(here), 2))
    assume(not ("f" in here and "i" in there))  # of a NaN: what the machine gives
    if here == "?":
        source = np.asarray(source.view("u1") > 100)
    _, target = data.draw(views(shape, np.dtype(there), 1))
    with np.errstate(all="ignore"):
        expected = source.astype(there)
    copy_elements(target, source)
    assert target.tobytes() == expected.tobytes()


def test_strings_of_any_length() -> None:
    words = np.array([["a", "longer"], ["", "ünï"]], np.dtypes.StringDType())
    target = np.empty((2, 2), np.dtypes.StringDType())
    copy_elements(target[:, ::-1], words)
    assert target.tolist() == [["longer", "a"], ["ünï", ""]]
