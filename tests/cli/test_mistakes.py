"""A hundred mistakes that people make at the command line, and what they are told."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from mistaken_values import MISTAKEN_VALUES, UNLIKE
from mistakes import MISTAKES, ON_STDIN, J
from safetensors.numpy import save_file
from shells import Shell

import concatsplit_core as cs


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arrays, and containers of two arrays each."""
    folder = tmp_path_factory.mktemp("mistakes")
    array = np.zeros((4, 6), "<f4")
    np.save(folder / "a.npy", array)
    np.save(folder / "b.npy", array)
    np.savez(folder / "n.npz", images=array, labels=array)
    save_file({"images": array, "labels": array}, folder / "m.safetensors")
    with h5py.File(folder / "x.h5", "w") as file:
        file["images"] = file["group/labels"] = array
    group = zarr.open_group(folder / "two.zarr", mode="w", zarr_format=3)
    for name in ("images", "labels"):
        group.create_array(name, data=array)
    zarr.create_array(folder / "one.zarr", data=array)
    zarr.create_array(folder / "dims.zarr", data=array, dimension_names=("row", "col"))
    np.save(folder / "0.npy", np.array(1.0))
    (folder / "link.npy").symlink_to("nowhere")
    (folder / "folder").mkdir()
    (folder / "folder.npy").mkdir()
    (folder / "e.dat").write_bytes(bytes(48))
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    return folder


@pytest.fixture
def things(shell: Any, made: Path) -> None:
    """A copy of these files."""
    shell.bring(made)


def test_there_are_a_hundred() -> None:
    assert len(MISTAKES) >= 100
    assert not MISTAKES.keys() & MISTAKEN_VALUES.keys()


