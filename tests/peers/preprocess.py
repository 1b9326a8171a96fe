"""Our decoding, resizing and cropping against Pillow and torchvision's rules, on every picture of a folder.

    python preprocess.py DUMP_PIXELS FOLDER [--time]

DUMP_PIXELS is the built dump_pixels.cpp. Needs pillow and numpy; torchvision is used when it is installed,
otherwise its transform is written out below. Prints the largest differences (goal: 0) and, with --time,
milliseconds per picture of both sides on one thread. Exits with 1 when anything differs.
"""
import io
import pathlib
import subprocess
import sys
import time

import numpy as np
from PIL import Image, ImageOps

RESIZE, CROP = 256, 224
ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp")
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def resize_and_crop(image):
    """torchvision.transforms.Resize(RESIZE) and CenterCrop(CROP) on a PIL picture."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    new_long = int(RESIZE * long / short)
    size = (RESIZE, new_long) if width <= height else (new_long, RESIZE)
    image = image.resize(size, Image.BILINEAR)
    width, height = image.size
    top = int(round((height - CROP) / 2.0))
    left = int(round((width - CROP) / 2.0))
    return image.crop((left, top, left + CROP, top + CROP))


def tensor(image):
    return (np.asarray(image).astype(np.float32) / np.float32(255) - MEAN) / STD


try:
    from torchvision import transforms

    _reference = transforms.Compose([
        transforms.Resize(RESIZE), transforms.CenterCrop(CROP), transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    reference, peer = (lambda image: _reference(image).permute(1, 2, 0).numpy()), "torchvision"
except ImportError:
    reference, peer = (lambda image: tensor(resize_and_crop(image))), "torchvision's rules in numpy"


def compare(program, files):
    out = subprocess.run([program, "--dump", *files], stdout=subprocess.PIPE, check=True).stdout
    stream = io.BytesIO(out)
    worst = {"decoded": 0, "cropped": 0, "tensor": 0.0}
    compared = refused = 0
    for file in files:
        try:
            image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
        except Exception as error:  # noqa: BLE001: whatever Pillow refuses, we should refuse
            image = None
        line = stream.readline().decode()
        if line.startswith("error:") or image is None:
            agree = line.startswith("error:") and image is None
            print(f"{file}: ours {line.strip()!r}, Pillow {'refuses' if image is None else 'reads'}")
            refused += 1
            worst["decoded"] = worst["decoded"] if agree else 255
            if not line.startswith("error:"):
                h, w = map(int, line.split())
                stream.read(h * w * 3 + CROP * CROP * 3 * 5)
            continue
        height, width = map(int, line.split())
        decoded = np.frombuffer(stream.read(height * width * 3), np.uint8).reshape(height, width, 3)
        cropped = np.frombuffer(stream.read(CROP * CROP * 3), np.uint8).reshape(CROP, CROP, 3)
        ours = np.frombuffer(stream.read(CROP * CROP * 12), np.float32).reshape(CROP, CROP, 3)
        theirs = np.asarray(image)
        assert theirs.shape == decoded.shape, (file, theirs.shape, decoded.shape)
        pairs = (("decoded", decoded, theirs), ("cropped", cropped, np.asarray(resize_and_crop(image))),
                 ("tensor", ours, reference(image)))
        for name, a, b in pairs:
            worst[name] = max(worst[name], np.abs(a.astype(np.float64) - b).max())
        compared += 1
    print(f"{compared} pictures compared with Pillow {Image.__version__} and {peer}, {refused} refused")
    for name, difference in worst.items():
        print(f"largest difference, {name}: {difference:g}")
    return all(difference == 0 for difference in worst.values())


def measure(program, files):
    print("ours:  ", subprocess.run([program, "--time", "5", *files], stdout=subprocess.PIPE, text=True,
                                    check=True).stdout.strip())
    decode = crop = 1e30
    for _ in range(5):
        start = time.perf_counter()
        images = [Image.open(file).convert("RGB") for file in files]
        decode = min(decode, time.perf_counter() - start)
        start = time.perf_counter()
        for image in images:
            resize_and_crop(image)
        crop = min(crop, time.perf_counter() - start)
    print(f"Pillow: decode {1e3 * decode / len(files):.5g} ms, "
          f"resize and crop {1e3 * crop / len(files):.5g} ms")


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    files = sorted(str(p) for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)
    equal = compare(program, files)
    if "--time" in sys.argv:
        measure(program, files)
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
