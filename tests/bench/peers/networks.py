"""The networks of calr.models in PyTorch: torchvision's residual networks and MobileNetV2 and timm's EfficientNet-Lite,
with GeM pooling, a BatchNorm neck and unit features."""
import os
import sys

import torch
from torch import nn
import torch.nn.functional as F

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "reference", "models"))

OSNETS = {"osnet_x1_0": (64, 256, 384, 512), "osnet_x0_75": (48, 192, 288, 384), "osnet_x0_5": (32, 128, 192, 256),
          "osnet_x0_25": (16, 64, 96, 128)}


class GeM(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.ones(1) * 3)

    def forward(self, x):
        return x.clamp(min=1e-6).pow(self.p).mean((2, 3)).pow(1 / self.p)


class Basic(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or inputs != width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y + (self.downsample(x) if self.downsample else x), inplace=True)


class Small(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layers = nn.Sequential(Basic(width, width, 1), Basic(width, 2 * width, 2), Basic(2 * width, 4 * width, 2))
        self.dim = 4 * width

    def forward(self, x):
        return self.layers(F.relu(self.bn1(self.conv1(x)), inplace=True))


class Trunk(nn.Module):
    """A torchvision network up to its feature maps, the last stage with stride 1."""

    def __init__(self, name):
        super().__init__()
        import torchvision

        self.body = getattr(torchvision.models, name)(weights=None)
        self.dim = self.body.fc.in_features
        self.body.fc = None
        for block in self.body.layer4:
            for conv in [block.conv1, block.conv2] + ([block.downsample[0]] if block.downsample else []):
                conv.stride = (1, 1)

    def forward(self, x):
        b = self.body
        x = b.maxpool(b.relu(b.bn1(b.conv1(x))))
        return b.layer4(b.layer3(b.layer2(b.layer1(x))))


class Mobile(nn.Module):
    """The layers of MobileNetV2 (torchvision) or EfficientNet-Lite (timm) up to their feature maps."""

    def __init__(self, name):
        super().__init__()
        if name == "mobilenet_v2":
            import torchvision

            self.body = torchvision.models.mobilenet_v2(weights=None).features
        else:
            import timm

            self.body = timm.create_model(name, num_classes=0, global_pool="")
        self.dim = 1280

    def forward(self, x):
        return self.body(x)


def trunk(name):
    if name == "small":
        return Small()
    if name == "mobilenet_v2" or name.startswith("efficientnet_lite"):
        return Mobile(name)
    return Trunk(name)


class Network(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.trunk = trunk(name)
        self.dim = self.trunk.dim
        self.pool = GeM()
        self.neck = nn.BatchNorm1d(self.dim)
        self.neck.bias.requires_grad_(False)

    def forward(self, x):
        return F.normalize(self.neck(self.pool(self.trunk(x))))


def make(options):
    torch.manual_seed(1)
    torch.set_num_threads(options["threads"])
    if options["network"] in OSNETS:
        import osnet  # of tests/reference/models

        net = osnet.OSNet(OSNETS[options["network"]])
        net.dim, net.trunk = 512, None
        net.neck.bias.requires_grad_(False)
    else:
        net = Network(options["network"])
    net = net.to(memory_format=torch.channels_last)
    images = torch.randn(options["batch"], 3, options["height"], options["width"])
    return net, images.to(memory_format=torch.channels_last)


def title(extra=""):
    return "torch " + torch.__version__.split("+")[0] + extra
