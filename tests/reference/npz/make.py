#!/usr/bin/env python3
"""Archives of NumPy, from which the fuzzer of files starts."""
import os

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
arrays = {"x": np.arange(6, dtype="f4").reshape(2, 3), "a/b": np.arange(3), "mask": np.array([True, False])}
np.savez(os.path.join(here, "stored.npz"), **arrays)
np.savez_compressed(os.path.join(here, "deflated.npz"), **arrays)
