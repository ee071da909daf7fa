"""Golden values of engine/image/color.c: what torchvision makes of a generated image (picture() in tests/c/test_color.c).

pip install torch torchvision, then python make.py > golden.txt (made with 2.15 and 0.29)"""
import math

import numpy as np
import torch
import torchvision.transforms.functional as F

HEIGHT, WIDTH = 11, 7


def picture():
    y, x, c = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), np.arange(3), indexing="ij")
    values = (37 * x + 91 * y + 53 * c + 7 * x * y * c) % 256
    values[0, :3] = np.array([0, 128, 255])[:, None]  # black, grey, white
    values[1, :3] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    return torch.from_numpy(values.astype(np.float32) / 255).permute(2, 0, 1)


def gray(image):
    return F.rgb_to_grayscale(image, 3)


def blur(sigma):
    def apply(image):
        size = [2 * min(math.ceil(3 * sigma), side - 1) + 1 for side in (WIDTH, HEIGHT)]
        return F.gaussian_blur(image, size, [sigma, sigma])

    return apply


steps = {
    "brightness": F.adjust_brightness,
    "contrast": F.adjust_contrast,
    "saturation": F.adjust_saturation,
    "hue": F.adjust_hue,
}


def show(name, image):
    values = image.permute(1, 2, 0).flatten().tolist()
    print(name, len(values), *("%.7g" % v for v in values))


for name, factors in ("brightness", (0, 0.6, 1.7)), ("contrast", (0, 0.5, 1.8)), ("saturation", (0, 0.5, 2.5)), (
    "hue", (-0.5, -0.13, 0.1, 0.5)):
    for factor in factors:
        show("%s=%g" % (name, factor), steps[name](picture(), factor))
image = picture()
for name, factor in ("hue", 0.07), ("contrast", 1.3), ("brightness", 0.8), ("saturation", 1.4):
    image = steps[name](image, factor)
show("jitter", image)
show("gray", gray(picture()))
for sigma in 0.1, 0.8, 2, 7:
    show("blur=%g" % sigma, blur(sigma)(picture()))
show("all", blur(1.1)(gray(image)))
