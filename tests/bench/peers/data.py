"""The peer of `calr bench data`: the same files by Pillow and torchvision; work: decode, resize or train."""
import glob

import common

options = common.options()

import PIL  # noqa: E402  (after the number of threads is set)
from PIL import Image  # noqa: E402
import torch  # noqa: E402

import files  # noqa: E402


def prepare(given):
    paths = sorted(glob.glob(given["folder"] + "/*.jpg"))
    torch.set_num_threads(1)
    if given["work"] == "decode":
        def work():
            for path in paths:
                Image.open(path).load()
    else:
        dataset = files.Files(paths, files.transforms(given, given["work"] == "train"))
        loader = torch.utils.data.DataLoader(dataset, batch_size=given["batch"], num_workers=given["workers"],
                                             persistent_workers=given["workers"] > 0)

        def work():
            for images in loader:
                pass
    work()
    return work


common.serve("Pillow %s, torch %s" % (PIL.__version__, torch.__version__.split("+")[0]), prepare)
