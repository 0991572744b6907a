"""Options without their value, or with one that they do not take, and what people are told."""

from __future__ import annotations

J = "concat a.npy b.npy -o y.npy"
S = "split a.npy -o 'p{index}.npy'"

MISTAKEN_VALUES = {
    # an option without its value
    "concat a.npy b.npy --axis -o y.npy": "--axis needs a value after it, and -o is an option",
    "concat a.npy b.npy --memory -j 2 -o y.npy": "--memory needs a value after it, and -j is",
    "concat a.npy -o y.h5 --codec -f": "--codec needs a value after it, and -f is an option",
    "concat a.npy -fo --quiet": "-o needs a value after it, and --quiet is an option",
    "concat a.npy -j --output=y.npy": "-j needs a value after it, and --output=y.npy is an option",
    "concat --files-from -0 -o y.npy": "--files-from needs a value after it, and -0 is an option",
    f"{S} --parts --quiet": "--parts needs a value after it, and --quiet is an option",
    "diff a.npy b.npy --rtol --atol 1": "--rtol needs a value after it, and --atol is an option",
    "gradient concat a.npy -o y.npy --split-info --axis 1": "--split-info needs a value after it",
    "stage concat a.npy b.npy -o y.npy --to -f": "--to needs a value after it, and -f is an option",
    "concat a.npy b.npy -o y.npy --axis --help": "--axis needs a value after it, and --help is",
    "concat a.npy b.npy -o": "-o needs a value after it",
    # values that do not fit, after the name of their option
    f"{S} --lengths 1,1,1": "--lengths 1,1,1: they sum to 3, but the axis has length 4",
    f"{S} --lengths 1,-1,-1": "--lengths 1,-1,-1: only one of them can be -1, the rest",
    f"{S} --lengths 1,-2,5": "--lengths 1,-2,5: a part cannot have length -2",
    f"{S} --at 1,9": "--at 1,9: cannot cut at 9, since the axis has length 4",
    f"{S} --at 3,1": "--at 3,1: cut positions must not decrease, and 1 comes after 3",
    f"{S} --parts 3": "--parts 3: an axis of length 4 does not divide into 3 equal parts",
    f"{S} --size 3 --remainder error": "--size 3: an axis of length 4 does not divide into parts "
    "of 3: 1 is left over; --remainder keep makes a shorter part of that",
    f"{S} --size 9 --remainder drop": "--size 9: an axis of length 4 holds no whole part of 9",
    f"{S} --size 9 --hop 1": "--size 9: an axis of length 4 holds no whole window of 9",
    f"{S} --size 1 --only 3-1": "--only 3-1: the range 3-1 is empty; write 1-3",
    f"{S} --size 1 --only '1 3'": "did you mean 1,3?",
    f"{S} --size 1 --only 1..3": "did you mean 1-3?",
    f"{S} --size 1 --only 1:3": "--only 1:3 is not a list of parts such as 3 or 0-3,8",
    "concat a.npy -o y.h5 --codec gzip:33": "--codec gzip:33: its level 33 is not within 0 to 9",
    "concat a.npy -o y.h5 --codec gzip:best": "--codec gzip:best: its level 'best' is not a whole",
    "concat a.npy -o y.h5 --codec gzip:3:4": "gzip has one setting, its level; write gzip:3",
    "concat a.npy -o y.h5 --codec lz4:3": "--codec lz4:3: lz4 has no setting, found '3'; write lz4",
    "concat a.npy -o y.h5 --codec blosc:zst:5": "--codec blosc:zst:5: it is not blosc:NAME:LEVEL:",
    "concat a.npy -o y.zarr --codec blosc:zst": "bitshuffle; did you mean 'zstd'?",
    "concat a.npy -o y.h5 --codec blosc:5": "did you mean 'blosc:lz4:5'?",
    "concat a.npy -o y.h5 --codec blosc:5:zstd": "did you mean 'blosc:zstd:5'?",
    "concat a.npy -o y.h5 --codec blosc:lz4:5:shufle": "did you mean 'shuffle'?",
    "concat a.npy -o y.h5 --codec blosc:lz4:15": "--codec blosc:lz4:15: its level 15 is not within",
    # lists: no hint drops a word of what was given
    f"{S} --lengths 3,x,1": "--lengths: '3,x,1' is not a list of whole numbers like 3,2,4",
    f"{S} --lengths '(3; 1)'": "did you mean 3,1?",
    f"{S} --ratio 8:x:1": "--ratio '8:x:1' is not like 8:1:1, 0.8,0.1,0.1 or 80%,10%,10%",
    f"{S} --names fit test --ratio 3:1": "write --names fit,test",
    # names of parts
    "split a.npy --names fit,test --ratio 3:1": "say where to write, such as -o '{name}.npy'",
    "split x.h5 --parts 2": "say where to write, such as -o 'part-{index}.h5'",
    "concat x.h5 x.h5": "say where to write, such as -o y.h5",
    "concat x.h5::images x.h5::images": "say where to write, such as -o y.npy",
    "concat --array x=a.npy": "say where to write, such as -o y.h5",
    "split a.npy -o '{nmae}.npy' --names a,b --parts 2": "did you mean '{name}'?",
    "split a.npy -o '{}.npy' --parts 2": "field such as {} or {0} has no name; write {index}",
    "split a.npy -o '{name}.npy' --names 'a b' --parts 2": "--names a b: 1 name for 2 parts; give "
    "one name for each part; did you mean --names a,b?",
    "split a.npy -o '{name}.npy' --names a,b,c --parts 1": "3 names for 1 part; give one name for",
    # arrays in outputs, and suffixes
    "concat a.npy b.npy -o x.h5:new": "output x.h5:new: an array in a file is named as in "
    "x.h5::new",
    "concat a.npy b.npy -o x.h5:/group/new": "an array in a file is named as in x.h5::group/new",
    "concat a.npy b.npy -o x.h5/new": "an array in a file is named as in x.h5::new",
    "concat a.npy b.npy -o new.npz/g/new": "an array in a file is named as in new.npz::g/new",
    "concat a.npy b.npy -o \"x.h5['new']\"": "an array in a file is named as in x.h5::new",
    "concat a.npy b.npy -o two.zarr:new": "an array in a file is named as in two.zarr::new",
    "split a.npy -o 'all.h5:p{index}' --parts 2": "an array in a file is named as in all.h5::p0",
    "feed a.npy x.h5:new": "an array in a file is named as in x.h5::new",
    "feed a.npy x.h5 new": "an array in a file is named as in x.h5::new",
    "concat a.npy -o y.nyp": "did you mean '.npy'?",
    "concat a.npy -o y.st": "did you mean '.safetensors'?",
    "concat a.npy -o y.netcdf": "did you mean '.nc'?",
    "concat a.npy -o y.hdf4": "HDF5 files end in .h5",
    "concat a.npy -o y.zip": "did you mean '.zarr.zip' or '.npz'?",
    # dtypes
    f"{J} --dtype f64": "did you mean '--dtype float64'?",
    f"{J} --dtype u16": "did you mean '--dtype uint16'?",
    f"{J} --dtype fp8": "types of 8 bits are float8_e4m3fn and float8_e5m2",
    f"{J} --dtype int128": "data type 'int128' not understood; write float32, '>i4' or bfloat16",
}
"""Command lines, and what the message says at its end or in it."""

UNLIKE = (
    "concat a.npy -o y.arrow",
    "concat a.npy -o y.csv",
    "unpack a.npy",
    "reshape a.npy",
    "gradient convert",
    "concat a.npy b.npy -o y.npy --sep x",
    "concat dims.zarr -o y.npy --axis time",
)
"""Command lines with a word that is like none here in meaning, so that none is suggested."""
