"""Paths as text: the quick way gives what the standard library gives."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concatsplit_core.foundation.paths import split_path


@pytest.mark.parametrize(
    "path",
    ["", "/", "//", "a", "a/", "a//", "/a", "//a", "a/b", "a//b", "/a/b", "../b", "a/.", "a/.."],
)
def test_odd_paths_split_as_the_standard_library_has_it(path: str) -> None:
    assert split_path(path) == os.path.split(path)


@given(st.text("ab./\0é", max_size=12))
def test_any_path_splits_as_the_standard_library_has_it(path: str) -> None:
    assert split_path(path) == os.path.split(path)
