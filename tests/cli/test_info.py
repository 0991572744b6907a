"""What ``info`` says of arrays, and that it opens a container once for all of them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from concatsplit_core.formats.hdf5 import files, links


def test_a_file_and_its_groups_are_opened_once_for_all_arrays(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File("a.h5", "w") as file:
        for number in range(100):
            file[f"g/{number}"] = np.zeros(3)
    opened: list[str] = []
    true_file, true_item = files._opened, links.item_of
    monkeypatch.setattr(files, "_opened", lambda path: opened.append(path) or true_file(path))
    monkeypatch.setattr(
        links, "item_of", lambda group, name: opened.append(name) or true_item(group, name)
    )
    assert len(shell.ok("info", "a.h5", "--json").json["blobs"]) == 100
    assert opened.count("a.h5") == 2  # to list the arrays, and to describe them
    assert opened.count("g") == 2
