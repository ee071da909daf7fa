"""The peer of `calr bench data`: the same files by Pillow and torchvision; work: decode, resize or train."""
import glob

import common

options = common.options()

import PIL  # noqa: E402
from PIL import Image  # noqa: E402
import torch  # noqa: E402
import torchvision.transforms as T  # noqa: E402


class Files(torch.utils.data.Dataset):
    def __init__(self, paths, transform):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return self.transform(Image.open(self.paths[i]).convert("RGB"))


def transforms(given):
    size = (given["height"], given["width"])
    resize = [T.Resize(size, interpolation=T.InterpolationMode.BICUBIC)]
    normalise = [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    if given["work"] == "resize":
        return T.Compose(resize + normalise)
    return T.Compose(resize + [T.RandomHorizontalFlip(0.5), T.Pad(10), T.RandomCrop(size)] + normalise
                     + [T.RandomErasing(0.5, value=[0.485, 0.456, 0.406])])


def prepare(given):
    paths = sorted(glob.glob(given["folder"] + "/*.jpg"))
    torch.set_num_threads(1)
    if given["work"] == "decode":
        def work():
            for path in paths:
                Image.open(path).load()
    else:
        files = Files(paths, transforms(given))
        loader = torch.utils.data.DataLoader(files, batch_size=given["batch"], num_workers=given["workers"],
                                             persistent_workers=given["workers"] > 0)

        def work():
            for images in loader:
                pass
    work()
    return work


common.serve("Pillow %s, torch %s" % (PIL.__version__, torch.__version__.split("+")[0]), prepare)
