"""Writes the files that tests/c/test_safetensors.c reads, with the reference implementation:
pip install safetensors==0.8.0 numpy, then python make.py"""
import json
import pathlib
import struct

import numpy as np
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
a = np.arange(24).reshape(2, 3, 4)

# What calr must write, to the byte.
save_file(
    {
        "layer1.weight": (a - 11.5).astype("<f4"),
        "bytes": np.arange(5, dtype="u1"),
        "a.count": np.array(-3, "<i8"),
        "labels": np.array([-1, 0, 7], "<i4"),
        "empty": np.zeros((0, 4), "<f4"),
        "b": np.array([np.inf, -0.0, 1e-45], "<f4"),
    },
    here / "written.safetensors",
    {"format": "pt"},
)

# Types that become ours.
save_file(
    {
        "F16": (a - 11.5).astype("<f2"),
        "F64": (a - 11.5).astype("<f8"),
        "I8": (a - 12).astype("i1"),
        "I16": ((a - 12) * 1000).astype("<i2"),
        "U16": (a * 2849).astype("<u2"),
        "BOOL": (a % 2).astype("?"),
    },
    here / "types.safetensors",
    {"one": "1", "\u00e9": "\u4e09"},
)

# bfloat16 is no type of NumPy's: the upper halves of float32.
numbers = (np.arange(4) - 1.5).astype("<f4").view("<u2")[1::2].tobytes()
header = json.dumps({"x": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}).encode()
(here / "bf16.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + numbers)
