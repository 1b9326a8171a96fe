#!/usr/bin/env python3
"""HDF5 files of h5py's making, for tests/io/hdf5_h5py_test.cpp: writes tests/golden/hdf5/, packed by
gzip, for small ones are mostly zeros.

    $(tests/peers/venv.sh) tests/peers/hdf5_files.py

One file for each form of the format that h5py can be asked for (libver). Each holds the same numbers
in all types and ways to store them: element i is i * 7 % 41 - 20, which all types hold exactly.
"""

import gzip
import itertools

import h5py
import numpy as np

from common import REPOSITORY

FOLDER = REPOSITORY / "tests" / "golden" / "hdf5"
SHAPE = (5, 4, 3)
WAYS = {
    "contiguous": {},
    "chunked": {"chunks": (2, 4, 2)},
    "gzip": {"chunks": (2, 3, 3), "compression": "gzip"},
    "gzip_shuffle": {"chunks": (5, 4, 3), "compression": "gzip", "shuffle": True},
    "fletcher32": {"chunks": (2, 4, 3), "fletcher32": True},
    "all": {"chunks": (3, 3, 3), "compression": 9, "shuffle": True, "fletcher32": True},
    "growing": {"chunks": (2, 4, 3), "maxshape": (None, 4, 3)},
    "scaleoffset": {"chunks": (5, 4, 3), "scaleoffset": 0},
}
TYPES = ["f2", "f4", "f8", ">f2", ">f4", ">f8", "i1", "i2", "i4", "i8", ">i4", ">i8"]


def numbers():
    return (np.arange(np.prod(SHAPE)) * 7 % 41 - 20).reshape(SHAPE)


def write(path, **options):
    with h5py.File(path, "w", **options) as file:
        file.attrs["backend"] = "tensorflow"
        file.attrs["layer_names"] = [b"conv1", b"bn1"]
        for (way, how), dtype in itertools.product(WAYS.items(), TYPES):
            if way == "scaleoffset" and "i" not in dtype:  # of floats it is lossy
                continue
            if way not in ("contiguous", "all") and dtype not in ("f2", "f4", ">f8", "i8"):
                continue
            name = f"{way}/{dtype.replace('>', 'be_')}"
            file.create_dataset(name, data=numbers().astype(dtype), track_times=False, **how)
        file["layer1.0.conv1.weight"] = numbers().astype("f4")
        file["a/b/c/d"] = numbers().astype("f4")
        file["scalar"] = np.float32(-20)
        file["tied"] = file["a/b/c/d"]


def main():
    FOLDER.mkdir(exist_ok=True)
    for libver in ("earliest", "v108", "v110", "latest"):
        write(FOLDER / f"{libver}.h5", libver=(libver, "latest"))
    write(FOLDER / "in_order.h5", libver=("v110", "v110"), track_order=True)
    write(FOLDER / "user_block.h5", userblock_size=512)
    with h5py.File(FOLDER / "lzf.h5", "w") as file:
        zeros = np.zeros((64, 64), "f4")
        file.create_dataset("conv1.weight", data=zeros, compression="lzf", track_times=False)
    for path in FOLDER.glob("*.h5"):
        packed = FOLDER / f"{path.name}.gz"
        packed.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        path.unlink()
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size:7} {path.name}")


if __name__ == "__main__":
    main()
