"""The architecture: who may import whom, what start-up loads, how long a file may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from environment import unwatched
from module_walk import (
    CORE,
    ROOT,
    below,
    closure,
    core,
    imports,
    libraries,
    members_of,
    modules,
    offenders,
    tree,
)

ROOMS = (
    "foundation",
    "array",
    "meaning",
    "planning",
    "codecs",
    "stores",
    "formats",
    "routes",
    "endpoints",
    "pictures",
    "run",
    "operators",
)
"""From the ground up: a room may import those before it, and nothing else."""

PURE = ("array", "meaning", "planning", "pictures")
ROUTES_KNOW = ("sources", "storage", "stored", "targets")
HEAVY = {
    "cftime", "h5py", "zarr", "numcodecs", "rich", "hdf5plugin", "google_crc32c", "deflate", "isal",
    "msgspec", "xxhash", "zstandard",
}  # fmt: skip
OWNERS = {f"{CORE}.formats.{module}" for module in ("hdf5.library", "zarr.bridge", "zarr.library")}
UNUSED = "shutil,dataclasses,difflib,queue,fractions,base64"
"""Modules of the standard library that a tiny join does without."""
LONGEST_FILE, LONGEST_FUNCTION = 350, 60
CALLS = {"distances_between", "lay_out", "open_member", "recover", "run", "unequal"}
"""Functions that one room offers and a lower one, or each of several, does under the same name."""
FORMATS_AS_SUCH = {"Format", "InputFormat", "OutputFormat"}
_DEFINITIONS = ast.FunctionDef | ast.ClassDef


def test_the_walk_sees_imports() -> None:
    assert f"{CORE}.run.engine" in imports(f"{CORE}.operators.performing")
    assert "rich.console" in imports("concatsplit_cli.tables")
    assert "rich.console" not in imports("concatsplit_cli.tables", at_import_time=True)
    assert "h5py" in imports(f"{CORE}.formats.hdf5.library", at_import_time=True)


def test_the_core_knows_no_command_line() -> None:
    def known(module: str) -> list[str]:
        return [name for name in imports(module) if below(name, "click", "rich", "concatsplit_cli")]

    assert not offenders(known, members_of(CORE))


def test_the_command_line_goes_in_by_the_front_door() -> None:
    doors = core("operators", "foundation")

    def elsewhere(module: str) -> list[str]:
        ours = [name for name in imports(module) if below(name, CORE) and name != CORE]
        return [name for name in ours if not below(name, *doors)]

    assert not offenders(elsewhere, members_of("concatsplit_cli"))


def test_a_room_imports_only_those_below_it() -> None:
    def above(module: str) -> list[str]:
        allowed = core(*ROOMS[: ROOMS.index(module.split(".")[1]) + 1])
        ours = [name for name in imports(module) if below(name, CORE)]
        return [name for name in ours if not below(name, *allowed)]

    assert not offenders(above, members_of(*core(*ROOMS)))


def test_no_modules_import_each_other_in_a_circle() -> None:
    ahead = {
        name: {one for one in imports(name) if one in modules()} - {name} for name in modules()
    }
    while free := {name for name, needs in ahead.items() if not needs & ahead.keys()}:
        ahead = {name: needs for name, needs in ahead.items() if name not in free}
    assert not ahead


def test_every_module_is_in_a_room() -> None:
    assert {name.split(".")[1] for name in modules() if name.startswith(f"{CORE}.")} == set(ROOMS)


def test_the_lower_rooms_stand_side_by_side() -> None:
    def neighbours(module: str) -> list[str]:
        own = ".".join(module.split(".")[:2])
        ours = [name for name in imports(module) if below(name, CORE)]
        return [name for name in ours if not below(name, own, *core("foundation"))]

    assert not offenders(neighbours, members_of(*core("codecs", "meaning", "stores")))


def test_what_is_pure_leads_to_no_format() -> None:
    others = core(*(room for room in ROOMS[ROOMS.index("codecs") :] if room not in PURE))
    never = HEAVY - {"cftime"} | {"os", "pathlib", "io"}

    def impure(module: str) -> bool:
        return below(module, *others) or bool(libraries(module) & never)

    for module in members_of(*core(*PURE)):
        assert not offenders(impure, closure(module)), module


def test_routes_know_what_formats_share_and_no_format() -> None:
    shared = core(*(f"formats.{one}" for one in ROUTES_KNOW))

    def known(module: str) -> list[str]:
        ours = [name for name in imports(module) if below(name, *core("formats"))]
        return [name for name in ours if not below(name, *shared)]

    assert not offenders(known, members_of(*core("routes")))


def test_no_format_is_told_by_its_class_outside_the_formats() -> None:
    def named(module: str) -> list[str]:
        words = re.findall(r"\w+", modules()[module].read_text())
        return sorted({word for word in words if word.endswith("Format")} - FORMATS_AS_SUCH)

    others = [name for name in members_of(CORE) if not below(name, f"{CORE}.formats")]
    assert not offenders(named, others)


def test_zarr_names_its_files_by_a_store() -> None:
    of_disks = core("stores.local", "stores.staging", "stores.journal", "stores.recovery")
    on_disk = f"{CORE}.formats.zarr.library"
    of_paths = {"os", "pathlib", "shutil", "tempfile", "io"}

    def paths(module: str) -> list[str]:
        disks = [name for name in imports(module) if below(name, *of_disks) and module != on_disk]
        return [*disks, *(libraries(module) & of_paths)]

    assert not offenders(paths, members_of(*core("formats.zarr")))


def test_what_a_store_is_leads_to_no_disk() -> None:
    def on_disk(module: str) -> list[str]:
        return [one for one in closure(module) if "os" in libraries(one)]

    stores = core("stores.base", "stores.publishing", "stores.schemes")
    assert not offenders(on_disk, members_of(*stores))


def test_costly_libraries_have_one_owner() -> None:
    def not_owned(module: str) -> set[str]:
        owned = {module.split(".")[2].replace("hdf5", "h5py")} if module in OWNERS else set()
        return libraries(module, at_import_time=True) & HEAVY - owned

    assert not offenders(not_owned, modules())


def test_the_core_prints_nothing() -> None:
    def prints(module: str) -> list[int]:
        nodes = ast.walk(tree(modules()[module]))
        calls = [node.func for node in nodes if isinstance(node, ast.Call)]
        return [one.lineno for one in calls if isinstance(one, ast.Name) and one.id == "print"]

    assert not offenders(prints, members_of(CORE))


_PROBE = """
import sys
from concatsplit_cli.main import main
try:
    main(sys.argv[2:])
