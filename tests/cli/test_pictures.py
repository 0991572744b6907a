"""Pictures of plans: what is drawn is what is planned, and the file is safe in every reader."""

from __future__ import annotations

import errno
import re
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.stores.local import LocalStore

SVG = "{http://www.w3.org/2000/svg}"
MOST_BYTES = 200_000
NASTY = "<&\"'\x1b]0;x\u202e"


def _parsed(path: str | Path) -> ET.Element:
    root = ET.fromstring(Path(path).read_bytes())
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    ids = {element.get("id") for element in root.iter()}
    assert set(str(root.get("aria-labelledby")).split()) <= ids
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert "prefers-color-scheme:dark" in str(root.findtext(f"{SVG}style"))
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {
            "svg", "title", "desc", "style", "defs", "pattern", "rect", "path", "text",
        }  # fmt: skip
        assert not [name for name in element.attrib if name.startswith("on") or "href" in name]
    _refuse_what_sticks_out(root)
    assert Path(path).stat().st_size < MOST_BYTES
    return root


def _refuse_what_sticks_out(root: ET.Element) -> None:
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for box in root.findall(f"{SVG}rect"):
        x, y, wide, tall = (float(box.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert x >= 0 <= y
        assert x + wide <= width + 0.1
        assert y + tall <= height
    for text in root.findall(f"{SVG}text"):
        assert 0 <= float(text.get("x", 0)) <= width
        assert 0 < float(text.get("y", 0)) <= height


def _boxes(root: ET.Element) -> list[tuple[str, float, str]]:
    """Class, width and tip of the boxes that stand for arrays, or for parts of them."""
    found = []
    for box in root.findall(f"{SVG}rect"):
        tip = box.findtext(f"{SVG}title")
        if tip:
            kind = str(box.get("class")).split()[0]
            found.append((kind, float(box.get("width", 0)), tip))
    return found


@pytest.fixture
def grids(shell: Any) -> None:
    for name, rows in (("x", 40), ("z", 15)):
        data = np.arange(rows * 8, dtype="<f4").reshape(rows, 8)
        zarr.create_array(f"{name}.zarr", data=data, chunks=(10, 4))


def test_areas_are_the_sizes_of_arrays(shell: Any, grids: None) -> None:
    args = ("concat", "x.zarr", "z.zarr", "x.zarr", "-o", "y.zarr", "--dry-run")
    facts = shell.ok(*args, "--json", "--picture", "plan.svg").json
    assert not Path("y.zarr").exists()
    root = _parsed("plan.svg")
    widths: dict[str, float] = defaultdict(float)
    for kind, width, tip in _boxes(root):
        side = "inputs" if tip.startswith("input") else "outputs"
        widths[side if side == "inputs" else kind] += width
    scale = widths["inputs"] / facts["bytes_written"]
    assert 0 < widths["encoded"] == pytest.approx(facts["routes"]["encoded"] * scale, abs=0.1)
    assert 0 < widths["decoded"] == pytest.approx(facts["routes"]["decoded"] * scale, abs=0.1)
    words = "\n".join(text.text or "" for text in root.iter(f"{SVG}text"))
    assert "because a chunk straddles a boundary" in words
    description = str(root.findtext(f"{SVG}desc"))
    assert "Input 1 (z.zarr) covers 40 to 55." in description
    assert "encoded: " in description
    assert "straddles" in description


def test_windows_lie_in_lanes(shell: Any, grids: None) -> None:
    shell.ok("split", "x.zarr", "-o", "w{index}.npy", "--size", 20, "--hop", 5, "-n", "-q",
             "--picture", "p.svg")  # fmt: skip
    boxes = _boxes(_parsed("p.svg"))
    assert sum(width for kind, width, _ in boxes if kind == "decoded") == pytest.approx(
        sum(width for kind, width, _ in boxes if kind == "even") * 5 / 2, abs=0.1
    )


@pytest.mark.parametrize("how", [("--size", 1), ("--size", 200, "--hop", 1)])
def test_many_arrays_are_counted_in_columns(shell: Any, how: Any) -> None:
    shell.save(a=np.zeros((2000, 2), "u1"))
    shell.ok("split", "a.npy", "-o", "{index}.npy", *how, "-n", "-q", "--picture", "p.svg")
    root = _parsed("p.svg")
    assert len(list(root.iter())) < 100
    assert "There are" in str(root.findtext(f"{SVG}desc"))


def test_many_inputs_and_chunks_are_one_small_file(shell: Any) -> None:
    for index in range(300):
        np.save(f"{index}.npy", np.zeros((1 + index % 3, 2), "u1"))
    np.save("big.npy", np.zeros((10**6, 2), "u1"))
    shell.ok("concat", "[0-9]*.npy", "big.npy", "-o", "y.zarr", "--chunks", "1,1", "-n", "-q",
             "--picture", "p.svg")  # fmt: skip
    assert len(list(_parsed("p.svg").iter())) < 100


def test_a_data_set_has_a_panel_for_each_of_its_first_arrays(shell: Any) -> None:
    np.savez("a.npz", **{f"v{i}": np.zeros((4, i + 1)) for i in range(15)}, empty=np.zeros((0, 3)))
    shell.ok("split", "a.npz", "-o", "p{index}.npz", "--parts", 2, "--axis", "v*=0",
             "--axis", "*=carry", "-n", "-q", "--picture", "p.svg")  # fmt: skip
    words = [text.text or "" for text in _parsed("p.svg").iter(f"{SVG}text")]
    assert sum(word.startswith("v") and "along axis 0" in word for word in words) == 12
    assert "and 4 more arrays" in words
    shell.ok("concat", "a.npz", "-o", "b.npz", "--members", "empty", "-n", "-q",
             "--picture", "e.svg")  # fmt: skip
    assert "has no elements" in Path("e.svg").read_text()


def test_a_name_is_text_and_nothing_else(shell: Any) -> None:
    shell.folder.joinpath(NASTY).mkdir()
    np.save(f"{NASTY}/a.npy", np.zeros((3, 2)))
    shell.ok("concat", f"{NASTY}/a.npy", "-o", "y.npy", "-n", "-q", "--picture", "p.svg")
    root = _parsed("p.svg")
    text = Path("p.svg").read_text()
    assert text.isascii() or "\x1b" not in text
    assert "\u202e" not in text
    assert "<&\"'\\x1b]0;x\\u202e/a.npy" in _boxes(root)[0][2]


def test_the_same_plan_gives_the_same_bytes(shell: Any, grids: None) -> None:
    for name in ("one.svg", "two.svg"):
        shell.ok("concat", "x.zarr", "-o", "y.npy", "-n", "-q", "--picture", name)
    assert Path("one.svg").read_bytes() == Path("two.svg").read_bytes()


@pytest.mark.parametrize(
    ("code", "more", "says"),
    [
        (2, ("--picture", "p.svg"), ("--picture", "--dry-run")),
        (2, ("-n", "--picture", "p.png"), ("p.png", ".svg")),
        (5, ("-n", "--picture", "old.svg"), ("old.svg", "--force")),
        (5, ("-n", "--force", "--picture", "in.svg"), ("in.svg", "input")),
        (5, ("-n", "--force", "--picture", "x.zarr/p.svg"), ("x.zarr", "input")),
        (5, ("-n", "--force", "--picture", "folder.svg"), ("folder.svg", "folder")),
        (2, ("-n", "--picture", "y.npy/p.svg"), ("y.npy", "output")),
        (7, ("-n", "--picture", "old.svg/p.svg"), ("old.svg", "directory")),
    ],
)
def test_a_picture_is_refused(
    shell: Any, grids: None, code: int, more: tuple[str, ...], says: tuple[str, ...]
) -> None:
    Path("old.svg").write_text("mine")
    with open("in.svg", "wb") as file:
        np.save(file, np.zeros((3, 8), "<f4"))
    Path("folder.svg").mkdir()
    shell.fails(code, "concat", "x.zarr", "in.svg", "-o", "y.npy", *more, says=says)


def test_a_name_that_no_file_can_have(shell: Any, grids: None) -> None:
    with pytest.raises(cs.ConcatsplitError, match="NUL"):
        cs.concat(["x.zarr"], "y.npy", dry_run=True, picture="a\0.svg")


def test_a_full_disk_leaves_nothing(
    shell: Any, grids: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalStore, "write", full)
    args = ("concat", "x.zarr", "-o", "y.npy", "-n", "--picture", "new/p.svg")
    shell.fails(6, *args, says="new/p.svg")


def test_force_replaces_a_picture(shell: Any, grids: None) -> None:
    Path("p.svg").write_text("old")
    shell.ok("concat", "x.zarr", "-o", "y.npy", "-n", "-q", "--force", "--picture", "p.svg")
    _parsed("p.svg")


def _sparse(name: str, shape: tuple[int, ...], chunks: tuple[int, ...], **more: Any) -> Any:
    return zarr.create_array(name, shape=shape, chunks=chunks, dtype="<f4", **more)


def test_the_chunks_of_an_array(shell: Any) -> None:
    array = _sparse("x.zarr", (30, 20, 8), (10, 5, 4), dimension_names=["time", "y", "x"])
    data = np.random.default_rng(1).random((30, 20, 8), "f4")
    array[10:, :15] = data[10:, :15]
    array[0:10, 0:5, 0:4] = 1  # one of the two chunks of a cell
    assert "x.zarr" in shell.ok("info", "x.zarr", "--picture", "p.svg").out
    root = _parsed("p.svg")
    boxes = _boxes(root)
    heat = [(kind, tip) for kind, _, tip in boxes if kind.startswith("heat")]
    assert len(heat) == 1 + 2 * 3
    assert len([kind for kind, _, _ in boxes if kind == "absent"]) == 3 * 4
    assert ("heat0", heat[0][1]) == heat[0]
    assert "1 of 2 stored" in heat[0][1]
    stored = sum(path.stat().st_size for path in Path("x.zarr/c").rglob("*") if path.is_file())
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert any(word.startswith("24 chunks of 10 x 5 x 4, 11 absent; ") for word in words)
    assert f"({100 * stored / data.nbytes:.3g} %)" in str(root.findtext(f"{SVG}desc"))
    assert any("axis 0 (time) ↓ 3" in word and "axis 2 (x), 2" in word for word in words)


def test_the_chunks_of_a_container(shell: Any) -> None:
    with h5py.File("x.h5", "w") as file:
        file["plain"] = np.zeros((20, 4))
        file.create_dataset("row", data=np.arange(50), chunks=(10,), compression="gzip")
        file.create_dataset("none", shape=(0, 4), maxshape=(None, 4), chunks=(5, 4), dtype="f4")
        for index in range(11):
            file[f"small{index:02}"] = np.zeros(2)
    shell.ok("info", "x.h5", "--picture", "p.svg")
    words = [text.text or "" for text in _parsed("p.svg").iter(f"{SVG}text")]
    assert "not in chunks; 640B" in words
    assert any(word.startswith("5 chunks of 10, 0 absent") for word in words)
    assert "and 2 more arrays" in words
    shell.ok("info", "x.h5::none", "--picture", "n.svg")
    assert "0 chunks of 5 x 4, 0 absent" in str(_parsed("n.svg").findtext(f"{SVG}desc"))


def test_many_chunks_in_shards_are_drawn_together(shell: Any) -> None:
    array = _sparse("x.zarr", (30, 80), (1, 2), shards=(10, 80))
    array[10:20] = 1
    shell.ok("info", "x.zarr", "--picture", "p.svg")
    root = _parsed("p.svg")
    assert len(list(root.iter())) < 60
    area = sum(
        float(wide) * float(tall)
        for path in root.findall(f"{SVG}path") if str(path.get("class")).startswith("heat")
        for wide, tall in re.findall(r"h([\d.]+)v([\d.]+)h-", str(path.get("d")))
    )  # fmt: skip
    (whole,) = (box for box in root.findall(f"{SVG}rect") if "on-absent" in str(box.get("class"))
                and float(box.get("width", 0)) > 100)  # fmt: skip
    assert area == pytest.approx(
        float(whole.get("width", 0)) * float(whole.get("height", 0)) / 3, rel=0.01
    )


def test_more_chunks_than_are_looked_at(shell: Any) -> None:
    _sparse("x.zarr", (2000, 2000), (1, 1))
    shell.ok("info", "x.zarr", "--picture", "p.svg")
    assert "too many to look at each" in str(_parsed("p.svg").findtext(f"{SVG}desc"))


@pytest.mark.parametrize(
    ("code", "args", "says"),
    [
        (2, ("-", "--picture", "p.svg"), "stream"),
        (2, ("x.zarr", "--picture", "p.txt"), ".svg"),
        (5, ("x.zarr", "--picture", "old.svg"), "--force"),
        (5, ("x.zarr", "-f", "--picture", "x.zarr/p.svg"), "input"),
        (4, ("no.zarr", "--picture", "p.svg"), "no.zarr"),
        (3, ("bad.h5", "--picture", "p.svg"), "bad.h5"),
        (2, ("no.h5", "--picture", "p.svg"), "no array"),
    ],
)
def test_a_picture_of_chunks_is_refused(
    shell: Any, grids: None, code: int, args: tuple[str, ...], says: str
) -> None:
    Path("old.svg").write_text("mine")
    Path("bad.h5").write_bytes(b"\x89HDF\r\n\x1a\nxx")
    h5py.File("no.h5", "w").close()
    shell.fails(code, "info", *args, says=says)


def test_links_out_of_a_store_are_followed_only_if_asked(shell: Any, grids: None) -> None:
    chunk = Path("x.zarr/c/0/0")
    chunk.rename("elsewhere")
    chunk.symlink_to(Path("elsewhere").resolve())
    args = ("info", "x.zarr", "--picture", "p.svg")
    shell.fails(11, *args, says=("x.zarr", "--follow-links"))
    shell.ok(*args, "--follow-links")
    assert "8 chunks of 10 x 4, 0 absent" in Path("p.svg").read_text()


def test_an_array_that_cannot_be_read_is_left_out(shell: Any) -> None:
    with h5py.File("x.h5", "w") as file:
        file["good"] = np.zeros(3)
        file["link"] = h5py.ExternalLink("elsewhere.h5", "x")
    assert "elsewhere.h5" in shell.ok("info", "x.h5", "--picture", "p.svg").out
    assert len(_boxes(_parsed("p.svg"))) == 1
