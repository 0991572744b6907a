"""What an HDF5 file holds: the names of its datasets, its groups and links."""

from __future__ import annotations

import json

from concatsplit_core.formats.hdf5 import links
from concatsplit_core.formats.hdf5.files import open_briefly, scouts
from concatsplit_core.formats.hdf5.netcdf import has_dimensions
from concatsplit_core.formats.hdf5.structure import read_structure, with_user_block
from concatsplit_core.formats.structure import Structure


def list_members(path: str, ref: str, with_links: bool = False) -> list[str]:
    """Names of all datasets below the root, links not followed.

    Parameters
    ----------
    path : str
    ref : str
    with_links : bool
        Also of links that lead out of the file, or nowhere.
    """
    text = scouts.check(_look_at_links, path, None, ref, _prepare_to_open)
    found = links.Survey(*json.loads(text)) if text else _survey(path, ref)
    return sorted([*found.arrays, *found.links_out]) if with_links else found.arrays


def _prepare_to_open() -> None:
    """Import what opens arrays, while another process lists them."""
    from concatsplit_core.formats.hdf5 import trials  # noqa: F401


def _look_at_links(path: str, member: str | None) -> bytes:
    """Returns the survey as well, since making it twice would take long."""
    return json.dumps(_survey(path, member or "")).encode()


def structure_of(path: str, ref: str) -> Structure:
    """The groups of a file, as far as they can be read."""
    scouts.check(_look_at_structure, path, None, ref)
    return _structure_of(path, ref)


def _look_at_structure(path: str, member: str | None) -> None:
    _structure_of(path, member or "")


def _structure_of(path: str, ref: str) -> Structure:
    with open_briefly(path, ref) as opened:
        netcdf = opened.is_netcdf or has_dimensions(opened.file)
        return with_user_block(read_structure(opened.file, netcdf), opened)


def is_netcdf_file(path: str, ref: str) -> bool:
    """Whether a file says that a netCDF library wrote it, or has netCDF's dimensions."""
    seen = scouts.check(_look_for_dimensions, path, None, ref)
    return bool(int(seen)) if seen else _has_dimensions(path, ref)


def _look_for_dimensions(path: str, member: str | None) -> bytes:
    return b"%d" % _has_dimensions(path, member or "")


def _has_dimensions(path: str, ref: str) -> bool:
    with open_briefly(path, ref) as opened:
        return opened.is_netcdf or has_dimensions(opened.file)


def _survey(path: str, ref: str) -> links.Survey:
    with open_briefly(path, ref) as opened:
        return links.survey(opened.file)
