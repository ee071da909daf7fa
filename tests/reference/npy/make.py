"""Writes the .npy files that tests/c/test_npy.c reads, with NumPy (1.24): python make.py"""
import io
import pathlib

import numpy as np
from numpy.lib import format as npy

here = pathlib.Path(__file__).parent
a = np.arange(24).reshape(2, 3, 4)
special = np.array([0.0, -0.0, 1.5, -2.25, np.inf, -np.inf, np.nan, 6e-8, 65504.0])

arrays = {
    "f4": (a - 11.5).astype("<f4"),
    "f8": (a - 11.5).astype("<f8"),
    "f2": special.astype("<f2"),
    "f4_special": special.astype("<f4"),
    "f4_big": (a - 11.5).astype(">f4"),
    "i1": (a - 12).astype("i1"),
    "i2": ((a - 12) * 1000).astype("<i2"),
    "i4": ((a - 12) * 100000000).astype("<i4"),
    "i4_big": ((a - 12) * 100000000).astype(">i4"),
    "i8": ((a - 12) * 10**17).astype("<i8"),
    "u1": (a * 11).astype("u1"),
    "u2": (a * 2849).astype("<u2"),
    "b1": (a % 2).astype("?"),
    "fortran": np.asfortranarray((a - 11.5).astype("<f4")),
    "scalar": np.array(7.5, "<f4"),
    "empty": np.zeros((3, 0, 2), "<f4"),
    "c16": np.zeros(3, "<c16"),
    "u8": np.zeros(3, "<u8"),
    "structured": np.zeros(3, [("x", "<f4"), ("y", "<i4")]),
    "seven": np.zeros((1,) * 7, "<f4"),
}
for name, array in arrays.items():
    np.save(here / (name + ".npy"), array)
for version in (2, 3):
    with open(here / f"format{version}.npy", "wb") as file:
        npy.write_array(file, (a - 11.5).astype("<f4"), version=(version, 0))

# What calr must write, to the byte.
for name, array in {"saved_f4": a.astype("<f4"), "saved_u1": np.arange(5, dtype="u1"), "saved_i8": np.array(-3, "<i8")}.items():
    np.save(here / (name + ".npy"), array)
