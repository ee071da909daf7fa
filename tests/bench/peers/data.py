"""The peer of `calr bench data`: the same files by Pillow and torchvision, or (program: simplejpeg) by simplejpeg and
torchvision's transforms of byte tensors, which are the faster ones; work: decode, resize or train."""
import glob

import common

options = common.options()

from importlib.metadata import version  # noqa: E402

import PIL  # noqa: E402  (after the number of threads is set)
from PIL import Image  # noqa: E402
import torch  # noqa: E402

import files  # noqa: E402

BYTES = options.get("program") == "simplejpeg"
if BYTES:
    import simplejpeg
    import torchvision.transforms.v2 as V


def decode(path):
    if not BYTES:
        return Image.open(path).convert("RGB")
    with open(path, "rb") as file:
        return torch.from_numpy(simplejpeg.decode_jpeg(file.read(), "RGB")).permute(2, 0, 1)


def byte_transforms(given):
    size, mean = (given["height"], given["width"]), [0.485, 0.456, 0.406]
    resize = [V.Resize(size, interpolation=V.InterpolationMode.BICUBIC, antialias=True)]
    normalise = [V.ToDtype(torch.float32, scale=True), V.Normalize(mean, [0.229, 0.224, 0.225], inplace=True)]
    if given["work"] == "resize":
        return V.Compose(resize + normalise)
    return V.Compose(resize + [V.RandomHorizontalFlip(0.5), V.Pad(10), V.RandomCrop(size)] + normalise
                     + [V.RandomErasing(0.5, value=mean, inplace=True)])


def prepare(given):
    paths = sorted(glob.glob(given["folder"] + "/*.jpg"))
    torch.set_num_threads(1)
    if given["work"] == "decode":
        def work():
            for path in paths:
                decode(path) if BYTES else Image.open(path).load()
    else:
        change = byte_transforms(given) if BYTES else files.transforms(given, given["work"] == "train")
        dataset = files.Files(paths, change, decode)
        loader = torch.utils.data.DataLoader(dataset, batch_size=given["batch"], num_workers=given["workers"],
                                             persistent_workers=given["workers"] > 0)

        def work():
            for images in loader:
                pass
    work()
    return work


decoder = "simplejpeg " + version("simplejpeg") if BYTES else "Pillow " + PIL.__version__
common.serve("%s, torch %s" % (decoder, torch.__version__.split("+")[0]), prepare)
