"""Dependency files, as make and ninja read them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.run.depfile import rule

OLD, NEW, LATEST = ((n * 1_000_000_000,) * 2 for n in (1, 1.5, 4))


def rules(path: str = "y.d") -> dict[str, list[str]]:
    """The rules of a dependency file without escapes: inputs by outputs."""
    lines = Path(path).read_text().replace("\\\n", " ").splitlines()
    return {head: rest.split() for head, _, rest in (line.partition(":") for line in lines)}


def is_built(program: str) -> bool:
    """Have make or ninja build y.out; whether it had to."""
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return "touch y.out" in done.stdout


@pytest.fixture
def build_files(shell: Any) -> None:
    Path("Makefile").write_text("y.out:\n\ttouch y.out\ninclude y.d\n")
    Path("build.ninja").write_text(
        "rule r\n  command = touch y.out\n  depfile = y.d\nbuild y.out: r\n"
    )


NAMES = ("a b", "c#d", "e$f", "g:h", "bs\\t", "o%p", "y(z).npy", "k=l", "\\ #", "ü")
ONLY_MAKE = ("i*j", "k[l", "m?", "w'x", "u|v", "~q", "define", "t\tb")


@pytest.mark.parametrize("program", ["make", "ninja"])
def test_make_and_ninja_understand_every_name(shell: Any, build_files: Any, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    names = [*NAMES, *(ONLY_MAKE if program == "make" else ())]
    for name in ["first", *names]:
        Path(name).touch()
        os.utime(name, OLD)
    Path("y.d").write_bytes(rule(["y.out"], names))
    assert is_built(program)
    assert not is_built(program)
    for name in names:
        os.utime(name, LATEST)
        assert is_built(program), name
        os.utime(name, OLD)
        is_built(program)
    Path(names[0]).unlink()
    assert is_built(program)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_understands_every_output(shell: Any) -> None:
    names = ["a b", "c#d", "e$f", "g:h", "o%p", "m?", "k[l", "u|v", "b\\s"]
    Path("y.d").write_bytes(rule(names, ["input"]))
    Path("Makefile").write_text("include y.d\n%:\n\t@echo '$@'\nMakefile y.d input: ;\n")
    for name in ["input", *names]:
        Path(name).touch()
        os.utime(name, NEW if name == "input" else OLD)
    done = subprocess.run(["make", *names], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == names, done.stderr


@pytest.mark.parametrize(
    ("outputs", "inputs"),
    [
        (["a=b"], ["c"]),
        (["a"], ["b=c"]),
        (["a"], ["b;c"]),
        (["a\nb"], ["c"]),
        (["a"], ["b\r"]),
        (["a"], ["b(c)"]),
        (["a"], ["b\\"]),
        (["a"], ["b "]),
        (["a\tb"], ["c"]),
        (["a\\%b"], ["c"]),
        (["a\\|b"], ["c"]),
    ],
)
def test_names_that_make_cannot_read(outputs: list[str], inputs: list[str]) -> None:
    with pytest.raises(UsageError, match="--depfile"):
        rule(outputs, inputs)


def test_all_that_is_read_is_listed(shell: Any, pair: Any) -> None:
    Path("list.txt").write_text("b.npy\n@more.txt\n")
    Path("more.txt").write_text("./a.npy\n")
    shell.ok("concat", "a.npy", "@list.txt", "-o", "y.npy", "--depfile", "y.d")
    read = ["a.npy", "b.npy", "list.txt", "more.txt"]
    assert rules() == {"y.npy": read, **{name: [] for name in read}}
    np.save("lengths.npy", [1, 3])
    cut = ("split", "a.npy", "-o", "p{index}.h5::x", "--lengths-from", "lengths.npy")
    shell.ok(*cut, "--depfile", "p.d", "--manifest", "p.json")
    assert rules("p.d")["p0.h5 p1.h5"] == ["a.npy", "lengths.npy"]
    command = ("stack", "--files-from", "more.txt", "-o", "s.npy", "--split-info", "i.npy")
    shell.ok(*command, "--depfile", "s.d")
    assert rules("s.d")["s.npy i.npy"] == ["a.npy", "more.txt"]
    shell.ok("reshard", "--array", "x=@list.txt", "-o", "r.h5", "--size", 8, "--depfile", "r.d")
    assert rules("r.d")["r.h5"] == ["b.npy", "a.npy", "list.txt", "more.txt"]


def test_a_store_is_listed_by_its_folders_and_documents(shell: Any) -> None:
    zarr.create_group("x.zarr").create_array("g/a", data=np.ones((4, 4)), chunks=(2, 2))
    zarr.open_group("x.zarr").create_array("b", data=np.ones((4, 4)))
    shell.ok("concat", "x.zarr::g/a", "-o", "x.zarr::copy", "--depfile", "y.d")
    chunks = ["x.zarr/g/a/c", "x.zarr/g/a/c/0", "x.zarr/g/a/c/1"]
    inside = ["x.zarr/g/zarr.json", "x.zarr/zarr.json", "x.zarr/g/a", "x.zarr/g/a/zarr.json"]
    assert rules()["x.zarr"] == [*inside, *chunks]
    os.utime("x.zarr/g/a/c/1", OLD)
    zarr.open_group("x.zarr")["g/a"][2:] = 5
    assert os.stat("x.zarr/g/a/c/1").st_mtime > OLD[0]


def test_a_dependency_file_replaces_only_its_like(shell: Any, pair: Any) -> None:
    join = ("concat", "a.npy", "b.npy", "-o", "y.npy", "--depfile")
    shell.ok(*join, "y.d", "--dry-run")
    assert "y.d" not in shell.names()
    for other in ("a.npy", "y.npy"):
        shell.fails(5 if other == "a.npy" else 2, *join, other, says=other)
    Path("notes.txt").write_text("mine: 1")
    shell.fails(5, *join, "notes.txt", says=("notes.txt", "--force"))
    shell.fails(2, *join, "r.json", "--manifest", "r.json", says="two outputs")
    Path("y.d").touch()
    shell.ok(*join, "y.d")
    Path("y.npy").unlink()
    shell.ok(*join, "y.d")
    shell.fails(2, "concat", "a.npy", "-o", "-", "--depfile", "s.d", says="stdout")
    for option in ("--depfile", "--manifest"):
        shell.fails(2, "concat", "a.npy", "-o", "z.npy", option, "-", says=f"{option}: is written")
    assert not {"-", "z.npy"} & {*shell.names()}
    assert Path("notes.txt").read_text() == "mine: 1"


def test_an_array_in_memory_is_no_file(shell: Any, pair: Any) -> None:
    cs.concat([pair[0], "b.npy"], "y.npy", depfile="y.d", depends_on=["more"])
    assert rules()["y.npy"] == ["b.npy", "more"]
