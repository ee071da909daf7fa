"""OSNet (Zhou et al., ICCV 2019) in PyTorch, with torchreid's names; for the golden values beside it and for the peers of
`calr bench`."""
import torch


class ConvLayer(torch.nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, relu=True, instance=False):
        super().__init__()
        self.conv = torch.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = torch.nn.InstanceNorm2d(outputs, affine=True) if instance else torch.nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x):
        x = self.bn(self.conv(x))
        return torch.relu(x) if self.relu else x


class LightConv(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(c, c, 1, bias=False)
        self.conv2 = torch.nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False)
        self.bn = torch.nn.BatchNorm2d(c)

    def forward(self, x):
        return torch.relu(self.bn(self.conv2(self.conv1(x))))


class Gate(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1 = torch.nn.Conv2d(c, c // 16, 1)
        self.fc2 = torch.nn.Conv2d(c // 16, c, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class OSBlock(torch.nn.Module):
    """Figure 4 of Zhou et al., ICCV 2019."""

    def __init__(self, inputs, outputs, ibn):
        super().__init__()
        c = outputs // 4
        self.conv1 = ConvLayer(inputs, c, 1)
        self.conv2a = LightConv(c)
        for depth, name in ((2, "conv2b"), (3, "conv2c"), (4, "conv2d")):
            setattr(self, name, torch.nn.Sequential(*[LightConv(c) for _ in range(depth)]))
        self.gate = Gate(c)
        self.conv3 = ConvLayer(c, outputs, 1, relu=False)
        self.downsample = ConvLayer(inputs, outputs, 1, relu=False) if inputs != outputs else None
        self.IN = torch.nn.InstanceNorm2d(outputs, affine=True) if ibn else None

    def forward(self, x):
        y = self.conv1(x)
        y = sum(self.gate(stream(y)) for stream in (self.conv2a, self.conv2b, self.conv2c, self.conv2d))
        y = self.conv3(y) + (self.downsample(x) if self.downsample else x)
        return torch.relu(self.IN(y) if self.IN else y)


class OSNet(torch.nn.Module):
    def __init__(self, channels, ibn=False, dim=512):
        super().__init__()

        def stage(inputs, outputs, reduce, ibn=False):
            layers = [OSBlock(inputs, outputs, ibn), OSBlock(outputs, outputs, ibn)]
            if reduce:
                layers.append(torch.nn.Sequential(ConvLayer(outputs, outputs, 1), torch.nn.AvgPool2d(2, 2)))
            return torch.nn.Sequential(*layers)

        c = channels
        self.conv1 = ConvLayer(3, c[0], 7, 2, instance=ibn)
        self.conv2 = stage(c[0], c[1], True, ibn)
        self.conv3 = stage(c[1], c[2], True)
        self.conv4 = stage(c[2], c[3], False)
        self.conv5 = ConvLayer(c[3], c[3], 1)
        self.fc = None
        if dim:
            self.fc = torch.nn.Sequential(torch.nn.Linear(c[3], dim), torch.nn.BatchNorm1d(dim), torch.nn.ReLU())
        self.neck = torch.nn.BatchNorm1d(dim or c[3])

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(self.conv1(x), 3, 2, 1)
        x = self.conv5(self.conv4(self.conv3(self.conv2(x)))).mean((2, 3))
        return torch.nn.functional.normalize(self.neck(self.fc(x) if self.fc else x))
