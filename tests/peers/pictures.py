"""Our readers of picture formats against Pillow's, on files of every kind written from photographs.

    python pictures.py DUMP_PIXELS FOLDER [--pictures N]

Takes N photographs (default 4) of FOLDER, scales each to an odd size, and has Pillow write it as JPEG, PNG,
BMP, GIF and WebP in every mode, depth and orientation that Pillow writes; the kinds that it reads but does
not write (interlaced PNG, RLE and 16-bit BMP, interlaced GIF, GIF with a small frame) are packed here. Each
file must give ImageOps.exif_transpose(Image.open(file)).convert("RGB"), to the bit. Prints a line per kind;
exits with 1 when a pixel differs. Where ours is meant to differ from Pillow, the kind says "not Pillow's", and
what is expected is stated here instead:

* 16-bit grey PNG, which Pillow clips to white, gives the high bytes;
* 16-bit BMP: stb_image stretches 5 and 6 bits to 8 by repeating them, Pillow by value * 255 / 31, rounded down;
* BMP in run lengths, which stb_image does not have, is refused in words.
"""
import argparse
import io
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np
from PIL import Image, ImageOps

RUNS_REFUSED = "BMP in run lengths, which are not read"
CROP = 224  # dump_pixels also writes its crop and tensor


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def save(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


# ---- kinds that Pillow does not write

def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples, depth, colour, interlaced=False, palette=b""):
    """samples: [h, w] or [h, w, channels], of `depth` bits; every row takes the next of the five filters."""
    samples = samples if samples.ndim == 3 else samples[:, :, None]
    height, width, channels = samples.shape
    pixel_bytes = max(1, channels * depth // 8)
    adam7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    raw = b""
    for x, y, dx, dy in adam7 if interlaced else ((0, 0, 1, 1),):
        part = samples[y::dy, x::dx]
        if part.size == 0:
            continue
        if depth == 16:
            rows = part.astype(">u2").reshape(len(part), -1).view(np.uint8)
        elif depth == 8:
            rows = part.astype(np.uint8).reshape(len(part), -1)
        else:
            bits = (part.reshape(len(part), -1, 1) >> np.arange(depth - 1, -1, -1)) & 1
            rows = np.packbits(bits.reshape(len(part), -1).astype(np.uint8), axis=1)
        above = np.zeros(rows.shape[1], int)
        for i, row in enumerate(rows.astype(int)):
            left, corner = (np.concatenate((np.zeros(pixel_bytes, int), r))[:len(r)] for r in (row, above))
            p = left + above - corner
            distance = np.stack((abs(p - left), abs(p - above), abs(p - corner)))
            paeth = np.choose(distance.argmin(0), (left, above, corner))
            foretold = (0, left, above, (left + above) // 2, paeth)[i % 5]
            raw += bytes([i % 5]) + ((row - foretold) % 256).astype(np.uint8).tobytes()
            above = row
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    packed = zlib.compress(raw)
    data = b"".join(chunk(b"IDAT", packed[i:i + 1000]) for i in range(0, len(packed), 1000))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + (chunk(b"PLTE", palette) if palette else b"") + data +
            chunk(b"IEND", b""))


def bmp(width, height, bits, compression, pixels, palette=b"", masks=b""):
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0,
                         len(palette) // 4, 0) + masks + palette
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + pixels


def os2_bmp(rgb):
    height, width = rgb.shape[:2]
    rows = np.zeros((height, (width * 3 + 3) // 4 * 4), np.uint8)
    rows[:, :width * 3] = rgb[::-1, :, ::-1].reshape(height, -1)
    header = struct.pack("<IHHHH", 12, width, height, 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + rows.size, 0, 0, 26) + header + rows.tobytes()


def bmp16(rgb, green_bits, masks):
    r, g, b = (rgb[::-1, :, i].astype(int) for i in range(3))
    packed = ((r >> 3) << (5 + green_bits)) | ((g >> (8 - green_bits)) << 5) | (b >> 3)
    height, width = packed.shape
    rows = np.zeros((height, (width + 1) // 2 * 2), "<u2")
    rows[:, :width] = packed
    packed_masks = struct.pack("<III", *masks) if masks else b""
    return bmp(width, height, 16, 3 if masks else 0, rows.tobytes(), masks=packed_masks)


def bits_repeated(rgb, green_bits):
    """The pixels that bmp16 keeps, each sample stretched to 8 bits by its own first bits."""
    bits = np.array((5, green_bits, 5))
    kept = rgb.astype(int) >> (8 - bits)
    return (kept << (8 - bits) | kept >> (2 * bits - 8)).astype(np.uint8)


def runs(index, rle4):
    """Runs, and four pixels as they are in every other row of that many."""
    out = b""
    for y, row in enumerate(index[::-1]):
        row, x = row.tolist(), 0
        while x < len(row):
            if y % 2 and len(row) - x >= 4:
                part = row[x:x + 4]
                out += bytes([0, 4]) + (bytes([part[0] << 4 | part[1], part[2] << 4 | part[3]]) if rle4 else bytes(part))
                x += 4
                continue
            n = 1
            while n < 255 and x + n < len(row) and row[x + n] == row[x]:
                n += 1
            out += bytes([n, row[x] * 17 if rle4 else row[x]])
            x += n
        out += b"\0\0"
    return out[:-2] + b"\0\1"


def gif_in_a_larger_screen(image):
    """The frame of Pillow's GIF at (5, 7) of a screen 20 larger on both sides; colour 3 is transparent."""
    data = bytearray(save(image, format="GIF", transparency=3))
    at = data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7)))
    width, height = struct.unpack_from("<HH", data, at + 5)
    struct.pack_into("<HH", data, 6, width + 20, height + 20)
    struct.pack_into("<HH", data, at + 1, 5, 7)
    return bytes(data)


# ---- the list of kinds

def files_of(photograph):
    """(kind, ending, bytes), for Pillow's pixels; a fourth is what is expected instead: pixels, or an error."""
    rgb = photograph
    pixels = np.asarray(rgb)
    height, width = pixels.shape[:2]
    grey, paletted, few = rgb.convert("L"), rgb.quantize(256), rgb.quantize(16)
    grey_pixels = np.asarray(grey).astype(int)
    ramp = Image.fromarray(np.linspace(0, 255, pixels[:, :, 0].size).astype(np.uint8).reshape(height, width))
    rgba = rgb.copy()
    rgba.putalpha(ramp)
    cmyk = rgb.convert("CMYK")
    palette_bytes = lambda image: bytes(image.getpalette())  # noqa: E731
    bgrx = lambda image: np.insert(np.array(image.getpalette()).reshape(-1, 3)[:, ::-1], 3, 0, 1)  # noqa: E731

    for quality in (40, 95):
        for subsampling in (0, 1, 2):
            yield "JPEG colour", "jpg", save(rgb, format="JPEG", quality=quality, subsampling=subsampling)
    yield "JPEG progressive", "jpg", save(rgb, format="JPEG", progressive=True)
    yield "JPEG grey", "jpg", save(grey, format="JPEG")
    yield "JPEG CMYK", "jpg", save(cmyk, format="JPEG")
    yield "JPEG stored as RGB", "jpg", save(rgb, format="JPEG", keep_rgb=True)
    for o in range(1, 9):
        yield "JPEG with orientation", "jpg", save(rgb, format="JPEG", exif=exif(o))
        yield "PNG with orientation", "png", save(rgb, format="PNG", exif=exif(o))
        yield "WebP with orientation", "webp", save(rgb, format="WEBP", exif=exif(o))

    for name, image in (("RGB", rgb), ("RGBA", rgba), ("grey", grey), ("grey and alpha", rgba.convert("LA")),
                        ("palette", paletted), ("4-bit palette", few), ("1-bit", rgb.convert("1"))):
        yield f"PNG {name}", "png", save(image, format="PNG")
    yield "PNG palette and transparency", "png", save(paletted, format="PNG", transparency=bytes(range(256)))
    yield "PNG palette, 2 bits", "png", save(rgb.quantize(4), format="PNG", bits=2)
    high = np.repeat(grey_pixels.astype(np.uint8)[:, :, None], 3, 2)
    yield "PNG 16-bit grey, not Pillow's", "png", png(grey_pixels * 256 + 91, 16, 0), high
    yield "PNG 16-bit RGB", "png", png(pixels.astype(int) * 256 + 200, 16, 2)
    yield "PNG 16-bit grey and alpha", "png", png(np.stack((grey_pixels, grey_pixels), 2) * 257, 16, 4)
    yield "PNG 16-bit RGBA", "png", png(np.asarray(rgba).astype(int) * 257, 16, 6)
    for depth in (1, 2, 4, 8):
        yield f"PNG {depth}-bit grey, all filters", "png", png(grey_pixels >> (8 - depth), depth, 0)
        yield f"PNG {depth}-bit grey, interlaced", "png", png(grey_pixels >> (8 - depth), depth, 0, True)
    for w, h in ((1, 1), (2, 3), (4, 1), (5, 5), (7, 9)):
        yield "PNG interlaced, tiny", "png", png(pixels[:h, :w], 8, 2, True)
    yield "PNG interlaced", "png", png(pixels, 8, 2, True)
    yield "PNG RGBA interlaced", "png", png(np.asarray(rgba), 8, 6, True)
    yield "PNG 16-bit interlaced", "png", png(pixels.astype(int) * 257, 16, 2, True)
    yield "PNG palette interlaced", "png", png(np.asarray(few), 4, 3, True, palette_bytes(few))

    for name, image in (("24-bit", rgb), ("32-bit", rgba), ("8-bit grey", grey), ("8-bit", paletted),
                        ("1-bit", rgb.convert("1"))):
        yield f"BMP {name}", "bmp", save(image, format="BMP")
    index8, index4 = np.asarray(paletted), np.asarray(few)
    yield ("BMP RLE8, not Pillow's", "bmp", bmp(width, height, 8, 1, runs(index8, False),
                                                bgrx(paletted).astype(np.uint8).tobytes()), RUNS_REFUSED)
    yield ("BMP RLE4, not Pillow's", "bmp", bmp(width, height, 4, 2, runs(index4, True),
                                                bgrx(few).astype(np.uint8).tobytes()), RUNS_REFUSED)
    four = np.zeros((height, (width + 7) // 8 * 8), np.uint8)
    four[:, :width] = index4[::-1]
    yield "BMP 4-bit", "bmp", bmp(width, height, 4, 0, (four[:, ::2] << 4 | four[:, 1::2]).tobytes(),
                                  bgrx(few).astype(np.uint8).tobytes())
    yield "BMP 16-bit, not Pillow's", "bmp", bmp16(pixels, 5, None), bits_repeated(pixels, 5)
    for green_bits, masks in ((6, (0xF800, 0x7E0, 0x1F)), (5, (0x7C00, 0x3E0, 0x1F))):
        yield (f"BMP 16-bit, 5-{green_bits}-5, not Pillow's", "bmp", bmp16(pixels, green_bits, masks),
               bits_repeated(pixels, green_bits))
    top_down = np.insert(pixels[:, :, ::-1], 3, 9, 2)
    yield "BMP from above", "bmp", bmp(width, -height, 32, 0, top_down.tobytes())
    yield "BMP with masks", "bmp", bmp(width, -height, 32, 3, np.insert(pixels[:, :, ::-1], 0, 7, 2).tobytes(),
                                       masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00))
    yield "BMP of OS/2", "bmp", os2_bmp(pixels)

    yield "GIF", "gif", save(paletted, format="GIF", interlace=0)
    yield "GIF interlaced", "gif", save(paletted, format="GIF", interlace=1)
    yield "GIF 16 colours", "gif", save(few, format="GIF")
    yield "GIF grey", "gif", save(grey, format="GIF")
    yield "GIF transparent", "gif", save(paletted, format="GIF", transparency=17)
    yield "GIF animated", "gif", save(paletted, format="GIF", save_all=True, append_images=[few])
    yield "GIF in a larger screen", "gif", gif_in_a_larger_screen(paletted)

    for quality in (10, 80, 100):
        yield "WebP lossy", "webp", save(rgb, format="WEBP", quality=quality)
        yield "WebP lossy with alpha", "webp", save(rgba, format="WEBP", quality=quality)
    yield "WebP lossless", "webp", save(rgb, format="WEBP", lossless=True)
    yield "WebP lossless with alpha", "webp", save(rgba, format="WEBP", lossless=True, exact=True)
    yield "WebP lossless palette", "webp", save(few.convert("RGB"), format="WEBP", lossless=True)
    other = rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for lossless in (False, True):
        yield "WebP animated", "webp", save(rgba, format="WEBP", save_all=True, append_images=[other], lossless=lossless)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pictures", type=int, default=4)
    options = parser.parse_args()
    photographs = sorted(options.folder.rglob("*.jpg"))
    chosen = photographs[::max(1, len(photographs) // options.pictures)][:options.pictures]
    sizes = ((301, 227), (64, 64), (33, 130), (255, 18))

    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for i, path in enumerate(chosen):
            with Image.open(path) as image:
                photograph = image.convert("RGB").resize(sizes[i % len(sizes)])
            for kind, ending, data, *expected in files_of(photograph):
                file = pathlib.Path(folder, f"{len(cases)}.{ending}")
                file.write_bytes(data)
                if not expected:
                    with Image.open(file) as image:
                        expected = [np.asarray(ImageOps.exif_transpose(image).convert("RGB"))]
                cases.append((kind, file, expected[0]))
        out = subprocess.run([options.program, "--dump", *(str(file) for _, file, _ in cases)],
                             stdout=subprocess.PIPE, check=True).stdout

    stream, equal, total = io.BytesIO(out), {}, {}
    for kind, _, expected in cases:
        line = stream.readline().decode().strip()
        total[kind] = total.get(kind, 0) + 1
        refused = isinstance(expected, str)
        if line.startswith("error:"):
            same = refused and line.endswith(expected)
            equal[kind] = equal.get(kind, 0) + same
            if not same:
                print(f"  {kind}: {line}")
            continue
        height, width = map(int, line.split())
        ours = np.frombuffer(stream.read(height * width * 3), np.uint8).reshape(height, width, 3)
        stream.read(CROP * CROP * 3 * 5)
        if refused:
            print(f"  {kind}: read, expected: {expected}")
            continue
        same = ours.shape == expected.shape and np.array_equal(ours, expected)
        equal[kind] = equal.get(kind, 0) + same
        if not same and ours.shape == expected.shape:
            print(f"  {kind}: differs by up to {np.abs(ours.astype(int) - expected).max()}")
        elif not same:
            print(f"  {kind}: {ours.shape}, expected {expected.shape}")
    for kind, count in total.items():
        print(f"{kind:36} {equal.get(kind, 0):3} of {count} equal")
    failed = sum(total.values()) - sum(equal.values())
    print(f"{len(cases)} files of {len(total)} kinds, {failed} differ from what is expected of "
          f"them, Pillow {Image.__version__}'s pixels where nothing else is said")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
