"""Images of a folder by Pillow and torchvision, as this field reads them."""
import torch
import torchvision.transforms as T
from PIL import Image


def picture(path):
    return Image.open(path).convert("RGB")


class Files(torch.utils.data.Dataset):
    def __init__(self, paths, transform, read=picture):
        self.paths, self.transform, self.read = paths, transform, read

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return self.transform(self.read(self.paths[i]))


def transforms(given, train):
    """height, width; train: with the random changes of a training batch."""
    size = (given["height"], given["width"])
    resize = [T.Resize(size, interpolation=T.InterpolationMode.BICUBIC)]
    normalise = [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    if not train:
        return T.Compose(resize + normalise)
    return T.Compose(resize + [T.RandomHorizontalFlip(0.5), T.Pad(10), T.RandomCrop(size)] + normalise
                     + [T.RandomErasing(0.5, value=[0.485, 0.456, 0.406])])
