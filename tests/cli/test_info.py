"""What ``info`` says of arrays, and that it opens a container once for all of them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.formats.hdf5 import files, links


def test_a_file_and_its_groups_are_opened_once_for_all_arrays(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File("a.h5", "w") as file:
        for number in range(100):
            file[f"g/{number}"] = np.zeros(3)
    opened: list[str] = []
    true_file, true_item = files._opened, links.item_of
    monkeypatch.setattr(
        files, "_opened", lambda path, fd: opened.append(path) or true_file(path, fd)
    )
    monkeypatch.setattr(
        links, "item_of", lambda group, name: opened.append(name) or true_item(group, name)
    )
    assert len(shell.ok("info", "a.h5", "--json").json["blobs"]) == 100
    assert opened.count("a.h5") == 2  # to list the arrays, and to describe them
    assert opened.count("g") == 2


@pytest.fixture
def rich(shell: Any) -> None:
    """A file of groups, with attributes of many kinds, and missing and packed elements."""
    with h5py.File("r.h5", "w") as file:
        made = file.create_dataset(
            "g/sub/temperature", data=np.arange(12, dtype="i2").reshape(3, 4)
        )
        made.attrs.update(
            units="K", scale_factor=0.5, empty="", flag=True, three=[1.5, 2, 3],
            letters=np.bytes_(b"abc"), names=np.array([b"a", b"b"]), raw=np.void(b"\1\2"),
            record=np.array((1, 2.5), [("a", "i2"), ("b", "f4")]), long=np.arange(100),
            nan=np.nan, pair=1 - 2j, nothing=h5py.Empty("f4"), grid=np.eye(2),
        )  # fmt: skip
        made.attrs["_FillValue"] = np.int16(3)
        file["g/points"] = np.array([(1, 2)], [("x", "i2"), ("y", ">f4")])
        file["flags"] = np.array([True, False])
        file["out"] = h5py.ExternalLink("other.h5", "/x")


def test_attributes_are_readable(shell: Any, rich: None) -> None:
    text = shell.ok("info", "r.h5::g/sub/temperature").out
    for line in (
        "@units = K", "@scale_factor = 0.5", "@empty = (empty)", "@flag = true", "@letters = abc",
        "@three = 1.5, 2.0, 3.0", "@names = a, b", "@raw = 0x0102", "@record = {a: 1, b: 2.5}",
        "@nan = NaN", "@pair = 1.0-2.0i", "@nothing = (empty)", "@_FillValue = 3",
        "@grid = [1.0, 0.0], [0.0, 1.0]",
    ):  # fmt: skip
        assert f"{line}\n" in text
    assert "18, 19, … 80 more\n" in text
    assert "b'" not in text


def test_a_table_that_goes_to_no_terminal_is_one_line_an_array(shell: Any, rich: None) -> None:
    name = "x" * 300
    np.savez("w.npz", **{name: np.zeros(2, "f4"), "b": np.zeros(2, ">f8")})
    lines = shell.ok("info", "w.npz").out.splitlines()
    assert any(line.startswith(f"w.npz::{name}  2      float32  ") for line in lines)
    assert any(" >f8 " in line for line in lines)
    facts = shell.ok("info", "r.h5").out
    assert "{x: int16, y: >f4}" in facts
    assert "r.h5::g/sub/temperature @units = K\n" in facts
    assert "r.h5::out: " in facts


def test_dry_run_and_info_call_dtypes_the_same(shell: Any) -> None:
    shell.save(a=np.zeros(3, "<f4"), b=np.zeros(3, [("x", "i2"), ("y", "S4")]), c=np.zeros(3, "U2"))
    for name, label in (("a", "float32"), ("b", "{x: int16, y: S4}"), ("c", "U2")):
        assert f" {label} " in shell.ok("info", f"{name}.npy").out
        assert f" {label} " in shell.ok("concat", f"{name}.npy", "-o", "y.npy", "-n").out


@pytest.mark.parametrize("width", [40, 80, 200])
def test_lines_fit_a_terminal(
    shell: Any, rich: None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("concatsplit_cli.describing.terminal_width", lambda _: width)
    for options in ([], ["--tree"], ["--stats", "--head", "1"]):
        text = shell.ok("info", "r.h5", *options).out
        assert all(len(line) <= width for line in text.splitlines())
        assert "temperature" in text
        assert "other.h5" in text or width == 40
    assert ("\n  3 x 4 int16, chunks" in shell.ok("info", "r.h5").out) == (width <= 80)


@pytest.mark.parametrize("name", ["empty.h5", "empty.zarr"])
def test_a_container_without_arrays_shows_none(shell: Any, name: str) -> None:
    if name == "empty.h5":
        h5py.File(name, "w").close()
    else:
        zarr.open_group(name, mode="w").create_group("inner")
    for options in ([], ["--tree"], ["--stats", "--head", "1"]):
        assert shell.ok("info", name, *options).out == ""


def test_members_are_shown_as_a_tree(shell: Any, rich: None) -> None:
    lines = shell.ok("info", "r.h5", "--tree").out.splitlines()
    words = [" ".join(line.split()) for line in lines]
    assert words[:4] == [
        "r.h5",
        "├── flags 2 bool none 2B",
        "├── g",
        "│ ├── points 1 {x: int16, y: >f4} none 6B",
    ]
    assert words[4:6] == ["│ └── sub", "│ └── temperature 3 x 4 int16 none 24B"]
    assert words[6].startswith("└── out (")
    assert len(words) == 7
    with h5py.File("deep.h5", "w") as file:
        file["/".join("a" * 1500)] = [1, 2]
    assert len(shell.ok("info", "deep.h5", "--tree").out.splitlines()) == 1501
    np.save("a.npy", np.zeros(3))
    assert shell.ok("info", "a.npy", "--tree").out.split() == [
        "a.npy",
        "3",
        "float64",
        "none",
        "24B",
    ]
    stats = shell.ok("info", "r.h5::flags", "--tree", "--stats").out
    assert "stats = 2 elements, min false, max true, mean 0.5\n" in stats
    refused = shell.run("info", "r.h5", "--tree", "--json")
    assert (refused.code, "--tree" in refused.json["error"]["message"]) == (2, True)


def test_statistics_and_first_elements(shell: Any, rich: None) -> None:
    text = shell.ok("info", "r.h5::g/sub/temperature", "--stats", "--head", "2").out
    assert "stats = 12 elements, 1 missing, min 0, max 5.5, mean 2.86364 (unpacked)\n" in text
    assert "histogram = 0 [███ ████████] 6\n" in text
    assert "head 0 = 0, 0.5, 1, missing (unpacked)\nhead 1 = 2, 2.5, 3, 3.5 (" in text
    text = shell.ok("info", "r.h5::g/points", "--stats", "--head", "2").out
    assert "stats = 1 element\nstats of x = 1 element, min 1, max 1, mean 1\n" in text
    assert "head = {x: 1, y: 2}\n" in text
    np.save("wide.npy", np.zeros((2, 20)))
    assert "head 1 = 0, 0, 0, 0, 0, 0, 0, 0, …\n" in shell.ok("info", "wide.npy", "--head", 2).out
    np.save("odd.npy", np.array([np.inf, np.nan, -1]))
    text = shell.ok("info", "odd.npy", "--stats", "--head", 3).out
    assert "stats = 3 elements, 1 NaN, 1 infinite, min -1, max infinity, mean infinity" in text
    np.save("one.npy", np.array(7))
    assert "head = 7\n" in shell.ok("info", "one.npy", "--head", 3).out


def test_statistics_in_json(shell: Any, rich: None) -> None:
    done = shell.ok("info", "r.h5", "--stats", "--head", 1, "--json").json
    blobs = {blob["ref"].partition("::")[2]: blob for blob in done["blobs"]}
    assert blobs["g/sub/temperature"]["stats"] == {
        "values": "unpacked", "count": 12, "missing": 1, "nan": 0, "infinite": 0,
        "min": 0.0, "max": 5.5, "mean": 63 / 22,
        "histogram": {"start": 0.0, "width": 0.5, "counts": [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1]},
    }  # fmt: skip
    assert blobs["g/points"]["stats"]["parts"]["y"]["max"] == 2.0
    assert blobs["flags"]["head"] == {"values": "stored", "elements": [True]}
    assert "stats" not in blobs["out"]
    np.save("nan.npy", np.full(2, np.nan))
    (blob,) = shell.ok("info", "nan.npy", "--stats", "--head", 1, "--json").json["blobs"]
    assert (blob["stats"]["nan"], blob["stats"]["min"]) == (2, None)
    assert blob["head"]["elements"] == ["NaN"]


def test_one_array_that_cannot_be_read_does_not_hide_the_others(shell: Any, rich: None) -> None:
    with h5py.File("r.h5", "a") as file:
        file["flags"].attrs["scale_factor"] = "much"
        file["g/points"].attrs["x"] = 1
        file["bad"] = np.arange(3)
        file["bad"].attrs["scale_factor"] = "much"
    done = shell.ok("info", "r.h5", "--stats", "--json").json
    unread = {b["ref"]: b["unread"] for b in done["blobs"] if "unread" in b}
    assert unread == {"r.h5::bad": "scale_factor 'much' is not a number"}
    text = shell.ok("info", "r.h5", "--stats").out
    assert "r.h5::bad cannot be read: scale_factor 'much' is not a number\n" in text
    shell.fails(3, "info", "r.h5::bad", "--stats", says="much")


def test_plain_letters_where_stdout_has_no_others(
    shell: Any, rich: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ascii:
        encoding = "ascii"

    monkeypatch.setattr("concatsplit_cli.readable.sys", type("S", (), {"stdout": Ascii}))
    monkeypatch.setattr(
        "concatsplit_cli.describing._branches", lambda: ("|-- ", "`-- ", "|   ", "")
    )
    text = shell.ok("info", "r.h5::flags", "--stats", "--tree").out
    assert "histogram = 0 [@@] 1\n" in text
    assert "`-- flags" in text


def test_statistics_of_every_format(shell: Any) -> None:
    array = np.arange(24, dtype="f4").reshape(4, 6)
    shell.save(a=array)
    outputs = ("y.npz::m", "y.h5::m", "y.zarr", "y.zarr.zip::m", "y.safetensors::m", "y.nc::m")
    for ref in outputs:
        shell.ok("feed", "a.npy", ref)
    shell.ok("feed", "a.npy", "y.raw")
    for args in (*((ref,) for ref in outputs), ("y.raw", "--raw", "float32,*,6")):
        (blob,) = shell.ok("info", *args, "--stats", "--head", 1, "--json").json["blobs"]
        assert (blob["stats"]["min"], blob["stats"]["max"], blob["stats"]["mean"]) == (0, 23, 11.5)
        assert blob["head"]["elements"] == [[0, 1, 2, 3, 4, 5]]


def test_a_wrong_budget_is_refused_where_it_is_not_needed(shell: Any) -> None:
    np.save("a.npy", np.zeros(3))
    shell.fails(2, "info", "a.npy", "--memory", "nope", says="--memory: 'nope' is not a size")


def test_the_ends_of_a_histogram(shell: Any) -> None:
    shell.save(a=np.arange(9, dtype="u1"), b=np.array([-1e308, 1e308]))
    text = shell.ok("info", "a.npy", "b.npy", "--stats").out
    assert "a.npy histogram = 0 [█████████] 8\n" in text
    assert "infinity" not in text


def test_progress_counts_the_bytes_of_all_references(shell: Any) -> None:
    shell.save(a=np.zeros(3), b=np.zeros(5))
    np.savez("c.npz", x=np.zeros(2), y=np.zeros(1))
    err = shell.run("info", "a.npy", "b.npy", "c.npz", "--stats", "--progress").err
    assert "info: 88B of 88B (100%)" in err


def test_a_file_that_cannot_be_described_does_not_hide_the_others(shell: Any) -> None:
    """Each gets a line on stderr, and the last one decides the exit code."""
    np.save("a.npy", np.arange(3))
    np.save("b.npy", np.arange(4))
    (shell.folder / "text.npy").write_text("1 2 3")
    names = ["a.npy", "text.npy", "nope.npy", "b.npy"]
    for options in ((), ("--stats",), ("--tree",)):
        done = shell.run("info", *names, *options)
        assert done.code == 4
        assert [line.split(":")[2] for line in done.err.splitlines()] == [" text.npy", " nope.npy"]
        assert "a.npy" in done.out
        assert "b.npy" in done.out
        assert "nope" not in done.out
    found = shell.run("info", *names, "--json")
    assert [blob["shape"] for blob in found.json["blobs"]] == [[3], [4]]
    assert found.json["error"]["kind"] == "InputUnavailable"
    assert shell.run("info", "nope.npy", "text.npy").code == 3
    assert set(shell.run("info", "nope.npy", "--json").json) == {"error"}


def test_python_gets_the_first_error_unless_it_takes_all(shell: Any) -> None:
    np.save("a.npy", np.arange(3))
    with pytest.raises(cs.ConcatsplitError, match="nope"):
        cs.info(["a.npy", "nope.npy", "a.npy"])
    errors: list[cs.ConcatsplitError] = []
    assert len(cs.info(["nope.npy", "a.npy", "no.npy"], on_error=errors.append)) == 1
    assert [error.ref for error in errors] == ["nope.npy", "no.npy"]
    with pytest.raises(cs.ConcatsplitError):
        cs.info("nope.npy", on_error=errors.append)
