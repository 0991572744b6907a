"""Names of parts, and references to blobs: templates, folders, patterns, lists, members."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from concatsplit_core.array.geometry import tile
from concatsplit_core.endpoints.lists import expand, read_list
from concatsplit_core.endpoints.naming import is_folder, name_parts, named_count
from concatsplit_core.endpoints.patterns import natural_key, naturally_sorted
from concatsplit_core.endpoints.references import (
    parse_input,
    parse_output,
    split_store,
)
from concatsplit_core.foundation.errors import ConcatsplitError, InputUnavailable, UsageError
from concatsplit_core.stores.local import local

PARTS = tile([3, 5])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("p{index}.npy", ["p0.npy", "p1.npy"]),
        ("p{index:03d}-of-{count:03d}.npy", ["p000-of-002.npy", "p001-of-002.npy"]),
        ("{stem}-{start}-{stop}.h5", ["in.dir-0-3.h5", "in.dir-3-8.h5"]),
        ("all.h5::x/part{index}", ["all.h5::x/part0", "all.h5::x/part1"]),
        ("{index:x}{{}}.npy", ["0{}.npy", "1{}.npy"]),
        ("{stem:.2}{index}.npy", ["in0.npy", "in1.npy"]),
        ("out/", ["out/in.dir-00000-of-00002.zarr", "out/in.dir-00001-of-00002.zarr"]),
    ],
)
def test_templates(template: str, expected: list[str]) -> None:
    assert name_parts([template], PARTS, "some/in.dir.zarr::a/b") == expected


@pytest.mark.parametrize(
    "template",
    [
        "{index.__class__}.npy",
        "{stem[0]}.npy",
        "{index!r.__class__}.npy",
        "{0}.npy",
        "{}.npy",
        "{other}.npy",
        "{index:{count.__class__}}.npy",
        "{index:{other}}.npy",
        "{index:q}.npy",
        "{index.npy",
        "index}.npy",
        "{stem:05d}.npy",
    ],
)
def test_templates_that_reach_too_far(template: str) -> None:
    with pytest.raises(UsageError, match="template"):
        name_parts([template], PARTS, "in.npy")


@pytest.mark.parametrize("count", [1, 3])
def test_number_of_names(count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} output name.* for 2 parts"):
        name_parts([f"{i}.npy" for i in range(count)], PARTS, "in.npy")


def test_names_one_by_one() -> None:
    assert name_parts(["b.npy", "a.npy"], PARTS, "in.npy") == ["b.npy", "a.npy"]
    assert named_count(["b.npy", "a.npy"]) == 2
    assert named_count(["b.npy"]) == 1
    assert named_count(["{index}.npy"]) is None


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "store.zarr").mkdir()
    assert is_folder(str(tmp_path / "plain"))
    assert is_folder("not/there/yet/")
    assert not is_folder(str(tmp_path / "store.zarr"))
    assert not is_folder("x.npy")
    names = name_parts([str(tmp_path / "plain")], PARTS, "in.npz::x")
    assert names[0] == str(tmp_path / "plain" / "in-00000-of-00002.npz")


@pytest.mark.parametrize(
    ("ref", "path", "member"),
    [
        ("x.npy", "x.npy", None),
        ("x.h5::/g/n", "x.h5", "g/n"),
        ("x.h5::g//n/", "x.h5", "g/n"),
        ("x.zarr/a/b", "x.zarr", "a/b"),
        ("d/x.ZARR/a", "d/x.ZARR", "a"),
        ("x.zarr/a::b", "x.zarr", "a/b"),
        ("x.zarr::a/b", "x.zarr", "a/b"),
        ("a.zarr/b.zarr/c", "a.zarr", "b.zarr/c"),
    ],
)
def test_outputs(ref: str, path: str, member: str | None) -> None:
    found = parse_output(ref)
    assert (str(found.place), found.member or None) == (path, member)


@pytest.mark.parametrize("ref", ["", "::x", "x.h5::", "x.h5::/", "x.h5::../y", "x.h5::a/./b"])
def test_references_that_name_nothing(ref: str) -> None:
    with pytest.raises(UsageError):
        parse_output(ref)
    with pytest.raises(UsageError):
        parse_input(ref)


def test_inputs_inside_a_store(tmp_path: Path) -> None:
    store = tmp_path / "x.zarr"
    store.mkdir()
    assert parse_input(f"{store}/a/b") == (local(store), "a/b")
    assert parse_input(f"{store}::a/b") == (local(store), "a/b")
    (store / "a").mkdir()
    assert parse_input(f"{store}/a").place in {local(store), local(store / "a")}
    assert parse_input(str(tmp_path / "no.zarr/a")).member is None
    assert split_store(local("x.npy")) == (local("x.npy"), "")


def test_a_file_with_colons_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a::b.npy"
    np.save(path, np.zeros(3))
    assert parse_input(str(path)) == (local(path), None)
    assert list(expand([str(path)])) == [str(path)]


def test_natural_order() -> None:
    names = ["p10", "p9", "p1", "p01b", "p", "P2", "p2x10", "p2x9", "10", "9"]
    ordered = ["9", "10", "P2", "p", "p1", "p01b", "p2x9", "p2x10", "p9", "p10"]
    assert sorted(names, key=natural_key) == ordered


@pytest.mark.parametrize(
    "names",
    [
        ["b-02", "b-10", "b-01"],
        ["b-2", "b-10", "b-1"],
        ["b\n2", "b\n10", "b\n1"],
        ["b2\nb2", "b1", "b3"],
        ["a1b22", "a10b2", "a2b11"],
        [],
    ],
)
def test_natural_order_does_not_depend_on_the_way_to_it(names: list[str]) -> None:
    assert naturally_sorted(names) == sorted(names, key=natural_key)


def test_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 9, 10, 100):
        (tmp_path / f"part-{number}.h5").touch()
    (tmp_path / "odd[1].h5").touch()
    found = [Path(ref).name for ref in expand([str(tmp_path / "part-*.h5")])]
    assert found == [f"part-{n}.h5" for n in (1, 2, 9, 10, 100)]
    members = list(expand([str(tmp_path / "part-?.h5::/g/x")]))
    assert members == [str(tmp_path / f"part-{n}.h5::/g/x") for n in (1, 2, 9)]
    assert list(expand([str(tmp_path / "odd[1].h5")])) == [str(tmp_path / "odd[1].h5")]
    with pytest.raises(InputUnavailable, match=r"matches no file$"):
        list(expand([str(tmp_path / "none-*.h5")]))
    with pytest.raises(InputUnavailable, match=r"matches no file; there is no folder .*nowhere$"):
        list(expand([str(tmp_path / "nowhere/*.h5")]))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputUnavailable, match="matches no file; there is no permission to list"):
        list(expand([str(tmp_path / "none-*.h5")]))


def test_lists(tmp_path: Path) -> None:
    for name in ("b.npy", "a.npy", "c 1.npy"):
        (tmp_path / name).touch()
    inner, outer = tmp_path / "inner.txt", tmp_path / "outer.txt"
    inner.write_text(f"{tmp_path}/c 1.npy\n")
    outer.write_text(f"{tmp_path}/b.npy\n\n{tmp_path}/[ab].npy\n@{inner}")
    found = [Path(ref).name for ref in expand([f"@{outer}"])]
    assert found == ["b.npy", "a.npy", "b.npy", "c 1.npy"]
    with pytest.raises(InputUnavailable, match="the list"):
        list(expand([f"@{tmp_path}/missing.txt"]))


def test_lists_of_nul(tmp_path: Path) -> None:
    (tmp_path / "nul").write_bytes(b"a\n1.npy\0b.npy\0")
    assert read_list(tmp_path / "nul", null=True) == ["a\n1.npy", "b.npy"]


def test_a_list_that_holds_itself(tmp_path: Path) -> None:
    path = tmp_path / "self.txt"
    path.write_text(f"@{path}\n")
    with pytest.raises(ConcatsplitError):
        list(expand([f"@{path}"]))
