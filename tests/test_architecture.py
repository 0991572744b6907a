"""The walls of the house: who may import whom, what start-up pays for, how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from environment import unwatched

ROOT = Path(__file__).parents[1]
CORE = "concatsplit_core"
PACKAGES = {CORE: ROOT / CORE, "concatsplit_cli": ROOT / "cli"}

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
    "msgspec", "xxhash",
}  # fmt: skip
HDF5_OWNERS = (
    "attributes", "chunk_index", "contents", "creating", "describing", "dimensions", "files",
    "items", "links", "named_types", "neighbours", "netcdf", "netcdf_dimensions",
    "netcdf_types", "object_header", "padding", "reading", "replicas", "scales", "structure",
    "types", "values", "writing",
)  # fmt: skip
OWNERS = {
    f"{CORE}.formats.{form}.{name}"
    for form, names in (("hdf5", HDF5_OWNERS), ("zarr", ("bridge", "library")))
    for name in names
}
UNUSED = "shutil,dataclasses,difflib,queue,fractions,base64"
"""Modules of the standard library that a tiny join does without."""
LONGEST_FILE, LONGEST_FUNCTION = 350, 60


@cache
def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), str(path))


def _in_functions(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node below, and whether it only runs, or matters, after the module is imported."""
    for child in ast.iter_child_nodes(node):
        later = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            later = True
        yield child, later
        yield from _in_functions(child, later)


@cache
def imports(module: str, at_import_time: bool = False) -> frozenset[str]:
    """Dotted names that a module imports: anywhere, or only while it is imported itself."""
    found: set[str] = set()
    for node, later in _in_functions(tree(modules()[module])):
        if later and at_import_time:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relative to itself"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in modules() else str(node.module))
    return frozenset(found)


def below(name: str, *roots: str) -> bool:
    """Whether a dotted name is one of these or inside one of them."""
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def core(*names: str) -> tuple[str, ...]:
    """Dotted names of modules of the core."""
    return tuple(f"{CORE}.{name}" for name in names)


def members_of(*roots: str) -> list[str]:
    """All modules inside these packages."""
    found = [name for name in modules() if below(name, *roots)]
    assert found, f"there is no {roots}"
    return found


def closure(start: str) -> set[str]:
    """All modules of the project that a module leads to."""
    found, ahead = {start}, [start]
    while ahead:
        for name in imports(ahead.pop()):
            if name in modules() and name not in found:
                found.add(name)
                ahead.append(name)
    return found


def test_the_walk_sees_imports() -> None:
    assert f"{CORE}.run.engine" in imports(f"{CORE}.operators.performing")
    assert "rich.console" in imports("concatsplit_cli.tables")
    assert "rich.console" not in imports("concatsplit_cli.tables", at_import_time=True)
    assert "h5py" in imports(f"{CORE}.formats.hdf5.reading", at_import_time=True)


@pytest.mark.parametrize("module", members_of(CORE))
def test_the_core_knows_no_command_line(module: str) -> None:
    assert not [name for name in imports(module) if below(name, "click", "rich", "concatsplit_cli")]


def test_the_command_line_goes_in_by_the_front_door() -> None:
    doors = core("operators", "foundation")
    for module in members_of("concatsplit_cli"):
        ours = [name for name in imports(module) if below(name, CORE) and name != CORE]
        assert not [name for name in ours if not below(name, *doors)], module


@pytest.mark.parametrize("module", members_of(*core(*ROOMS)))
def test_a_room_imports_only_those_below_it(module: str) -> None:
    own = ROOMS.index(module.split(".")[1])
    allowed = (*core(*ROOMS[: own + 1]),)
    ours = [name for name in imports(module) if below(name, CORE)]
    assert not [name for name in ours if not below(name, *allowed)]


def test_no_modules_import_each_other_in_a_circle() -> None:
    ahead = {
        name: {one for one in imports(name) if one in modules()} - {name} for name in modules()
    }
    while free := {name for name, needs in ahead.items() if not needs & ahead.keys()}:
        ahead = {name: needs for name, needs in ahead.items() if name not in free}
    assert not ahead


def test_every_module_is_in_a_room() -> None:
    assert {name.split(".")[1] for name in modules() if name.startswith(f"{CORE}.")} == set(ROOMS)


