"""What the numbers of an array mean: attributes, dimension names, missing values, times, enums.

The room knows the conventions (CF, netCDF-4, xarray's, HDF5's enums) and nothing of chunks or
files. Formats put what they find into a `Meaning` and write one out in their own dialect;
`agreement` decides what joined inputs mean together, and how their numbers have to change for it.
"""
