"""Writes checkpoints as the field's code bases lay them out, for tests/lua/test_weights.lua:
pip install torch torchvision, then python make.py (made with 2.15 and 0.29).

The network is calr's `small` of width 4. Each of its tensors is one number, repeated: its place among all names of the
network, sorted. All are views of one storage, so that the files are small."""
import pathlib

import torch
from torchvision.models.resnet import BasicBlock, ResNet

here = pathlib.Path(__file__).parent
here.mkdir(exist_ok=True)


def small(width):
    body = ResNet(BasicBlock, [1, 1, 1, 1])
    body.conv1 = torch.nn.Conv2d(3, width, 3, 2, 1, bias=False)
    body.bn1 = torch.nn.BatchNorm2d(width)
    body.inplanes = width
    body.layer1 = body._make_layer(BasicBlock, width, 1)
    body.layer2 = body._make_layer(BasicBlock, 2 * width, 1, stride=2)
    body.layer3 = body._make_layer(BasicBlock, 4 * width, 1, stride=2)
    del body.layer4, body.fc
    return body


shapes = {name: tuple(t.shape) for name, t in small(4).state_dict().items()}
neck_words = ("weight", "bias", "running_mean", "running_var")
places = sorted([n for n in shapes if "num_batches" not in n] + ["neck." + w for w in neck_words] + ["pool.p"])
store = torch.arange(1, len(places) + 1, dtype=torch.float32)
counter = torch.tensor(7)


def value(name, shape, numbers=store):
    if name.endswith("num_batches_tracked"):
        return counter
    i = places.index(name)
    return numbers[i : i + 1].expand(shape) if shape == (1,) else numbers[i].expand(shape)


trunk = {name: value(name, shape) for name, shape in shapes.items()}
neck = {w: value("neck." + w, (16,)) for w in neck_words}
exponent = value("pool.p", (1,))
zeros = torch.zeros(1)


def under(prefix, tensors):
    return {prefix + name: tensor for name, tensor in tensors.items()}


def sequential(numbers):
    return {"%d.%s" % (numbers[n.split(".")[0]], n.split(".", 1)[1]): t for n, t in trunk.items()}


def save(name, content, **options):
    torch.save(content, here / name, **options)


def trunk_of(kind):
    numbers = store.to(kind)
    return {name: value(name, shape, numbers) for name, shape in shapes.items()}


def blank(tensors):
    return {name: zeros[0].expand(t.shape) for name, t in tensors.items()}


classes = zeros.expand(9, 16)
save("strong_baseline.pth", {**under("base.", trunk), **under("bottleneck.", neck), "classifier.weight": classes})
save("fast_reid.pth", {
    "model": {"pixel_mean": zeros.expand(1, 3, 1, 1), **under("backbone.", trunk), "heads.weight": classes,
              **under("heads.bottleneck.0.", neck), "heads.pool_layer.p": exponent},
    "optimizer": {"state": {0: {"exp_avg": zeros}}}, "iteration": 3})
save("layumi.pth", {**under("model.", trunk), "classifier.add_block.0.weight": zeros.expand(8, 16),
                    "classifier.classifier.0.weight": zeros.expand(9, 8)})
save("spcl.pth.tar", {  # without the ReLU
    "state_dict": {**under("module.base.", sequential({"conv1": 0, "bn1": 1, "layer1": 3, "layer2": 4, "layer3": 5})),
                   **under("module.feat_bn.", neck), "module.classifier.weight": classes},
    "epoch": 50, "best_mAP": 0.5})
save("cluster_contrast.pth.tar", {
    "state_dict": {**under("module.base.", sequential({"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6})),
                   "module.gap.p": exponent, **under("module.feat_bn.", neck)},
    "epoch": 50})
save("torchreid.pth.tar", {"state_dict": {**trunk, "classifier.weight": classes, "classifier.bias": zeros.expand(9)},
                           "epoch": 3, "rank1": 0.5, "optimizer": {"param_groups": [{"lr": 0.1}]}})
save("half.pth", under("module.", trunk_of(torch.float16)))
save("brain.pth", trunk_of(torch.bfloat16), _use_new_zipfile_serialization=False)
save("double.pth", trunk_of(torch.float64))
save("teachers.pth", {"student": blank(trunk), "teacher": trunk})
save("moco.pth.tar", {"state_dict": {**under("module.encoder_k.", blank(trunk)), **under("module.encoder_q.", trunk), "module.queue": zeros.expand(16, 32)}})

# Other names for every layer, in the same order.
words = {"conv1": "first", "bn1": "norm_a", "conv2": "second", "bn2": "norm_b", "layer1": "stages.0", "layer2": "stages.1",
         "layer3": "stages.2", "downsample": "shortcut"}
other = {".".join(words.get(w, w) for w in n.split(".")): t for n, t in trunk.items()}
save("other_names.pth", {**other, "last.weight": classes})
save("encoded.pth", {n.replace("layer", "enc") + "_value": t for n, t in trunk.items() if "num_batches" not in n})

# On the device of another machine.
tag = torch.serialization.location_tag
torch.serialization.location_tag = lambda storage: "cuda:1"
save("cuda.pth", trunk)
torch.serialization.location_tag = tag

# A parameter with an attribute, as it stands in a module and not in a state_dict.
tagged = torch.nn.Parameter(torch.tensor([1.5, -2.5]))
tagged.tag = "no weight decay"
save("tagged.pth", {"scale": tagged})

# What is refused.
save("wider.pth", blank(small(8).state_dict()))
save("diverged.pth", {**trunk, "bn1.bias": torch.full((1,), float("nan")).expand(4)})
save("whole.pth", {"model": torch.nn.Linear(2, 1), "epoch": 1})
save("quantised.pth", {**trunk, "conv1.weight": torch.zeros(1, dtype=torch.int8).expand(shapes["conv1.weight"])})
save("expanded.pth", {"conv1.weight": zeros.expand(1 << 13, 1 << 12)})
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), str(here / "script.pt"))
