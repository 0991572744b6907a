"""Mistakes that people make in calls from Python, and what they are told."""

from __future__ import annotations

import array
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import ConcatsplitError

MISTAKES = {
    # inputs
    "cs.concat(None, 'y.npy')": "inputs: None is not a reference, an array or a list of these",
    "cs.concat({'a.npy', 'b.npy'}, 'y.npy')": "inputs: a set has no order; give a list",
    "cs.concat({'x': 'a.npy'}, 'y.h5')": "a dict holds several arrays; give its arrays one by one",
    "cs.concat(b'a.npy', 'y.npy')": "<input 0>: b'a.npy' is not a reference, numpy.ndarray, "
    "h5py.Dataset or zarr.Array; a name is text, or a path",
    "cs.concat(['a.npy', None], 'y.npy')": "<input 1>: None is not a reference",
    "cs.concat([file], 'y.npy')": "a File is not a reference, numpy.ndarray, h5py.Dataset or "
    "zarr.Array; give its arrays one by one, such as file['x']",
    "cs.concat([view], 'a.npy', force=True)": "output a.npy is input a.npy, or holds it",
    "cs.concat(like(), 'y.npy')": "<input 0>: a Like is not a reference, numpy.ndarray, "
    "h5py.Dataset or zarr.Array; numpy.asarray reads it into memory as an array",
    "cs.stack(like(), 'y.npy')": "<input 0>: a Like is not a reference",
    "cs.split(like(), 'y{index}.npy', parts=2)": "<input 0>: a Like is not a reference",
    "cs.reshard(like(), 'y{index}.npy', parts=2)": "<input 0>: a Like is not a reference",
    "cs.depth_concat(like(), 'y.npy')": "<input 0>: a Like is not a reference",
    "cs.info(like())": "<input 0>: a Like is not a reference",
    "cs.diff(a, like())": "<input 1>: a Like is not a reference",
    "cs.feed('y.npy', like())": "<input 0>: a Like is not a reference",
    "cs.open(like())": "<input 0>: a Like is not a reference",
    "cs.fetch(like())": "<input 0>: a Like is not a reference",
    "cs.split_gradient(like(), 'y.npy')": "<input 0>: a Like is not a reference",
    "cs.concat_gradient(like(), 'y{index}.npy', [4])": "<input 0>: a Like is not a reference",
    "cs.concat([], 'y.h5', arrays={'x': like()})": "<input 0>: a Like is not a reference",
    "cs.split(a, 'y{index}.npy', lengths_from=like())": "<input 0>: a Like is not a reference",
    "cs.infer_concat(like())": "specs: found Like; expected a list of ArraySpec",
    "cs.infer_concat(a)": "specs: found ndarray; expected a list of ArraySpec",
    "cs.infer_concat(view)": "specs: found View; expected a list of ArraySpec",
    "cs.concat(memoryview(b'abcd'), 'y.npy')": "<input 0>: a memoryview is not a reference",
    "cs.concat(bytearray(b'abcd'), 'y.npy')": "<input 0>: a bytearray is not a reference",
    "cs.stack(array.array('d', [1, 2]), 'y.npy')": "<input 0>: an array is not a reference",
    "cs.concat(zarr.group(), 'y.npy')": "inputs: a Group holds several arrays; give its arrays",
    "cs.concat([zarr.group()], 'y.npy')": "zarr.Array; give its arrays one by one, such as file",
    "cs.concat([['a.npy', 'b.npy']], 'y.npy')": "<input 0>: is a list that holds 'a.npy'; give all",
    "cs.concat([[a, a]], 'y.npy')": "<input 0>: is a list that holds an ndarray; give all inputs",
    "cs.concat([[np.ma.masked, 1]], 'y.npy')": "<input 0>: is a list that holds a MaskedConstant",
    "cs.concat([io.BytesIO()], 'y.npy')": "<input 0>: a BytesIO is not a reference",
    "cs.concat((), 'y.npy')": "no inputs",
    "cs.open(None)": "inputs: None is not a reference",
    "cs.info(None)": "inputs: None is not a reference",
    "cs.fetch(None)": "inputs: None is not a reference",
    # outputs
    "cs.concat([a], None)": "output: None is not a name; give text or a path",
    "cs.concat([a], ['y.npy'])": "output: a list is not a name",
    "cs.stack([a], io.BytesIO())": "output: a BytesIO is not a name",
    "cs.split(a, None)": "output: None is not a name",
    "cs.split(a, ['y.npy', 3])": "output: 3 is not a name",
    "cs.feed(a, 'y.npy')": "REF: an ndarray is not a name",
    "cs.concat([a], 'y.npy', split_info=True)": "split_info: True is not a name",
    # axes
    "cs.concat([a, a], 'y.npy', axis=1.0)": "axis: 1.0 is not a whole number, and not the name",
    "cs.concat([a, a], 'y.npy', axis=[0.5])": "axis: 0.5 is not a whole number",
    "cs.concat([a, a], 'y.npy', axis='1')": "--axis 1: input <input 0> has no axis of that name: "
    "1 is text; give a number",
    "cs.concat('a.npy', 'b.npy', 'y.npy')": "--axis y.npy: input a.npy has no axis of that name: "
    "y.npy looks like a file; in a call from Python, all inputs go in one list",
    "cs.open([a, a], axis={0})": "axis: a set is not a whole number",
    "cs.concat([a, a], 'y.npy', order=1)": "order: 1 is not text",
    "cs.concat([a, a], 'y.npy', add_axis='no')": "add_axis: 'no' is not True or False",
    # options
    "cs.concat([a], 'y.npy', dim=1)": "concat has no option 'dim'; did you mean 'axis'?",
    "cs.split(a, 'y.npy', overwrite=True)": "no option 'overwrite'; did you mean 'force'?",
    "cs.concat([a], 'y.npy', memroy='1G')": "did you mean 'memory'?",
    "cs.concat([a], 'y.npy', frobnicate=1)": "concat has no option 'frobnicate'",
    "cs.feed('y.npy', a, history=True)": "feed has no option 'history'",
    "cs.concat([a], 'b.npy', force='no')": "force: 'no' is not True or False",
    "cs.concat([a], 'y.npy', sync=2)": "sync: 2 is not True or False",
    "cs.concat([a], 'y.npy', jobs='4')": "jobs: '4' is not a whole number",
    "cs.concat([a], 'y.npy', jobs=2.0)": "jobs: 2.0 is not a whole number",
    "cs.concat([a], 'y.npy', memory=0.5)": "memory: 0.5 is not a size; give '64MiB'",
    "cs.concat([a], 'y.npy', memory=[1])": "memory: a list is not a size",
    "cs.concat([a], 'y.zarr', chunks=2)": "chunks: 2 is not a length for each axis, such as (64, ",
    "cs.concat([a], 'y.zarr', chunks=(2, None))": "chunks: None is not a whole number",
    "cs.concat([a], 'y.zarr', codec=('zstd', 3))": "codec: a tuple is not text such as 'zstd:3'",
    "cs.concat([a], 'y.npy', routes=3)": "routes: 3 is not text, and no list of words",
    "cs.concat([a], 'y.npy', routes=[3])": "routes: 3 is not text",
    "cs.concat([a], 'y.npy', manifest=True)": "manifest: True is not a name",
    "cs.concat([a], 'y.npy', depfile='d', depends_on='x')": "depends_on: 'x' is not a list",
    "cs.concat([a], 'y.npy', on_event=3)": "on_event: 3 is not a function",
    "cs.concat([a], 'y.npy', raw=3)": "raw: 3 is not text",
    # where to cut
    "cs.split(a, 'p{index}.npy', parts='2')": "parts: '2' is not a whole number",
    "cs.split(a, 'p{index}.npy', parts=2.0)": "parts: 2.0 is not a whole number",
    "cs.split(a, 'p{index}.npy', parts=[2, 2])": "parts: a list is not a whole number",
    "cs.split(a, 'p{index}.npy', lengths=2)": "lengths: 2 is not a list of whole numbers",
    "cs.split(a, 'p{index}.npy', lengths='2,2')": "lengths: '2,2' is not a list of whole numbers",
    "cs.split(a, 'p{index}.npy', lengths=np.array([2.0, 2.0]))": "is not a whole number",
    "cs.split(a, 'p{index}.npy', ratio=0.5)": "ratio: 0.5 is not a list of shares",
    "cs.split(a, 'p{index}.npy', parts=2, only=0.5)": "only: 0.5 is not a list of whole numbers",
    "cs.split(a, 'p{name}.npy', parts=2, names=['a', 3])": "names: 3 is not text",
    "cs.split(a, 'p{name}.npy', parts=2, names={'a', 'b'})": "names: a set is not text such as",
    "cs.split(a, 'p{name}.npy', parts=2, names=3)": "names: 3 is not text such as 'a,b'",
    "cs.split(a, {'y.npy', 'z.npy'})": "output: a set is not a name",
    "cs.split(a, 'p{index}.npy', parts=2, uneven=True)": "--uneven True is not one of balanced",
    "cs.split(a, 'p{index}.npy', size=2, remainder='x')": "--remainder x is not one of keep, drop",
    "cs.split(a, 'p{index}.npy', range=3)": "range: 3 is not a start and a stop",
    "cs.split_by_lengths(a, [1, 3], 'p{index}.npy', outputs=2.0)": "outputs: 2.0 is not a whole",
    "cs.split_by_lengths(a, [1, 3], 'p{index}.npy', scale='x')": "scale: 'x' is not True or False",
    # data sets
    "cs.concat([], 'y.h5', arrays='x=a.npy')": "arrays: 'x=a.npy' is not like {'x': 'part-*.npy'}",
    "cs.concat([], 'y.h5', arrays=[('x', 'a.npy', 1)])": "arrays: a list is not like",
    "cs.concat([], 'y.h5', arrays=3)": "arrays: 3 is not like",
    "cs.concat('x.h5', 'y.h5', members=3)": "members: 3 is not text such as 'x,y*'",
    "cs.concat('x.h5', 'y.h5', members=[3])": "members: 3 is not text",
    "cs.concat('x.h5', 'y.h5', members='*', history=3)": "history: 3 is not True or False",
    "cs.split_gradient(None, 'y.npy')": "inputs: None is not a reference",
    "cs.infer_split(None, [2, 2])": "spec: found NoneType; expected an ArraySpec",
    "cs.infer_concat([(2, 3)])": "specs: found tuple; expected a list of ArraySpec((2, 3), dtype)",
    "cs.infer_concat(cs.ArraySpec((2, 3), 'f4'))": "specs: found ArraySpec",
    "cs.infer_split(cs.ArraySpec((4, 3), 'f4'), lengths=2)": "lengths: 2 is not a list",
    # looking
    "cs.diff('a.npy', a, nan_equal='no')": "nan_equal: 'no' is not True or False",
    "cs.info('a.npy', follow_links='no')": "follow_links: 'no' is not True or False",
    "cs.info('a.npy', raw='int16,*', offset=-1)": "--offset -1: a header has 0 bytes or more",
    "cs.info('a.npy', head=-1)": "head: -1 is less than 0",
    "cs.info('a.npy', head='3')": "head: '3' is not a whole number",
    "cs.info('a.npy', stats='no')": "stats: 'no' is not True or False",
    "cs.diff(a, a, rtol='1')": "--rtol: '1' is not a number",
    "cs.diff(a, a, atol=None)": "--atol: None is not a number",
}
"""Calls, and what the message says."""


