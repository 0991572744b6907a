"""Every module of the project, its syntax tree and what it imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = "concatsplit_core"
PACKAGES = {CORE: ROOT / CORE, "concatsplit_cli": ROOT / "cli"}


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


def libraries(module: str, at_import_time: bool = False) -> set[str]:
    """The packages that a module imports, its own among them."""
    return {name.partition(".")[0] for name in imports(module, at_import_time)}


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


def offenders[T](check: Callable[[T], object], things: Iterable[T]) -> dict[T, object]:
    """What a check finds wrong with each of these: nothing where the rule is kept."""
    return {one: wrong for one in things if (wrong := check(one))}


@cache
def closure(start: str) -> frozenset[str]:
    """All modules of the project that a module leads to."""
    found, ahead = {start}, [start]
    while ahead:
        for name in imports(ahead.pop()):
            if name in modules() and name not in found:
                found.add(name)
                ahead.append(name)
    return frozenset(found)