@pytest.mark.parametrize("module", members_of(*core("codecs", "meaning", "stores")))
def test_the_lower_rooms_stand_side_by_side(module: str) -> None:
    own = ".".join(module.split(".")[:2])
    ours = [name for name in imports(module) if below(name, CORE)]
    assert not [name for name in ours if not below(name, own, *core("foundation"))]


@pytest.mark.parametrize("module", members_of(*core(*PURE)))
def test_what_is_pure_leads_to_no_format(module: str) -> None:
    others = [room for room in ROOMS[ROOMS.index("codecs") :] if room not in PURE]
    for reached in closure(module):
        assert not below(reached, *core(*others))
        libraries = {name.partition(".")[0] for name in imports(reached)}
        assert not libraries & (HEAVY - {"cftime"} | {"os", "pathlib", "io"}), reached


@pytest.mark.parametrize("module", members_of(*core("routes")))
def test_routes_know_what_formats_share_and_no_format(module: str) -> None:
    for name in imports(module):
        if below(name, *core("formats")):
            assert below(name, *core(*(f"formats.{one}" for one in ROUTES_KNOW)))


@pytest.mark.parametrize("module", members_of(*core("formats.zarr")))
def test_zarr_names_its_files_by_a_store(module: str) -> None:
    known = {name.partition(".")[0] for name in imports(module)}
    assert not known & {"os", "pathlib", "shutil", "tempfile", "io"}
    of_disks = core("stores.local", "stores.staging", "stores.journal", "stores.recovery")
    on_disk = f"{CORE}.formats.zarr.library"
    assert not [name for name in imports(module) if below(name, *of_disks)] or module == on_disk


@pytest.mark.parametrize(
    "module", members_of(*core("stores.base", "stores.publishing", "stores.schemes"))
)
def test_what_a_store_is_leads_to_no_disk(module: str) -> None:
    libraries = {name.partition(".")[0] for one in closure(module) for name in imports(one)}
    assert "os" not in libraries


@pytest.mark.parametrize("module", list(modules()))
def test_costly_libraries_have_one_owner(module: str) -> None:
    paid = {name.partition(".")[0] for name in imports(module, at_import_time=True)}
    owned = {module.split(".")[2].replace("hdf5", "h5py")} if module in OWNERS else set()
    if module == f"{CORE}.formats.zarr.schema":
        owned = {"msgspec"}
    assert paid & HEAVY <= owned


@pytest.mark.parametrize("module", members_of(CORE))
def test_the_core_prints_nothing(module: str) -> None:
    calls = [node.func for node in ast.walk(tree(modules()[module])) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


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
    assert _loaded("numpy,h5py,zarr,numcodecs,rich,hdf5plugin,msgspec,xxhash", *args) == "[]"


def test_an_npy_run_pays_for_no_other_format(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6))
    args = ("concat", "a.npy", "a.npy", "-o", "y.npy")
    ours = ",".join(f"{CORE}.formats.{name}" for name in ("npz", "hdf5", "zarr", "stream"))
    wanted = f"numpy,h5py,zarr,numcodecs,rich,hdf5plugin,msgspec,xxhash,{UNUSED},{ours}"
    assert _loaded(wanted, *args, cwd=tmp_path) == "['numpy']"
    assert np.load(tmp_path / "y.npy").shape == (12,)
    others = ",".join(f"{CORE}.formats.{name}" for name in ("hdf5", "npz", "safetensors", "zarr"))
    assert _loaded(others, *args, "--force", cwd=tmp_path) == "[]"


def test_a_tiny_hdf5_run_pays_for_no_rare_case(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(6)
    args = ("concat", "a.h5", "a.h5", "-o", "y.h5")
    rare = ",".join(f"{CORE}.meaning.{name}" for name in ("conflicts", "times", "conversions"))
    assert _loaded(f"h5py,msgspec,{UNUSED},{rare}", *args, cwd=tmp_path) == "['h5py']"


def _all_files() -> list[Path]:
    return [*modules().values(), *sorted((ROOT / "tests").rglob("*.py"))]


@pytest.mark.parametrize("path", _all_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short_and_say_what_they_are(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert not tree(path).body or ast.get_docstring(tree(path))


@pytest.mark.parametrize("module", list(modules()))
def test_functions_fit_a_screen(module: str) -> None:
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree(modules()[module])):
        if isinstance(node, functions):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


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