except SystemExit as end:
    assert not end.code, end.code
print([name for name in sys.argv[1].split(",") if name in sys.modules])
"""


def _loaded(libraries: str, *args: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, libraries, *args],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
        env=unwatched(),
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("args", [("--version",), ("--help",), ("concat", "--help")])
def test_start_up_pays_for_no_library(args: tuple[str, ...]) -> None:
    assert _loaded("click", *args) == "['click']"
    assert (
        _loaded("numpy,h5py,zarr,numcodecs,rich,hdf5plugin,msgspec,xxhash,zstandard", *args) == "[]"
    )


def test_an_npy_run_pays_for_no_other_format(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6))
    args = ("concat", "a.npy", "a.npy", "-o", "y.npy")
    ours = ",".join(f"{CORE}.formats.{name}" for name in ("npz", "hdf5", "zarr", "stream"))
    wanted = f"numpy,h5py,zarr,numcodecs,rich,hdf5plugin,msgspec,xxhash,zstandard,{UNUSED},{ours}"
    assert _loaded(wanted, *args, cwd=tmp_path) == "['numpy']"
    assert np.load(tmp_path / "y.npy").shape == (12,)
    others = ",".join(f"{CORE}.formats.{name}" for name in ("hdf5", "npz", "safetensors", "zarr"))
    assert _loaded(others, *args, "--force", cwd=tmp_path) == "[]"


def test_a_tiny_hdf5_run_pays_for_no_rare_case(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(6), chunks=(4,), compression=1, shuffle=True)
    args = ("concat", "a.h5", "a.h5", "-o", "y.h5", "-j", "1")
    rare = ",".join(f"{CORE}.meaning.{name}" for name in ("conflicts", "times", "conversions"))
    wanted = f"h5py,subprocess,msgspec,numcodecs,{UNUSED},{rare}"
    assert _loaded(wanted, *args, cwd=tmp_path) == "['h5py']"


def test_a_tiny_zarr_run_pays_for_zstd_and_no_other_format(tmp_path: Path) -> None:
    import zarr

    zarr.create_array(tmp_path / "a.zarr", data=np.arange(6), chunks=(4,))
    args = ("concat", "a.zarr", "a.zarr", "-o", "y.zarr")
    others = ",".join(f"{CORE}.formats.{name}" for name in ("hdf5", "npz", "safetensors", "npy"))
    wanted = f"h5py,zarr,numcodecs,deflate,isal,zstandard,msgspec,{UNUSED},{others}"
    assert _loaded(wanted, *args, cwd=tmp_path) == "['zstandard']"


def _all_files() -> list[Path]:
    return [*modules().values(), *sorted((ROOT / "tests").rglob("*.py"))]


def test_files_are_short_and_say_what_they_are() -> None:
    def wrong(path: Path) -> str:
        text = path.read_text()
        if len(text.splitlines()) > LONGEST_FILE:
            return "too long"
        first = next((line for line in text.splitlines() if line and line[0] != "#"), '"""')
        return "" if first.startswith('"""') else "no docstring"

    assert not offenders(wrong, _all_files())


