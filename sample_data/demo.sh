#!/bin/sh
# The main job on real data: join parts of three formats along two axes, cut the result into
# shards, join those again, cut images and labels together, and show that every bit is where it was.
set -eu
cd "$(dirname "$0")"
out=../demo-output
rm -rf "$out"

run() {
    printf '\n$'
    for word in "$@"; do
        case $word in *[*{}]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$@"
}

echo "1. Handwritten digits: 1797 images in three parts, .npy, HDF5 and Zarr, joined along axis 0."
run concatsplit info digits/part-0.npy digits/part-1.h5 digits/part-2.zarr
run concatsplit concat digits/part-0.npy digits/part-1.h5 digits/part-2.zarr -o $out/digits.npy

echo
echo "2. A photograph: three strips in three formats, joined along axis 1 into a Zarr array."
run concatsplit concat photo/left.npy photo/middle.h5 photo/right.zarr -o $out/photo.zarr \
    --axis 1 --dry-run
run concatsplit concat photo/left.npy photo/middle.h5 photo/right.zarr -o $out/photo.zarr --axis 1

echo
echo "3. Cut into shards: the digits in 8 files, the photograph's columns in one HDF5 container."
run concatsplit split $out/digits.npy -o "$out/shards/digits-{index:02d}-of-{count:02d}.npy" \
    --parts 8 --uneven balanced
run concatsplit split $out/photo.zarr -o "$out/strips.h5::strip{index}" --axis 1 --size 100
run concatsplit info $out/strips.h5

echo
echo "4. Joined again."
run concatsplit concat "$out/shards/digits-*.npy" -o $out/digits-again.npy
run concatsplit concat $out/strips.h5::strip0 $out/strips.h5::strip1 $out/strips.h5::strip2 \
    $out/strips.h5::strip3 -o $out/photo-again.npy --axis 1
run concatsplit concat $out/photo.zarr -o $out/photo.npy

echo
echo "5. A data set: images and labels, cut at the same rows into three sets, and made again from them."
run concatsplit reshard --array image=$out/digits.npy --array label=digits/labels.npy \
    -o $out/fit.h5 -o $out/tune.h5 -o $out/test.h5 --ratio 8:1:1 --manifest $out/sets.json
run concatsplit undo $out/sets.json -o "$out/whole.h5"
run concatsplit info $out/fit.h5 $out/whole.h5
run concatsplit diff $out/whole.h5::image $out/digits.npy

echo
run cmp $out/digits.npy $out/digits-again.npy
run cmp $out/photo.npy $out/photo-again.npy
echo
echo "The round trip is bit for bit the same. What was made is in demo-output/."
