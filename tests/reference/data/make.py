"""Lists as MATLAB writes them (by SciPy), and zlib streams of every kind of block. Needs numpy and scipy."""
import random
import zlib

import numpy as np
import scipy.io

files = np.empty((4, 1), dtype=object)
files[:, 0] = ["1_001_1_01.png", "1_001_2_06.png", "5_002_1_02.png", "5_002_2_07.png"]
config = {"filelist": files, "labels": np.array([[1.0], [1.0], [843.0], [843.0]]),
          "camId": np.array([[1.0], [2.0], [1.0], [2.0]]), "train_idx": np.array([[1.0], [2.0]]),
          "query_idx": np.array([[3]], dtype=np.uint16), "gallery_idx": np.array([[4]], dtype=np.int32),
          "note": "text é", "ignored": {"a": 1}}
scipy.io.savemat("cuhk03_compressed.mat", config, do_compression=True)
scipy.io.savemat("cuhk03_plain.mat", config)

rng = random.Random(1)
words = " ".join(rng.choice(["camera", "person", "c1s1", "0002", "\u00e9"]) for _ in range(900)).encode()
noise = bytes(rng.randrange(256) for _ in range(300))


def deflate(data, level, strategy):
    packer = zlib.compressobj(level, zlib.DEFLATED, 15, 8, strategy)
    return packer.compress(data) + packer.flush()


for name, data, level, strategy in [("stored", noise, 0, 0), ("fixed", words[:500], 9, zlib.Z_FIXED),
                                    ("dynamic", words + noise + words, 9, 0), ("empty", b"", 9, 0)]:
    with open(name + ".bin", "wb") as out:
        out.write(data)
    with open(name + ".z", "wb") as out:
        out.write(deflate(data, level, strategy))
