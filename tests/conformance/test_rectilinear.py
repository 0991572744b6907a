"""`--grid rectilinear`: chunks of any length lie side by side, and move as they are stored."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UsageError


@pytest.fixture(autouse=True)
def _allowed() -> Iterator[None]:
    """Let zarr-python read such grids, without its warning that they are new."""
    with zarr.config.set({"array.rectilinear_chunks": True}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def save(path: Path, array: np.ndarray, chunks: tuple[int, ...] = (4, 10, 10)) -> str:
    zarr.create_array(store=str(path), data=array, chunks=chunks)
    return str(path)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def lengths(ref: str, axis: int) -> list[int]:
    """Lengths of the chunks along an axis."""
    return list(zarr.open_array(ref, mode="r").read_chunk_sizes[axis])


def test_inputs_of_any_length_join_with_their_chunks_as_they_lie(tmp_path: Path) -> None:
    arrays = [noise(10, 25, 6), noise(7, 25, 6), noise(8, 25, 6)]
    refs = [save(tmp_path / f"{i}.zarr", a) for i, a in enumerate(arrays)]
    out = str(tmp_path / "y.zarr")
    code = f"import sys, concatsplit_core as cs; cs.concat({refs}, {out!r}, grid='rectilinear')"
    code += "; sys.exit('zarr' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    result = cs.concat(refs, out, grid="rectilinear", sync=False, force=True)
    assert lengths(out, 0) == [4, 4, 2, 4, 3, 4, 4]
    row = 25 * 6 * 8
    assert result.plan.routes == {"encoded": 20 * row, "decoded": 5 * row}
    np.testing.assert_array_equal(zarr.open_array(out)[...], np.concatenate(arrays))
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        np.testing.assert_array_equal(zarr.open_array(out)[...], np.concatenate(arrays))
    first = (tmp_path / "0.zarr/c/1/2/0").read_bytes()
    assert (tmp_path / "y.zarr/c/1/2/0").read_bytes() == first
    third = (tmp_path / "2.zarr/c/1/0/0").read_bytes()
    assert (tmp_path / "y.zarr/c/6/0/0").read_bytes() == third


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_axis_and_every_route(tmp_path: Path, axis: int, jobs: int) -> None:
    shapes = [[9, 11, 13], [9, 11, 13], [9, 11, 13]]
    for shape, n in zip(shapes, (5, 1, 8), strict=True):
        shape[axis] = n
    arrays = [noise(*shape) for shape in shapes]
    refs = [save(tmp_path / f"{i}.zarr", a, (3, 3, 3)) for i, a in enumerate(arrays)]
    expected = np.concatenate(arrays, axis)
    for name, routes in (("all", None), ("decoded", "decoded")):
        out = str(tmp_path / f"{name}.zarr")
        cs.concat(refs, out, axis=axis, grid="rectilinear", routes=routes, jobs=jobs, sync=False)
        assert lengths(out, axis) == [3, 2, 1, 3, 3, 2]
        np.testing.assert_array_equal(zarr.open_array(out)[...], expected)


def test_parts_keep_the_chunks_that_the_cuts_leave_whole(tmp_path: Path) -> None:
    array = noise(20, 6)
    ref = save(tmp_path / "x.zarr", array, (4, 6))
    template = str(tmp_path / "p{index}.zarr")
    result = cs.split(ref, template, at=[3, 13], grid="rectilinear", sync=False)
    assert lengths(result.outputs[1].ref, 0) == [1, 4, 4, 1]
    assert result.plan.routes["encoded"] == 12 * 6 * 8
    for blob, part in zip(result.outputs, np.split(array, [3, 13]), strict=True):
        np.testing.assert_array_equal(zarr.open_array(blob.ref)[...], part)


def test_a_grid_that_is_regular_anyway_stays_regular(tmp_path: Path) -> None:
    arrays = [noise(8, 6), noise(6, 6)]
    refs = [save(tmp_path / f"{i}.zarr", a, (4, 6)) for i, a in enumerate(arrays)]
    cs.concat(refs, str(tmp_path / "y.zarr"), grid="rectilinear", sync=False)
    array = zarr.open_array(str(tmp_path / "y.zarr"))
    assert array.chunks == (4, 6)
    np.testing.assert_array_equal(array[...], np.concatenate(arrays))


def test_what_has_no_chunks_gets_the_usual_ones(tmp_path: Path) -> None:
    arrays = [noise(10, 6), noise(9, 6)]
    np.save(tmp_path / "b.npy", arrays[1])
    refs = [save(tmp_path / "a.zarr", arrays[0], (4, 6)), str(tmp_path / "b.npy")]
    out = str(tmp_path / "y.zarr")
    cs.concat(refs, out, grid="rectilinear", codec="zstd:0", sync=False)
    assert lengths(out, 0) == [4, 4, 2, 4, 4, 1]
    np.testing.assert_array_equal(zarr.open_array(out)[...], np.concatenate(arrays))


def test_a_rectilinear_array_is_an_input_like_any_other(tmp_path: Path) -> None:
    arrays = [noise(10, 6), noise(7, 6)]
    refs = [save(tmp_path / f"{i}.zarr", a, (4, 6)) for i, a in enumerate(arrays)]
    whole = str(tmp_path / "y.zarr")
    cs.concat(refs, whole, grid="rectilinear", sync=False)
    cs.split(whole, str(tmp_path / "p{index}.npy"), at=[5], sync=False)
    for index, part in enumerate(np.split(np.concatenate(arrays), [5])):
        np.testing.assert_array_equal(np.load(tmp_path / f"p{index}.npy"), part)


@pytest.mark.parametrize(
    ("output", "options", "says"),
    [
        ("y.h5", {}, "not Zarr"),
        ("y.npy", {}, "not Zarr"),
        ("y.zarr", {"chunks": (2, 2)}, "--chunks"),
        ("y.zarr", {"zarr_format": 2}, "format 2"),
    ],
)
def test_what_cannot_have_such_a_grid_is_refused(
    tmp_path: Path, output: str, options: dict, says: str
) -> None:
    refs = [save(tmp_path / f"{i}.zarr", noise(5, 6), (4, 6)) for i in range(2)]
    with pytest.raises(UsageError, match=says):
        cs.concat(refs, str(tmp_path / output), grid="rectilinear", **options)
