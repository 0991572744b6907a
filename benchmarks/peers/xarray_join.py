"""xarray: open_mfdataset and to_netcdf, with Dask, and the chunks and filters of the inputs."""

from __future__ import annotations

from typing import Any

import xarray as xr

from benchmarks.peers.arguments import parser

_KEPT = ("chunksizes", "zlib", "complevel", "shuffle")
"""xarray would leave out the chunks, since the shape is another one."""


def main() -> None:
    """Join netCDF files along their time."""
    options = parser(__doc__).parse_args()
    with xr.open_mfdataset(options.inputs) as joined:
        encoding: dict[str, Any] = {
            str(name): {key: variable.encoding[key] for key in _KEPT}
            for name, variable in joined.data_vars.items()
        }
        joined.to_netcdf(options.output, unlimited_dims=["time"], encoding=encoding)


if __name__ == "__main__":
    main()
