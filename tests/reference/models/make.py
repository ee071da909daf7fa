"""Golden values of the networks: torchvision's residual networks with the head of this field.

Run with PyTorch and torchvision (made with 1.13 and 0.14):  python make.py > golden.lua

Weights and images are not stored: both sides fill them from one formula (fill below, and in tests/lua/test_models.lua).
"""
import math
import numpy as np
import torch
import torchvision
from torchvision.models.resnet import BasicBlock, ResNet

from efficientnet_lite import EfficientNetLite
from osnet import OSNet

torch.set_num_threads(2)


def fill(count, ordinal, scale, shift):
    k = np.arange(997.0)
    base = np.sin(0.7 * k * k + ordinal)
    k = (np.arange(count) + 31 * ordinal) % 997
    return (shift + scale * base[k]).astype(np.float32)


class GeM(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.p = torch.nn.Parameter(torch.ones(1) * 3)

    def forward(self, x):
        return x.clamp(min=1e-6).pow(self.p).mean((2, 3)).pow(1 / self.p)


class Network(torch.nn.Module):
    def __init__(self, body, dim, pooling, stem_pool=True):
        super().__init__()
        for name in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4"):
            if hasattr(body, name) and getattr(body, name) is not None:
                setattr(self, name, getattr(body, name))
        self.stem_pool = body.maxpool if stem_pool else None
        if pooling == "gem":
            self.pool = GeM()
        self.neck = torch.nn.BatchNorm1d(dim)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        if self.stem_pool:
            x = self.stem_pool(x)
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            if hasattr(self, stage):
                x = getattr(self, stage)(x)
        x = self.pool(x) if hasattr(self, "pool") else x.mean((2, 3))
        return torch.nn.functional.normalize(self.neck(x))


def last_stride_1(body):
    for module in body.layer4[0].modules():
        if isinstance(module, torch.nn.Conv2d) and module.stride == (2, 2):
            module.stride = (1, 1)
    return body


def small(width):
    body = ResNet(BasicBlock, [1, 1, 1, 1])
    body.conv1 = torch.nn.Conv2d(3, width, 3, 2, 1, bias=False)
    body.bn1 = torch.nn.BatchNorm2d(width)
    body.inplanes = width
    body.layer1 = body._make_layer(BasicBlock, width, 1)
    body.layer2 = body._make_layer(BasicBlock, 2 * width, 1, stride=2)
    body.layer3 = body._make_layer(BasicBlock, 4 * width, 1, stride=2)
    body.layer4 = None
    return body


class Mobile(torch.nn.Module):
    def __init__(self, features, dim, pooling):
        super().__init__()
        self.features = features
        if pooling == "gem":
            self.pool = GeM()
        self.neck = torch.nn.BatchNorm1d(dim)

    def forward(self, x):
        x = self.features(x)
        x = self.pool(x) if hasattr(self, "pool") else x.mean((2, 3))
        return torch.nn.functional.normalize(self.neck(x))


def weights(net):
    state = {k: v for k, v in net.state_dict().items() if "num_batches" not in k and "running" not in k}
    for ordinal, name in enumerate(sorted(state)):
        v = state[name]
        if name == "pool.p":
            continue
        if v.dim() == 4:
            scale, shift = math.sqrt(4 / (v.shape[0] * v.shape[2] * v.shape[3])), 0
        elif v.dim() == 2:
            scale, shift = math.sqrt(1 / v.shape[1]), 0
        elif name.endswith("weight"):
            scale, shift = 0.2, 1
        else:
            scale, shift = (0, 0) if name == "neck.bias" else (0.2, 0)
        v.copy_(torch.from_numpy(fill(v.numel(), ordinal, scale, shift)).reshape(v.shape))


def numbers(values):
    return "{" + ",".join("%.7g" % v for v in values) + "}"


def report(name, net, options, loose=1):
    """loose: how much larger tolerances are than usual; then computed in double precision, for ill-conditioned ones
    (PyTorch's own gradients in single precision are off by 8 % in the last)."""
    kind = torch.float64 if loose > 1 else torch.float32
    net.to(kind)
    weights(net)
    n, h, w = 4, 64, 32
    images = torch.from_numpy(fill(n * h * w * 3, 1000, 1, 0)).reshape(n, h, w, 3).permute(0, 3, 1, 2).to(kind)
    net.train()
    features = net(images)
    direction = torch.from_numpy(fill(features.numel(), 2000, 1, 0)).reshape(features.shape)
    (features * direction).sum().backward()
    print('  { name = "%s", options = %s, loose = %d,' % (name, options, loose))
    print("    features = %s," % numbers(features.detach()[:, :16].flatten()))
    print("    gradients = {")
    for key, p in sorted(net.named_parameters()):
        if key == "neck.bias":
            continue
        g = p.grad.flatten().double()
        print('      { "%s", %.7g, %.7g, %.7g },' % (key, g.norm(), g[0], g[-1]))
    print("    },")
    net.eval()
    with torch.no_grad():
        print("    evaluation = %s }," % numbers(net(images)[:, :16].flatten()))


print("-- Made by make.py.")
print("return {")
report("small", Network(small(8), 32, "gem", False), "{ width = 8, pooling = \"gem\", last_stride = 2 }")
report("resnet18", Network(last_stride_1(torchvision.models.resnet18()), 512, "average"), "{ pooling = \"average\" }")
report("resnet50", Network(torchvision.models.resnet50(), 2048, "gem"), "{ pooling = \"gem\", last_stride = 2 }")
report("osnet", OSNet((16, 64, 96, 128)), "{ width = 0.25, pooling = \"average\" }", 5)
report("osnet", OSNet((32, 128, 192, 256), True, None),
       "{ width = 0.5, ibn = true, features = false, pooling = \"average\" }", 50)
report("mobilenet_v2", Mobile(torchvision.models.mobilenet_v2(width_mult=0.25).features, 1280, "gem"),
       "{ width = 0.25 }", 5)
report("efficientnet_lite0", EfficientNetLite(), "{ pooling = \"average\" }", 20)
print("}")
