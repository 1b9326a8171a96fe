"""Writes the real ResNet-50 of the PyPI package imgsim as flat HDF5 with torchvision's names.

    $(tests/peers/venv.sh) tests/peers/convert_imgsim.py resnet50_imgsim.h5

Source: the file imgsim/model.pth inside the wheel of the PyPI package imgsim 0.1.2. Licence:
MIT, Copyright (c) 2021 Ming (Mingxiang Chen), as the wheel's LICENSE says. The method is AugNet,
https://github.com/chenmingxiang110/AugNet: self-supervised, so its features are weaker than those
of supervised ImageNet weights.

Preprocessing, from imgsim.py: RGB in 0..1, then ImageNet's mean (0.485, 0.456, 0.406) and standard
deviation (0.229, 0.224, 0.225), as torchvision has it. The package scales the short side to 350 and
does not crop; the network is fully convolutional up to the pooling and takes 224 as well.

What is written: float32, OIHW, 318 arrays less the 53 batch counters. The package's `fc` (2048 to
768, followed by tanh) is a projection for its similarity measure, not a classifier, and is left out.
"""

import hashlib
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import torch

from common import write_h5

REQUIREMENT = "imgsim==0.1.2"
WHEEL_SHA256 = "124b5102550c9c59e86f660134327d93a2b6788714468ab91eb3b294e3c7ffab"
PREFIX = "module.pre."


def download_wheel(folder):
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                    "--disable-pip-version-check", "--dest", folder, REQUIREMENT], check=True)
    wheel, = pathlib.Path(folder).glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        sys.exit(f"{wheel.name}: sha256 {found}, expected {WHEEL_SHA256}")
    return wheel


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} OUT.h5")
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(download_wheel(folder)) as wheel:
            model = io.BytesIO(wheel.read("imgsim/model.pth"))
    state = torch.load(model, map_location="cpu", weights_only=True)
    out = {}
    for name, value in state.items():
        if not name.startswith(PREFIX):
            sys.exit(f"unexpected name {name}")
        name = name.removeprefix(PREFIX)
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked"):
            out[name] = value.float()
    write_h5(sys.argv[1], out)
    print(f"{sys.argv[1]}: {len(out)} arrays")


if __name__ == "__main__":
    main()