def test_functions_fit_a_screen() -> None:
    functions = ast.FunctionDef | ast.AsyncFunctionDef

    def long(module: str) -> list[tuple[str, int]]:
        nodes = [one for one in ast.walk(tree(modules()[module])) if isinstance(one, functions)]
        lengths = [(one.name, (one.end_lineno or 0) - one.lineno + 1) for one in nodes]
        return [(name, length) for name, length in lengths if length > LONGEST_FUNCTION]

    assert not offenders(long, modules())


def test_a_name_stands_for_one_thing() -> None:
    """What a format defines may have the name that it has in the other formats."""
    homes: dict[str, set[str]] = {}
    for module, path in modules().items():
        where = f"{CORE}.formats" if below(module, f"{CORE}.formats") else module
        for one in tree(path).body:
            if isinstance(one, _DEFINITIONS) and one.name[0] != "_" and one.name not in CALLS:
                homes.setdefault(one.name, set()).add(where)
    commands = "concatsplit_cli.commands"
    for name, found in homes.items():
        parts = [one for one in found if not below(one, commands)]
        assert len(parts) < 2, f"{name} is defined in {sorted(parts)}"


def test_what_is_defined_is_used() -> None:
    words = Counter(re.findall(r"\w+", "".join(path.read_text() for path in modules().values())))

    def unused(module: str) -> list[str]:
        ours = [one for one in tree(modules()[module]).body if isinstance(one, _DEFINITIONS)]
        return [one.name for one in ours if words[one.name] < 2 and one.name[:2] != "__"]

    assert not offenders(unused, modules())


def _offered(path: Path) -> set[str]:
    """Names that a package gives to a type checker."""
    block = next(node for node in tree(path).body if isinstance(node, ast.If))
    return {alias.asname for node in ast.walk(block) if isinstance(node, ast.ImportFrom)
            for alias in node.names if alias.asname}  # fmt: skip


def test_a_type_checker_and_a_run_see_the_same_names() -> None:
    import concatsplit_core as cs
    from concatsplit_core import operators

    assert _offered(ROOT / CORE / "operators" / "__init__.py") == set(operators.__all__)
    assert _offered(ROOT / CORE / "__init__.py") | set(operators.__all__) == set(cs.__all__)
    for name in cs.__all__:
        assert getattr(cs, name).__name__ == name
    with pytest.raises(AttributeError, match=r"concatsplit_core.*no attribute 'nothing'"):
        _ = cs.nothing


def test_the_command_line_has_the_options_of_the_library() -> None:
    from dataclasses import fields

    from concatsplit_cli.commands.join import concat
    from concatsplit_core import Options

    own = {"inputs", "output", "files_from", "null", "axis", "order", "add_axis", "split_info",
           "members", "arrays", "carry", "missing", "history", "as_json", "quiet", "progress",
           "debug"}  # fmt: skip
    given = {param.name for param in concat.params}
    assert given - own == {field.name for field in fields(Options)} - {
        "depends_on",
        "on_event",
        "step",
        "thresholds",
    }


def test_every_package_is_installed() -> None:
    import tomllib

    root = Path(__file__).parents[1]
    listed = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(init.parent.relative_to(root).parts).replace("cli", "concatsplit_cli", 1)
        if init.is_relative_to(root / "cli")
        else ".".join(init.parent.relative_to(root).parts)
        for folder in ("cli", "concatsplit_core")
        for init in (root / folder).rglob("__init__.py")
    }
    assert set(listed) == found
