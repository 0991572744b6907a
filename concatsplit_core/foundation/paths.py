"""Paths as text, for runs that look at tens of thousands of them."""

from __future__ import annotations

import os


def split_path(path: str) -> tuple[str, str]:
    """The folder of a path and its last part: what `os.path.split` gives, in less time.

    Parameters
    ----------
    path : str

    Examples
    --------
    >>> split_path("shards/part-7.npy")
    ('shards', 'part-7.npy')
    """
    folder, _, name = path.rpartition("/")
    if not folder or folder[-1] == "/":  # the root, doubled slashes, or no folder at all
        return os.path.split(path)
    return folder, name
