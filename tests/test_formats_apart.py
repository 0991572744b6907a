"""Formats stand apart: none knows another one, and nobody else compares their names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from module_walk import CORE, below, core, imports, members_of, modules, tree

from concatsplit_core.formats import registry

SHARED = (
    "base",
    "chunking",
    "foreign",
    "grid",
    "memory",
    "misnamed",
    "npy_header",
    "packing",
    "registry",
    "sources",
    "storage",
    "stored",
    "structure",
    "targets",
)
"""What formats share; .npy files and .npz members have the same header, .npz and zipped Zarr are
archives."""


def _formats() -> list[tuple[str, str]]:
    inside = [name for name in modules() if name.startswith(f"{CORE}.formats.")]
    own = [(name, name.split(".")[2]) for name in inside]
    return [(name, kind) for name, kind in own if kind not in SHARED]


@pytest.mark.parametrize(("module", "kind"), _formats())
def test_a_format_stands_alone(module: str, kind: str) -> None:
    for name in imports(module):
        if below(name, *core("formats")):
            assert below(name, *core(*(f"formats.{one}" for one in (*SHARED, kind))))
        assert not below(name, *core("planning", "stores.staging"))


FORMAT_NAMES = {"npy", "npz", "hdf5", "zarr", ".npy", ".npz", ".h5", ".nc", ".zarr"}


def _compared(node: ast.AST) -> Iterator[object]:
    """The constants that a comparison, or a case, holds something against."""
    sides: list[ast.expr] = []
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
    elif isinstance(node, ast.MatchValue):
        sides = [node.value]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        sides = node.args if node.func.attr in {"endswith", "startswith"} else []
    for side in sides:
        yield from (each.value for each in ast.walk(side) if isinstance(each, ast.Constant))


@pytest.mark.parametrize(
    "module", [name for name in members_of(CORE) if not below(name, *core("formats"))]
)
def test_no_format_is_compared_by_its_name(module: str) -> None:
    for node in ast.walk(tree(modules()[module])):
        assert not FORMAT_NAMES.intersection(_compared(node)), ast.unparse(node)


def test_the_walk_sees_names_that_are_compared() -> None:
    for text in ("x == 'zarr'", "x.name in {'npy', y}", "x.endswith('.h5')"):
        found = [name for node in ast.walk(ast.parse(text)) for name in _compared(node)]
        assert FORMAT_NAMES.intersection(found), text


@pytest.mark.parametrize("name", registry.ROWS)
def test_a_row_knows_of_a_format_what_the_format_says(name: str) -> None:
    row = registry.ROWS[name]
    form = row.make()
    assert (row.suffixes, row.is_folder) == (form.suffixes, form.is_folder)
