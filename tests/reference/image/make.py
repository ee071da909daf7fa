"""Makes the golden files of this folder with Pillow: small generated JPEG and PNG files with the pixels that
Pillow reads from them (PPM), and checksums of resized images. No photograph is involved.

    python make.py        (Pillow, numpy; libturbojpeg.so.0 for the YCCK file)
"""
import ctypes
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))


def generated(width, height, channels=3, seed=1):
    """Smooth waves with noise, from integers alone: tests/c/picture.h makes the same in C."""
    state = seed & 0xFFFFFFFF
    out = np.zeros((height, width, channels), np.uint8)
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
                wave = (x * (5 + 2 * c) + y * (3 + c)) % 256
                wave = 2 * (wave if wave < 128 else 255 - wave)
                out[y, x, c] = min(255, max(0, wave + (state >> 26) - 32))
    # A patch of hard edges: overshoot of the bicubic filter must be clipped.
    out[height // 4 : height // 2, width // 4 : width // 2] = 255
    out[height // 2 : height // 2 + height // 8, width // 4 : width // 2] = 0
    return out


def write(name, data):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)


def write_ppm(name, image):
    image = image.convert("RGB")
    write(name, b"P6\n%d %d\n255\n" % image.size + image.tobytes())


def golden_jpeg(name, data):
    write(name + ".jpg", data)
    write_ppm(name + ".ppm", Image.open(io.BytesIO(data)))


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def ycck(image, quality):
    """CMYK pixels as a YCCK file, which Pillow does not write."""
    tj = ctypes.CDLL("libturbojpeg.so.0")
    tj.tjInitCompress.restype = ctypes.c_void_p
    pixels = np.ascontiguousarray(255 - np.asarray(image))
    out, size = ctypes.c_void_p(), ctypes.c_ulong()
    handle = ctypes.c_void_p(tj.tjInitCompress())
    failed = tj.tjCompress2(handle, pixels.ctypes.data_as(ctypes.c_void_p), image.width, 0, image.height, 11,
                            ctypes.byref(out), ctypes.byref(size), 2, quality, 0)
    assert not failed
    return ctypes.string_at(out, size.value)


def jpegs():
    rgb = Image.fromarray(generated(33, 47))
    golden_jpeg("rgb444", saved(rgb, quality=90, subsampling=0))
    golden_jpeg("rgb422", saved(rgb, quality=80, subsampling=1))
    golden_jpeg("rgb420", saved(rgb, quality=75, subsampling=2))
    golden_jpeg("progressive", saved(rgb, quality=85, progressive=True))
    golden_jpeg("gray", saved(rgb.convert("L"), quality=85))
    golden_jpeg("one", saved(Image.fromarray(generated(1, 1)), quality=95))
    ink = Image.fromarray(generated(20, 17, 4, seed=3), "CMYK")
    golden_jpeg("cmyk", saved(ink, quality=92))
    golden_jpeg("ycck", ycck(ink, 92))


def pngs():
    rgb = Image.fromarray(generated(13, 9))
    alpha = np.dstack([generated(13, 9), generated(13, 9, 1, seed=9)[:, :, 0] // 200 * 255])
    kinds = {
        "palette": rgb.quantize(16),
        "gray16": Image.fromarray(generated(13, 9)[:, :, 0].astype(np.uint16) * 257),
        "alpha": Image.fromarray(alpha, "RGBA"),
        "bits": rgb.convert("1"),
    }
    for name, image in kinds.items():
        out = io.BytesIO()
        image.save(out, "PNG")
        write(name + ".png", out.getvalue())
        if name == "gray16":
            expected = Image.fromarray(generated(13, 9)[:, :, 0])
        elif name == "alpha":
            expected = Image.new("RGB", image.size)
            expected.paste(image, mask=image.getchannel("A"))
        else:
            expected = image
        write_ppm(name + ".ppm", expected)


def strays():
    """Bytes that do not belong there: between the segments of the header, behind the coded pixels."""
    rgb = Image.fromarray(generated(33, 47))
    plain, scans = saved(rgb, quality=90, subsampling=0), saved(rgb, quality=85, progressive=True)
    assert plain[2:4] == b"\xff\xe0"
    length = 4 + int.from_bytes(plain[4:6], "big") - 2
    golden_jpeg("stray_header", plain[: 2 + length] + b"\x00\x11\x22" + plain[2 + length :])
    golden_jpeg("stray_end", plain[:-2] + b"\x00" * 37 + plain[-2:])
    golden_jpeg("stray_both", plain[: 2 + length] + b"\x12" * 9 + plain[2 + length : -2] + b"\x00\x01" * 3000 + plain[-2:])
    golden_jpeg("stray_scans", scans[:-2] + b"\x00" * 12 + scans[-2:])


def bmp_of(header, masks, palette, rows):
    offset = 14 + len(header) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + masks + palette + rows


def bmps():
    rgb = Image.fromarray(generated(13, 9))
    files = {}
    for name, image in (("bmp24", rgb), ("bmp8", rgb.quantize(16)), ("bmp1", rgb.convert("1")),
                        ("bmp_gray", rgb.convert("L")), ("bmp32", rgb.convert("RGBA"))):
        out = io.BytesIO()
        image.save(out, "BMP")
        files[name] = out.getvalue()
    pixels = generated(13, 9).astype(np.uint32)

    def info(height, bits, compression, size=40):
        return struct.pack("<IiiHHIIiiII", size, 13, height, 1, bits, compression, 0, 0, 0, 0, 0) + bytes(size - 40)

    five = (pixels[:, :, 0] >> 3 << 11 | pixels[:, :, 1] >> 2 << 5 | pixels[:, :, 2] >> 3).astype("<u2")
    padded = np.pad(five, ((0, 0), (0, 1)))
    files["bmp565"] = bmp_of(info(9, 16, 3), struct.pack("<III", 0xF800, 0x7E0, 0x1F), b"", padded[::-1].tobytes())
    three = (pixels[:, :, 0] >> 3 << 10 | pixels[:, :, 1] >> 3 << 5 | pixels[:, :, 2] >> 3).astype("<u2")
    files["bmp555"] = bmp_of(info(9, 16, 0), b"", b"", np.pad(three, ((0, 0), (0, 1)))[::-1].tobytes())
    bgr = np.pad(generated(13, 9)[:, :, ::-1].reshape(9, 39), ((0, 0), (0, 1)))
    files["bmp_top"] = bmp_of(info(-9, 24, 0), b"", b"", bgr.tobytes())
    four = (pixels[:, :, 0] >> 4).astype(np.uint8)
    four = np.pad(four, ((0, 0), (0, 3)))
    packed = four[:, 0::2] << 4 | four[:, 1::2]
    colors = b"".join(struct.pack("<BBBB", 17 * i, 255 - 17 * i, 3 * i, 0) for i in range(16))
    files["bmp4"] = bmp_of(info(9, 4, 0), b"", colors, packed[::-1].tobytes())
    files["bmp_os2"] = bmp_of(struct.pack("<IHHHH", 12, 13, 9, 1, 24), b"", b"", bgr[::-1].tobytes())
    for name, data in files.items():
        write(name + ".bmp", data)
        write_ppm(name + ".ppm", Image.open(io.BytesIO(data)))


SIZES = [(64, 128), (128, 256), (48, 96), (57, 131), (33, 47), (17, 19), (7, 5), (3, 2), (2, 2), (1, 1), (1, 9), (9, 1),
         (200, 100), (224, 224), (61, 300), (300, 61)]
TARGETS = [(128, 256), (224, 224), (64, 128), (32, 64), (5, 7), (1, 1), (3, 1), (57, 128), (64, 131)]


def resized():
    lines = ["# filter width height to_width to_height crc32: Pillow %s\n" % Image.__version__]
    for filter_name, pillow in (("bicubic", Image.Resampling.BICUBIC), ("bilinear", Image.Resampling.BILINEAR)):
        for size in SIZES:
            image = Image.fromarray(generated(*size, seed=size[0] * 1000 + size[1]))
            for target in TARGETS:
                crc = zlib.crc32(image.resize(target, pillow).tobytes())
                lines.append("%s %d %d %d %d %08x\n" % (filter_name, *size, *target, crc))
    write("resize.txt", "".join(lines).encode())
    image = Image.fromarray(generated(33, 47))
    write_ppm("small.ppm", image.resize((16, 32), Image.Resampling.BICUBIC))
    write_ppm("large.ppm", image.resize((40, 60), Image.Resampling.BICUBIC))


if __name__ == "__main__":
    jpegs()
    pngs()
    strays()
    bmps()
    resized()