@pytest.fixture
def there(made: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell among these files themselves, which no mistake changes."""
    monkeypatch.chdir(made)
    return Shell(made)


@contextmanager
def as_stdin(content: bytes) -> Iterator[None]:
    """Have the descriptor of stdin read this, as for a process of its own."""
    before = os.dup(0)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        os.dup2(file.fileno(), 0)
        try:
            yield
        finally:
            os.dup2(before, 0)
            os.close(before)


def explained(there: Shell, line: str, says: str, stdin: bytes | None = None) -> None:
    before = there.snapshot()
    with as_stdin(stdin or b""):
        outcome = there.run(*shlex.split(line), stdin=stdin)
    assert outcome.code in {2, 3, 4, 5}
    there.one_line(outcome.err, says)
    assert outcome.out == ""
    assert there.snapshot() == before


@pytest.mark.parametrize("line", [*MISTAKES, *MISTAKEN_VALUES])
def test_a_mistake_is_explained(there: Shell, line: str) -> None:
    explained(there, line, (MISTAKES | MISTAKEN_VALUES)[line])


@pytest.mark.parametrize("line", UNLIKE)
def test_no_word_of_another_meaning_is_suggested(there: Shell, line: str) -> None:
    outcome = there.run(*shlex.split(line))
    assert outcome.code == 2
    assert "did you mean" not in outcome.err


@pytest.mark.parametrize(
    ("line", "stdin"), [(line, stdin) for line, rows in ON_STDIN.items() for stdin in rows]
)
def test_a_mistake_on_stdin_is_explained(there: Shell, line: str, stdin: bytes) -> None:
    explained(there, line, ON_STDIN[line][stdin], stdin)


def test_a_folder_of_an_output_may_be_a_file(there: Shell) -> None:
    there.fails(7, "concat", "a.npy", "-o", "b.npy/y.npy", says="is a file, and no folder")


def test_a_name_may_be_long_and_the_message_is_not(there: Shell) -> None:
    outcome = there.run("concat", "a.npy\n" * 100_000, "-o", "y.npy")
    assert outcome.code == 4
    assert 1000 < len(outcome.err) < 5000
    assert outcome.err.endswith("file name too long\n")


def test_the_message_is_that_of_json_too(shell: Any, things: None) -> None:
    outcome = shell.run(*shlex.split(J), "--dim", 1, "--json")
    assert outcome.json["error"]["message"] == "concat has no option --dim; did you mean --axis?"
    assert outcome.json["error"]["code"] == outcome.code == 2


ODD = {
    "concat a.npy b.npy -o 'x-{index}.npy'": "output x-{index}.npy: the name is no template here",
    "concat p-1.npy p-10.npy p-2.npy -o y.npy": "in the order of the alphabet: p-10.npy comes "
    "before p-2.npy",
    "stack p-2.npy p-1.npy -o y.npy": "not in the order of their numbers: p-2.npy comes before",
    "concat a.npy b.npy -o 'y-{axis}.npy'": "output y-{axis}.npy: the name is no template here",
    "concat a.npy b.npy -o 'new/y*.npy'": "output new/y*.npy: the name is no pattern here",
    f"{J} --split-info 'lengths-{{count}}.npy'": "lengths-{count}.npy: the name is no template",
    "concat n.npz m.safetensors -o 'y{index}.h5'": "output y{index}.h5: the name is no template",
    "split x.h5 -o 'p?{index}.h5' --parts 2": "output p?0.h5: the name is no pattern here",
    "split a.npy -o '{a}.npy' -o '{b}.npy'": "output {a}.npy: the name is no template here",
    # options that ask for what none of the inputs or outputs can have
    f"{J} --zarr-format 3": "--zarr-format 3 changes nothing: no output is Zarr",
    "split a.npy -o 'p{index}.h5' --parts 2 --zarr-format 2": "--zarr-format 2 changes nothing",
    "concat a.npy b.npy -o y.zarr --memory-order F": "--memory-order F changes nothing: no output "
    "is .npy or .npz",
    f"{J} --raw int8,*": "--raw int8,* changes nothing: no input is a .dat, .bin or .raw file",
    "split a.npy -o p0.npy": "there is one part, since there is one output and no option that says",
    "split a.npy -o p0.npy -o p1.npy --ratio 9:1": "--ratio: the axis is too short for part 1, "
    "which is empty",
    "split a.npy -o 'p{index}.npy' --ratio 99:1:1": "too short for parts 1, 2, which are empty",
    "split a.npy -o p0.npy --range 9:12": "--range 9:12 takes nothing: the part is empty",
    "split a.npy -o p0.npy --range 3:1": "--range 3:1 takes nothing: the part is empty",
    "split a.npy -o p0.npy --range 4:": "--range 4: takes nothing: the part is empty",
    "split a.npy -o 'p{index}.npy' --parts 6 --uneven balanced": "--parts 6: the axis is too "
    "short, so that 2 parts at the end are empty",
    "split a.npy -o 'p{index}.npy' --parts 5 --uneven trailing": "that 1 part at the end is empty",
    "concat a.npy -o y.npy --dtype f16": "--dtype f16 is float128, 16 bytes an element; half "
    "precision is f2 or float16",
    "concat a.npy -o y.npy --dtype '>c32'": "--dtype >c32 is complex256, 32 bytes an element",
    f"{J} --carry first": "--carry first changes nothing: this is one array",
    "split a.npy -o 'p{index}.npy' --parts 2 --carry drop": "--carry drop changes nothing",
}


@pytest.mark.parametrize("line", ODD)
def test_what_may_not_be_meant_gets_a_note(shell: Any, things: None, line: str) -> None:
    for number in (1, 2, 10):
        shutil.copy("a.npy", f"p-{number}.npy")
    for extra in (["--dry-run"], []):
        outcome = shell.run(*shlex.split(line), *extra)
        assert outcome.code == 0
        [note] = outcome.err.splitlines()
        assert note.startswith("concatsplit: note: ")
        assert ODD[line] in note
    noted = shell.run(*shlex.split(line), "--force", "--json").json["notes"]
    assert [ODD[line] in note for note in noted] == [True]


NO_RAW = "--raw int8,* changes nothing: no input is a .dat, .bin or .raw file of bare elements"
LOOKED_AT = {
    "info a.npy --raw int8,*": NO_RAW,
    "info x.h5 --raw int8,* --stats": NO_RAW,
    "info a.npy --force": "--force changes nothing: there is no --picture",
    "diff a.npy b.npy --raw int8,*": NO_RAW,
    "diff x.h5 x.h5 --raw int8,*": NO_RAW,
}


@pytest.mark.parametrize("line", LOOKED_AT)
def test_who_only_looks_gets_a_note_too(there: Shell, line: str) -> None:
    outcome = there.run(*shlex.split(line))
    assert outcome.code == 0
    assert outcome.err == f"concatsplit: note: {LOOKED_AT[line]}\n"


def test_a_quiet_diff_and_a_description_that_is_needed_get_none(there: Shell) -> None:
    assert there.ok("diff", "a.npy", "b.npy", "--raw", "int8,*", "--quiet").out == ""
    there.ok("info", "a.npy", "e.dat", "--raw", "<f4,*,6")
    there.ok("info", "e.dat", "--raw", "<f4,*,6", "--stats")
    assert there.run("diff", "a.npy", "e.dat", "--raw", "<f4,*,6").err == ""


@pytest.mark.parametrize("call", [cs.info, cs.open, lambda ref, raw: cs.diff(ref, ref, raw=raw)])
def test_in_python_the_note_is_a_warning(there: Shell, call: Any) -> None:
    with pytest.warns(UserWarning, match=r"--raw int8,\* changes nothing") as caught:
        call("a.npy", raw="int8,*")
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "line",
    [
        f"{J} --memory-order F",
        "concat a.npy b.npy -o y.h5 --memory-order C",
        "concat a.npy b.npy -o y.npz --memory-order F",
        "concat a.npy b.npy -o y.zarr.zip --zarr-format 2",
        "concat a.npy b.npy -o y.npy --split-info n.zarr --zarr-format 2",
        "concat e.dat a.npy -o y.npy --raw <f4,*,6",
        "concat x.h5 -o y.h5 --carry first --members '*'",
        "split a.npy -o p0.npy --parts 1",
        "split a.npy -o p0.npy --range 3:9",
        "split a.npy -o 'p{index}.npy' --parts 3 --uneven balanced",
        "concat a.npy -o y.npy --dtype f8",
        "concat a.npy -o y.npy --dtype float128",
        "concat a.npy -o y.npy --dtype c16",
        "concat a.npy b.npy -o y.npy --axis -1",
        "concat a.npy b.npy -o y.npy --axis -0 -f",
        "concat a.npy b.npy -oproto.npy -f",
        "split a.npy -o 'p{index}.npy' --lengths -1,2",
        "split a.npy -o p0.npy -o p1.npy --ratio 1:0",
        "split a.npy -o p0.npy -o p1.npy --ratio '75 %,25 %'",
    ],
)
def test_options_that_one_input_or_output_has_a_use_for_get_none(
    shell: Any, things: None, line: str
) -> None:
    assert shell.ok(*shlex.split(line)).err == ""


@pytest.mark.parametrize(
    "inputs",
    [("p-1.npy", "p-2.npy", "p-10.npy"), ("'p-*.npy'",), ("b.npy", "a.npy"), ("p-2.npy", "a.npy")],
)
def test_other_orders_get_none(shell: Any, things: None, inputs: tuple[str, ...]) -> None:
    for number in (1, 2, 10):
        shutil.copy("a.npy", f"p-{number}.npy")
    shell.ok(*shlex.split(" ".join(("concat", *inputs, "-o", "y.npy"))))


def test_no_array_goes_to_or_comes_from_a_terminal(shell: Any, things: None) -> None:
    master, terminal = os.openpty()
    plain = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    try:
        for args, name in ((("fetch", "a.npy"), "stdout"), (("info", "-"), "stdin")):
            done = subprocess.run(
                [shell.command, *args],
                **(plain | {name: terminal}),
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 2
            shell.one_line(done.stderr, f"{name} is a terminal")
    finally:
        os.close(master)
        os.close(terminal)
    assert shell.hidden() == []