class Like:
    """An array of another library: its rows are arrays of NumPy."""

    shape, dtype = (4, 3), np.dtype("f4")

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(np.zeros(self.shape, self.dtype))

    def __getitem__(self, key: Any) -> Any:
        return np.zeros(self.shape, self.dtype)[key]

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.zeros(self.shape, self.dtype)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calls")
    for name in ("a.npy", "b.npy"):
        np.save(folder / name, np.zeros((4, 3), "f4"))
    with h5py.File(folder / "x.h5", "w") as file:
        file["x"] = np.zeros((4, 3), "f4")
    return folder


@pytest.fixture
def names(made: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the calls refer to."""
    monkeypatch.chdir(made)
    modules = {"cs": cs, "np": np, "io": io, "array": array, "zarr": zarr}
    return {**modules, "Path": Path, "like": Like, "a": np.zeros((4, 3), "f4")}


@pytest.mark.parametrize("call", MISTAKES)
def test_a_mistake_is_explained(names: dict[str, Any], call: str) -> None:
    before = {path: path.read_bytes() for path in Path().iterdir()}
    with (
        h5py.File("x.h5") as file,
        cs.open("a.npy") as view,
        pytest.raises((ConcatsplitError, TypeError)) as caught,
    ):
        eval(call, names | {"file": file, "view": view})
    assert MISTAKES[call] in str(caught.value)
    assert isinstance(caught.value, ConcatsplitError) or "has no option" in str(caught.value)
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


SAME = {
    "(each for each in ['a.npy', a])": {},
    "Path().glob('[ab].npy')": {},
    "map(str, ['a.npy', 'b.npy'])": {},
    "[a, a]": {"axis": np.int64(0), "jobs": np.int32(1), "memory": 1e8, "force": np.True_},
    "(a, Path('b.npy'))": {"add_axis": 0, "dry_run": 0, "routes": ["mapped", "decoded"]},
    "['a.npy', np.zeros((4, 3), 'f4')]": {"chunks": None, "split_info": Path("lengths.npy")},
}
"""Inputs and options that are what they look like, though not of the types of the command line."""


@pytest.mark.parametrize("inputs", SAME)
def test_other_types_are_taken_for_what_they_are(
    names: dict[str, Any], tmp_path: Path, inputs: str
) -> None:
    options = dict(SAME[inputs])
    if "split_info" in options:
        options["split_info"] = tmp_path / "lengths.npy"
    result = cs.concat(eval(inputs, names), tmp_path / "y.npy", **options)
    assert result.outputs[0].shape == (8, 3)
    assert np.load(tmp_path / "y.npy").shape == (8, 3)


def test_names_of_arrays_may_be_a_dict_and_a_list(names: dict[str, Any], tmp_path: Path) -> None:
    arrays = {"x": "a.npy", "y": names["a"]}
    made = cs.concat([], tmp_path / "y.h5", arrays=arrays, history="made by a test")
    assert list(made.to_dict()["arrays"]) == ["x", "y"]
    chosen = cs.concat(tmp_path / "y.h5", tmp_path / "z.h5", members=["x", "y"], axis=0)
    assert list(chosen.to_dict()["arrays"]) == ["x", "y"]


def test_arrays_of_a_program_have_names_of_files(names: dict[str, Any], tmp_path: Path) -> None:
    result = cs.split(names["a"], f"{tmp_path}/out/", size=2)
    assert Path(result.outputs[0].ref).name == "input-0-00000-of-00002.npy"
    cs.split(names["a"], f"{tmp_path}/{{stem}}.npy", range=(0, 1))
    assert (tmp_path / "input-0.npy").exists()
    chunked = cs.concat([names["a"]], tmp_path / "y.zarr", chunks=np.array([2, 3]), dry_run=True)
    assert chunked.outputs[0].shape == (4, 3)
