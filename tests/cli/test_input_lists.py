"""Inputs by list, by pattern and by name: in which order, and from where."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

ORDERED = ["part-1", "part-2", "part-10", "part-20", "part-100"]


@pytest.fixture
def parts(shell: Any) -> np.ndarray:
    """Files whose names sort one way by letters and another by numbers; their join."""
    for index, name in enumerate(ORDERED):
        np.save(f"{name}.npy", np.full(2, index))
        with h5py.File(f"{name}.h5", "w") as file:
            file["g/x"], file["y"] = np.full(2, index), 0
        zarr.open_group(f"{name}.zarr", mode="w").create_array("x", data=np.full(2, index))
    return np.repeat(np.arange(len(ORDERED)), 2)


@pytest.mark.parametrize(
    "pattern",
    ["part-*.npy", "./part-*.npy", "part-?*.npy", "part-*.h5::/g/x", "part-*.h5::g/x",
     "part-*.zarr::x", "part-*.zarr", "*/../part-*.npy", "[p]art-*.npy"],
)  # fmt: skip
def test_patterns_are_expanded_in_natural_order(
    shell: Any, parts: np.ndarray, pattern: str
) -> None:
    if "/.." in pattern:
        (shell.folder / "folder.d").mkdir()
        pattern = pattern.replace("*/", "fold*/")
    shell.ok("concat", pattern, "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), parts)


def test_names_keep_the_order_in_which_they_are_given(shell: Any, parts: np.ndarray) -> None:
    names = [f"{name}.npy" for name in reversed(ORDERED)]
    outcome = shell.run("concat", *names, "-o", "y.npy")
    assert outcome.code == 0
    assert "not in the order of their numbers" in outcome.err
    np.testing.assert_array_equal(shell.read("y.npy"), np.repeat(np.arange(5)[::-1], 2))


def test_patterns_and_names_mix(shell: Any, parts: np.ndarray) -> None:
    outcome = shell.run("concat", "part-20.npy", "part-1*.npy", "part-2.npy", "-o", "y.npy")
    assert outcome.code == 0
    assert "not in the order of their numbers" in outcome.err
    np.testing.assert_array_equal(shell.read("y.npy")[::2], [3, 0, 2, 4, 1])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("d/**/*.npy", [2, 10, 0]),
        ("**/x10.npy", [10]),
        ("d*/**/e/**/*.npy", [2, 10]),
        ("d/**/nothing.npy", []),
        ("d/**.npy", [0]),
    ],
)
def test_two_stars_stand_for_folders_at_any_depth(
    shell: Any, pattern: str, found: list[int]
) -> None:
    for name, index in (("d", 0), ("d/e", 2), ("d/e/z[f]", 10), ("d/.hidden", 5)):
        (shell.folder / name).mkdir()
        np.save(f"{name}/x{index}.npy", np.full(1, index))
    (shell.folder / "d/e/above").symlink_to("..")
    if not found:
        shell.fails(4, "concat", pattern, "-o", "y.npy", says="the pattern matches no file")
        return
    shell.ok("concat", pattern, "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), found)


def test_folders_sort_naturally_too(shell: Any) -> None:
    for index in (1, 2, 10):
        (shell.folder / f"d{index}").mkdir()
        np.save(f"d{index}/x.npy", np.full(1, index))
    shell.ok("concat", "d*/x.npy", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), [1, 2, 10])


LINES = "".join(f"{name}.npy\n" for name in ORDERED)


@pytest.mark.parametrize(
    "text", [LINES, LINES.rstrip("\n"), LINES.replace("\n", "\n\n"), f"\n{LINES}\n\n"]
)
@pytest.mark.parametrize("way", ["@", "--files-from", "-"])
def test_lists_of_lines(shell: Any, parts: np.ndarray, text: str, way: str) -> None:
    (shell.folder / "list.txt").write_text(text)
    given = {"@": ("@list.txt",), "--files-from": ("--files-from", "list.txt")}
    args = given.get(way, ("--files-from", "-"))
    shell.ok("concat", *args, "-o", "y.npy", stdin=text.encode() if way == "-" else None)
    np.testing.assert_array_equal(shell.read("y.npy"), parts)


@pytest.mark.parametrize("way", ["list.txt", "-"])
@pytest.mark.parametrize("end", ["\0", ""])
def test_lists_that_end_in_nul(shell: Any, parts: np.ndarray, way: str, end: str) -> None:
    np.save("with\nline.npy", np.full(2, 5))
    text = "\0".join(["part-1.npy", "with\nline.npy", "part-2.npy"]) + end
    (shell.folder / "list.txt").write_text(text)
    stdin = text.encode() if way == "-" else None
    shell.ok("concat", "--files-from", way, "-0", "-o", "y.npy", stdin=stdin)
    np.testing.assert_array_equal(shell.read("y.npy")[::2], [0, 5, 1])


def test_lists_come_after_names_and_may_hold_members_and_patterns(
    shell: Any, parts: np.ndarray
) -> None:
    (shell.folder / "list.txt").write_text("part-10.h5::g/x\npart-2*.npy\npart-1.zarr/x\n")
    shell.ok("concat", "part-100.npy", "--files-from", "list.txt", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy")[::2], [4, 2, 1, 3, 0])
    shell.ok("concat", "@list.txt", "part-100.npy", "-o", "z.npy")
    np.testing.assert_array_equal(shell.read("z.npy")[::2], [2, 1, 3, 0, 4])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("way", ["@", "--files-from", "-"])
def test_lists_of_other_editors(shell: Any, parts: np.ndarray, way: str, encoding: str) -> None:
    np.save("#1.npy", np.full(2, 9))
    text = "# in order\r\n" + LINES.replace("\n", "\r\n") + "\r\n  # the end\r\n./#1.npy\r\n"
    (shell.folder / "list.txt").write_bytes(text.encode(encoding))
    given = {"@": ("@list.txt",), "--files-from": ("--files-from", "list.txt")}
    stdin = text.encode(encoding) if way == "-" else None
    shell.ok("concat", *given.get(way, ("--files-from", "-")), "-o", "y.npy", stdin=stdin)
    np.testing.assert_array_equal(shell.read("y.npy"), [*parts, 9, 9])


def test_references_that_end_in_nul_are_taken_as_they_are(shell: Any) -> None:
    for index, name in enumerate(("#a.npy", "b.npy\r", " c.npy")):
        with open(name, "wb") as file:
            np.save(file, np.full(1, index))
    stdin = b"#a.npy\0b.npy\r\0 c.npy\0"
    shell.ok("concat", "--files-from", "-", "-0", "-o", "y.npy", stdin=stdin)
    np.testing.assert_array_equal(shell.read("y.npy"), [0, 1, 2])


COMMANDS = {
    "reshard": ("-o", "y{index}.npy", "--size", "4"),
    "gradient split": ("-o", "y.npy"),
    "depth-concat": ("-o", "y.npy", "--order", "C"),
    "info": ("--json",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_all_commands_of_many_inputs_take_lists(
    shell: Any, parts: np.ndarray, command: str
) -> None:
    (shell.folder / "list.txt").write_text(LINES)
    done = shell.ok(*command.split(), "--files-from", "list.txt", *COMMANDS[command])
    if command == "info":
        assert [blob["ref"] for blob in done.json["blobs"]] == LINES.split()
    else:
        made = sorted(shell.folder.glob("y*.npy"))
        np.testing.assert_array_equal(np.concatenate([np.load(p) for p in made]), parts)
    options = [] if command == "info" else COMMANDS[command]
    shell.fails(2, *command.split(), "-0", "part-1.npy", *options, says="--files-from")


def test_standard_input_is_one_input(shell: Any) -> None:
    np.save("a.npy", np.arange(3))
    (shell.folder / "list.txt").write_text("-\na.npy\n-\n")
    for args in (("-", "-"), ("a.npy", "-", "-"), ("@list.txt",)):
        shell.fails(2, "concat", *args, "-o", "y.npy", says=("stdin", "twice"))
    shell.fails(2, "info", "-", "-", says="twice")
    shell.fails(2, "concat", "-", "--files-from", "-", "-o", "y.npy", says="stdin")
    done = shell.bash("concatsplit split-by-lengths - - -o 'y{index}.npy' < a.npy")
    assert done.returncode == 2
    shell.one_line(done.stderr, "twice")
    described = json.loads(shell.bash("concatsplit info - --json < a.npy").stdout)["blobs"]
    assert [(blob["ref"], blob["shape"]) for blob in described] == [("-", [3])]


def test_lists_that_double_end_in_a_message(shell: Any) -> None:
    for index in range(40):
        following = f"@{index + 1}.txt\n" * 2
        (shell.folder / f"{index}.txt").write_text(following)
    (shell.folder / "40.txt").write_text("a.npy\n")
    shell.fails(2, "concat", "@0.txt", "-o", "y.npy", says=("@0.txt", "name each input once"))
    (shell.folder / "40.txt").write_text("\n")
    shell.fails(2, "concat", "@0.txt", "-o", "y.npy", says="@0.txt")


def test_a_list_may_be_named_again(shell: Any) -> None:
    np.save("a.npy", np.arange(2))
    (shell.folder / "one.txt").write_text("a.npy\n")
    (shell.folder / "two.txt").write_text("@one.txt\n@one.txt\n")
    shell.ok("concat", "@two.txt", "@one.txt", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), [0, 1] * 3)


def test_stack_takes_lists_too(shell: Any, parts: np.ndarray) -> None:
    shell.ok("stack", "--files-from", "-", "-o", "y.npy", stdin=LINES.encode())
    np.testing.assert_array_equal(shell.read("y.npy"), parts.reshape(5, 2))


@pytest.mark.parametrize("text", [b"", b"\n\n"])
def test_an_empty_list_is_a_usage_error(shell: Any, text: bytes) -> None:
    (shell.folder / "list.txt").write_bytes(text)
    shell.fails(2, "concat", "@list.txt", "-o", "y.npy")
    shell.fails(2, "concat", "--files-from", "list.txt", "-o", "y.npy", says="no inputs")


def test_a_list_that_names_itself_ends(shell: Any) -> None:
    (shell.folder / "list.txt").write_text("@list.txt\n")
    before = shell.snapshot()
    outcome = shell.run("concat", "@list.txt", "-o", "y.npy")
    assert outcome.code in {2, 3, 4}
    shell.one_line(outcome.err, "list.txt")
    assert shell.snapshot() == before


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"a\0b.npy\n", b"x" * 5000])
def test_a_list_of_junk_is_exit_4(shell: Any, content: bytes) -> None:
    (shell.folder / "list.txt").write_bytes(content)
    shell.fails(4, "concat", "@list.txt", "-o", "y.npy")


def test_a_file_may_be_named_like_a_list_or_a_pattern(shell: Any) -> None:
    for index, name in enumerate(("@x.npy", "[a].npy", "a.npy", "b*.npy", "bb.npy")):
        np.save(name, np.full(1, index))
    shell.ok("concat", "@x.npy", "[a].npy", "b*.npy", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), [0, 1, 3])


def test_many_inputs(shell: Any) -> None:
    for index in range(2000):
        np.save(f"{index}.npy", np.array([index]))
    done = shell.ok("concat", "[0-9]*.npy", "-o", "y.npy", "--json").json
    np.testing.assert_array_equal(shell.read("y.npy"), np.arange(2000))
    assert len(done["inputs"]) == 2000
