"""Parts that have names: --names for {name}, and one plain name for --only one part."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from test_family_commands import same

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UsageError


@pytest.fixture
def x(shell: Any) -> np.ndarray:
    """A (5, 10) array in x.npy, and lengths of its axis 1 in v.npy."""
    x = np.arange(50, dtype="<f4").reshape(5, 10)
    shell.save(x=x, v=np.array([3, 0, 7]))
    return x


@pytest.mark.parametrize("suffix", ["npy", "zarr"])
def test_parts_get_names(shell: Any, x: np.ndarray, suffix: str) -> None:
    how = ("--axis", 1, "--names", "train,val,test", "--ratio", "8:1:1", "--no-sync")
    shell.ok("split", "x.npy", "-o", f"{{index}}-{{name:>6}}.{suffix}", *how)
    for index, (name, part) in enumerate({" train": x[:, :8], "   val": x[:, 8:9]}.items()):
        same(shell.read(f"{index}-{name}.{suffix}"), part)


def test_as_many_equal_parts_as_names(shell: Any, x: np.ndarray) -> None:
    shell.ok("unstack", "x.npy", "-o", "{name}.npy", "--names", "p,q,r,s,t")
    same(shell.read("t.npy"), x[4])
    shell.ok("split", "x.npy", "-o", "h.h5::{name}", "--names", "left,right", "--axis", 1)
    same(shell.read("h.h5::right"), x[:, 5:])
    shell.ok(
        "split-by-lengths", "x.npy", "v.npy", "-o", "{name}.npy", "--names", "a,b,c", "--axis", 1
    )
    same(shell.read("c.npy"), x[:, 3:])
    np.save("four.npy", [2, 3, 4, 1])
    names = ("--names", "first,second", "--axis", 1)
    shell.ok("split-by-lengths", "x.npy", "four.npy", "-o", "{name}.npy", *names)
    same(shell.read("first.npy"), x[:, :5])


def test_one_part_has_one_plain_name(shell: Any, x: np.ndarray) -> None:
    shell.ok("split", "x.npy", "-o", "y.npy", "--axis", 1, "--size", 3, "--only", 3)
    same(shell.read("y.npy"), x[:, 9:])
    made = ("--array", "a=x.npy", "--array", "b=x.npy", "--carry", "first")
    axes = ("--axis", "a=1", "--axis", "b=carry")
    shell.ok("reshard", *made, "-o", "y.h5", *axes, "--size", 3, "--only", 2)
    same(shell.read("y.h5::a"), x[:, 6:9])
    same(shell.read("y.h5::b"), x)
    both = ("split", "y.h5", "-o", "z.npz", "--by-array", "--max-bytes", 210)
    shell.ok(*both, "--only", 1)
    same(shell.read("z.npz::b"), x)
    shell.fails(2, *both, "--only", "0-1", "--force", says="1 output name for 2 parts")


WRONG = {
    "too few": ("{name}.npy", "a,b", ("2 names for 5 parts",)),
    "twice": ("{name}.npy", "a,b,c,b,e", ("'b' is given twice",)),
    "empty": ("{name}.npy", "a,,c,d,e", ("''",)),
    "a folder": ("{name}.npy", "a,b,c/d,e,f", ("'c/d'",)),
    "above": ("out/{name}/y.npy", "a,b,..,e,f", ("'..'",)),
    "a member": ("{name}.h5", "a,b,c::d,e,f", ("'c::d'",)),
    "no field": ("{index}.npy", "a,b,c,d,e", ("'{name}.npy'",)),
    "a list": ("y.npy", "a,b,c,d,e", ("'{name}.npy'",)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_names_that_do_not_fit(shell: Any, x: np.ndarray, wrong: str) -> None:
    output, names, says = WRONG[wrong]
    shell.fails(2, "split", "x.npy", "-o", output, "--names", names, "--size", 1, says=says)
    assert shell.names() == ["v.npy", "x.npy"]


def test_a_template_with_names_needs_them(shell: Any, x: np.ndarray) -> None:
    shell.fails(2, "split", "x.npy", "-o", "{name}.npy", "--size", 1, says="--names a,b,c")
    cut = ("split", "x.npy", "-o", "{nam}.npy", "--size", 1)
    shell.fails(2, *cut, "--names", "a,b", says="{name}")


def test_names_in_python(x: np.ndarray) -> None:
    made = cs.split(x, "{name}.npy", names=["a", "b"], ratio=[0.8, 0.2])
    assert [blob.ref for blob in made.outputs] == ["a.npy", "b.npy"]
    cs.split(x, "c.npy", range=slice(1, 3))
    same(np.load("c.npy"), x[1:3])
    cs.depth_split(x, "{name}.npy", "HC", names="d,e")
    same(np.load("e.npy"), x[:, 5:])
    with pytest.raises(UsageError, match="names no part"):
        cs.split(x, "{name}.npy", names=[])


def test_undo_names_parts_as_the_inputs_were(shell: Any, pair: Any) -> None:
    a, b = pair
    np.save("in.memory.npy", a)
    shell.ok("concat", "a.npy", "in.memory.npy", "-o", "y.h5", "--manifest", "run.json")
    shell.ok("undo", "run.json", "-o", "again/{stem}-{index}.h5::x")
    same(shell.read("again/in.memory-1.h5::x"), a)
    shell.ok("undo", "run.json", "-o", "again/{name}")
    assert sorted(os.listdir("again")) == ["a-0.h5", "a.npy", "in.memory-1.h5", "in.memory.npy"]
    shell.ok("undo", "run.json", "-o", "again/")
    assert Path("again/y-00001-of-00002.h5").exists()
    Path("sub").mkdir()
    np.save("sub/a.npy", b)
    shell.ok("concat", "a.npy", "sub/a.npy", "-o", "z.npy", "--manifest", "z.json")
    shell.fails(2, "undo", "z.json", "-o", "same/{name}", says="same/a.npy")
    cs.concat([a, "b.npy"], "w.npy", manifest="w.json")
    shell.ok("undo", "w.json", "-o", "{stem}-{index}.npy")
    same(np.load("w-0.npy"), a)
    same(np.load("b-1.npy"), b)


def test_undo_of_a_data_set_names_its_files(shell: Any) -> None:
    for name in ("j", "k"):
        with h5py.File(f"{name}.h5", "w") as file:
            file["x"], file["y"] = np.arange(4), np.arange(4)
    shell.ok("concat", "j.h5", "k.h5", "-o", "all.h5", "--axis", "0", "--manifest", "run.json")
    shell.ok("undo", "run.json", "-o", "back/{name}")
    same(shell.read("back/k.h5::y"), np.arange(4))
    assert sorted(os.listdir("back")) == ["j.h5", "k.h5"]
