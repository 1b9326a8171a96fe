#!/usr/bin/env python3
"""Writes tests/fuzz/seeds: small files of the kinds that tests/golden has no small ones of.

    $(tests/peers/venv.sh) tests/fuzz/make_seeds.py

The same bytes each time with the same libraries; other versions of h5py and Pillow serve as well.
"""

import json
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "tests" / "fuzz" / "seeds"


def hdf5():
    """The two forms of groups and headers, every layout, filters, types, attributes, links."""
    folder = SEEDS / "hdf5"
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    with h5py.File(folder / "old.h5", "w", libver="earliest") as f:
        f["conv/kernel"] = values
        f.create_dataset("conv/half", data=values.astype(np.float16))
        f["flag"] = np.array([True, False])
        f.attrs["format"] = "x"
        f["twin"] = f["conv/kernel"]
    with h5py.File(folder / "new.h5", "w", libver=("v110", "v110"), track_order=True) as f:
        f.create_dataset("packed", data=values, chunks=(1, 3, 4), compression="gzip", shuffle=True)
        f.create_dataset("sums", data=values.astype(np.int64), chunks=(2, 3, 4), fletcher32=True)
        f.attrs["names"] = np.array([b"a", b"b"])
        f["scalar"] = np.float64(1)
    with h5py.File(folder / "keras.h5", "w", libver="earliest") as f:
        layer = f.create_group("model_weights/conv1_conv/conv1_conv")
        layer["kernel:0"] = values
        f["model_weights"].attrs["layer_names"] = np.array([b"conv1_conv"])
        f["model_weights/conv1_conv"].attrs["weight_names"] = np.array([b"conv1_conv/kernel:0"])
        f.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {}})


def zip64(entries):
    """A zip file of entries as they are, every size and place of which stands in the zip64 fields."""
    file, directory = b"", b""
    for name, data in entries.items():
        name, size, start = name.encode(), struct.pack("<Q", len(data)), struct.pack("<Q", len(file))
        common = struct.pack("<HHII", 0, 0, 0, 0)  # flags, method, time, checksum
        file += (b"PK\3\4" + struct.pack("<H", 45) + common
                 + struct.pack("<IIHH", len(data), len(data), len(name), 0) + name + data)
        extra = struct.pack("<HH", 1, 24) + size + size + start
        directory += (b"PK\1\2" + struct.pack("<HH", 45, 45) + common
                      + struct.pack("<IIHHHHHII", 2**32 - 1, 2**32 - 1, len(name), len(extra), 0, 0, 0,
                                    0, 2**32 - 1) + name + extra)
    end = struct.pack("<QQQQ", len(entries), len(entries), len(directory), len(file))
    return (file + directory + b"PK\6\6" + struct.pack("<QHHII", 44, 45, 45, 0, 0) + end
            + b"PK\6\7" + struct.pack("<IQI", 0, len(file) + len(directory), 1)
            + b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2))


def pytorch():
    """The smallest files there are: most of what is changed in them has a meaning."""
    import torch
    import safetensors.torch

    state = {"x": torch.ones(2, 3), "y": torch.ones(2, 3)[:, :2].t(), "z": torch.ones(1).half()}
    torch.save(state, SEEDS / "pytorch_legacy" / "small.pth", _use_new_zipfile_serialization=False)
    torch.save(state["x"].double(), SEEDS / "pytorch_legacy" / "tensor.pth",
               _use_new_zipfile_serialization=False)
    path = SEEDS / "pytorch_zip" / "small.pth"
    torch.save({"state_dict": state, "epoch": 3}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()
                   if name.endswith(("data.pkl", "byteorder", "/version")) or "/data/" in name}
    (SEEDS / "pytorch_zip" / "zip64.pth").write_bytes(zip64(entries))
    state["y"] = state["y"].contiguous()
    safetensors.torch.save_file(state, SEEDS / "safetensors" / "small.safetensors", {"format": "pt"})


def names():
    """Shapes of small networks, as the lists of import_fuzz.cpp."""
    for name, path in (("imagenet", "tests/golden/weights/resnet.safetensors"),):
        data = (ROOT / path).read_bytes()
        size, = struct.unpack("<Q", data[:8])
        header = json.loads(data[8:8 + size])
        header.pop("__metadata__", None)
        lines = [" ".join([key, *map(str, value["shape"])]) for key, value in header.items()]
        (SEEDS / "import" / f"{name}.txt").write_text("\n".join(["tensors", *lines]) + "\n")
    golden = {"basic": "basic_w4", "bottleneck": "bottleneck_w4", "cifar": "cifar_w4",
              "groups": "groups_w2"}
    for name, file in golden.items():
        lines = []
        with h5py.File(ROOT / "tests" / "golden" / f"resnet_{file}.h5") as f:
            f["weights"].visititems(lambda key, value: lines.append(
                " ".join([key, *map(str, value.shape)])) if isinstance(value, h5py.Dataset) else None)
        (SEEDS / "import" / f"{name}.txt").write_text("\n".join(["tensors", *lines]) + "\n")


def pictures():
    rows = np.arange(12 * 10 * 3, dtype=np.uint32).reshape(10, 12, 3) * 37 % 256
    picture = Image.fromarray(rows.astype(np.uint8))
    for name, mode, options in (
            ("rgb.jpg", "RGB", {}), ("grey.jpg", "L", {"progressive": True}),
            ("cmyk.jpg", "CMYK", {}), ("rgb.png", "RGB", {}), ("palette.png", "P", {}),
            ("bits.png", "1", {}), ("alpha.png", "RGBA", {}), ("rgb.bmp", "RGB", {}),
            ("palette.bmp", "P", {}), ("palette.gif", "P", {}), ("lossy.webp", "RGB", {}),
            ("lossless.webp", "RGBA", {"lossless": True})):
        picture.convert(mode).save(SEEDS / "picture" / name, **options)
    exif = Image.Exif()
    exif[274] = 6
    picture.save(SEEDS / "picture" / "turned.jpg", exif=exif)


for write in (hdf5, pytorch, names, pictures):
    write()
