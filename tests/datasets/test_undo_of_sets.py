"""undo gives an input back only what it held, as far as the run knows that."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from datasets.conftest import read, write

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UsageError

X = np.arange(4)


def test_undo_gives_no_input_a_carried_array_that_may_have_differed() -> None:
    refs = [write(f"m{i}.h5", {"x": X + i, "c": np.array([i])}) for i in (0, 1)]
    cs.concat(refs, "y.h5", axis=["x=0", "*=carry"], carry="first", manifest="m.json")
    result = cs.undo("m.json", "again-{index}.h5")
    assert [sorted(read(f"again-{i}.h5")) for i in (0, 1)] == [["c", "x"], ["x"]]
    assert "array 'c' is made again for the first input only" in result.notes[0]
    cs.undo("m.json", force=True)
    assert [sorted(read(ref)) for ref in refs] == [["c", "x"], ["x"]]
    write("n1.h5", {"x": X, "c": np.array([0])})
    cs.split("m0.h5", "p{index}.h5", parts=2, axis=["x=0", "*=carry"], manifest="p.json")
    with pytest.raises(UsageError, match="a data set does not go to stdout"):
        cs.undo("p.json", "-")
    cs.concat(["m0.h5", "n1.h5"], "z.h5", axis=["x=0", "*=carry"], manifest="n.json")
    cs.undo("n.json", force=True)
    assert sorted(read("n1.h5")) == ["c", "x"]


@pytest.mark.parametrize("first", ["whole", "part"])
def test_undo_makes_no_array_that_an_input_lacked(first: str) -> None:
    with h5py.File(write("whole.h5", {"x": X, "y": X + 0.5}), "r+") as file:
        file["y"].attrs["_FillValue"] = -1.0
    write("part.h5", {"x": X + 9})
    second = {"whole": "part", "part": "whole"}[first]
    cs.concat([f"{first}.h5", f"{second}.h5"], "y.h5", missing="fill", manifest="m.json")
    cs.undo("m.json", "again-{index}.h5")
    cs.undo("m.json", force=True)
    for index, name in enumerate((first, second)):
        for made in (f"again-{index}.h5", f"{name}.h5"):
            assert sorted(read(made)) == (["x", "y"] if name == "whole" else ["x"])
